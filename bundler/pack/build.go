package pack

import (
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// Options says where a component is taken from and put.
type Options struct {
	Prefix string // absolute, for example "/openhands"
	Root   string // stands for "/" of the system in which Prefix was written to
	System string // stands for "/" of the system whose files and libraries the component takes; empty: Root
	Out    string // gets the component's own files
	Libs   string // gets the libraries and the C library's data

	Machine elf.Machine // files of others are left alone

	// Existing names the paths below Prefix that were in Root before the
	// component was installed; they belong to others and are not moved.
	// Neither is what other file systems mounted there hold.
	Existing []string
}

// Report says what a component brought. Paths are those of the tree, except for
// sources.
type Report struct {
	Libraries []bundler.Library   `json:"libraries,omitempty"`
	Missing   []bundler.Note      `json:"missing,omitempty"` // DT_NEEDED that were found nowhere
	Dropped   []string            `json:"dropped,omitempty"` // links of copied trees that led nowhere
	Pruned    []Pruned            `json:"pruned,omitempty"`  // by rule
	Stripped  int64               `json:"stripped"`          // bytes of symbol tables and debugging information
	Joined    int64               `json:"joined"`            // bytes of equal files that became hard links
	Out       *bundler.SealReport `json:"out,omitempty"`
	Libs      *bundler.SealReport `json:"libs,omitempty"`
	Packages  []Package           `json:"-"` // the owners of what was copied
}

// Build copies what the recipe names from System to Out, moves there what an
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
func Build(ctx context.Context, recipe *Recipe, opt Options) (*Report, error) {
	report, err := build(ctx, recipe, opt)
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", recipe.Name, err)
	}
	return report, nil
}

func build(ctx context.Context, recipe *Recipe, opt Options) (*Report, error) {
	var err error
	if opt.Prefix, err = bundler.CleanPrefix(opt.Prefix); err != nil {
		return nil, err
	}
	opt.System = cmp.Or(opt.System, opt.Root)
	b := &bundle{opt: opt, report: &Report{}}
	if err := b.copy(ctx, recipe); err != nil {
		return nil, err
	}
	if b.report.Pruned, err = prune(ctx, opt.Out, opt.Prefix, recipe.Prune); err != nil {
		return nil, err
	}
	if b.report.Stripped, err = bundler.Strip(ctx, opt.Out, opt.Prefix); err != nil {
		return nil, err
	}
	if err := b.gather(ctx, recipe.Opens); err != nil {
		return nil, err
	}
	// As long as the files are those of the packages.
	if b.report.Packages, err = debianOwners(opt.System, opt.Out, b.sources); err != nil {
		return nil, fmt.Errorf("finding the packages: %w", err)
	}
	for _, l := range recipe.Links {
		if err := tree.Symlink(l.Target, opt.Out, l.Path); err != nil {
			return nil, err
		}
	}
	if err := b.rewrite(recipe.Rewrites); err != nil {
		return nil, err
	}
	s := bundler.Sealer{Prefix: opt.Prefix, Machine: opt.Machine, InPlace: true}
	if b.report.Out, err = s.Seal(ctx, opt.Out); err != nil {
		return nil, err
	}
	if b.report.Libs, err = s.Seal(ctx, opt.Libs); err != nil {
		return nil, err
	}
	if b.report.Joined, err = joinEqual(ctx, opt.Out, opt.Prefix); err != nil {
		return nil, fmt.Errorf("joining equal files: %w", err)
	}
	return b.report, nil
}

// bundle is the state of one Build call.
type bundle struct {
	opt     Options
	report  *Report
	sources []string // canonical paths of all that was copied
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
	c := newCopier(bundler.NewView(b.opt.System), b.opt.Out)
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

// gather copies the libraries that the files of Out and opens need, and what the
// C library reads, into Libs.
func (b *bundle) gather(ctx context.Context, opens []string) error {
	found, err := bundler.FindDependencies(ctx, bundler.DependencyOptions{
		Prefix: b.opt.Prefix, Tree: b.opt.Out, Root: b.opt.System, Machine: b.opt.Machine, Opens: opens,
	})
	if err != nil {
		return err
	}
	b.report.Missing, b.report.Libraries = found.Missing, found.Libraries
	c := newCopier(found.View, b.opt.Libs)
	for _, l := range found.Libraries {
		if err := c.file(l.Source, l.Path); err != nil {
			return fmt.Errorf("copying library %s: %w", l.Source, err)
		}
	}
	for _, l := range found.Links {
		if err := tree.Symlink(l.Target, b.opt.Libs, l.Path); err != nil {
			return err
		}
	}
	for _, d := range found.Data {
		if err := c.tree(ctx, Copy(d)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("copying what the C library reads: %w", err)
		}
	}
	for _, t := range found.Texts {
		if err := tree.WriteFile(b.opt.Libs, t.Path, []byte(t.Content)); err != nil {
			return err
		}
	}
	b.sources = append(b.sources, c.sources...)
	return nil
}

// rewrite applies the rewrites to the files of Out or else of Libs.
func (b *bundle) rewrite(rewrites []bundler.Rewrite) error {
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
		if err := w.Apply(host); err != nil {
			return err
		}
	}
	return nil
}
