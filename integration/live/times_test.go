package live

import (
	"maps"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// TestTimes measures what people wait for at every turn. The fastest of several
// calls counts: what else the machine does is not the plugin's.
func TestTimes(t *testing.T) {
	const calls = 25
	commands := map[string][]string{
		"docker version":             {"version"},
		"docker openhands --version": {"openhands", "--version"},
		"docker openhands version":   {"openhands", "version"},
		"completion of an image":     {"__complete", "openhands", "run", ""},
		"completion of a base":       {"__complete", "openhands", "build", "--base", ""},
	}
	fastest := map[string]time.Duration{}
	for range calls {
		for name, args := range commands { // in turns, so that all meet the same load
			begin := time.Now()
			if out, err := exec.CommandContext(t.Context(), "docker", args...).Output(); err != nil {
				t.Fatalf("%s: %v: %s", name, err, out)
			}
			if took := time.Since(begin); fastest[name] == 0 || took < fastest[name] {
				fastest[name] = took
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fastest)) {
		t.Logf("%-28s %4d ms", name, fastest[name].Milliseconds())
	}
	for _, name := range []string{"docker openhands --version", "docker openhands version"} {
		if above := fastest[name] - fastest["docker version"]; above > 25*time.Millisecond {
			t.Errorf("%s takes %v more than docker version", name, above)
		}
	}
	for _, name := range []string{"completion of an image", "completion of a base"} {
		if fastest[name] > 100*time.Millisecond {
			t.Errorf("%s takes %v", name, fastest[name])
		}
	}
}
