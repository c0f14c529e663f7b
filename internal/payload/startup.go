package payload

// StartUpFiles is the program of Wrappers that tries the shells of its caller's
// sessions. It prints a line for each kind of session that goes without
// start-up files of base or user, because a server could not work in a shell
// that has read them, and nothing where there is none.
const StartUpFiles = "oh-start-up-files"

// StartUpFilesCure is what to do about what StartUpFiles prints.
const StartUpFilesCure = "look in /etc/profile, /etc/profile.d, /etc/bash.bashrc, /etc/inputrc and in the home for what ends the shell, " +
	"starts another one, waits for an answer, or makes PROMPT_COMMAND or TMOUT read-only, and take it out of the base"
