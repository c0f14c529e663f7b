package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"
)

// viewOptions say how a list is shown, as docker's own lists do.
type viewOptions struct {
	json    bool
	quiet   bool
	noTrunc bool
	format  string
}

// flags defines the flags for a list of things that are called what.
func (o *viewOptions) flags(cmd *cobra.Command, what string) {
	f := cmd.Flags()
	f.BoolVar(&o.json, "json", false, "Print JSON")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Print IDs only")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "Shorten nothing to make it fit the terminal")
	f.StringVar(&o.format, "format", "", "Go template for each "+what+", 'table TEMPLATE' for columns with headings, or json")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// forPrograms reports whether what is printed is not the table for people.
func (o *viewOptions) forPrograms() bool { return o.json || o.quiet || !o.isDefault() }

func (o *viewOptions) isDefault() bool { return o.format == "" || o.format == formatter.TableFormatKey }

// check refuses options that make no sense.
func (o *viewOptions) check() error {
	forms := 0
	for _, form := range []bool{o.json, o.quiet, o.format != ""} {
		if form {
			forms++
		}
	}
	if forms > 1 {
		return problem.New(problem.Usage, "--json, --quiet and --format exclude each other", nil, "Leave all but one out")
	}
	return nil
}

// listOptions choose images of an engine and how they are shown.
type listOptions struct {
	viewOptions
	filter opts.FilterOpt
}

// flags defines the flags; filter is the short form of --filter, if it has one.
func (o *listOptions) flags(cmd *cobra.Command, filter string) {
	o.viewOptions.flags(cmd, "image")
	o.filter = opts.NewFilterOpt()
	cmd.Flags().VarP(&o.filter, "filter", filter, "Only images with NAME=VALUE; NAME is "+strings.Join(engine.FilterNames(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("filter", cobra.FixedCompletions(filterCompletions(), cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

// check refuses options that make no sense.
func (o *listOptions) check() error {
	if err := o.viewOptions.check(); err != nil {
		return err
	}
	return engine.CheckFilters(o.filter.Value())
}

func filterCompletions() []string {
	var all []string
	for _, name := range engine.FilterNames() {
		all = append(all, name+"=")
	}
	return all
}

// write prints images for programs.
func (o *listOptions) write(w io.Writer, images []engine.Superseded) error {
	if !o.quiet {
		return writeFormatted(w, o.format, !o.noTrunc, images)
	}
	for _, img := range images {
		if _, err := fmt.Fprintln(w, terminal.Line(imageID(img.ID, !o.noTrunc))); err != nil {
			return err
		}
	}
	return nil
}
