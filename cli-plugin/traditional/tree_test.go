package traditional

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/google/go-cmp/cmp"
)

// tree makes sources; a value "-> x" is a link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, projectFile), `version = "1"`)
	write(t, filepath.Join(dir, lockFile), "")
	write(t, filepath.Join(dir, "openhands/__init__.py"), "")
	for name, content := range files {
		path := filepath.Join(dir, name)
		if target, link := strings.CutPrefix(content, "-> "); link {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		write(t, path, content)
	}
	return dir
}

func sourceHash(t *testing.T, files map[string]string) string {
	t.Helper()
	hash, err := open(t, tree(t, files)).SourceHash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// What is no part of the hash does not change it, and what is does.
func TestSourceHashCovers(t *testing.T) {
	first := sourceHash(t, map[string]string{"openhands/a/x.py": "x"})
	for _, test := range []struct {
		name  string
		same  bool
		files map[string]string
	}{
		{"link to a file for a file", true, map[string]string{"openhands/a/x.py": "-> ../../other", "other": "x"}},
		{"link to a folder for a folder", true, map[string]string{"openhands/a": "-> ../other", "other/x.py": "x"}},
		{"dangling link", true, map[string]string{"openhands/a/x.py": "x", "openhands/d": "-> nowhere"}},
		{"byte code", true, map[string]string{"openhands/a/x.py": "x", "openhands/b.pyc": "b", "openhands/c.pyc/d": "d"}},
		{"cache", true, map[string]string{"openhands/a/x.py": "x", "openhands/__pycache__/b": "b"}},
		{"hidden folder", true, map[string]string{"openhands/a/x.py": "x", "openhands/.b/c": "c"}},
		{"link with a hidden name to a folder", true, map[string]string{"openhands/a/x.py": "x", "openhands/.b": "-> a"}},
		{"hidden file", false, map[string]string{"openhands/a/x.py": "x", "openhands/.b": "b"}},
		{"content", false, map[string]string{"openhands/a/x.py": "y"}},
		{"name", false, map[string]string{"openhands/a/y.py": "x"}},
		{"name of a folder", false, map[string]string{"openhands/b/x.py": "x"}},
		{"second name of a folder", false, map[string]string{"openhands/a/x.py": "x", "openhands/b": "-> a"}},
	} {
		if got := sourceHash(t, test.files); (got == first) != test.same {
			t.Errorf("%s: %s, and %s without", test.name, got, first)
		}
	}
}

// Links that multiply the tree are followed once each: 2^40 paths take no time.
func TestSourceHashOfManyLinks(t *testing.T) {
	files := map[string]string{"openhands/n40/x.py": "x"}
	for i := range 40 {
		for _, name := range []string{"a", "b"} {
			files[fmt.Sprintf("openhands/n%d/%s", i, name)] = fmt.Sprintf("-> ../n%d", i+1)
		}
	}
	sourceHash(t, files)
}

func TestLinkLoops(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"to the folder itself": {"openhands/a": "-> ."},
		"upwards":              {"openhands/a/b/c": "-> ../.."},
		"in a circle":          {"openhands/a/b": "-> ../c", "openhands/c/d": "-> ../a"},
		"to itself":            {"openhands/a": "-> a"},
	} {
		s := open(t, tree(t, files))
		if _, err := s.SourceHash(t.Context()); !hasCode(err, problem.BadSource) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.WriteContext(t.TempDir(), ""); !hasCode(err, problem.BadSource) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The context keeps permissions, and has the skills that the Dockerfile copies.
func TestWriteContext(t *testing.T) {
	dir := tree(t, map[string]string{"openhands/run.sh": "x", "microagents/a.md": "old", "skills/b.md": "new"})
	if err := os.Chmod(filepath.Join(dir, "openhands/run.sh"), 0o750); err != nil {
		t.Fatal(err)
	}
	for dockerfile, skills := range map[string]string{
		"FROM x": "code/microagents/a.md", "FROM x\nCOPY ./code/skills /code/skills": "code/skills/b.md",
	} {
		to := t.TempDir()
		if err := open(t, dir).WriteContext(to, dockerfile); err != nil {
			t.Fatal(err)
		}
		want := []string{"Dockerfile", skills, "code/openhands/__init__.py", "code/openhands/run.sh", "code/poetry.lock", "code/pyproject.toml"}
		if skills > want[2] {
			want = []string{"Dockerfile", want[2], want[3], want[4], want[5], skills}
		}
		if diff := cmp.Diff(want, files(t, to)); diff != "" {
			t.Error(diff)
		}
		info, err := os.Stat(filepath.Join(to, "code/openhands/run.sh"))
		if err != nil || info.Mode().Perm() != 0o750 {
			t.Errorf("permissions: %v, %v", info, err)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"unclosed":       {"FROM x\n{% if a %}\nRUN y\n", "line 3"},
		"unknown block":  {"FROM x\n\n{% frobnicate %}\n", "line 3 ({% frobnicate %})"},
		"unknown filter": {"FROM x\nRUN {{ base_image | frobnicate }}\n", "line 2"},
	} {
		s := open(t, tree(t, map[string]string{templateFile: test.text}))
		_, err := s.Dockerfile(Parameters{From: "x", Start: FromScratch})
		if !hasCode(err, problem.BadTemplate) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecord(t *testing.T) {
	r := Record{BaseDigest: "sha256:1", Platform: "linux/amd64", ExtraDeps: "x", BuildArgs: []string{"--a"}}
	labels := r.Labels(FromScratch)
	if got := r.Differs(labels, r.Platform); got != nil {
		t.Errorf("it differs from itself: %q", got)
	}
	for want, change := range map[string]func(*Record){
		"platform":           func(r *Record) { r.Platform = "linux/arm64" },
		"base image":         func(r *Record) { r.BaseDigest = "sha256:2" },
		"extra dependencies": func(r *Record) { r.ExtraDeps = "" },
		"build arguments":    func(r *Record) { r.BuildArgs = nil },
	} {
		other := r
		change(&other)
		if diff := cmp.Diff([]string{want}, other.Differs(labels, "linux/amd64")); diff != "" {
			t.Error(diff)
		}
	}
	if _, set := r.Labels(FromLock)[LabelBaseDigest]; set {
		t.Error("an image on top of another says which base that is over")
	}
	plain := Record{BaseDigest: "sha256:1", Platform: "linux/amd64"}
	if got := plain.Differs(nil, "linux/amd64"); got != nil {
		t.Errorf("a plain image without a record differs: %q", got)
	}
}
