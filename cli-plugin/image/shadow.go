package image

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/opencontainers/go-digest"
)

// maxShadows is how many of the paths are told that keep layers from being moved.
const maxShadows = 20

// maxCompared is the size in bytes of the largest file that is compared by its
// content. A larger one is the same where it comes from the same layer.
const maxCompared = 1 << 20

// ShadowError says why layers cannot lie over other ones than they were made
// over.
type ShadowError struct {
	Paths  []string // what they write, link to or hide, and is another one below; absolute, sorted
	More   bool     // there are more of them
	Owners bool     // it is that they belong to numbers that are other accounts below
}

func (e *ShadowError) Error() string {
	text := strings.Join(e.Paths[:min(3, len(e.Paths))], ", ")
	if len(e.Paths) > 3 || e.More {
		text += " and others"
	}
	if e.Owners {
		return "its own layers have files of a user or group whose number is another one's below: " + text
	}
	return "its own layers write or hide what is another one below: " + text
}

// Movable reports by a *ShadowError why the layers own, which lie over those of
// before, cannot lie over those of after. All of them have listings but those of
// a payload, which are the same or another one. They can where at each path that
// own names nothing has changed below:
//
//   - a file, a link or a device that own writes, and what it replaces, is not there
//     on either side, or is the same on both, with all that is in it;
//   - what own hides by a whiteout likewise, and all of a folder that is opaque;
//   - a folder that own describes is on neither side, or is one on both with the same
//     mode and owner; one that only leads to something is one on both or on neither;
//   - a file that own has a hard link to is the same on both;
//   - an owner and a group of own has the same name, or none, on both;
//   - nothing of the payload is named where the payload is another one.
//
// The same is what comes from the same layer, or has the same kind, mode, owner,
// target and content. What cannot be compared is not the same. Content that was
// not kept is read again by Recipe.Retry.
func Movable(own, before, after []Layer, samePayload bool) error {
	c := comparison{was: visible(before), is: visible(after), samePayload: samePayload, bad: map[string]bool{}}
	for _, l := range own {
		if err := c.layer(l.Listing); err != nil {
			return err
		}
	}
	owners := false
	if len(c.bad) == 0 {
		owners = true
		for _, l := range own {
			if err := c.owners(l.Listing); err != nil {
				return err
			}
		}
	}
	if missing := merged(c.was.missing, c.is.missing); len(missing) > 0 && (owners || len(c.bad) == 0) {
		return &notKeptError{missing}
	}
	if len(c.bad) == 0 {
		return nil
	}
	shadows := &ShadowError{More: len(c.bad) > maxShadows, Owners: owners}
	for name := range c.bad {
		shadows.Paths = append(shadows.Paths, path.Join("/", name))
	}
	slices.Sort(shadows.Paths)
	shadows.Paths = shadows.Paths[:min(maxShadows, len(shadows.Paths))]
	return shadows
}

// Claims reports by a *ShadowError that one of the layers, all of which have
// listings, writes or hides something of the payload.
func Claims(layers []Layer) error {
	for _, l := range layers {
		if entry := l.Listing.claims(root); entry != "" {
			return &ShadowError{Paths: []string{path.Join("/", entry)}}
		}
		for i := 1; i < l.Listing.nodes.len(); i++ {
			if n := l.Listing.nodes.at(uint32(i)); n.Kind == farlink && inRoot(string(l.Listing.texts.at(uint32(n.Value)))) {
				return &ShadowError{Paths: []string{path.Join("/", l.Listing.path(uint32(i)))}}
			}
		}
	}
	return nil
}

// inRoot reports whether an entry is the payload's.
func inRoot(name string) bool { return name == root || strings.HasPrefix(name, root+"/") }

// side is a stack of layers without the payload's.
type side struct {
	*rootFS
	ids []digest.Digest // of its layers, the uppermost first; the empty root has none
}

func visible(layers []Layer) side {
	var listings []*Listing
	ids := []digest.Digest{""}
	for _, l := range layers {
		if l.Listing != nil {
			listings, ids = append(listings, l.Listing), append(ids, l.DiffID)
		}
	}
	slices.Reverse(ids)
	return side{newRootFS(listings), ids}
}

