package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/docker-openhands/docker-openhands/bundler"
)

func copyCommand(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
	opt := bundler.CopyOptions{System: &bundler.System{}}
	asJSON := flags.Bool("json", false, "print the report as JSON")
	flags.StringVar(&opt.Dest, "dest", "", "`directory` that gets the copies, below --prefix")
	flags.BoolVar(&opt.Notes, "dlopen", false, "copy what files open at run time by their dlopen notes, where it is there")
	flags.BoolVar(&opt.System.Conf, "ldconfig", false, "search the directories of ld.so.conf as if ldconfig had just run, not ld.so.cache")
	root := flags.String("root", "/", "`directory` that stands for /; files are paths inside it")
	cpu := flags.String("cpu", "x86-64-v1", "`CPU` to choose libraries for: host, or x86-64-v1 to x86-64-v4")
	recipe := flags.String("opens", "", "a recipe, a JSON `file`: what its \"opens\" names is copied too, as if each FILE opened it")
	prefix := prefixFlag(flags)
	return func(ctx context.Context, stdout io.Writer, args []string) error {
		if opt.Dest == "" || len(args) == 0 {
			return usagef("copy takes --dest and at least one file")
		}
		opt.Prefix = *prefix
		var err error
		if opt.System.CPU, err = parseCPU(*cpu); err != nil {
			return err
		}
		if opt.Opens, err = readOpens(*recipe); err != nil {
			return err
		}
		opt.System.View, opt.System.Cwd = bundler.NewView(*root), "/"
		if *root == "/" {
			if opt.System.Cwd, err = os.Getwd(); err != nil {
				return err
			}
		}
		for i, name := range args {
			args[i] = opt.System.Abs(name)
		}
		report, err := bundler.CopyClosure(ctx, opt, args...)
		if err != nil {
			return errors.Join(errors.New("nothing was copied"), err)
		}
		if *asJSON {
			return printDocument(stdout, report)
		}
		for _, f := range report.Files {
			fmt.Fprintf(stdout, "%s from %s\n", f.Path, f.Source)
		}
		for _, l := range report.Links {
			fmt.Fprintf(stdout, "%s -> %s\n", l.Path, l.Target)
		}
		for _, n := range report.Notes {
			fmt.Fprintf(stdout, "note: %s: %s\n", n.Path, n.Text)
		}
		fmt.Fprintf(stdout, "%s, %s there before, %s of others\n", plural(len(report.Files), "file"), plural(report.Kept, "file"), plural(report.Twins, "twin"))
		return nil
	}
}
