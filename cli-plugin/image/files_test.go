package image

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
	"github.com/google/go-cmp/cmp"
)

func listingOf(t *testing.T, keep KeepFunc, lines ...string) *Listing {
	t.Helper()
	l, err := ReadListing(bytes.NewReader(imagetest.Layer(t, lines...)), keep, NewBudget())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Each file of a layer counts once: not again by its other names, and not what
// it replaced.
func TestFiles(t *testing.T) {
	l := listingOf(t, func(name string, _ int64) bool { return name == "a/one" },
		"a/", "a/one=12345", "a/two=1", "a/two=22", "b/again=>a/one", "link->a/one", "a/.wh.gone=", "c/x/deep=333", "c=now a file")
	want := map[string]int64{"a/one": 5, "a/two": 2, "c": 10}
	if got := maps.Collect(l.Files()); !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for range l.Files() { // ends where it is left
		break
	}
	if content, kept := l.Content("/a/one"); string(content) != "12345" || !kept {
		t.Errorf("%q, %v", content, kept)
	}
	for _, name := range []string{"a/two", "none", "a"} {
		if _, kept := l.Content(name); kept {
			t.Errorf("%s was not kept", name)
		}
	}
}

func TestDifferences(t *testing.T) {
	keep := func(name string, _ int64) bool { return name != "etc/large" }
	stack := []*Listing{
		listingOf(t, keep, "etc/", "etc/passwd=root\n", "etc/large=old", "etc/kind=file", "srv/", "gone=x"),
		listingOf(t, keep, "etc/passwd=root\nann\nann\n"),
		listingOf(t, keep, "etc/", "etc/passwd=root\nann\nopenhands\nann\nann\n", "etc/large=new!", "etc/kind->passwd", "new/", "new/file=line\nanother", "new/program=\x7fELF\x00",
			".wh.gone=", "srv/x->/none", "far=>nowhere"),
	}
	all, err := Differences(stack)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range all {
		was := "nothing"
		if d.Was != nil {
			was = fmt.Sprint(d.Was.Mode, " ", d.Was.Size)
		}
		got = append(got, fmt.Sprintf("%s %s %d, was %s, %q", d.Path, d.Mode, d.Size, was, strings.Join(d.Lines, "|")))
	}
	want := []string{
		`/etc/kind Lrw-r--r-- 0, was -rw-r--r-- 4, ""`,
		`/etc/large -rw-r--r-- 4, was -rw-r--r-- 3, ""`,
		`/etc/passwd -rw-r--r-- 27, was -rw-r--r-- 13, "openhands|ann"`,
		`/new drwxr-xr-x 0, was nothing, ""`,
		`/new/file -rw-r--r-- 12, was nothing, "line|another"`,
		`/new/program -rw-r--r-- 5, was nothing, ""`,
		`/srv/x Lrw-r--r-- 0, was nothing, ""`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if none, err := Differences(nil); len(none) != 0 || err != nil {
		t.Error(none, err)
	}
	stack = []*Listing{listingOf(t, keepAll, "dir/", "dir/a="), listingOf(t, keepAll, "sub=>dir"), listingOf(t, keepAll, "sub=x")}
	if _, err := Differences(stack); err == nil || !strings.Contains(err.Error(), `looking at "sub" in the layers below`) {
		t.Errorf("a hard link to a folder below: %v", err)
	}
}