// comparison is what two sides have at the paths that layers over them name.
type comparison struct {
	was, is     side
	samePayload bool
	bad         map[string]bool // names that differ
}

func (c *comparison) note(name string, same bool) {
	if !same && len(c.bad) <= maxShadows {
		c.bad[name] = true
	}
}

// layer compares at all that a layer names.
func (c *comparison) layer(l *Listing) error {
	for i := uint32(1); int(i) < l.nodes.len(); i++ {
		n := l.nodes.at(i)
		if now, ok := l.child(n.Parent, l.name(i)); !ok || now != i {
			continue // replaced by a later entry
		}
		name := l.path(i)
		if inRoot(name) {
			c.note(name, c.samePayload)
			continue
		}
		var same bool
		var err error
		switch n.Kind {
		case implied, passage:
			same, err = c.sameKind(name)
		case dir:
			same, err = c.sameFolder(name)
		case whiteout:
			hidden := path.Join(path.Dir(name), strings.TrimPrefix(path.Base(name), whiteoutPrefix))
			if path.Base(name) == whiteoutOpaque {
				hidden = path.Dir(name)
			}
			if name = hidden; (name == "." || inRoot(name)) && !c.samePayload {
				c.note(name, false)
				continue
			}
			same, err = c.sameTree(name)
		case farlink:
			target := string(l.texts.at(uint32(n.Value)))
			if inRoot(target) {
				same = c.samePayload
			} else if same, err = c.sameTree(target); same && err == nil {
				same, err = c.sameTree(name)
			}
		default:
			same, err = c.sameTree(name)
		}
		if err != nil {
			return fmt.Errorf("comparing what is below %s: %w", path.Join("/", name), err)
		}
		c.note(name, same)
		if len(c.bad) > maxShadows {
			return nil
		}
	}
	return nil
}

// owners notes what a layer has of an owner or a group, root apart, whose number
// has another name on the other side.
func (c *comparison) owners(l *Listing) error {
	was, err := account.Read(c.was)
	if err != nil {
		return err
	}
	is, err := account.Read(c.is)
	if err != nil {
		return err
	}
	sameUser := func(uid int) bool {
		before, _ := was.UserOf(uid)
		now, _ := is.UserOf(uid)
		return uid == 0 || before.Name == now.Name
	}
	sameGroup := func(gid int) bool {
		before, _ := was.GroupOf(gid)
		now, _ := is.GroupOf(gid)
		return gid == 0 || before.Name == now.Name
	}
	for i := uint32(1); int(i) < l.nodes.len(); i++ {
		if n := l.nodes.at(i); n.Kind == dir || n.Kind == file || n.Kind == symlink {
			c.note(l.path(i), sameUser(int(n.UID)) && sameGroup(int(n.GID)))
		}
	}
	return nil
}

// ReadAccounts implements account.Reader. What is no file has no lines.
func (s side) ReadAccounts(name string) (content []byte, ok bool, err error) {
	e, err := s.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !e.Mode.IsRegular() {
		return nil, false, nil
	}
	if err == nil {
		content, err = s.ReadFile(name)
	}
	return content, err == nil, err
}

// find looks a name up on both sides; nothing is no error.
func (c *comparison) find(name string) (was, is []place, err error) {
	if was, err = c.was.lookup(name, 0); err == nil {
		is, err = c.is.lookup(name, 0)
	}
	return was, is, err
}

// sameKind reports whether a name is a folder on both sides, or on neither and the
// same.
func (c *comparison) sameKind(name string) (bool, error) {
	was, is, err := c.find(name)
	if err != nil {
		return false, err
	}
	if c.was.isFolder(was) && c.is.isFolder(is) {
		return true, nil
	}
	return c.sameTree(name)
}

