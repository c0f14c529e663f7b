package payload

import (
	"path"
	"path/filepath"
)

// Link is a symbolic link of the payload.
type Link struct {
	Path   string // absolute
	Target string // relative to the folder of Path
}

// WrapperLinks returns the links to Wrappers for the programs that are built
// into it, in a fixed order. Launchers, which are data, bring their own links.
func WrapperLinks() []Link {
	var links []Link
	for _, folder := range []struct {
		path  string
		names []string
	}{
		{Bin, []string{"oh-action-execution-server", "oh-agent-server", "oh-playwright", "oh-python"}},
		{FallbackBin, []string{"clear", "pip", "pip3", "python", "python3", path.Base(Interpreter)}},
		{filepath.Dir(Micromamba), []string{filepath.Base(Micromamba)}},
		{CompatBin, []string{"chown", "groupadd", "id", path.Base(Interpreter), "su", "sudo", "tmux", "useradd", "uv", "uvx"}},
		{filepath.Dir(Sudo), []string{filepath.Base(Sudo)}},
	} {
		// Both paths are absolute: Rel cannot fail.
		target, _ := filepath.Rel(folder.path, Wrappers)
		for _, name := range folder.names {
			links = append(links, Link{Path: filepath.Join(folder.path, name), Target: target})
		}
	}
	return links
}

// Sudo is what the setuid stub of the set-up layer executes where the base has
// no sudo: the sudo built into Wrappers.
const Sudo = Libexec + "/oh-sudo"

// SudoStub is where the set-up layer puts that stub.
const SudoStub = "/usr/bin/sudo"

// SudoVeil stands in the place of the first letter of the variables whose name
// begins with GO, while the setuid stub hands its caller's environment to Sudo:
// the Go runtime would obey some of them before Sudo has looked who calls.
const SudoVeil = '\x01'

// OutsideLinks returns the links of the payload that lead into the base on
// purpose, path to target: OpenSSL's trust file, and sudo for bases whose PATH
// has no /usr/bin. They dangle where the base lacks the target.
func OutsideLinks() map[string]string {
	return map[string]string{
		Prefix + "/cert.pem":  TrustFile,
		FallbackBin + "/sudo": SudoStub,
	}
}
