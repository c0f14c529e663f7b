package bundler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// CopyOptions says where the files of CopyClosure come from and go to.
type CopyOptions struct {
	System *System
	Dest   string   // stands for "/" of the copy
	Prefix string   // absolute, for example "/openhands"; all copies lie below
	Opens  []string // libraries that the files open at run time
	Notes  bool     // follow the dlopen notes of all objects
}

// Library is a bundled library.
type Library struct {
	Path   string `json:"path"`
	Source string `json:"source"` // in the system that it came from
}

// Link is a symbolic link.
type Link struct {
	Path   string `json:"path"`
	Target string `json:"target"` // as written into the link
}

// CopyReport says what CopyClosure did. Paths are those inside the copy, except
// for sources.
type CopyReport struct {
	Files []Library `json:"files"`           // programs, libraries, and what the C library reads
	Links []Link    `json:"links,omitempty"` // other names of libraries
	Notes []Note    `json:"notes,omitempty"` // what will not be found although it is there
	Kept  int       `json:"kept"`            // files that were there already
	Twins int       `json:"twins"`           // files that became hard links of others with the same content
}

// CopyClosure copies programs and libraries with everything that they need:
// programs to Prefix/bin, libraries to Prefix/lib under their SONAME, the
// loader of the GNU C library to Prefix/lib/ld.so, with the C library's data
// beside it, as a Sealer expects them. Modes and times are kept, symbolic links
// resolved, files of the same content are hard links of each other.
//
// Nothing is overwritten: two different files of one name, be they both in the
// closure or one in Dest already, are an error, and so is a library that is not
// found; nothing is then written.
func CopyClosure(ctx context.Context, opt CopyOptions, names ...string) (*CopyReport, error) {
	var err error
	if opt.Prefix, err = CleanPrefix(opt.Prefix); err != nil {
		return nil, err
	}
	g := &gathering{opt: opt, report: &CopyReport{}, files: map[string]Entry{}, links: map[string]string{}}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := g.add(name); err != nil {
			return nil, err
		}
	}
	if err := g.check(); err != nil {
		return nil, err
	}
	if err := g.write(ctx); err != nil {
		return nil, errors.Join(err, g.undo())
	}
	return g.report, nil
}

// gathering is the state of one CopyClosure call.
type gathering struct {
	opt    CopyOptions
	report *CopyReport
	files  map[string]Entry  // by path in the copy
	links  map[string]string // by path in the copy
	failed []error
	libc   bool // the GNU C library is among them
	made   []string
}

// add plans the closure of one file.
func (g *gathering) add(name string) error {
	c, r, err := g.opt.System.Closure(name)
	if err != nil {
		return err
	}
	if err := r.Extend(c, g.opt.Opens, g.opt.Notes); err != nil {
		return err
	}
	if err := g.addLibc(c, r); err != nil {
		return err
	}
	for _, e := range c.Missing() {
		err := fmt.Errorf("%s needs %s, which is not found", e.From.Path, e.Name)
		if e.Err != nil {
			err = fmt.Errorf("%s needs %s: %w", e.From.Path, e.Name, e.Err)
		}
		g.failed = append(g.failed, err)
	}
	for _, m := range r.MissingVersions(c) {
		g.failed = append(g.failed, fmt.Errorf("%s needs version %s of %s, which %s does not define", m.From.Path, m.Version, m.Name, m.To.Path))
	}
	first := c.Objects[0]
	if first.Object.Interp != "" && c.Loader == nil {
		g.failed = append(g.failed, fmt.Errorf("%s needs the loader %s, which is not there", name, first.Object.Interp))
	}
	objects := c.Objects
	if first.Object.Interp != "" || first.Object.Static() {
		g.plan(g.opt.Prefix+"/bin/"+path.Base(first.Path), first)
		objects = objects[1:]
	}
	for _, l := range objects {
		if l != c.Loader {
			g.plan(g.libraryPath(l), l)
		}
	}
	g.planLinks(c)
	// It has an index where something asks for it.
	if c.Loader != nil && (first.Object.Interp != "" || c.Loader.Index >= 0) {
		g.planLoader(c.Loader, r.loader.Musl)
	}
	return nil
}

