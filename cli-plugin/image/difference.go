package image

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/docker-openhands/docker-openhands/oh-init/setup"
)

// Difference is a path that a layer adds or changes.
type Difference struct {
	Path string // absolute
	setup.Entry
	Was *setup.Entry // what the layers below have there; nil: nothing

	// Lines are those of a text file that the one below lacks, without their ends.
	// They are nil where the content of either was not kept, or is no text.
	Lines []string
}

// Differences returns what the uppermost layer of a stack, the lowest layer first,
// adds and changes, by path. Folders that stay as they are, and whiteouts, are
// not among it.
func Differences(stack []*Listing) ([]Difference, error) {
	if len(stack) == 0 {
		return nil, nil
	}
	upper := stack[len(stack)-1]
	before, after := newRootFS(stack[:len(stack)-1]), newRootFS(stack)
	var all []Difference
	var err error
	upper.walk(0, "", func(name string, i uint32) bool {
		if k := upper.nodes.at(i).Kind; k == implied || k == passage || k == whiteout {
			return true
		}
		d := Difference{Path: "/" + name}
		if d.Entry, err = after.Lstat(name); errors.Is(err, fs.ErrNotExist) { // a link to what is in no layer
			err = nil
			return true
		}
		var was setup.Entry
		if err == nil {
			was, err = before.Lstat(name)
		}
		switch {
		case err == nil && d.Mode.IsDir() && d.Entry == was:
			return true
		case err == nil:
			d.Was = &was
		case !errors.Is(err, fs.ErrNotExist):
			err = fmt.Errorf("looking at %q in the layers below: %w", name, err)
			return false
		}
		err = nil
		d.Lines = addedLines(before, upper, name, d.Was)
		all = append(all, d)
		return true
	})
	slices.SortFunc(all, func(a, b Difference) int { return cmp.Compare(a.Path, b.Path) })
	return all, err
}

// addedLines returns the lines of a file that what was there has not.
func addedLines(before *rootFS, upper *Listing, name string, was *setup.Entry) []string {
	content, kept := upper.Content(name)
	if !kept || !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		return nil
	}
	known := map[string]int{}
	if was != nil && was.Mode.IsRegular() {
		old, err := before.ReadFile(name)
		if err != nil || len(old) == 0 && was.Size > 0 { // it was not kept
			return nil
		}
		for line := range strings.Lines(string(old)) {
			known[strings.TrimSuffix(line, "\n")]++
		}
	}
	added := []string{}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		if known[line]--; known[line] < 0 {
			added = append(added, line)
		}
	}
	return added
}
