package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/u-root/u-root/pkg/core"
	"github.com/u-root/u-root/pkg/ls"
	"github.com/u-root/u-root/pkg/uroot/unixflag"
)

// list is ls in u-root's format: u-root's own prints errors among the names, and
// its status says nothing of them.
//
//	ls [-a] [-d] [-h] [-l] [FILE...]
type list struct {
	core.Base
	all, itself, human, long bool

	format ls.Stringer
	out    *tabwriter.Writer
}

func (l *list) Run(args ...string) error { return l.RunContext(context.Background(), args...) }

// RunContext lists all that can be listed; the error holds those of the rest.
func (l *list) RunContext(_ context.Context, args ...string) error {
	flags := flag.NewFlagSet("ls", flag.ContinueOnError)
	flags.SetOutput(l.Stderr)
	flags.BoolVar(&l.all, "a", false, "names that begin with a dot too")
	flags.BoolVar(&l.itself, "d", false, "a directory itself, not what is in it")
	flags.BoolVar(&l.human, "h", false, "sizes with units")
	flags.BoolVar(&l.long, "l", false, "mode, owner, size, time and target")
	if err := flags.Parse(unixflag.ArgsToGoArgs(args)); err != nil {
		return err
	}
	l.format = ls.NameStringer{}
	if l.long {
		l.format = ls.LongStringer{Human: l.human, Name: l.format}
	}
	l.out = tabwriter.NewWriter(l.Stdout, 0, 0, 1, ' ', 0)
	names := flags.Args()
	if len(names) == 0 {
		names = []string{"."}
	}
	var failed []error
	for _, name := range names {
		failed = append(failed, l.operand(name, len(names) > 1))
	}
	return errors.Join(append(failed, l.out.Flush())...)
}

// operand lists a file, or what is in a directory, under its name where titled.
func (l *list) operand(name string, titled bool) error {
	info, err := os.Lstat(name)
	if err != nil {
		return err
	}
	if target, err := os.Stat(name); err == nil && !l.long && !l.itself {
		info = target
	}
	if l.itself || !info.IsDir() {
		return l.file(name, name, info)
	}
	entries, err := os.ReadDir(name)
	if titled {
		fmt.Fprintf(l.out, "%s:\n", name)
	}
	failed := []error{err} // after those that could be read
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && !l.all {
			continue
		}
		info, err := e.Info()
		if err == nil {
			err = l.file(filepath.Join(name, e.Name()), e.Name(), info)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (l *list) file(path, title string, info os.FileInfo) error {
	f := ls.FromOSFileInfo(path, info)
	f.Name = title
	_, err := fmt.Fprintln(l.out, l.format.FileString(f))
	return err
}