// sameFolder is sameKind with the mode and the owner of a folder.
func (c *comparison) sameFolder(name string) (bool, error) {
	was, is, err := c.find(name)
	if err != nil {
		return false, err
	}
	if !c.was.isFolder(was) || !c.is.isFolder(is) {
		return c.sameTree(name)
	}
	return c.sameEntry(name)
}

func (s side) isFolder(here []place) bool { return len(here) > 0 && s.node(here[0]).Kind.isDir() }

// sameEntry reports whether what is at a name on both sides looks the same.
func (c *comparison) sameEntry(name string) (bool, error) {
	was, err := c.was.Lstat("/" + name)
	if err != nil {
		return false, err
	}
	is, err := c.is.Lstat("/" + name)
	return err == nil && was == is, err
}

// sameTree reports whether a name is the same on both sides, with all that is in
// a folder.
func (c *comparison) sameTree(name string) (bool, error) {
	was, is, err := c.find(name)
	if err != nil || len(was) == 0 || len(is) == 0 {
		return err == nil && len(was) == len(is), err
	}
	if c.was.isFolder(was) != c.is.isFolder(is) {
		return false, nil
	}
	same, err := c.sameEntry(name)
	if err != nil || !same {
		return false, err
	}
	if !c.was.isFolder(was) {
		return c.sameFile(name, was[0], is[0])
	}
	return c.sameChildren(name)
}

func (c *comparison) sameChildren(name string) (bool, error) {
	was, err := c.was.ReadDir("/" + strings.TrimPrefix(name, "."))
	if err != nil {
		return false, err
	}
	is, err := c.is.ReadDir("/" + strings.TrimPrefix(name, "."))
	if err != nil || !slices.Equal(was, is) {
		return false, err
	}
	for _, child := range was {
		if same, err := c.sameTree(path.Join(name, child)); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// sameFile compares what is no folder and looks the same.
func (c *comparison) sameFile(name string, was, is place) (bool, error) {
	if id := c.was.ids[was.layer]; id == c.is.ids[is.layer] && was.node == is.node {
		return true, nil
	}
	n, other := c.was.node(was), c.is.node(is)
	switch {
	case n.Kind != other.Kind, n.Kind == file && !n.Mode.IsRegular():
		return false, nil // of devices, numbers are not known
	case n.Kind != file || n.Value == 0:
		return true, nil
	case n.Value > maxCompared:
		return false, nil
	}
	old, err := c.was.ReadFile("/" + name)
	if err != nil {
		return false, err
	}
	now, err := c.is.ReadFile("/" + name)
	if err != nil {
		return false, err
	}
	if old == nil || now == nil { // one was not kept, which is noted
		return true, nil
	}
	return bytes.Equal(old, now), nil
}

func merged(sets ...map[string]bool) map[string]bool {
	all := map[string]bool{}
	for _, set := range sets {
		for name := range set {
			all[name] = true
		}
	}
	return all
}

// Listed returns a layer that is small enough for memory with its listing, all
// content kept.
func (l Layer) Listed() (_ Layer, err error) {
	content, _, err := l.Plain()
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	l.Listing, err = ReadListing(content, func(string, int64) bool { return true }, NewBudget())
	return l, err
}

// Changed returns the paths at which two layers, which have listings with
// all of their content, do not say the same; sorted.
func Changed(a, b Layer) ([]string, error) {
	var changed []string
	c := comparison{was: visible([]Layer{a}), is: visible([]Layer{b})}
	seen := map[string]bool{}
	for _, l := range []*Listing{a.Listing, b.Listing} {
		for i := uint32(1); int(i) < l.nodes.len(); i++ {
			name := l.path(i)
			if n := l.nodes.at(i); seen[name] || n.Kind <= passage {
				continue
			}
			seen[name] = true
			was, is, err := c.find(name)
			same := len(was) == len(is)
			if err == nil && len(was) > 0 && len(is) > 0 {
				if same, err = c.sameEntry(name); same && err == nil && !c.was.isFolder(was) {
					same, err = c.sameFile(name, was[0], is[0])
				}
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			if !same {
				changed = append(changed, path.Join("/", name))
			}
		}
	}
	slices.Sort(changed)
	return changed, nil
}
