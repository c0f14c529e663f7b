package live

import (
	"slices"
	"testing"
)

// bases are the images that everything must work on.
var bases = []string{"debian:11", "debian:12", "debian:13", "alpine:3.20", "busybox:glibc", "busybox:musl", "scratch"}

// check is one thing that must work in a running sandbox.
type check struct {
	name string
	run  func(*testing.T, *sandbox)
}

// mode is one way of starting a server, with the checks that make sense there.
type mode struct {
	name    string
	user    string
	command []string // empty: the image's own
	checks  []check
}

func modes() []mode {
	basic := []check{
		{"id", checkID},
		{"notebook", checkNotebook},
		{"files", checkFiles},
	}
	return []mode{
		{"openhands", "openhands", asOpenHands("openhands", "1000"), slices.Concat(basic, []check{
			{"session key", checkKey},
			{"pipe, exit status", checkPipe},
			{"background job", checkBackground},
			{"time-out", checkTimeout},
			{"non-ASCII", checkUnicode},
			{"browser", checkBrowser},
			{"sudo", checkSudo},
			{"%pip and pip install", checkPip},
			{"python, python3", checkPython},
			{"names of files and users", checkNames},
			{"no leaked variables", checkEnvironment},
			{"order of PATH", checkPath},
			{"the base's own programs", checkBasePrograms},
			{"~/.bashrc over pause and restart", checkBashrc}, // last: it restarts the server
		})},
		{"root", "root", asOpenHands("root", "0"), slices.Concat(basic, []check{{"browser", checkBrowser}})},
		{"default command", "openhands", nil, slices.Concat(basic, []check{{"ends on SIGTERM", checkStop}})}, // stop comes last
	}
}

// TestBases builds an image for each base, starts the server in each of its
// modes and runs the checks.
func TestBases(t *testing.T) {
	var names []string
	for _, m := range modes() {
		names = append(names, m.name+": alive")
		for _, c := range m.checks {
			names = append(names, m.name+": "+c.name)
		}
	}
	results.declare(names, bases)
	t.Cleanup(func() { results.save(t) })

	images := map[string]string{}
	for _, base := range bases {
		images[base] = build(t, base)
	}
	t.Run("on", func(t *testing.T) {
		for _, base := range bases {
			t.Run(base, func(t *testing.T) {
				t.Parallel()
				for _, m := range modes() {
					t.Run(m.name, func(t *testing.T) { runMode(t, m, base, images[base]) })
				}
			})
		}
	})
}

func runMode(t *testing.T, m mode, base, image string) {
	alive := false
	defer func() { results.record(m.name+": alive", base, alive) }()
	s := start(t, base, image, m.user, m.command...)
	alive = true
	for _, c := range m.checks {
		passed := t.Run(c.name, func(t *testing.T) { c.run(t, s) })
		results.record(m.name+": "+c.name, base, passed)
	}
}
