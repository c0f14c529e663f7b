package hostile

import (
	"archive/tar"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Tree is a root file system: entries by their paths, without a slash at either
// end. Names of entries are those paths. A hard link has the content of its
// file.
type Tree map[string]Entry

// The kernel's limits, see path_resolution(7) and limits.h.
const (
	maxName  = 255
	maxPath  = 4095
	maxLinks = 40
)

// Flatten returns the root file system that an engine shows to a container:
// each layer is unpacked by itself, where links of that layer are followed, and
// the layers are laid over each other, where they are not. An error says why an
// engine refuses to unpack it.
func (i *Image) Flatten() (Tree, error) {
	tree := Tree{}
	for n, l := range i.Layers {
		if err := l.over(tree); err != nil {
			return nil, fmt.Errorf("layer %d: %w", n, err)
		}
	}
	return tree, nil
}

func (l Layer) over(tree Tree) error {
	if l.Damage != "" {
		return fmt.Errorf("the stream is damaged: %s", l.Damage)
	}
	own, told, hidden := Tree{}, map[string]bool{}, []string{}
	for _, e := range l.Entries {
		name, err := own.locate(clean(e.Name), false)
		if err != nil {
			return err
		}
		if strings.HasPrefix(path.Base(name), whiteoutPrefix) {
			hidden = append(hidden, name)
			continue
		}
		if e.Typeflag == tar.TypeLink {
			target, err := own.locate(clean(e.Linkname), false)
			if err != nil {
				return err
			}
			original, ok := own[target]
			if !ok || original.Typeflag == tar.TypeDir {
				return fmt.Errorf("%q cannot be a hard link to %q", name, target)
			}
			e = original
		}
		switch {
		case e.Typeflag == tar.TypeXGlobalHeader:
			continue
		case e.Typeflag == tar.TypeSymlink && e.Linkname == "":
			return fmt.Errorf("the link %q has no target", name)
		case e.Typeflag == tar.TypeSymlink && len(e.Linkname) > maxPath:
			return fmt.Errorf("the target of the link %q has %d bytes", name, len(e.Linkname))
		case name == "." && e.Typeflag != tar.TypeDir:
			return errors.New("the root is no folder")
		}
		e.Name = name
		own.put(e)
		told[name] = true
	}
	for _, name := range hidden {
		parent, base := path.Split(name)
		switch hides := strings.TrimPrefix(base, whiteoutPrefix); {
		case base == whiteoutOpaque:
			tree.empty(clean(parent))
		case hides == "" || hides == "." || hides == "..":
			return fmt.Errorf("%q is the whiteout of no name", name)
		default:
			tree.remove(path.Join(parent, hides))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(own)) { // folders first
		if told[name] || tree[name].Typeflag != tar.TypeDir {
			tree.put(own[name])
		}
	}
	return nil
}

// Resolve returns where name leads to, whether or not there is something.
func (t Tree) Resolve(name string) (string, error) { return t.locate(name, true) }

// locate follows the links of t on the way to name, and with last one at its
// end.
func (t Tree) locate(name string, last bool) (string, error) {
	if len(name) > maxPath {
		return "", fmt.Errorf("a path has %d bytes", len(name))
	}
	resolved, rest := "", strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		element := rest[0]
		rest = rest[1:]
		switch {
		case len(element) > maxName:
			return "", fmt.Errorf("a name has %d bytes", len(element))
		case element == "" || element == ".":
			continue
		case element == "..":
			resolved = path.Dir("/" + resolved)[1:]
			continue
		}
		next := path.Join(resolved, element)
		e := t[next]
		if e.Typeflag != tar.TypeSymlink || len(rest) == 0 && !last {
			if e.Typeflag != 0 && e.Typeflag != tar.TypeDir && len(rest) > 0 {
				return "", fmt.Errorf("%q is no folder", next)
			}
			resolved = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("too many links on the way to %q", name)
		}
		if path.IsAbs(e.Linkname) {
			resolved = ""
		}
		rest = append(strings.Split(e.Linkname, "/"), rest...)
	}
	if resolved == "" {
		return ".", nil
	}
	return resolved, nil
}

// put puts e in. A folder replaces what is none, also on the way to e.
func (t Tree) put(e Entry) {
	for parent := path.Dir(e.Name); parent != "."; parent = path.Dir(parent) {
		if t[parent].Typeflag != tar.TypeDir {
			made := dir(parent, 0o755)
			made.Name = parent
			t[parent] = made
		}
	}
	if e.Typeflag != tar.TypeDir && t[e.Name].Typeflag == tar.TypeDir {
		t.empty(e.Name)
	}
	t[e.Name] = e
}

func (t Tree) remove(name string) {
	if t[name].Typeflag == tar.TypeDir {
		t.empty(name)
	}
	delete(t, name)
}

func (t Tree) empty(dir string) {
	maps.DeleteFunc(t, func(name string, _ Entry) bool {
		return name != "." && (dir == "." || strings.HasPrefix(name, dir+"/"))
	})
}
