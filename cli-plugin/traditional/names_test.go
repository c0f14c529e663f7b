package traditional

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
)

// An image of the repository itself has its own tag or digest in a form that is
// a tag; what is no reference stands as it is.
func TestOlderNameOfOwnRepository(t *testing.T) {
	const own = "ghcr.io/x/rt"
	for base, want := range map[string]string{
		own + ":1@" + zeros: "1_d_sha256_t_" + zeros[7:], own + "@" + zeros: "sha256_t_" + zeros[7:],
		own + ":1": "1", "Ubuntu:a/b": "oh_v1_image_Ubuntu_tag_a/b",
	} {
		if _, older, err := olderName(own, "1", base); err != nil || older != want {
			t.Errorf("%s: %q, %v, want %q", base, older, err, want)
		}
	}
}

const zeros = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// References with a port or a digest, which the builder of OpenHands takes
// apart wrongly, have tags that registries accept.
func TestReferencesWithPortOrDigest(t *testing.T) {
	for _, test := range []struct{ base, older, versioned string }{
		{"localhost:5000/a:b", "oh_v1_image_localhost_t_5000_s_a_tag_b", "localhost_t_5000_s_a_t_b"},
		{"localhost:5000/a", "oh_v1_image_localhost_t_5000_s_a_tag_latest", "localhost_t_5000_s_a"},
		{"a@" + zeros, "oh_v1_image_a_tag_sha256_t_" + zeros[7:], "a_d_sha256_t_" + zeros[7:]},
		{"a:b@" + zeros, "oh_v1_image_a_tag_b_d_sha256_t_" + zeros[7:], "a_t_b_d_sha256_t_" + zeros[7:]},
		{"a:" + strings.Repeat("b", 120), "oh_v1_image_a55ccc46566f88b2359e861b734a2a46", strings.Repeat("b", 96)},
	} {
		repo, older, err := olderName(repository, "1", test.base)
		if err != nil || repo != repository || !strings.HasPrefix(older, test.older) {
			t.Errorf("%s: %s %s, %v, want %s", test.base, repo, older, err, test.older)
		}
		got := tag.Versioned("1", test.base)
		if want := "oh_v1_" + test.versioned; got != want {
			t.Errorf("%s: %s, want %s", test.base, got, want)
		}
		for _, name := range []string{older, got} {
			if _, err := reference.ParseNormalizedNamed(repository + ":" + name); err != nil {
				t.Errorf("%s: %s is no tag: %v", test.base, name, err)
			}
		}
	}
}

func TestBadBase(t *testing.T) {
	for _, base := range []string{"", "a:b:c", "a b", "ä", "a\n"} {
		if _, _, err := olderName(repository, "1", base); !hasCode(err, problem.Reference) {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestCheck(t *testing.T) {
	good := Names{Repository: "localhost:5000/a", Source: "s", Lock: "l", Versioned: "v"}
	if err := good.Check("debian@" + zeros); err != nil {
		t.Error(err)
	}
	bad := good
	bad.Source = strings.Repeat("s", 129)
	for name, err := range map[string]error{
		"base":     good.Check("ghcr.io/Some-Org/x:1"),
		"long tag": bad.Check("debian"),
	} {
		if !hasCode(err, problem.Reference) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpen(t *testing.T) {
	for _, test := range []struct {
		name, file, content, want string
		code                      problem.Code
	}{
		{"beside", "pyproject.toml", "[x]\r\n  version = '1.2' \r\nversion = \"3\"\r\n", "1.2", ""},
		{"inside", "openhands/pyproject.toml", "version = \"1.2\"", "1.2", ""},
		{"other spelling", "pyproject.toml", "version=\"1.2\"", "", problem.BadSource},
		{"no project", "README", "", "", problem.BadSource},
		{"unreadable", "pyproject.toml/x", "", "", problem.BadSource},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "openhands/__init__.py"), "")
			write(t, filepath.Join(dir, test.file), test.content)
			s, err := Open(dir)
			if test.code != "" {
				if !hasCode(err, test.code) {
					t.Error(err)
				}
			} else if err != nil || s.Version() != test.want {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
	if _, err := Open(t.TempDir()); !hasCode(err, problem.BadSource) {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestMissingLock(t *testing.T) {
	dir := fixture(t)
	if err := os.Remove(filepath.Join(dir, lockFile)); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, dir).Names(t.Context(), repository, "debian", true)
	if !hasCode(err, problem.BadSource) || !strings.Contains(err.Error(), lockFile) {
		t.Error(err)
	}
}

func hasCode(err error, code problem.Code) bool {
	var p *problem.Error
	return errors.As(err, &p) && p.Code == code
}
