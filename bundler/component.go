package bundler

import (
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// ComponentOptions says where a component is taken from and put.
type ComponentOptions struct {
	Prefix string // absolute, for example "/openhands"
	Root   string // stands for "/" of the system that the component is installed in
	Out    string // gets the component's own files
	Libs   string // gets the libraries and the C library's data

	Machine elf.Machine // files of others are left alone

	// Existing names the paths below Prefix that were in Root before the
	// component was installed; they belong to others and are not moved.
	// Neither is what other file systems mounted there hold.
	Existing []string
}

// ComponentReport says what a component brought. Paths are those of the tree,
// except for sources.
type ComponentReport struct {
	Libraries []Library   `json:"libraries,omitempty"`
	Missing   []Note      `json:"missing,omitempty"` // DT_NEEDED that were found nowhere
	Dropped   []string    `json:"dropped,omitempty"` // links of copied trees that led nowhere
	Pruned    []Pruned    `json:"pruned,omitempty"`  // by rule
	Stripped  int64       `json:"stripped"`          // bytes of symbol tables and debugging information
	Joined    int64       `json:"joined"`            // bytes of equal files that became hard links
	Out       *SealReport `json:"out,omitempty"`
	Libs      *SealReport `json:"libs,omitempty"`
	Packages  []Package   `json:"-"` // the owners of what was copied
}

// Library is a bundled library.
type Library struct {
	Path   string `json:"path"`
	Source string `json:"source"` // in the system that it came from
}

// Component copies what the recipe names from Root to Out, moves there what an
// installation wrote below Root/Prefix, leaves out what the recipe prunes,
// gathers every library that the ELF files of Out need in Libs/Prefix/lib, and
// seals both trees. In Out, symbol tables that are not loaded are cut off, and
// equal files become hard links.
//
// Libraries that are found inside the prefix stay where they are. The others
// become one file a SONAME; two different files of one SONAME are an error.
// With the C library come its loader (as lib/ld.so, with a link of its own
// name), its gconv modules, the C.UTF-8 locale and a name service
// configuration.
func Component(ctx context.Context, recipe *Recipe, opt ComponentOptions) (*ComponentReport, error) {
	wrap := func(err error) error { return fmt.Errorf("component %s: %w", recipe.Name, err) }
	var err error
	if opt.Prefix, err = CleanPrefix(opt.Prefix); err != nil {
		return nil, wrap(err)
	}
	b := &bundle{opt: opt, report: &ComponentReport{}, files: map[string]Entry{}, links: map[string]string{}}
	if err := b.copy(ctx, recipe); err != nil {
		return nil, wrap(err)
	}
	if b.report.Pruned, err = prune(ctx, opt.Out, opt.Prefix, recipe.Prune); err != nil {
		return nil, wrap(err)
	}
	if b.report.Stripped, err = strip(ctx, opt.Out, opt.Prefix); err != nil {
		return nil, wrap(err)
	}
	if err := b.gather(ctx, recipe.Opens); err != nil {
		return nil, wrap(err)
	}
	if err := b.write(ctx); err != nil {
		return nil, wrap(err)
	}
	// As long as the files are those of the packages.
	if b.report.Packages, err = debianOwners(opt.Root, opt.Out, b.sources); err != nil {
		return nil, wrap(fmt.Errorf("finding the packages: %w", err))
	}
	for _, l := range recipe.Links {
		if err := tree.Symlink(l.Target, opt.Out, l.Path); err != nil {
			return nil, wrap(err)
		}
	}
	if err := b.rewrite(recipe.Rewrites); err != nil {
		return nil, wrap(err)
	}
	s := Sealer{Prefix: opt.Prefix, Machine: opt.Machine, InPlace: true}
	if b.report.Out, err = s.Seal(ctx, opt.Out); err != nil {
		return nil, wrap(err)
	}
	if b.report.Libs, err = s.Seal(ctx, opt.Libs); err != nil {
		return nil, wrap(err)
	}
	if b.report.Joined, err = joinEqual(ctx, opt.Out, opt.Prefix); err != nil {
		return nil, wrap(fmt.Errorf("joining equal files: %w", err))
	}
	return b.report, nil
}

// bundle is the state of one Component call.
type bundle struct {
	opt      ComponentOptions
	report   *ComponentReport
	resolver *Resolver
	files    map[string]Entry  // library file name to where it comes from
	links    map[string]string // link name beside them to library file name
	sources  []string          // canonical paths of all that was copied
}

func (b *bundle) copy(ctx context.Context, recipe *Recipe) error {
	existing := make(map[string]bool, len(b.opt.Existing))
	for _, p := range b.opt.Existing {
		existing[p] = true
	}
	for _, dir := range []string{b.opt.Out, b.opt.Libs} {
		if err := tree.MakeDirs(dir, b.opt.Prefix); err != nil {
			return err
		}
	}
	if err := move(ctx, b.opt.Root, b.opt.Out, b.opt.Prefix, existing); err != nil {
		return fmt.Errorf("moving %s: %w", b.opt.Prefix, err)
	}
	c := newCopier(NewView(b.opt.Root), b.opt.Out)
	for _, p := range recipe.Programs {
		if err := c.file(p.From, p.To); err != nil {
			return fmt.Errorf("copying program %s: %w", p.From, err)
		}
	}
	for _, t := range recipe.Trees {
		if err := c.tree(ctx, t); err != nil {
			return fmt.Errorf("copying tree %s: %w", t.From, err)
		}
	}
	b.sources = append(b.sources, c.sources...)
	b.report.Dropped = c.dropped
	return nil
}

// gather finds the libraries that the files of Out and opens need.
func (b *bundle) gather(ctx context.Context, opens []string) error {
	view := NewView(b.opt.Out, b.opt.Root)
	machine := b.opt.Machine
	// The system's own libraries come first: those already in the prefix may
	// belong to a component that this one does not go with.
	b.resolver = NewResolver(view, Loader{Machine: machine, Dirs: append(defaultDirs(view, machine), b.opt.Prefix+libFolder)})
	files, err := scan(ctx, b.opt.Out, b.opt.Prefix)
	if err != nil {
		return err
	}
	b.resolver.know(files)
	sealer := Sealer{Prefix: b.opt.Prefix, Machine: machine}
	var missing missing
	for _, f := range files {
		if !f.sealable(machine) || sealer.otherLibc(f.object) {
			continue
		}
		for _, p := range f.locations() { // each has an $ORIGIN of its own
			closure, err := b.resolver.Closure(p.path)
			if err != nil {
				return err
			}
			if err := b.add(closure); err != nil {
				return err
			}
			missing.add(closure)
		}
	}
	if libc, ok := b.files[libcSoname]; ok {
		opens = append(slices.Clone(opens), serviceLibraries(b.resolver.files.get(libc.Host))...)
	}
	for _, name := range opens {
		paths, err := b.opened(name)
		if err != nil {
			return err
		}
		for _, p := range paths {
			closure, err := b.resolver.Closure(p)
			if err != nil {
				return fmt.Errorf("opens %s: %w", name, err)
			}
			if err := b.add(closure); err != nil {
				return err
			}
			missing.add(closure)
		}
	}
	b.report.Missing = missing.list()
	return nil
}

// opened returns the paths of a library that is opened at run time.
func (b *bundle) opened(name string) ([]string, error) {
	if path.IsAbs(name) {
		if paths := b.resolver.view.Glob(name); len(paths) > 0 {
			return paths, nil
		}
		return nil, fmt.Errorf("opens %s: no such file", name)
	}
	l, _, err := b.resolver.Open(nil, name)
	if err != nil {
		return nil, fmt.Errorf("opens %s: %w", name, err)
	}
	if l == nil {
		return nil, fmt.Errorf("opens %s: no such library", name)
	}
	return []string{l.Path}, nil
}

// add takes the objects of a closure that lie outside the prefix.
func (b *bundle) add(c *Closure) error {
	for _, l := range c.Objects {
		if tree.Within(l.Real, b.opt.Prefix) {
			continue
		}
		name := l.Object.Soname
		if name == "" {
			name = path.Base(l.Path)
		}
		if have, ok := b.files[name]; ok && have.Real != l.Real {
			if same, err := tree.SameContent(have.Host, l.Host); err != nil {
				return err
			} else if !same {
				return fmt.Errorf("two libraries %s: %s and %s", name, have.Real, l.Real)
			}
		} else {
			b.files[name] = Entry{Path: l.Path, Real: l.Real, Host: l.Host}
		}
		if asked := path.Base(l.Name); asked != name {
			b.links[asked] = name
		}
	}
	for _, e := range c.Edges {
		if e.To == nil || tree.Within(e.To.Real, b.opt.Prefix) || strings.Contains(e.Name, "/") {
			continue
		}
		if soname := e.To.Object.Soname; soname != "" && soname != e.Name {
			b.links[e.Name] = soname
		}
	}
	return nil
}

// write puts the libraries, and what the C library reads, into Libs.
func (b *bundle) write(ctx context.Context) error {
	a := abis[b.opt.Machine]
	c := newCopier(b.resolver.view, b.opt.Libs)
	lib := b.opt.Prefix + libFolder
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		e := b.files[name]
		to := path.Join(lib, name)
		if name == a.loader {
			to = b.opt.Prefix + interpName
			if err := tree.Symlink(path.Base(interpName), b.opt.Libs, path.Join(lib, a.loader)); err != nil {
				return err
			}
		}
		if err := c.regular(e, to); err != nil {
			return fmt.Errorf("copying library %s: %w", e.Real, err)
		}
		b.report.Libraries = append(b.report.Libraries, Library{to, e.Real})
	}
	for name, target := range b.links {
		if _, ok := b.files[name]; ok {
			return fmt.Errorf("%s is the name of a library and a second name of %s", name, target)
		}
		if err := tree.Symlink(target, b.opt.Libs, path.Join(lib, name)); err != nil {
			return err
		}
	}
	if _, ok := b.files[libcSoname]; ok {
		if _, ok := b.files[a.loader]; !ok {
			return fmt.Errorf("%s is needed, but its loader %s is not", libcSoname, a.loader)
		}
		if err := b.libcData(ctx, c, a); err != nil {
			return err
		}
	}
	b.sources = append(b.sources, c.sources...)
	return nil
}

