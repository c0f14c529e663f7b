package bundler

import (
	"debug/elf"
	"path"
	"strings"
)

// defaultDirs returns the library directories of a system whose cache may be
// missing or stale: those of its ld.so.conf, as ldconfig(8) would put them into
// the cache now, then the ones that a Debian, a multilib and a plain loader of
// the machine have compiled in.
func defaultDirs(v *View, machine elf.Machine) []string {
	dirs := configuredDirs(v)
	if abi, ok := abis[machine]; ok {
		dirs = append(dirs, "/lib/"+abi.triplet, "/usr/lib/"+abi.triplet)
	}
	return append(dirs, "/lib64", "/usr/lib64", "/lib", "/usr/lib")
}

// configuredDirs returns the directories of /etc/ld.so.conf and of the files
// that it includes, in order.
func configuredDirs(v *View) []string {
	c := configuration{view: v, seen: map[string]bool{}}
	c.read("/etc/ld.so.conf")
	return c.dirs
}

type configuration struct {
	view *View
	seen map[string]bool // files that are being read or have been
	dirs []string
}

// read takes the lines of one file, each file once. "#" begins a comment, and
// what follows "=" is of libc5's time.
func (c *configuration) read(name string) {
	e, err := c.view.Lookup(name)
	if err != nil || c.seen[e.Real] {
		return
	}
	c.seen[e.Real] = true
	text, err := readText(c.view, e.Real)
	if err != nil {
		return
	}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] == "hwcap":
		case fields[0] == "include":
			for _, pattern := range fields[1:] {
				if !strings.HasPrefix(pattern, "/") {
					pattern = path.Dir(name) + "/" + pattern
				}
				for _, match := range c.view.Glob(pattern) {
					c.read(match)
				}
			}
		default:
			dir, _, _ := strings.Cut(strings.TrimSpace(line), "=")
			if strings.HasPrefix(dir, "/") {
				c.dirs = append(c.dirs, strings.TrimRight(dir, "/ \t"))
			}
		}
	}
}
