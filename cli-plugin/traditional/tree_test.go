package traditional

import (
	"errors"
	"fmt"
	"maps"
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
	hash, err := open(t, tree(t, files)).sourceHash(t.Context())
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
		if _, err := s.sourceHash(t.Context()); !hasCode(err, problem.BadSource) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.WriteContext(t.TempDir(), ""); !hasCode(err, problem.BadSource) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a link leads to outside of the sources is neither hashed, nor copied, nor
// put into a payload, nor rendered.
func TestLinksOut(t *testing.T) {
	outside := t.TempDir()
	write(t, filepath.Join(outside, "openhands/__init__.py"), "secret")
	write(t, filepath.Join(outside, "file"), `version = "secret"`)
	uses := func(dir string) error {
		s, err := Open(dir)
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.PayloadFiles()
		_, hashErr := s.sourceHash(t.Context())
		_, lockErr := s.lockHash("debian", true)
		_, textErr := s.Dockerfile(Parameters{From: "x", Start: FromScratch})
		to := t.TempDir()
		contextErr := s.WriteContext(to, "FROM x\nCOPY ./code/skills /code/skills")
		for name, text := range contents(t, to) {
			if strings.Contains(text, "secret") {
				t.Errorf("%s of the context holds what a link leads to", name)
			}
		}
		return errors.Join(err, hashErr, lockErr, textErr, contextErr)
	}
	honest := map[string]string{serverFile: "", templateFile: "FROM x", "skills/a.md": ""}
	if err := uses(tree(t, honest)); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"openhands/leak.py": "file", "openhands/dir": "openhands", "skills/b.md": "file", "third_party": "openhands",
		projectFile: "file", lockFile: "file", templateFile: "file", "openhands/pyproject.toml": "file",
	} {
		for _, relative := range []bool{false, true} {
			dir := tree(t, honest)
			to := filepath.Join(outside, target)
			if relative {
				var err error
				if to, err = filepath.Rel(filepath.Dir(filepath.Join(dir, name)), to); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			if err := uses(dir); !hasCode(err, problem.BadSource) && !hasCode(err, problem.BadTemplate) || !strings.Contains(err.Error(), filepath.Base(name)) {
				t.Errorf("%s to %s: %v", name, to, err)
			}
		}
	}
	// What is left out is not looked at.
	ignored := map[string]string{
		"openhands/old.pyc": "-> " + outside, "openhands/__pycache__": "-> " + outside, "openhands/.venv": "-> " + outside, ".git": "-> " + outside,
	}
	maps.Copy(ignored, honest)
	s := open(t, tree(t, ignored))
	_, err := s.sourceHash(t.Context())
	_, payloadErr := s.PayloadFiles()
	if err := errors.Join(err, payloadErr); err != nil {
		t.Error(err)
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, name := range files(t, dir) {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}

// A template is rendered from its own text, in bounded time and memory.
func TestHostileTemplates(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "file")
	write(t, outside, "FROM secret")
	doubling := ""
	for i := range 40 {
		doubling += fmt.Sprintf("{%% macro m%d() %%}{{ m%d() }}{{ m%[2]d() }}{%% endmacro %%}", i+1, i)
	}
	for name, text := range map[string]string{
		"absolute include":   "{% include '" + outside + "' %}",
		"relative include":   "{% include '../../../../pyproject.toml' %}",
		"dangling include":   "{% include 'none' ignore missing %}{% include '" + outside + "' %}",
		"include of itself":  "{% include 'Dockerfile.j2' %}",
		"extends":            "{% extends '" + outside + "' %}",
		"import":             "{% import '" + outside + "' as x %}",
		"from":               "{% from '" + outside + "' import x %}",
		"empty loop":         "{% for i in range(1000000000000) %}{% endfor %}",
		"nested loops":       "{% for i in range(100000) %}{% for j in range(100000) %}{% for k in range(100000) %}{% endfor %}{% endfor %}{% endfor %}",
		"much text":          "{% for i in range(100000) %}" + strings.Repeat("x", 1000) + "{% endfor %}",
		"doubled text":       "{% set ns = namespace(x='xxxxxxxxxxxxxxxx') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
		"macros":             "{% macro a(x) %}{{ x }}{{ x }}{% endmacro %}{{ " + strings.Repeat("a(", 40) + "'xxxxxxxxxxxxxxxx'" + strings.Repeat(")", 40) + " }}",
		"endless macro":      "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
		"repeated text":      "{{ 'x' * 100000000000 }}",
		"more than there is": "{{ 'xx' * 9223372036854775807 }}",
		"large template":     strings.Repeat("x", 2<<20),
		"macros in macros":   "{% macro m0() %}xxxxxxxxxxxxxxxx{% endmacro %}" + doubling + "{{ m40() }}",
		"joined macros":      "{% macro m0() %}" + strings.Repeat("x", 1000) + "{% endmacro %}{{ 1" + strings.Repeat(" ~ m0()", 200) + " }}" + doubling + "{{ m40() }}",
		"much from macros":   "{% macro m() %}" + strings.Repeat("x", 10000) + "{% endmacro %}{% macro n() %}" + strings.Repeat("{{ m() }}", 500) + "{% endmacro %}{{ n() }}",
		"variable":           "{% set x = 'y' %}",
		"captured text":      "{% set x %}y{% endset %}",
		"deep expression":    "{{ " + strings.Repeat("(", 20000) + "1" + strings.Repeat(")", 20000) + " }}",
		"long expression":    "{{ 1" + strings.Repeat("+1", 20000) + " }}",
		"negations":          "{{ " + strings.Repeat("not ", 10000) + "1 }}",
		"power":              "{{ 9 ** 999999999 }}",
		"padded text":        "{{ 'x'.ljust(100000000000) }}",
		"padding filter":     "{{ 'x' | center(100000000000) }}",
		"replacing filter":   "{{ 'xxxx' | replace('x', 'xxxxxxxx') }}",
		"unclosed ifs":       strings.Repeat("{% if 1 %}\n", 5000),
		"unclosed lines":     strings.Repeat("\n", 60000) + "{% if",
	} {
		s := open(t, tree(t, map[string]string{templateFile: text}))
		got, err := s.Dockerfile(Parameters{From: "x", Start: FromScratch})
		if !hasCode(err, problem.BadTemplate) {
			t.Errorf("%s: %.20q, %v", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "FROM secret") {
			t.Errorf("%s: the other file is in the error: %v", name, err)
		}
	}
}

// What OpenHands' templates use, and what forks of them may.
func TestTemplates(t *testing.T) {
	for text, want := range map[string]string{
		"FROM {{ base_image }}\n{% if 'deb' in base_image and not (base_image.endswith(':12')) %}a{% else %}b{% endif %}":                        "FROM debian:13\na",
		"{% macro m() %}{% if build_from_scratch %}{{ base_image }}{% endif %}{% endmacro %}{% macro n() %}{{ m() }}!{% endmacro %}\n{{- n() }}": "debian:13!",
		"{% raw %}{{ x }}{% endraw %}{{ extra_deps | default('none', true) | upper }}{{ 'a' ~ 'b' + 'c' }}":                                      "{{ x }}NONEabc",
		"{{ ['a', base_image] | last }}{# comment #}":                                  "debian:13",
		strings.Repeat("{% if 1 %}", 2000) + "x" + strings.Repeat("{% endif %}", 2000): "x",
	} {
		got, err := open(t, tree(t, map[string]string{templateFile: text})).Dockerfile(Parameters{From: "debian:13", Start: FromScratch})
		if err != nil || got != want {
			t.Errorf("%.100s: %q, want %q, %v", text, got, want, err)
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

func recorded(t *testing.T, r Record, start Start) map[string]string {
	t.Helper()
	labels, err := r.Labels(start)
	if err != nil {
		t.Fatal(err)
	}
	return labels
}

func TestRecord(t *testing.T) {
	r := Record{BaseDigest: "sha256:1", Platform: "linux/amd64", ExtraDeps: "x", BuildArgs: []string{"--a"}}
	labels := recorded(t, r, FromScratch)
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
	if _, set := recorded(t, r, FromLock)[LabelBaseDigest]; set {
		t.Error("an image on top of another says which base that is over")
	}
	plain := Record{BaseDigest: "sha256:1", Platform: "linux/amd64"}
	if got := plain.Differs(nil, "linux/amd64"); got != nil {
		t.Errorf("a plain image without a record differs: %q", got)
	}
}
