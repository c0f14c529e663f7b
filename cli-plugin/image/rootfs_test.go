package image

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
	"github.com/docker-openhands/docker-openhands/oh-init/setup"
	"github.com/google/go-cmp/cmp"
)

// BenchmarkReadLayer is over a layer as large as that of a large distribution.
func BenchmarkReadLayer(b *testing.B) {
	var lines []string
	for i := range 100_000 {
		lines = append(lines, fmt.Sprintf("usr/lib/python3/dist-packages/package%d/module%d.py=", i/100, i))
	}
	data, err := imagetest.Tar(lines...)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		l, err := ReadListing(bytes.NewReader(data), Attempt{}.Keep, NewBudget())
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := setup.Plan(newRootFS([]*Listing{l}), setup.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func stackOf(t *testing.T, keep KeepFunc, layers ...[]string) *rootFS {
	t.Helper()
	var stack []*Listing
	for _, lines := range layers {
		l, err := ReadListing(bytes.NewReader(imagetest.Layer(t, lines...)), keep, NewBudget())
		if err != nil {
			t.Fatal(err)
		}
		stack = append(stack, l)
	}
	return newRootFS(stack)
}

func keepAll(string, int64) bool { return true }

// list describes everything in the view, a line each.
func list(t *testing.T, r *rootFS, dir string) []string {
	t.Helper()
	names, err := r.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, name := range names {
		path := strings.TrimSuffix(dir, "/") + "/" + name
		e, err := r.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		switch e.Mode.Type() {
		case fs.ModeDir:
			lines = append(append(lines, path+"/"), list(t, r, path)...)
		case fs.ModeSymlink:
			lines = append(lines, path+"->"+e.Target)
		default:
			data, err := r.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, path+"="+string(data))
		}
	}
	return lines
}

func TestRootFS(t *testing.T) {
	for name, test := range map[string]struct {
		layers [][]string
		want   []string
	}{
		"nothing":                    {nil, nil},
		"names are cleaned":          {[][]string{{"./", "./etc/", "./etc/a=1", "/b=2"}}, []string{"/b=2", "/etc/", "/etc/a=1"}},
		"upper file wins":            {[][]string{{"a=1"}, {"a=2"}}, []string{"/a=2"}},
		"parents without an entry":   {[][]string{{"a/b/c=1"}}, []string{"/a/", "/a/b/", "/a/b/c=1"}},
		"whiteout":                   {[][]string{{"a/x=1", "a/y=2"}, {"a/.wh.x="}}, []string{"/a/", "/a/y=2"}},
		"whiteout of a directory":    {[][]string{{"a/b/x=1"}, {"a/.wh.b="}}, []string{"/a/"}},
		"whiteout, then again":       {[][]string{{"a/x=1"}, {"a/x/y=2", "a/.wh.x="}}, []string{"/a/", "/a/x/", "/a/x/y=2"}},
		"opaque hides lower only":    {[][]string{{"a/x=1"}, {"a/y=2", "a/.wh..wh..opq="}}, []string{"/a/", "/a/y=2"}},
		"opaque root":                {[][]string{{"a/x=1", "b=1"}, {".wh..wh..opq=", "c=3"}}, []string{"/c=3"}},
		"a link and what is behind":  {[][]string{{"usr/etc/", "etc->usr/etc", "etc/a=1", "b=>etc/a"}}, []string{"/b=1", "/etc->usr/etc", "/usr/", "/usr/etc/", "/usr/etc/a=1"}},
		"links and what is behind":   {[][]string{{"x/", "y->/x", "x/z->../w", "y/z/a=1", "y/.wh.b="}}, []string{"/w/", "/w/a=1", "/x/", "/x/z->../w", "/y->/x"}},
		"directory replaces link":    {[][]string{{"usr/lib/", "lib->usr/lib"}, {"lib/x=1"}}, []string{"/lib/", "/lib/x=1", "/usr/", "/usr/lib/"}},
		"link replaces directory":    {[][]string{{"lib/x=1"}, {"lib->usr/lib"}}, []string{"/lib->usr/lib"}},
		"directory keeps its files":  {[][]string{{"a/", "a/x=1"}, {"a/"}}, []string{"/a/", "/a/x=1"}},
		"hard link":                  {[][]string{{"etc/a=1", "etc/b=>etc/a"}}, []string{"/etc/", "/etc/a=1", "/etc/b=1"}},
		"hard link, original gone":   {[][]string{{"a=1", "b=>a"}, {".wh.a="}}, []string{"/b=1"}},
		"whiteout of what is not":    {[][]string{{"a=1"}, {"x/.wh.y=", ".wh.z="}}, []string{"/a=1"}},
		"hard link to what is not":   {[][]string{{"b=>a"}}, nil},
		"hard link to a lower layer": {[][]string{{"a=1"}, {"b=>a"}, {"a=2", "c=>b"}}, []string{"/a=2", "/b=1", "/c=1"}},
		"hard link to a hard link":   {[][]string{{"a=1", "b=>a", "c=>b", "a=2"}}, []string{"/a=2", "/b=1", "/c=1"}},
		"hard link to a link":        {[][]string{{"a->x", "b=>a"}}, []string{"/a->x", "/b->x"}},
		"hard link to itself":        {[][]string{{"a=>a"}, {"a=>a"}, {"x/a=>x/a"}}, []string{"/x/"}},
		"file, then below it":        {[][]string{{"a=1", "a/b=2"}}, []string{"/a/", "/a/b=2"}},
		"below it, then file":        {[][]string{{"a/b=2", "a=1"}}, []string{"/a=1"}},
		"and a directory again":      {[][]string{{"a/b=2", "a=1", "a/c=3"}}, []string{"/a/", "/a/c=3"}},
		"the same name twice":        {[][]string{{"a=1", "a=2"}}, []string{"/a=2"}},
		"whiteout of nothing":        {[][]string{{"a=1", "x/y=1"}, {".wh.=", "x/.wh..=", "x/.wh...="}}, []string{"/a=1", "/x/", "/x/y=1"}},
		"whiteout below a file":      {[][]string{{"a/x=1"}, {"a=1", "a/.wh.x="}}, []string{"/a=1"}},
		"whiteout of a whiteout":     {[][]string{{"a=1"}, {".wh.a=", ".wh..wh.a="}}, nil},
		"whiteout, two layers above": {[][]string{{"a/x=1"}, {"a/.wh.x="}, {"a/.wh.y="}}, []string{"/a/"}},
		"opaque, two layers above":   {[][]string{{"a/x=1"}, {"a/y=1"}, {"a/.wh..wh..opq="}, {"a/z=1"}}, []string{"/a/", "/a/z=1"}},
		"a folder called whiteout":   {[][]string{{"a/x=1"}, {"a/.wh.x/y=1"}}, []string{"/a/", "/a/.wh.x/", "/a/.wh.x/y=1", "/a/x=1"}},
		"file replaced by directory": {[][]string{{"a=1"}, {"a/"}}, []string{"/a/"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, list(t, stackOf(t, keepAll, test.layers...), "/")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRootFSAsView(t *testing.T) {
	stack := stackOf(t, func(name string, _ int64) bool { return name == "etc/passwd" },
		[]string{"etc/", "etc/passwd=root", "bin/sh=elf", "lib->usr/lib"})
	var view setup.View = stack
	e, err := view.Lstat("/etc/passwd")
	if want := (setup.Entry{Mode: 0o644, UID: 7, GID: 8, Size: 4}); err != nil || e != want {
		t.Errorf("got %+v %v, want %+v", e, err, want)
	}
	if _, err := view.Lstat("/etc/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := view.Lstat("/etc/passwd/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file below a file: %v", err)
	}
	if content, err := view.ReadFile("/bin/sh"); err != nil || len(content) > 0 || !stack.missing["bin/sh"] || len(stack.missing) != 1 {
		t.Errorf("content that was not kept: %q %v, missing %v", content, err, stack.missing)
	}
	if _, err := view.ReadFile("/lib"); err == nil {
		t.Error("a link was read as a file")
	}
	if _, err := view.ReadDir("/etc/passwd"); err == nil {
		t.Error("a file was listed")
	}
}

func TestClaims(t *testing.T) {
	for line, want := range map[string]string{
		"openhands/":       "openhands",
		"./openhands/x=1":  "openhands/x",
		".wh.openhands=":   ".wh.openhands",
		".wh..wh..opq=":    ".wh..wh..opq",
		"openhands->/x":    "openhands",
		"openhands2/x=1":   "",
		"a/.wh.openhands=": "",
		"a/.wh..wh..opq=":  "",
		"home/openhands/":  "",
	} {
		l, err := ReadListing(bytes.NewReader(imagetest.Layer(t, line)), keepAll, NewBudget())
		if err != nil {
			t.Fatal(err)
		}
		if got := l.claims("openhands"); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

// A listing that was written says what the layer itself does.
func TestListing(t *testing.T) {
	lines := []string{"etc/", "etc/a=1", "etc/a=2", "b->etc/a", "c=>etc/a", "far=>none", "x/.wh.y=", "d/e/f=3", "d=4"}
	for i := range 3 * chunk {
		lines = append(lines, fmt.Sprintf("many/%d/%d/%s=", i%100, i, strings.Repeat("x", 40)))
	}
	l, err := ReadListing(bytes.NewReader(imagetest.Layer(t, lines...)), keepAll, NewBudget())
	if err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	if err := l.Write(&written, "sha256:1"); err != nil {
		t.Fatal(err)
	}
	again, id, err := LoadListing(&written, NewBudget())
	if err != nil || id != "sha256:1" {
		t.Fatal(id, err)
	}
	below := []string{"x/y=1", "x/z=1", "none=2"}
	lower, err := ReadListing(bytes.NewReader(imagetest.Layer(t, below...)), keepAll, NewBudget())
	if err != nil {
		t.Fatal(err)
	}
	want, got := list(t, newRootFS([]*Listing{lower, l}), "/"), list(t, newRootFS([]*Listing{lower, again}), "/")
	if len(got) < 3*chunk || !slices.Equal(want, got) {
		t.Errorf("%d lines, %d read again: %s", len(want), len(got), cmp.Diff(want, got))
	}
}
