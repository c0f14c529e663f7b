package image

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
	"github.com/opencontainers/go-digest"
)

// drawn is a layer of a few random entries over a few names.
func drawn(t *testing.T, r *rand.Rand, whiteouts bool) Layer {
	t.Helper()
	var lines []string
	for range 1 + r.IntN(4) {
		name := []string{"a", "b", "a/x", "a/y", "b/x", "a/x/z", "b/x/z"}[r.IntN(7)]
		base, dir := name[len(name)-1:], name[:len(name)-1]
		forms := []string{name + "=1", name + "=2", name + "/", name + "->a", name + "->b"}
		if whiteouts {
			forms = append(forms, dir+".wh."+base, name+"/.wh..wh..opq", name+"=>a/y")
		}
		lines = append(lines, forms[r.IntN(len(forms))])
	}
	data := imagetest.Layer(t, lines...)
	l := Layer{DiffID: digest.FromBytes(data), Proven: true}
	var err error
	if l.Listing, err = ReadListing(bytes.NewReader(data), func(string, int64) bool { return true }, NewBudget()); err != nil {
		return drawn(t, r, whiteouts) // a hard link to a folder
	}
	return l
}

// at is what a stack has at a name.
func at(t *testing.T, s side, name string) string {
	t.Helper()
	e, err := s.Lstat("/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return "nothing"
	}
	if err != nil {
		return "error" // a hard link that leads to a folder of another layer
	}
	text := fmt.Sprintf("%v %d %d %s", e.Mode, e.UID, e.GID, e.Target)
	if e.Mode.IsRegular() {
		content, err := s.ReadFile("/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text += " " + string(content)
	}
	return text
}

// Where own layers are taken to go with another base, they do to it what they did
// to the old one, to what was the same there, and nothing else.
func TestMovableMeansWhatItSays(t *testing.T) {
	taken := 0
	for seed := range uint64(4_000) {
		r := rand.New(rand.NewPCG(seed, 7))
		shared := []Layer{drawn(t, r, false), drawn(t, r, false)}
		before, after := []Layer{shared[0], drawn(t, r, true)}, []Layer{shared[0], drawn(t, r, true)}
		if seed%2 == 0 {
			before, after = append(before, shared[1]), append(after, shared[1])
		}
		own := []Layer{drawn(t, r, true)}
		if seed%3 == 0 {
			own = append(own, drawn(t, r, true))
		}
		if Movable(own, before, after, true) != nil {
			continue
		}
		taken++
		over := func(stack []Layer) side { return visible(append(append([]Layer{}, stack...), own...)) }
		was, is, wasOwn, isOwn := visible(before), visible(after), over(before), over(after)
		for _, name := range []string{"a", "b", "a/x", "a/y", "a/z", "b/x", "b/y", "a/x/z", "b/x/z"} {
			old, now, oldOwn, nowOwn := at(t, was, name), at(t, is, name), at(t, wasOwn, name), at(t, isOwn, name)
			if untouched := old == oldOwn; untouched && now != nowOwn || !untouched && (old != now || oldOwn != nowOwn) {
				t.Fatalf("seed %d, %s: %q, with own %q; in the new base %q, with own %q", seed, name, old, oldOwn, now, nowOwn)
			}
		}
	}
	if taken < 200 {
		t.Errorf("%d of 4,000 were taken", taken)
	}
}
