package main

import (
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

// unset removes a variable, or with a pattern that ends in * every variable
// whose name begins so.
func (e *environ) unset(pattern string) {
	kept := (*e)[:0]
	for _, entry := range *e {
		if name, _, _ := strings.Cut(entry, "="); !matches(pattern, name) {
			kept = append(kept, entry)
		}
	}
	*e = kept
}

func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return name == pattern
}

// only returns the variables that match one of the patterns.
func (e environ) only(patterns ...string) environ {
	var kept environ
	for _, entry := range e {
		name, _, _ := strings.Cut(entry, "=")
		for _, pattern := range patterns {
			if matches(pattern, name) {
				kept = append(kept, entry)
				break
			}
		}
	}
	return kept
}

// parked is the prefix of the names under which the server's environment
// keeps what the user's own variables were; nobody else's begin like that. An
// empty value stands for one that was not set.
const parked = payload.Parked

// replace sets a variable for the server and parks the user's value of it; an
// empty value removes it.
func (e *environ) replace(name, value string) {
	if e.get(name) == value {
		return
	}
	if e.index(parked+name) < 0 {
		e.set(parked+name, e.get(name))
	}
	if value == "" {
		e.unset(name)
		return
	}
	e.set(name, value)
}

// forUser turns the server's environment back into the user's: what replace
// parked is restored, and PATH is that of the image.
func (e environ) forUser() environ {
	user := append(environ(nil), e...)
	for _, entry := range e {
		name, value, _ := strings.Cut(entry, "=")
		original, ok := strings.CutPrefix(name, parked)
		if !ok {
			continue
		}
		user.unset(name)
		if value == "" {
			user.unset(original)
		} else {
			user.set(original, value)
		}
	}
	user.set("PATH", payload.Path(withoutVenv(e.get("PATH"))))
	return user
}

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

// harmful are variables with which a base means its own programs and would
// break the server, or the programs of the base that the server calls.
var harmful = []string{
	"LD_*", "LOCPATH", "GCONV_PATH", // loader and C library
	"PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONIOENCODING",
	"NODE_OPTIONS", "NODE_PATH",
	"BASH_ENV", "ENV",
}

// forServer returns the environment of a program of the server's virtual
// environment. first are the folders that come before the image's PATH.
//
// PYTHONPATH is kept: the server itself hands its children one.
func (e environ) forServer(first ...string) environ {
	server := append(environ(nil), e...)
	server.set("PATH", strings.Join(append(first, payload.Path(withoutVenv(e.get("PATH")))), ":"))
	server.replace("VIRTUAL_ENV", payload.Venv)
	for _, entry := range e.only(harmful...) {
		name, _, _ := strings.Cut(entry, "=")
		server.replace(name, "")
	}
	// The package otherwise fetches a price list while it is imported.
	server.replace("LITELLM_LOCAL_MODEL_COST_MAP", "True")
	for _, v := range payload.Environ() {
		switch v.Name {
		case "LANG", "LC_ALL":
			// The payload has one locale. Any other would leave its
			// programs with ASCII.
			if effective := server.locale(); effective != "C.UTF-8" && effective != "C.utf8" {
				server.replace("LANG", "C.UTF-8")
				server.replace("LC_ALL", "C.UTF-8")
			}
		case "EDITOR", "VISUAL", "GIT_EDITOR":
			server.setDefault(v.Name, v.Value)
		default:
			server.setDefault(v.Name, v.Value)
			server.replace(v.Name, v.Value)
		}
	}
	return server
}

// locale is the name that decides on the character set, as in setlocale(3).
func (e environ) locale() string {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := e.get(name); value != "" {
			return value
		}
	}
	return ""
}
