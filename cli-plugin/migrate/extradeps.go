package migrate

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/google/shlex"
)

// target is what extra dependencies find when they are installed.
type target struct {
	Name string
	Has  func(program string) bool // in the base's PATH
}

// managers are package managers and how each installs, the likeliest first.
var managers = []struct{ program, install string }{
	{"apt-get", "apt-get update && apt-get install -y"},
	{"apk", "apk add --no-cache"},
	{"dnf", "dnf install -y"},
	{"microdnf", "microdnf install -y"},
	{"yum", "yum install -y"},
	{"tdnf", "tdnf install -y"},
	{"zypper", "zypper --non-interactive install"},
	{"pacman", "pacman -Sy --noconfirm"},
}

// relatives are programs that come with a package manager.
var relatives = map[string]string{
	"apt": "apt-get", "dpkg": "apt-get", "apt-key": "apt-get", "add-apt-repository": "apt-get", "apt-cache": "apt-get",
	"rpm": "dnf",
}

// payloadHas are the programs, of those that extra dependencies often call, that
// the payload has where the base has none.
var payloadHas = []string{
	"awk", "bash", "bzip2", "cat", "chmod", "chown", "cp", "curl", "cut", "date", "diff", "env", "expr", "file", "find", "git", "grep", "gunzip", "gzip",
	"head", "id", "install", "jq", "less", "ln", "ls", "mkdir", "mktemp", "mv", "patch", "pip", "pip3", "printf", "ps", "python", "python3",
	"rg", "rm", "sed", "sh", "sha256sum", "sleep", "sort", "ssh", "tar", "tee", "touch", "tr", "uname", "uniq", "unzip", "uv", "wc", "which", "xargs", "xz", "zip",
}

// builtins are words of the shell that no program is needed for.
var builtins = []string{
	".", ":", "[", "cd", "command", "eval", "exec", "exit", "export", "false", "hash", "echo", "printf", "read", "return", "set", "shift", "test", "trap", "true", "type", "ulimit", "umask", "unset", "wait",
}

// keywords may stand before a command.
var keywords = []string{"!", "do", "done", "elif", "else", "esac", "fi", "if", "then", "until", "while", "{", "}", "sudo", "env", "time", "nice", "exec", "command"}

