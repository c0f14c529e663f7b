package main

import (
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// environ is an environment as execve takes it: NAME=VALUE, each name once.
type environ []string

func (e environ) index(name string) int {
	for i, entry := range e {
		if len(entry) > len(name) && entry[len(name)] == '=' && entry[:len(name)] == name {
			return i
		}
	}
	return -1
}

func (e environ) get(name string) string {
	if i := e.index(name); i >= 0 {
		return e[i][len(name)+1:]
	}
	return ""
}

func (e *environ) set(name, value string) {
	if i := e.index(name); i >= 0 {
		(*e)[i] = name + "=" + value
		return
	}
	*e = append(*e, name+"="+value)
}

// setDefault sets name unless it has a value that is not empty.
func (e *environ) setDefault(name, value string) {
	if e.get(name) == "" {
		e.set(name, value)
	}
}

// unset removes a variable, or every variable that a pattern matches.
func (e *environ) unset(pattern string) { *e = e.without(pattern) }

// matches reports whether a pattern means a name. A * at its end stands for any
// end, one at its start for any start.
func matches(pattern, name string) bool {
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(name, suffix)
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return name == pattern
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, name) })
}

// only returns the variables that match one of the patterns.
func (e environ) only(patterns ...string) environ {
	return slices.DeleteFunc(slices.Clone(e), func(entry string) bool { return !matchesAny(patterns, nameOf(entry)) })
}

// without returns the variables that match none of the patterns.
func (e environ) without(patterns ...string) environ {
	return slices.DeleteFunc(slices.Clone(e), func(entry string) bool { return matchesAny(patterns, nameOf(entry)) })
}

func nameOf(entry string) string {
	name, _, _ := strings.Cut(entry, "=")
	return name
}

// A server's environment holds the user's beside its own, under names that
// nobody else's begin like. What stands behind the prefix is the user's name.
// The first two have one length, so that one can become the other.
const (
	parked = payload.Parked       // the value of a variable that the server is without
	masked = "_OPENHANDS_MASKED_" // the value of one that the server has another for
	extra  = "_OPENHANDS_EXTRA_"  // the user has no such variable
	rest   = "_OPENHANDS_REST_"   // the end of a value that was too long for the longer name
)

// longest is what execve takes for one variable, its NUL included: Linux calls
// it MAX_ARG_STRLEN.
const longest = 128 << 10

// aside splits a name under which something is put aside into the prefix and
// the user's name. Of any other name the prefix is empty.
func aside(name string) (prefix, original string) {
	for _, prefix := range []string{parked, masked, extra, rest} {
		if original, ok := strings.CutPrefix(name, prefix); ok {
			return prefix, original
		}
	}
	return "", name
}

// putAside returns the entries that keep a value of the user's.
func putAside(prefix, name, value string) environ {
	entry := prefix + name + "=" + value
	if len(entry) < longest {
		return environ{entry}
	}
	if len(name) > longest/2 {
		return environ{name + "=" + value} // a name that means nothing to any program
	}
	cut := longest - 1
	return environ{entry[:cut], rest + name + "=" + entry[cut:]}
}

// replace sets a variable for the server and puts the user's aside.
func (e *environ) replace(name, value string) {
	i := e.index(name)
	switch {
	case i >= 0 && (*e)[i] == name+"="+value:
		return
	case e.index(masked+name) >= 0, e.index(extra+name) >= 0:
	case i >= 0:
		e.unset(parked + name)
		e.unset(rest + name)
		*e = append(*e, putAside(masked, name, e.get(name))...)
	case e.index(parked+name) >= 0:
		value := e.get(parked+name) + e.get(rest+name)
		e.unset(parked + name)
		e.unset(rest + name)
		*e = append(*e, putAside(masked, name, value)...)
	default:
		e.set(extra+name, "")
	}
	e.set(name, value)
}

// park takes away from the server what meant does not let through and puts it
// aside. PATH stays.
func (e environ) park(meant func(name, value string) bool) environ {
	kept := make(environ, 0, len(e))
	for _, entry := range e {
		name, value, _ := strings.Cut(entry, "=")
		if prefix, _ := aside(name); prefix != "" || name == "" || name == "PATH" || meant(name, value) {
			kept = append(kept, entry)
		} else if !matchesAny(secrets, name) { // no session has those
			kept = append(kept, putAside(parked, name, value)...)
		}
	}
	return kept
}

// isServer reports whether the environment is a server's, and not yet the
// user's again: it always has a value of its own for something.
func (e environ) isServer() bool {
	return len(e.only(parked+"*", masked+"*", extra+"*")) > 0
}

// forUser turns the server's environment back into the user's: what was put
// aside is as it was, and PATH is that of the image. A variable that the server
// has come by since counts more than one that was parked.
func (e environ) forUser() environ {
	values := make(map[string]string, len(e))
	for _, entry := range e {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	has := func(name string) bool { _, ok := values[name]; return ok }
	user := make(environ, 0, len(e))
	for _, entry := range e {
		name, value, _ := strings.Cut(entry, "=")
		prefix, original := aside(name)
		switch {
		case prefix == "" && (has(masked+name) || has(extra+name)):
		case prefix == "":
			user = append(user, entry)
		case prefix == masked, prefix == parked && !has(original):
			user = append(user, original+"="+value+values[rest+original])
		}
	}
	user.set("PATH", user.tools().Path(withoutVenv(e.get("PATH"))))
	return user
}

// tools says whose programs come first in the user's environment.
func (e environ) tools() payload.Tools { return payload.Tools(e.get(payload.ToolsVariable)) }

// venvBin holds the programs of the server's virtual environment.
const venvBin = payload.Venv + "/bin"

func withoutVenv(path string) string {
	var kept []string
	for folder := range strings.SplitSeq(path, ":") {
		if folder != venvBin {
			kept = append(kept, folder)
		}
	}
	return strings.Join(kept, ":")
}

// forServer returns the environment of a program of the payload's own: the
// variables that are meant for it, and own, which decide whatever the user's
// are. An empty value of own takes the variable away. All others of the user's
// are put aside for the sessions. first are the folders that come before the
// image's PATH.
func (e environ) forServer(meant func(name, value string) bool, own []payload.Var, first ...string) environ {
	server := slices.Clone(e)
	server.set("PATH", strings.Join(append(first, e.forUser().tools().Path(withoutVenv(e.get("PATH")))), ":"))
	ours := map[string]bool{}
	for _, v := range own {
		if v.Value != "" {
			server.replace(v.Name, v.Value)
			ours[v.Name] = true
		}
	}
	return server.park(func(name, value string) bool { return ours[name] || meant(name, value) })
}
