package page

import (
	"cmp"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
)

// branch is a component, a package or a folder with all that is in it.
type branch struct {
	Name  string // of a folder, of several that hold nothing but the next one, or of a package
	Of    *pkg   // nil: no package
	Bytes int64
	Files int

	children map[string]*branch
}

// maxBranches is how many branches a payload may have, ten times what a large one
// has. What would make more counts for the last branch on the way to it.
const maxBranches = 100_000

// maxDepth is how many folders of a path are told apart: no more are shown.
const maxDepth = 12

// forest is what a payload is made of, by component.
type forest struct {
	components []*branch // in the order of the layers
	left       int       // branches that may still be made
}

func newForest() *forest { return &forest{left: maxBranches} }

// plant adds a component.
func (f *forest) plant(name string) *branch {
	b := &branch{Name: name}
	f.components = append(f.components, b)
	return b
}

// add counts a file of a component: for its package, where it has one, and for
// the folders of its path, which is the one in the package.
func (f *forest) add(component *branch, of *pkg, path string, bytes int64) {
	one := &branch{Bytes: bytes, Files: 1}
	component.count(one)
	here := component
	if of != nil {
		of.Bytes += bytes
		here = f.enter(here, of.Type+" "+of.Name+" "+of.Version, of, one)
	}
	folders := strings.Split(path, "/")
	for _, folder := range folders[:min(len(folders)-1, maxDepth)] {
		here = f.enter(here, folder, nil, one)
	}
}

// enter counts a file for a child, and returns that.
func (f *forest) enter(parent *branch, key string, of *pkg, file *branch) *branch {
	child := parent.children[key]
	if child == nil {
		if f.left == 0 {
			return parent
		}
		f.left--
		child = &branch{Name: key, Of: of}
		if of != nil {
			child.Name = of.Name
		}
		if parent.children == nil {
			parent.children = map[string]*branch{}
		}
		parent.children[key] = child
	}
	child.count(file)
	return child
}

// count adds what another one holds.
func (b *branch) count(other *branch) {
	b.Bytes += other.Bytes
	b.Files += other.Files
}

// parts are the children, the largest first. Folders on the way to a single one
// are one with it.
func (b *branch) parts() []*branch {
	parts := make([]*branch, 0, len(b.children))
	for _, child := range b.children {
		parts = append(parts, child.joined())
	}
	slices.SortFunc(parts, func(x, y *branch) int {
		return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Name, y.Name), cmp.Compare(y.Files, x.Files))
	})
	return parts
}

// joined is the branch itself, or the lowest folder that holds all of its files.
func (b *branch) joined() *branch {
	here := *b
	for here.Of == nil && len(here.children) == 1 {
		var only *branch
		for _, child := range here.children {
			only = child
		}
		if only.Of != nil || only.Files != here.Files {
			break
		}
		name := here.Name + "/" + only.Name
		here = *only
		here.Name = name
	}
	return &here
}

// own are the files of a branch that are in none of its parts.
func (b *branch) own(parts []*branch) *branch {
	rest := &branch{Name: "files", Bytes: b.Bytes, Files: b.Files}
	for _, part := range parts {
		rest.Bytes -= part.Bytes
		rest.Files -= part.Files
	}
	return rest
}

// withOwn puts what own returned in its place among the parts.
func withOwn(parts []*branch, own *branch) []*branch {
	i, _ := slices.BinarySearchFunc(parts, own, func(x, y *branch) int { return cmp.Compare(y.Bytes, x.Bytes) })
	return slices.Insert(parts, i, own)
}

// label is what people call the branch.
func (b *branch) label() string {
	if b.Of != nil {
		return terminal.Line(strings.TrimSpace(b.Of.Name + " " + b.Of.Version))
	}
	return terminal.Line(b.Name)
}