// libcData copies what libc.so.6 opens at run time.
func (b *bundle) libcData(ctx context.Context, c *copier, a abi) error {
	for _, tree := range libcTrees(a, b.opt.Prefix) {
		if err := c.tree(ctx, tree); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("copying what the C library reads: %w", err)
		}
	}
	return tree.WriteFile(b.opt.Libs, b.opt.Prefix+nssFile, []byte(nameServices))
}

// libcTrees are the folders that the C library reads: the modules of iconv(3)
// and the locale C.UTF-8, which has another name up to Debian 11.
func libcTrees(a abi, prefix string) []Copy {
	return []Copy{
		{From: "/usr/lib/" + a.triplet + "/gconv", To: prefix + gconvFolder, Exclude: []string{"gconv-modules.cache"}},
		{From: "/usr/lib/locale/C.UTF-8", To: prefix + localeFolder + "/C.utf8"},
		{From: "/usr/lib/locale/C.utf8", To: prefix + localeFolder + "/C.utf8"},
	}
}

// rewrite applies the rewrites to the files of Out or else of Libs.
func (b *bundle) rewrite(rewrites []Rewrite) error {
	for _, w := range rewrites {
		host := filepath.Join(b.opt.Out, w.File)
		info, err := os.Lstat(host)
		if errors.Is(err, fs.ErrNotExist) {
			host = filepath.Join(b.opt.Libs, w.File)
			info, err = os.Lstat(host)
		}
		if errors.Is(err, fs.ErrNotExist) && w.Optional {
			continue
		}
		if err != nil {
			return fmt.Errorf("rewriting %q: %w", w.Old, err)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("rewriting %q: %s is not a regular file", w.Old, w.File)
		}
		if err := w.apply(host); err != nil {
			return err
		}
	}
	return nil
}

