package command

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/pack"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func componentCommand(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
	var opt pack.Options
	recipeFile := flags.String("recipe", "", "the recipe, a JSON `file`")
	existing := flags.String("exclude-list", "", "a `file` with the paths below the prefix, one a line, that belong to others")
	arch := flags.String("arch", runtime.GOARCH, "`architecture` of the tree, as GOARCH spells it")
	asJSON := flags.Bool("json", false, "print the report as JSON")
	prefix := prefixFlag(flags)
	flags.StringVar(&opt.Root, "root", "/", "`directory` that stands for / of the system in which the prefix was written to")
	flags.StringVar(&opt.System, "system", "", "`directory` that stands for / of the system whose files and libraries the component takes; empty: that of --root")
	flags.StringVar(&opt.Out, "out", "", "`directory` that gets the component's files")
	flags.StringVar(&opt.Libs, "libs", "", "`directory` that gets the libraries")
	return func(ctx context.Context, stdout io.Writer, args []string) error {
		if len(args) > 0 || *recipeFile == "" || opt.Out == "" || opt.Libs == "" {
			return usagef("component takes --recipe, --out and --libs, and no arguments")
		}
		opt.Prefix = *prefix
		var err error
		if opt.Machine, err = bundler.Machine(*arch); err != nil {
			return UsageError{error: err}
		}
		if *existing != "" {
			text, err := os.ReadFile(*existing)
			if err != nil {
				return err
			}
			opt.Existing = strings.Split(strings.TrimSpace(string(text)), "\n")
		}
		data, err := os.ReadFile(*recipeFile)
		if err != nil {
			return err
		}
		recipe, err := pack.ParseRecipe(data, opt.Prefix)
		if err != nil {
			return err
		}
		launchers, err := parseLaunchers(recipe)
		if err != nil {
			return err
		}
		report, err := pack.Build(ctx, recipe, opt)
		if err != nil {
			return err
		}
		if err := writeLaunchers(opt.Out, launchers); err != nil {
			return err
		}
		component, err := describe(recipe, report, opt)
		if err != nil {
			return err
		}
		if err := writeJSON(filepath.Join(opt.Out, payload.ComponentsDir, recipe.Name+".json"), component); err != nil {
			return err
		}
		if *asJSON {
			return printDocument(stdout, report)
		}
		printComponent(stdout, component, report)
		return nil
	}
}

func parseLaunchers(recipe *pack.Recipe) (map[string]payload.Launcher, error) {
	launchers := map[string]payload.Launcher{}
	for name, raw := range recipe.Launchers {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		var l payload.Launcher
		if err := d.Decode(&l); err != nil {
			return nil, fmt.Errorf("launcher %s: %w", name, err)
		}
		if path.Base(name) != name || !path.IsAbs(l.Path) {
			return nil, fmt.Errorf("launcher %q: the name must be a file name and the path %q absolute", name, l.Path)
		}
		launchers[name] = l
	}
	return launchers, nil
}

// writeLaunchers writes the launchers' files, and for names that are the
// payload's own, oh-*, the links that are called. Others get theirs from the
// recipe's links.
func writeLaunchers(out string, launchers map[string]payload.Launcher) error {
	for name, l := range launchers {
		if err := writeJSON(filepath.Join(out, payload.Launchers, name+".json"), l); err != nil {
			return err
		}
		if !strings.HasPrefix(name, "oh-") {
			continue
		}
		link := filepath.Join(out, payload.Bin, name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if target, err := os.Readlink(link); err == nil && target == path.Base(payload.Wrappers) {
			continue
		}
		if err := os.Symlink(path.Base(payload.Wrappers), link); err != nil {
			return err
		}
	}
	return nil
}

func describe(recipe *pack.Recipe, report *pack.Report, opt pack.Options) (*payload.Component, error) {
	contents, err := pack.Measure(opt.Out, opt.Prefix)
	if err != nil {
		return nil, fmt.Errorf("measuring %s: %w", opt.Out, err)
	}
	c := &payload.Component{
		Name: recipe.Name, Description: recipe.Description, Proof: recipe.Proof,
		Files: contents.Files, Bytes: contents.Bytes,
	}
	for _, p := range report.Pruned {
		c.Pruned = append(c.Pruned, payload.Pruned(p))
	}
	for _, p := range append(report.Packages, contents.Packages...) {
		c.Packages = append(c.Packages, payload.Package(p))
	}
	return c, nil
}

func printComponent(w io.Writer, c *payload.Component, r *pack.Report) {
	fmt.Fprintf(w, "component %s: %s, %d bytes, from %s\n", c.Name, plural(c.Files, "file"), c.Bytes, plural(len(c.Packages), "package"))
	fmt.Fprintf(w, "bundled %s, sealed %s\n", plural(len(r.Libraries), "library"), plural(r.Out.Sealed+r.Libs.Sealed, "ELF file"))
	for _, p := range c.Pruned {
		fmt.Fprintf(w, "left out %s, %d bytes: %s\n", plural(p.Files, "file"), p.Bytes, p.Reason)
	}
	fmt.Fprintf(w, "cut off %d bytes of symbol tables, joined equal files of %d bytes\n", r.Stripped, r.Joined)
	notes := func(title string, list []bundler.Note) {
		for _, n := range list {
			fmt.Fprintf(w, "%s: %s: %s\n", title, n.Path, n.Text)
		}
	}
	notes("not found", r.Missing)
	notes("note", append(r.Out.Notes, r.Libs.Notes...))
	notes("script", append(r.Out.Scripts, r.Libs.Scripts...))
	paths := func(title string, list []string) {
		for _, p := range list {
			fmt.Fprintf(w, "%s: %s\n", title, p)
		}
	}
	paths("left out, leads nowhere", r.Dropped)
	paths("static, left alone", append(r.Out.Static, r.Libs.Static...))
	paths("foreign, left alone", append(r.Out.Foreign, r.Libs.Foreign...))
}

// writeJSON writes a readable JSON file, mode 0644.
func writeJSON(name string, v any) error {
	var b bytes.Buffer
	if err := printJSON(&b, v); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Chmod(name, 0o644)
}
