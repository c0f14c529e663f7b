package command

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/docker-openhands/docker-openhands/bundler"
)

// treeOptions are what the closures of the command line are extended by, and
// how they are printed.
type treeOptions struct {
	system bundler.System
	opens  []string
	notes  bool
	json   bool
	why    string
	lacks  bool
}

func treeCommand(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
	var o treeOptions
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.BoolVar(&o.notes, "dlopen", false, "follow what files open at run time by their dlopen notes")
	flags.BoolVar(&o.lacks, "missing", false, "print only the trees of files for which something is not found")
	flags.StringVar(&o.why, "why", "", "print the shortest chain to `LIB` alone: a name, SONAME or path")
	flags.BoolVar(&o.system.Conf, "ldconfig", false, "search the directories of ld.so.conf as if ldconfig had just run, not ld.so.cache")
	root := flags.String("root", "/", "`directory` that stands for /; files are paths inside it")
	libraryPath := flags.String("library-path", "", "LD_LIBRARY_PATH; the variable itself counts where --root is /")
	cpu := flags.String("cpu", "host", "`CPU` to choose libraries for: host, or x86-64-v1 to x86-64-v4")
	recipe := flags.String("opens", "", "a recipe, a JSON `file`: what its \"opens\" names is followed as if each FILE opened it")
	return func(ctx context.Context, stdout io.Writer, args []string) error {
		if len(args) == 0 {
			return usagef("tree takes at least one file")
		}
		var err error
		if o.system.CPU, err = parseCPU(*cpu); err != nil {
			return err
		}
		if o.opens, err = readOpens(*recipe); err != nil {
			return err
		}
		o.system.View, o.system.LibraryPath, o.system.Cwd = bundler.NewView(*root), *libraryPath, "/"
		if *root == "/" {
			o.system.LibraryPath = cmp.Or(*libraryPath, os.Getenv("LD_LIBRARY_PATH"))
			if o.system.Cwd, err = os.Getwd(); err != nil {
				return err
			}
		}
		return o.run(ctx, stdout, args)
	}
}

func parseCPU(name string) (bundler.CPU, error) {
	if name == "host" {
		return bundler.HostCPU(), nil
	}
	level := slices.Index([]string{"", "x86-64-v1", "x86-64-v2", "x86-64-v3", "x86-64-v4"}, name)
	if level < 1 {
		return bundler.CPU{}, usagef("--cpu %q is neither host nor one of x86-64-v1 to x86-64-v4", name)
	}
	return bundler.CPU{Level: level}, nil
}

// readOpens returns the "opens" of a recipe or of any JSON object.
func readOpens(name string) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var recipe struct{ Opens []string }
	if err := json.Unmarshal(data, &recipe); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return recipe.Opens, nil
}

func (o *treeOptions) run(ctx context.Context, stdout io.Writer, args []string) error {
	for i, name := range args {
		args[i] = o.system.Abs(name)
	}
	// One short run: let garbage lie until there is some.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	out := &ordered{array: array{w: stdout, bare: !o.json}, waiting: map[int]batch{}}
	if err := o.resolveAll(ctx, args, isTerminal(stdout), out); err != nil {
		return err
	}
	if err := out.array.end(); err != nil {
		return err
	}
	all := out.all
	switch {
	case len(all.failed) > 0:
		return errors.Join(all.failed...)
	case o.why != "" && all.chains == 0:
		return nof("nothing needs %s", o.why)
	case o.why == "" && all.missing > 0:
		return nof("%s not found", plural(all.missing, "thing"))
	}
	return nil
}

// resolveAll resolves several files at a time.
func (o *treeOptions) resolveAll(ctx context.Context, names []string, styled bool, out *ordered) error {
	batches := slices.Collect(slices.Chunk(names, 16))
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(batches)) {
		w := &treeWriter{options: o, system: o.system.Share(), styled: styled}
		g.Go(func() error {
			for i := int(next.Add(1) - 1); i < len(batches); i = int(next.Add(1) - 1) {
				if err := ctx.Err(); err != nil {
					return err
				}
				var err error
				if w.text, err = out.put(i, w.batch(batches[i])); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}
