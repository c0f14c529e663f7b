package command

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
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
	cmd.Flags().VarP(&o.filter, "filter", filter, "Only images with NAME=VALUE; NAME is "+strings.Join(slices.Sorted(maps.Keys(filters(nil))), ", "))
	_ = cmd.RegisterFlagCompletionFunc("filter", cobra.FixedCompletions(filterCompletions(), cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

// check refuses options that make no sense.
func (o *listOptions) check() error {
	if err := o.viewOptions.check(); err != nil {
		return err
	}
	known := filters(nil)
	for name, values := range o.filter.Value() {
		if known[name] == nil {
			return problem.Usagef("--filter knows no %q, only %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		for value := range values {
			if allowed := filterValues()[name]; allowed != nil && !slices.Contains(allowed, value) {
				return problem.Usagef("--filter %s=%s is not %s", name, value, strings.Join(allowed, " or "))
			}
		}
	}
	return nil
}

// filters say by the name of a filter whether an image has a value.
func filters(superseded []engine.Superseded) map[string]func(engine.Stored, string) bool {
	outdated := map[string]bool{} // IDs
	for _, img := range superseded {
		outdated[img.ID] = true
	}
	return map[string]func(engine.Stored, string) bool{
		"base": overBase,
		"dangling": func(img engine.Stored, value string) bool {
			return strconv.FormatBool(len(img.References) == 0) == value
		},
		"kind":       func(img engine.Stored, value string) bool { return img.Kind == value },
		"server":     func(img engine.Stored, value string) bool { return img.Server == value },
		"superseded": func(img engine.Stored, value string) bool { return strconv.FormatBool(outdated[img.ID]) == value },
		"version":    func(img engine.Stored, value string) bool { return img.Version == strings.TrimPrefix(value, "v") },
	}
}

// filterValues are the values of filters that have a closed list of them.
func filterValues() map[string][]string {
	truth := []string{"true", "false"}
	return map[string][]string{"dangling": truth, "superseded": truth, "kind": {payload.KindDeps, payload.KindRuntime}}
}

func filterCompletions() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(filters(nil))) {
		all = append(all, name+"=")
	}
	return all
}

// overBase reports whether the image's base is of a name, a repository or a
// pattern of path.Match, as docker's filter "reference" takes it.
func overBase(img engine.Stored, pattern string) bool {
	if img.Base == "" || img.Base == pattern {
		return img.Base == pattern
	}
	base, err := reference.ParseAnyReference(img.Base)
	if err != nil {
		return false
	}
	matches, err := reference.FamiliarMatch(pattern, base)
	return err == nil && matches
}

// chosen reports whether an image of the inventory passes all filters: of those
// with one name, one is enough.
func (o *listOptions) chosen(inv *engine.Inventory) func(engine.Stored) bool {
	known := filters(inv.Superseded())
	return func(img engine.Stored) bool {
		for name, values := range o.filter.Value() {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(values)), func(value string) bool { return known[name](img, value) }) {
				return false
			}
		}
		return true
	}
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