func (g *gathering) libraryPath(l *Loaded) string {
	name := path.Base(l.Path)
	if s := l.Object.Soname; s != "" && !strings.Contains(s, "/") {
		name = s
	}
	return g.opt.Prefix + libFolder + "/" + name
}

func (g *gathering) planLoader(l *Loaded, musl bool) {
	if musl {
		g.plan(g.opt.Prefix+libFolder+"/"+path.Base(l.Name), l)
		return
	}
	g.plan(g.opt.Prefix+interpName, l)
	g.links[g.libraryPath(l)] = path.Base(interpName)
}

// addLibc adds to the first closure with the GNU C library what that opens and
// reads.
func (g *gathering) addLibc(c *Closure, r *Resolver) error {
	i := slices.IndexFunc(c.Objects, func(l *Loaded) bool { return l.Object.Soname == libcSoname })
	if g.libc || i < 0 {
		return nil
	}
	g.libc = true
	libc := c.Objects[i]
	// The C library goes on without one that is not there.
	if err := r.extend(c, serviceLibraries(libc.file), PriorityRecommended, false); err != nil {
		return err
	}
	for _, t := range libcTrees(abis[libc.Object.Machine], g.opt.Prefix) {
		if err := g.planTree(t.From, t.To, t.Exclude); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("what the C library reads: %w", err)
		}
	}
	return nil
}

// planTree plans the files below a directory, links resolved but for those to
// directories, which are left out.
func (g *gathering) planTree(from, to string, exclude []string) error {
	view := g.opt.System.View
	dir, err := view.Lookup(from)
	if err != nil {
		return err
	}
	names, err := view.ReadDir(dir.Real)
	if err != nil {
		return err
	}
	for _, n := range names {
		name := path.Base(n.Path)
		e, err := view.Lookup(n.Path)
		if err != nil {
			return err
		}
		below := path.Join(to, name)
		switch {
		case slices.Contains(exclude, name):
		case e.Mode.IsDir() && e.Real == e.Path:
			if err := g.planTree(e.Real, below, exclude); err != nil {
				return err
			}
		case e.Mode.IsRegular():
			g.files[below] = e
		}
	}
	return nil
}

// planLinks plans links for the names that libraries are asked for by.
func (g *gathering) planLinks(c *Closure) {
	for _, e := range c.Edges {
		switch {
		case e.To == nil || e.To == c.Objects[0]:
		case strings.Contains(e.Name, "/"):
			g.report.Notes = append(g.report.Notes, Note{e.From.Path, "needs " + e.Name + " by its path, not only by its name"})
		default:
			to := g.libraryPath(e.To)
			if name := g.opt.Prefix + libFolder + "/" + e.Name; name != to && e.To != c.Loader {
				g.links[name] = path.Base(to)
			}
		}
	}
}

// plan plans one file. What has the same content may have two sources.
func (g *gathering) plan(to string, l *Loaded) {
	have, ok := g.files[to]
	if !ok {
		g.files[to] = Entry{Path: l.Path, Real: l.Real, Host: l.Host}
		return
	}
	if have.Host == l.Host {
		return
	}
	if same, err := tree.SameContent(have.Host, l.Host); err != nil || !same {
		g.failed = append(g.failed, errors.Join(err, fmt.Errorf("two different files for %s: %s and %s", to, have.Real, l.Real)))
	}
}