// missing collects edges that lead nowhere. A program starts with its closure
// or not at all, so what it lacks is lost. To a library counts what a program
// has loaded before: an edge that its own closure cannot resolve is lost only
// where no other closure does.
type missing struct {
	lost  map[edgeKey]loss
	found map[edgeKey]bool
}

// edgeKey is the path of a file and a name that it asks for.
type edgeKey struct{ from, name string }

// loss is an edge that leads nowhere.
type loss struct {
	Edge
	program *Loaded // cannot start without it; nil: no program is known to load it
}

func (m *missing) add(c *Closure) {
	if m.lost == nil {
		m.lost, m.found = map[edgeKey]loss{}, map[edgeKey]bool{}
	}
	var program *Loaded
	// Some libraries can be run as well, to tell their version.
	if first := c.Objects[0]; first.Object.Interp != "" && first.Object.Soname == "" {
		program = first
	}
	for _, e := range c.Edges {
		key := edgeKey{e.From.Real, e.Name}
		switch {
		case e.To != nil:
			m.found[key] = true
		case !e.Optional() && m.lost[key].program == nil:
			m.lost[key] = loss{e, program}
		}
	}
}

// list returns who asks for what, by path and name, with the program where the
// same file finds it in others.
func (m *missing) list() []Note {
	var list []Note
	for key, l := range m.lost {
		switch {
		case !m.found[key]:
			list = append(list, Note{l.From.Path, l.Name})
		case l.program != nil:
			list = append(list, Note{l.From.Path, l.Name + ", when " + l.program.Path + " starts"})
		}
	}
	slices.SortFunc(list, func(a, b Note) int { return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Text, b.Text)) })
	return list
}
