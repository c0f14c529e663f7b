package bundler

import (
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// DependencyOptions says whose dependencies are found, and where.
type DependencyOptions struct {
	Prefix  string      // absolute, for example "/openhands"
	Tree    string      // stands for "/" of the tree; its files lie below Prefix
	Root    string      // stands for "/" of the system that they were built for
	Machine elf.Machine // files of others are passed over
	Opens   []string    // libraries opened at run time: SONAMEs, or absolute paths or globs
}

// Dependencies is what the files of a tree need of a system. Paths are those
// that a Sealer expects.
type Dependencies struct {
	View      *View      // the tree, and the system where that has no such file
	Libraries []Library  // one for each SONAME; sources are canonical paths of View
	Links     []Link     // other names that libraries are asked for by
	Data      []DataTree // what the C library reads, where it is there
	Texts     []Text     // configuration of the C library
	Missing   []Note     // DT_NEEDED that were found nowhere
}

// DataTree is a folder that the C library reads.
type DataTree struct {
	From    string   // absolute, in the system
	To      string   // in the tree
	Exclude []string // names that are left out
}

// Text is a file with a content of its own.
type Text struct {
	Path    string
	Content string
}

// FindDependencies finds every library that the ELF files below Tree/Prefix, or
// Opens, need from outside of Prefix. With the GNU C library come its loader,
// its gconv modules, the C.UTF-8 locale and a name service configuration. Two
// different files of one SONAME, and a library of Opens that is not there, are
// errors. Nothing is written.
func FindDependencies(ctx context.Context, opt DependencyOptions) (*Dependencies, error) {
	var err error
	if opt.Prefix, err = CleanPrefix(opt.Prefix); err != nil {
		return nil, err
	}
	view := NewView(opt.Tree, opt.Root)
	// The system's own libraries come first: those already in the prefix may
	// belong to a component that this one does not go with.
	dirs := append(defaultDirs(view, opt.Machine), opt.Prefix+libFolder)
	f := &dependencyFinder{
		opt: opt, resolver: NewResolver(view, Loader{Machine: opt.Machine, Dirs: dirs}),
		files: map[string]Entry{}, links: map[string]string{},
	}
	if err := f.tree(ctx); err != nil {
		return nil, err
	}
	opens := opt.Opens
	if libc, ok := f.files[libcSoname]; ok {
		opens = append(slices.Clone(opens), serviceLibraries(f.resolver.files.get(libc.Host))...)
	}
	for _, name := range opens {
		if err := f.open(name); err != nil {
			return nil, fmt.Errorf("opens %s: %w", name, err)
		}
	}
	return f.dependencies()
}

// dependencyFinder is the state of one FindDependencies call.
type dependencyFinder struct {
	opt      DependencyOptions
	resolver *Resolver
	files    map[string]Entry  // library file name to where it comes from
	links    map[string]string // link name beside them to library file name
	missing  missing
}

// tree adds what the files of the tree need.
func (f *dependencyFinder) tree(ctx context.Context) error {
	files, err := scan(ctx, f.opt.Tree, f.opt.Prefix)
	if err != nil {
		return err
	}
	f.resolver.know(files)
	sealer := Sealer{Prefix: f.opt.Prefix, Machine: f.opt.Machine}
	for _, s := range files {
		if !s.sealable(f.opt.Machine) || sealer.otherLibc(s.object) {
			continue
		}
		for _, l := range s.locations() { // each has an $ORIGIN of its own
			if err := f.closure(l.path); err != nil {
				return err
			}
		}
	}
	return nil
}

// open adds a library that is opened at run time.
func (f *dependencyFinder) open(name string) error {
	if !path.IsAbs(name) {
		l, _, err := f.resolver.Open(nil, name)
		if err != nil {
			return err
		}
		if l == nil {
			return errors.New("no such library")
		}
		return f.closure(l.Path)
	}
	paths := f.resolver.view.Glob(name)
	if len(paths) == 0 {
		return errors.New("no such file")
	}
	for _, p := range paths {
		if err := f.closure(p); err != nil {
			return err
		}
	}
	return nil
}

// closure adds the objects of a file's closure that lie outside the prefix.
func (f *dependencyFinder) closure(name string) error {
	c, err := f.resolver.Closure(name)
	if err != nil {
		return err
	}
	f.missing.add(c)
	for _, l := range c.Objects {
		if tree.Within(l.Real, f.opt.Prefix) {
			continue
		}
		name := cmp.Or(l.Object.Soname, path.Base(l.Path))
		if have, ok := f.files[name]; ok && have.Real != l.Real {
			if same, err := tree.SameContent(have.Host, l.Host); err != nil {
				return err
			} else if !same {
				return fmt.Errorf("two libraries %s: %s and %s", name, have.Real, l.Real)
			}
		} else {
			f.files[name] = Entry{Path: l.Path, Real: l.Real, Host: l.Host}
		}
		if asked := path.Base(l.Name); asked != name {
			f.links[asked] = name
		}
	}
	for _, e := range c.Edges {
		if e.To == nil || tree.Within(e.To.Real, f.opt.Prefix) || strings.Contains(e.Name, "/") {
			continue
		}
		if soname := e.To.Object.Soname; soname != "" && soname != e.Name {
			f.links[e.Name] = soname
		}
	}
	return nil
}

// dependencies says where what was found goes.
func (f *dependencyFinder) dependencies() (*Dependencies, error) {
	a, lib := abis[f.opt.Machine], f.opt.Prefix+libFolder
	d := &Dependencies{View: f.resolver.view, Missing: f.missing.list()}
	for _, name := range slices.Sorted(maps.Keys(f.files)) {
		to := path.Join(lib, name)
		if name == a.loader {
			to = f.opt.Prefix + interpName
			d.Links = append(d.Links, Link{path.Join(lib, a.loader), path.Base(interpName)})
		}
		d.Libraries = append(d.Libraries, Library{to, f.files[name].Real})
	}
	for _, name := range slices.Sorted(maps.Keys(f.links)) {
		if _, ok := f.files[name]; ok {
			return nil, fmt.Errorf("%s is the name of a library and a second name of %s", name, f.links[name])
		}
		d.Links = append(d.Links, Link{path.Join(lib, name), f.links[name]})
	}
	if _, ok := f.files[libcSoname]; ok {
		if _, ok := f.files[a.loader]; !ok {
			return nil, fmt.Errorf("%s is needed, but its loader %s is not", libcSoname, a.loader)
		}
		d.Data = libcTrees(a, f.opt.Prefix)
		d.Texts = []Text{{f.opt.Prefix + nssFile, nameServices}}
	}
	return d, nil
}

// libcTrees are the folders that the C library reads: the modules of iconv(3)
// and the locale C.UTF-8, which has another name up to Debian 11.
func libcTrees(a abi, prefix string) []DataTree {
	return []DataTree{
		{From: "/usr/lib/" + a.triplet + "/gconv", To: prefix + gconvFolder, Exclude: []string{"gconv-modules.cache"}},
		{From: "/usr/lib/locale/C.UTF-8", To: prefix + localeFolder + "/C.utf8"},
		{From: "/usr/lib/locale/C.utf8", To: prefix + localeFolder + "/C.utf8"},
	}
}