// check compares the plan with itself and with what is in Dest.
func (g *gathering) check() error {
	dirs := map[string]bool{}
	for to := range g.files {
		dirs[path.Dir(to)] = true
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if err := tree.CheckDirs(g.opt.Dest, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err // what is found beyond is not of Dest
		}
	}
	for _, to := range slices.Sorted(maps.Keys(g.links)) {
		if f, ok := g.files[to]; ok {
			g.failed = append(g.failed, fmt.Errorf("%s would be both %s and another name of %s", to, f.Real, g.links[to]))
		}
		host := filepath.Join(g.opt.Dest, to)
		if target, err := os.Readlink(host); err == nil && target == g.links[to] {
			delete(g.links, to)
		} else if _, err := os.Lstat(host); err == nil {
			g.failed = append(g.failed, fmt.Errorf("%s is there already and no link to %s", host, g.links[to]))
		}
	}
	for _, to := range slices.Sorted(maps.Keys(g.files)) {
		from, host := g.files[to], filepath.Join(g.opt.Dest, to)
		if _, err := os.Lstat(host); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if same, err := tree.Same(from.Host, host); err != nil || !same {
			g.failed = append(g.failed, errors.Join(err, fmt.Errorf("%s is there already and differs from %s", host, from.Real)))
			continue
		}
		g.report.Kept++
		g.report.Files = append(g.report.Files, Library{to, from.Real})
		delete(g.files, to)
	}
	if host := filepath.Join(g.opt.Dest, g.opt.Prefix+nssFile); g.libc {
		switch text, err := readHost(host); {
		case err == nil && string(text) == nameServices:
			g.libc = false
		case !errors.Is(err, fs.ErrNotExist):
			g.failed = append(g.failed, errors.Join(err, fmt.Errorf("%s is there already and differs", host)))
		}
	}
	return errors.Join(g.failed...)
}

func (g *gathering) write(ctx context.Context) error {
	bySize := map[int64][]string{} // host paths of what has been written
	for _, to := range slices.Sorted(maps.Keys(g.files)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		from := g.files[to]
		if err := g.copyFile(from.Host, to, bySize); err != nil {
			return fmt.Errorf("copying %s to %s: %w", from.Real, to, err)
		}
		g.report.Files = append(g.report.Files, Library{to, from.Real})
	}
	slices.SortFunc(g.report.Files, func(a, b Library) int { return strings.Compare(a.Path, b.Path) })
	for _, to := range slices.Sorted(maps.Keys(g.links)) {
		host := filepath.Join(g.opt.Dest, to)
		if err := os.Symlink(g.links[to], host); err != nil {
			return err
		}
		g.made = append(g.made, host)
		g.report.Links = append(g.report.Links, Link{to, g.links[to]})
	}
	if !g.libc {
		return nil
	}
	g.made = append(g.made, filepath.Join(g.opt.Dest, g.opt.Prefix+nssFile))
	return tree.WriteFile(g.opt.Dest, g.opt.Prefix+nssFile, []byte(nameServices))
}

// copyFile copies one file, or makes a hard link of one with the same content.
// The copy appears under its name when it is complete.
func (g *gathering) copyFile(from, to string, bySize map[int64][]string) error {
	s, err := openSource(from)
	if err != nil {
		return err
	}
	defer s.Close()
	host := filepath.Join(g.opt.Dest, to)
	if err := tree.MakeDirs(g.opt.Dest, path.Dir(to)); err != nil {
		return err
	}
	for _, twin := range bySize[s.st.Size] {
		if same, err := tree.Same(from, twin); err != nil {
			return err
		} else if same {
			if err := os.Link(twin, host); err != nil {
				return err
			}
			g.made = append(g.made, host)
			g.report.Twins++
			return nil
		}
	}
	tmp, err := os.CreateTemp(filepath.Dir(host), ".oh-bundle-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = io.Copy(tmp, io.NewSectionReader(s, 0, s.st.Size))
	err = errors.Join(err, s.unchanged(), keepMode(tmp, &s.st), tmp.Close())
	if err != nil {
		return err
	}
	if err := os.Chtimes(tmp.Name(), timeOf(s.st.Atim), timeOf(s.st.Mtim)); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), host); err != nil { // unlike renaming it never replaces
		return err
	}
	g.made = append(g.made, host)
	bySize[s.st.Size] = append(bySize[s.st.Size], host)
	return nil
}

// keepMode gives a copy owner and mode of the original. Where the owner cannot
// be kept, set-user-ID and set-group-ID are not either.
func keepMode(f *os.File, st *unix.Stat_t) error {
	mode := st.Mode & 0o7777
	if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil {
		mode &= 0o777
	}
	return unix.Fchmod(int(f.Fd()), uint32(mode))
}

// undo removes what was made.
func (g *gathering) undo() error {
	var errs []error
	for _, host := range g.made {
		if err := os.Remove(host); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