// programsOf are those whose presence in the base judgeAll asks for.
func programsOf(command string) []string {
	names := []string{"bash"}
	for _, m := range managers {
		names = append(names, m.program)
	}
	for _, c := range split(command) {
		if words := call(c); len(words) > 0 {
			names = append(names, program(words))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Judge tells for each command of extra dependencies whether it will work over
// a base, which is pulled if need be.
func Judge(ctx context.Context, b *builder.Builder, base, command string) ([]Row, error) {
	found, err := b.Programs(ctx, base, programsOf(command))
	if err != nil {
		return nil, err
	}
	return judgeAll(command, target{Name: base, Has: func(program string) bool { return found[program] }}), nil
}

// judgeAll tells for each command of extra dependencies whether it will work in
// the two-stage image.
func judgeAll(command string, base target) []Row {
	rows := []Row{} // none is no null in JSON
	installed := map[string]bool{}
	for _, c := range split(command) {
		words := call(c)
		if len(words) == 0 {
			continue
		}
		effect, why := judge(words, c, base, installed)
		rows = append(rows, Row{Subject: c, Effect: effect, Why: why})
		for _, word := range words[1:] {
			installed[word] = true
		}
	}
	return rows
}

func judge(words []string, text string, base target, installed map[string]bool) (Effect, string) {
	name := program(words)
	switch {
	case slices.Contains([]string{"source", "[[", "pushd", "popd", "shopt"}, name):
		return Fails, "only bash knows it, and /bin/sh runs the commands: write bash -c '…'"
	case slices.Contains(builtins, name):
		return Same, "part of the shell"
	case isManager(name) != "":
		return judgeManager(words, isManager(name), base)
	case slices.Contains([]string{"micromamba", "mamba", "conda"}, name) && !base.Has(name):
		if slices.Contains(words, "run") {
			return Different, "the payload's micromamba runs programs of the server's environment; what is installed there, 'docker openhands verify' finds fault with: use pip"
		}
		return Fails, "the payload is no conda environment: install it with pip, uv or the base's package manager"
	case isPip(words):
		return judgePip(base)
	case name == "uv" || name == "uvx":
		return Same, "the payload has uv"
	case strings.Contains(text, "/openhands/"):
		return Different, "/openhands is the sealed payload: a command that changes it makes 'docker openhands verify' fail"
	case strings.HasPrefix(words[0], "/"):
		return Unknown, "it is called by its path, which only the base can have"
	case base.Has(name):
		return Same, "the base has it"
	case slices.Contains(payloadHas, name):
		return Same, "the payload has it, as the base has none"
	case installed[name]:
		return Unknown, "a package of that name is installed before"
	case slices.Contains([]string{"node", "npm", "npx", "yarn", "corepack"}, name):
		return Fails, "the old recipe put Node.js into the image, the new one does not: install it with the base's package manager first"
	case slices.Contains([]string{"wget", "make", "gcc", "g++", "cc", "ffmpeg", "docker"}, name):
		return Fails, "the old recipe installed it, the new one does not: install it with the base's package manager first"
	}
	return Unknown, "neither the base nor the payload has it; an earlier command may bring it"
}

func isManager(name string) string {
	if manager, ok := relatives[name]; ok {
		return manager
	}
	for _, m := range managers {
		if m.program == name {
			return name
		}
	}
	return ""
}

func judgeManager(words []string, manager string, base target) (Effect, string) {
	if base.Has(manager) {
		return Same, fmt.Sprintf("%s has %s", base.Name, manager)
	}
	for _, m := range managers {
		if !base.Has(m.program) {
			continue
		}
		why := fmt.Sprintf("%s has %s instead", base.Name, m.program)
		if packages := packages(words); len(packages) > 0 {
			why += fmt.Sprintf(": %s %s (packages may have other names there)", m.install, strings.Join(packages, " "))
		}
		return Fails, why
	}
	return Fails, fmt.Sprintf("%s has no package manager: build a base that has the packages", base.Name)
}

// packages are the words after install or add.
func packages(words []string) []string {
	i := slices.IndexFunc(words, func(w string) bool { return w == "install" || w == "add" || strings.HasPrefix(w, "-S") })
	if i < 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(words[i+1:]), func(w string) bool { return strings.HasPrefix(w, "-") })
}

func isPip(words []string) bool {
	name := program(words)
	return name == "pip" || name == "pip3" || strings.HasPrefix(name, "python") && slices.Contains(words, "-m") && slices.Contains(words, "pip")
}

func judgePip(base target) (Effect, string) {
	if base.Has("pip") || base.Has("pip3") {
		return Different, "it goes to the base's Python, as before; notebooks have the payload's Python 3.13 and need %pip install"
	}
	return Different, "the base has no pip: the payload's installs for its Python 3.13, in the home of root; install as the user with %pip or pip at run time"
}

// program is the name that a command is called by.
func program(words []string) string { return path.Base(words[0]) }

// call returns the words of a command without what may stand before it.
func call(command string) []string {
	words, err := shlex.Split(command)
	if err != nil {
		words = strings.Fields(command)
	}
	for len(words) > 0 {
		name, _, assigned := strings.Cut(words[0], "=")
		switch {
		case slices.Contains(keywords, words[0]), assigned && !strings.ContainsAny(name, "/-"):
			words = words[1:]
		case strings.HasPrefix(words[0], "-"): // of sudo or env
			words = words[1:]
		default:
			return words
		}
	}
	return nil
}

// split takes a shell command apart at the operators between its commands.
// What stands in quotes or in $(…) is left whole.
func split(command string) []string {
	var parts []string
	var part strings.Builder
	var quote rune
	depth := 0
	end := func() {
		if text := strings.Join(strings.Fields(part.String()), " "); text != "" && !strings.HasPrefix(text, "#") {
			parts = append(parts, text)
		}
		part.Reset()
	}
	runes := []rune(command)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case r == '\\' && quote != '\'' && i+1 < len(runes):
			i++
			if runes[i] != '\n' {
				part.WriteRune(r)
				part.WriteRune(runes[i])
			}
			continue
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"' || r == '`':
			quote = r
		case r == '(' && strings.HasSuffix(part.String(), "$"):
			depth++
		case r == ')' && depth > 0:
			depth--
		case depth > 0:
		case r == '&' && (i > 0 && runes[i-1] == '>' || i+1 < len(runes) && runes[i+1] == '>'): // 2>&1 and &>
		case strings.ContainsRune(";|&\n()", r):
			end()
			continue
		}
		part.WriteRune(r)
	}
	end()
	return parts
}
