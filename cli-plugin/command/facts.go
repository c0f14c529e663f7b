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
	modes     []string      // in which the flag has a meaning; empty, for call only: all
	call      bool          // the flag says what one call does or prints, so it is no setting
	kind      settings.Kind // where pflag's type does not tell it
	choices   []string      // all values there are; empty: any
	suggests  suggestion    // of a shell's completion, beside choices
	yieldsTo  string        // flag that names the same thing in another way, and counts where both come from one source
	denies    string        // flag that means the opposite, and that is the setting
	spellings []string      // names of the flag in "python -m openhands.runtime.utils.runtime_build"
}

// suggestion is a kind of value that a shell can complete.
type suggestion string

const (
	suggestBases    suggestion = "bases"
	suggestPayloads suggestion = "payloads"
	suggestServers  suggestion = "servers"
	suggestClients  suggestion = "clients"
	suggestOptional suggestion = "optional components"
	suggestStandard suggestion = "standard components"
	suggestReleases suggestion = "releases of the server"
)

// annotationPrefix is before the names of our annotations: docker and cobra
// have their own.
const annotationPrefix = "dev.openhands."

// annotate gives flags their facts, by name.
func annotate(flags *pflag.FlagSet, all map[string]facts) {
	for name, f := range all {
		for key, values := range map[string][]string{
			"modes": f.modes, "call": {}, "kind": {string(f.kind)}, "choices": f.choices, "suggests": {string(f.suggests)},
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
		modes: all("modes"), call: call, kind: settings.Kind(one("kind")), choices: all("choices"), suggests: suggestion(one("suggests")),
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
