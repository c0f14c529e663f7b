package command

import (
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/spf13/pflag"
)

// facts are what is known of a flag beside its name, type, default and help.
// They are kept in pflag's annotations, so that whoever has the flag has them.
// A command with settings has to say of each of its flags either modes or call.
type facts struct {
	group     flagGroup     // in which the help shows the flag
	modes     []string      // in which the flag has a meaning; empty, for call only: all
	call      bool          // the flag says what one call does or prints, so it is no setting
	kind      settings.Kind // where pflag's type does not tell it
	choices   []string      // all values there are; empty: any
	suggests  suggestion    // of a shell's completion, beside choices
	yieldsTo  string        // flag that names the same thing in another way, and counts where both come from one source
	denies    string        // flag that means the opposite, and that is the setting
	spellings []string      // names of the flag in "python -m openhands.runtime.utils.runtime_build"
}

// flagGroup is a heading of a command's help, for flags that answer one question.
type flagGroup string

const (
	groupWhat        flagGroup = "What is made"
	groupFrom        flagGroup = "From where"
	groupTo          flagGroup = "To where"
	groupHow         flagGroup = "How"
	groupContainer   flagGroup = "The server's container"
	groupTraditional flagGroup = "Traditional mode"
	groupOther       flagGroup = "Options" // of flags without one
)

// flagGroups are all of them in the order of the help.
func flagGroups() []flagGroup {
	return []flagGroup{groupFrom, groupWhat, groupTo, groupContainer, groupHow, groupTraditional, groupOther}
}

// suggestion is a kind of value that a shell can complete.
type suggestion string

const (
	suggestBases     suggestion = "bases"
	suggestPayloads  suggestion = "payloads"
	suggestRuntimes  suggestion = "runtime images"
	suggestServers   suggestion = "servers"
	suggestClients   suggestion = "clients"
	suggestOptional  suggestion = "optional components"
	suggestStandard  suggestion = "standard components"
	suggestPlatforms suggestion = "platforms"
	suggestReleases  suggestion = "releases of the server"
	suggestFiles     suggestion = "files"
	suggestFolders   suggestion = "folders"
	suggestTOML      suggestion = "TOML files"
	suggestArchives  suggestion = "types of archives and their files"
	suggestConfigs   suggestion = "names of package managers' settings and their files"
)

// annotationPrefix is before the names of our annotations: docker and cobra
// have their own.
const annotationPrefix = "dev.openhands."

// annotate gives flags their facts, by name.
func annotate(flags *pflag.FlagSet, all map[string]facts) {
	for name, f := range all {
		for key, values := range map[string][]string{
			"group": {string(f.group)}, "modes": f.modes, "call": {}, "kind": {string(f.kind)}, "choices": f.choices, "suggests": {string(f.suggests)},
			"yields-to": {f.yieldsTo}, "denies": {f.denies}, "spellings": f.spellings,
		} {
			if key == "call" && f.call || len(values) > 0 && values[0] != "" {
				_ = flags.SetAnnotation(name, annotationPrefix+key, values) // fails only for unknown flags; TestFacts finds those without
			}
		}
	}
}

// factsOf are the facts that annotate has given to a flag.
func factsOf(flag *pflag.Flag) facts {
	all := func(key string) []string { return flag.Annotations[annotationPrefix+key] }
	one := func(key string) string {
		if values := all(key); len(values) > 0 {
			return values[0]
		}
		return ""
	}
	_, call := flag.Annotations[annotationPrefix+"call"]
	return facts{
		group: flagGroup(one("group")), modes: all("modes"), call: call, kind: settings.Kind(one("kind")), choices: all("choices"), suggests: suggestion(one("suggests")),
		yieldsTo: one("yields-to"), denies: one("denies"), spellings: all("spellings"),
	}
}

// isSetting reports whether the flag is one that "config" shows.
func isSetting(flag *pflag.Flag) bool {
	f := factsOf(flag)
	return len(f.modes) > 0 && !f.call && f.denies == ""
}

// meaningless reports whether the flag has a meaning in other modes only. It never
// does in the empty mode, that of commands without modes.
func (f facts) meaningless(mode string) bool {
	return mode != "" && len(f.modes) > 0 && !slices.Contains(f.modes, mode)
}
