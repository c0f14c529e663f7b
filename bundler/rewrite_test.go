package bundler

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

func TestRewrite(t *testing.T) {
	cases := []struct {
		name, in string
		rewrite  Rewrite
		want     string // or the error
	}{
		{"whole string", "\x00/usr/lib/x\x00", Rewrite{Old: "/usr/lib/x", New: "/o/x", Count: 1}, "\x00/o/x\x00\x00\x00\x00\x00\x00\x00"},
		{"start of a string", "\x00/usr/lib/x/y\x00z", Rewrite{Old: "/usr/lib", New: "/o", Count: 1}, "\x00/o/x/y\x00\x00\x00\x00\x00\x00\x00z"},
		{"middle of a string", "a:/usr/lib:b\x00z", Rewrite{Old: "/usr/lib", New: "/o", Count: 1}, "a:/o:b\x00\x00\x00\x00\x00\x00\x00z"},
		{"slashes", "/usr/lib/x\x00", Rewrite{Old: "/usr/lib", New: "/o/l", Count: 1, Pad: PadSlash}, "/o/////l/x\x00"},
		{"NULs included", "x\x00/usr\x00y/usr\x00", Rewrite{Old: "\x00/usr\x00", New: "\x00/o\x00\x00\x00", Count: 1}, "x\x00/o\x00\x00\x00y/usr\x00"},
		{"several places", "/usr\x00/usr\x00", Rewrite{Old: "/usr", New: "/o", Count: 2}, "/o\x00\x00\x00/o\x00\x00\x00"},
		{"done before", "\x00/o/x\x00\x00\x00", Rewrite{Old: "/usr/lib/x", New: "/o/x", Count: 1}, "\x00/o/x\x00\x00\x00"},
		{"done before with slashes", "/o/////l/x\x00", Rewrite{Old: "/usr/lib", New: "/o/l", Count: 1, Pad: PadSlash}, "/o/////l/x\x00"},
		{"too often", "/usr\x00/usr\x00", Rewrite{Old: "/usr", New: "/o", Count: 1}, "error: found 2 times, expected 1"},
		{"not there", "nothing\x00", Rewrite{Old: "/usr", New: "/o", Count: 1}, "error: found 0 times, expected 1"},
		{"twice in a string", "/usr:/usr\x00", Rewrite{Old: "/usr", New: "/o", Count: 2}, "error: two places in one string"},
		{"no end", "/usr", Rewrite{Old: "/usr", New: "/o", Count: 1}, "error: the string does not end in NUL"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			name := elftest.Write(t, t.TempDir()+"/f", c.in, 0o644)
			err := c.rewrite.Apply(name)
			after, readErr := os.ReadFile(name)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if want, ok := strings.CutPrefix(c.want, "error: "); ok {
				if err == nil || !strings.HasSuffix(err.Error(), want) || string(after) != c.in {
					t.Errorf("error %v, content %q; want %q and no change", err, after, want)
				}
				return
			}
			if err != nil || string(after) != c.want {
				t.Errorf("%q, %v; want %q", after, err, c.want)
			}
		})
	}
}

// Patterns are found once where they cross the pieces that a file is read in.
func TestFindAcrossPieces(t *testing.T) {
	data := bytes.Repeat([]byte{'.'}, 3<<20)
	want := []int64{0, 1<<20 - 3, 2 << 20, 3<<20 - 6}
	for _, off := range want {
		copy(data[off:], "needle")
	}
	got, err := find(bytes.NewReader(data), []byte("needle"))
	if err != nil || len(got) != len(want) {
		t.Fatalf("found at %v, %v; want %v", got, err, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("found at %v, want %v", got, want)
		}
	}
}
