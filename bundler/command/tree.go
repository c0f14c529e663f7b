package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler"
)

// treeNode is the JSON form of one object and what it needs.
type treeNode struct {
	Name  string      `json:"name"`
	Path  string      `json:"path,omitempty"` // empty: not found
	Via   string      `json:"via,omitempty"`
	Needs []*treeNode `json:"needs,omitempty"` // only where the object is mentioned first
}

func treeCommand(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
	asJSON := flags.Bool("json", false, "print JSON")
	root := flags.String("root", "/", "`directory` that stands for /; files are paths inside it")
	return func(_ context.Context, stdout io.Writer, args []string) error {
		if len(args) == 0 {
			return usagef("tree takes at least one file")
		}
		view := bundler.NewView(*root)
		trees := []*treeNode{}
		missing := 0
		for _, name := range args {
			if *root == "/" {
				abs, err := filepath.Abs(name)
				if err != nil {
					return err
				}
				name = abs
			}
			tree, lost, err := resolveTree(view, name)
			if err != nil {
				return err
			}
			trees = append(trees, tree)
			missing += lost
		}
		if *asJSON {
			if err := printJSON(stdout, trees); err != nil {
				return err
			}
		} else {
			for _, t := range trees {
				printTree(stdout, t, 0)
			}
		}
		if missing > 0 {
			return fmt.Errorf("%s not found", plural(missing, "library"))
		}
		return nil
	}
}

func resolveTree(view *bundler.View, name string) (*treeNode, int, error) {
	e, err := view.Lookup(name)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(e.Host)
	if err != nil {
		return nil, 0, err
	}
	o, err := bundler.ReadObject(f)
	f.Close()
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name, err)
	}
	c, err := bundler.NewResolver(view, bundler.Loader{Machine: o.Machine, Dirs: bundler.DefaultDirs(view, o.Machine)}).Closure(name)
	if err != nil {
		return nil, 0, err
	}
	first := &treeNode{Name: name, Path: e.Real}
	nodes := map[*bundler.Loaded]*treeNode{c.Objects[0]: first}
	for _, edge := range c.Edges {
		n := &treeNode{Name: edge.Name, Via: edge.Via}
		if edge.To != nil {
			n.Path = edge.To.Real
			if nodes[edge.To] == nil {
				nodes[edge.To] = n
			}
		}
		from := nodes[edge.From]
		from.Needs = append(from.Needs, n)
	}
	return first, len(c.Missing()), nil
}

func printTree(w io.Writer, n *treeNode, depth int) {
	indent := strings.Repeat("  ", depth)
	switch {
	case depth == 0:
		fmt.Fprintln(w, n.Path)
	case n.Path == "":
		fmt.Fprintf(w, "%s%s not found\n", indent, n.Name)
	default:
		fmt.Fprintf(w, "%s%s => %s (%s)\n", indent, n.Name, n.Path, n.Via)
	}
	for _, need := range n.Needs {
		printTree(w, need, depth+1)
	}
}
