package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// The lists are files: variables.txt has every variable that the programs of
// the payload know, as "make variables" finds them, meant.txt those of them that
// reach a program as they are, with its name behind them.
func lines(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	must(t, err)
	found := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, more, _ := strings.Cut(strings.TrimSpace(line), " ")
		found[name] = more
	}
	return found
}

// No program of the payload is steered by a variable that was not meant for
// it, and the user has all of them as they were.
func TestVariables(t *testing.T) {
	const value = "\"none\nof: [\xff"
	known, meant := slices.Sorted(maps.Keys(lines(t, "variables.txt"))), lines(t, "meant.txt")
	if len(known) < 1000 {
		t.Fatalf("%d variables: the list is not whole", len(known))
	}
	given := environ{"PATH=/bin"}
	for _, name := range known {
		if name != "PATH" && name != "OH_PORT" && name != "port" {
			given = append(given, name+"="+value)
		}
	}
	through := map[string][]string{} // programs by variable
	for _, program := range []struct {
		name    string
		command string
	}{
		{"action-execution-server", serverCommand},
		{"gateway", payload.Micromamba + " run -n openhands " + venvBin + "/python -m jupyter kernelgateway"},
		{"agent-server", payload.Bin + "/oh-agent-server"},
	} {
		t.Chdir("/")
		c, s, _ := newCall(serverRoot(t), slices.Clone(given), strings.Fields(program.command)...)
		c.ids = ids{1000, 1000, 1000, 1000}
		must(t, c.dispatch())
		user := s.env.forUser()
		for _, entry := range given[1:] {
			name, _, _ := strings.Cut(entry, "=")
			if slices.Contains(s.env, entry) {
				through[name] = append(through[name], program.name)
			}
			// The server's own user, whom its sessions are for, and what no session has.
			if !slices.Contains(user, entry) && !slices.Contains([]string{"HOME", "USER", "SHELL", payload.UserVariable}, name) && !matchesAny(secrets, name) {
				t.Errorf("%s: the user's %s is %q", program.name, name, user.get(name))
			}
		}
	}
	for _, name := range known {
		if got := strings.Join(through[name], " "); got != meant[name] {
			t.Errorf("%s reaches %q, want %q", name, got, meant[name])
		}
	}
}
