package pins

import (
	"strings"
	"testing"
)

// A lock has the hashes of the wheels of both architectures, and of sources only
// where an architecture has no wheel.
func TestCompilePython(t *testing.T) {
	for _, test := range []struct {
		name, amd64, arm64, want, err string
	}{
		{name: "wheels", amd64: pylock("a 1 00 33 11", "b 2.0 00 44"), arm64: pylock("a 1 00 22 11", "b 2.0 00 44"),
			want: "a==1 --hash=sha256:11 --hash=sha256:22 --hash=sha256:33\nb==2.0 --hash=sha256:44\n"},
		{name: "sources of one", amd64: pylock("a 1 00 11"), arm64: pylock("a 1 00"), want: "a==1 --hash=sha256:00 --hash=sha256:11\n"},
		{name: "other version", amd64: pylock("a 1 00"), arm64: pylock("a 2 00"), err: "different packages"},
		{name: "one more", amd64: pylock("a 1 00"), arm64: pylock("a 1 00", "b 1 00"), err: "different packages"},
		{name: "no hash", amd64: "[[packages]]\nname = 'a'\nversion = '1'", arm64: pylock("a 1 00"), err: "no SHA-256 of a 1"},
		{name: "nothing", err: "no package"},
		{name: "no TOML", amd64: "[", err: "reading what uv chose"},
	} {
		t.Run(test.name, func(t *testing.T) {
			clients(t, map[string]string{"uv": uv})
			component(t, map[string]string{"new-x86_64.toml": test.amd64, "new-aarch64.toml": test.arm64})
			got, err := compilePython(t.Context(), t.TempDir())
			if string(got) != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
