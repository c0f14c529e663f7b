package payload

import (
	"path"
	"strings"
)

// ModuleIndex returns where a command "python [OPTION...] -m MODULE ..." names
// the module, or 0 for any other command. What comes after a script or the code
// of -c is theirs.
func ModuleIndex(command []string) int {
	if !strings.HasPrefix(path.Base(command[0]), "python") {
		return 0
	}
	const withoutValue = "bBdEiIOPqRsSuvx"
	for i := 1; i+1 < len(command); i++ {
		switch arg := command[i]; {
		case arg == "-m":
			return i + 1
		case arg == "-W", arg == "-X":
			i++
		case strings.HasPrefix(arg, "-W"), strings.HasPrefix(arg, "-X"):
		case len(arg) < 2 || strings.TrimRight(arg, withoutValue) != "-":
			return 0
		}
	}
	return 0
}
