package command

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/docker-openhands/docker-openhands/bundler"
)

// treeNode is the JSON form of an object and of what it asks for.
type treeNode struct {
	Name     string      `json:"name"`               // as asked for
	Path     string      `json:"path,omitempty"`     // links resolved; empty: not found
	Via      string      `json:"via,omitempty"`      // how it was found
	Kind     string      `json:"kind,omitempty"`     // auxiliary, filter or dlopen; empty: DT_NEEDED
	Priority string      `json:"priority,omitempty"` // of dlopen: required, recommended or suggested
	Error    string      `json:"error,omitempty"`    // why the loader gives up
	Remarks  []string    `json:"remarks,omitempty"`
	Needs    []*treeNode `json:"needs,omitempty"` // only where the object is mentioned first
}

// fileTree is the JSON form of what is known of one FILE.
type fileTree struct {
	treeNode
	Machine         string           `json:"machine,omitempty"`
	Interpreter     *interpreter     `json:"interpreter,omitempty"`
	MissingVersions []missingVersion `json:"missingVersions,omitempty"`
	BrokenLinks     []bundler.Note   `json:"brokenLinks,omitempty"` // met while searching
}

type interpreter struct {
	Name string `json:"name"`
	Path string `json:"path,omitempty"` // empty: not there
}

type missingVersion struct {
	Version string `json:"version"`
	Library string `json:"library"` // as asked for
	Path    string `json:"path"`    // of the library
	From    string `json:"from"`    // who asks
}

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
	recipe := flags.String("opens", "", "a recipe, a JSON `file`: what its \"opens\" names is followed from the first FILE on")
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
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var failed []error
	missing, chains := 0, 0
	p := o.printer(stdout)
	for r := range o.resolveAll(ctx, args) {
		if r.err != nil {
			failed = append(failed, r.err)
		}
		missing += r.missing
		if r.chain != nil {
			chains++
		}
		p.result(r)
	}
	if err := errors.Join(p.end(), ctx.Err()); err != nil {
		return err
	}
	switch {
	case len(failed) > 0:
		return errors.Join(failed...)
	case o.why != "" && chains == 0:
		return fmt.Errorf("nothing needs %s", o.why)
	case o.why == "" && missing > 0:
		return fmt.Errorf("%s not found", plural(missing, "thing"))
	}
	return nil
}

// resolveAll yields the results for files in their order; several are resolved
// at a time.
func (o *treeOptions) resolveAll(ctx context.Context, names []string) iter.Seq[result] {
	return func(yield func(result) bool) {
		batches := slices.Collect(slices.Chunk(names, 32))
		done := make([]chan []result, len(batches))
		for i := range done {
			done[i] = make(chan []result, 1)
		}
		var next atomic.Int64
		for range min(runtime.GOMAXPROCS(0), len(batches)) {
			system := o.system.Share()
			go func() {
				for i := next.Add(1) - 1; i < int64(len(batches)) && ctx.Err() == nil; i = next.Add(1) - 1 {
					var results []result
					for _, name := range batches[i] {
						results = append(results, o.resolve(system, name))
					}
					done[i] <- results
				}
			}()
		}
		for _, batch := range done {
			select {
			case results := <-batch:
				for _, r := range results {
					if !yield(r) {
						return
					}
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// result is what is printed of one file: its tree or, for --why, the chain.
type result struct {
	tree    *fileTree
	chain   []*treeNode
	missing int
	err     error
}

// resolve returns what is to be printed of one file, which may be nothing.
func (o *treeOptions) resolve(system *bundler.System, name string) result {
	c, r, err := system.Closure(name)
	if err != nil {
		return result{err: err}
	}
	if err := r.Extend(c, o.opens, o.notes); err != nil {
		return result{err: err}
	}
	if o.why != "" {
		return result{chain: chainTo(c, o.why)}
	}
	versions := r.MissingVersions(c)
	missing := len(c.Missing()) + len(versions)
	if c.Objects[0].Object.Interp != "" && c.Loader == nil {
		missing++
	}
	if o.lacks && missing == 0 {
		return result{}
	}
	return result{tree: treeOf(c, versions), missing: missing}
}

func treeOf(c *bundler.Closure, versions []bundler.MissingVersion) *fileTree {
	first := c.Objects[0]
	t := &fileTree{treeNode: treeNode{Name: first.Name, Path: first.Real, Remarks: remarks(first, true)}, Machine: machineName(first.Object)}
	if interp := first.Object.Interp; interp != "" {
		t.Interpreter = &interpreter{Name: interp}
		if c.Loader != nil {
			t.Interpreter.Path = c.Loader.Real
		}
	}
	nodes := map[*bundler.Loaded]*treeNode{first: &t.treeNode}
	for _, e := range c.Edges {
		n := node(e)
		if e.To != nil && nodes[e.To] == nil {
			nodes[e.To] = n
			n.Remarks = remarks(e.To, e.To == c.Loader)
		}
		from := nodes[e.From]
		from.Needs = append(from.Needs, n)
	}
	for _, m := range versions {
		t.MissingVersions = append(t.MissingVersions, missingVersion{m.Version, m.Name, m.To.Real, m.From.Real})
	}
	t.BrokenLinks = c.Broken
	return t
}

func node(e bundler.Edge) *treeNode {
	n := &treeNode{Name: e.Name, Via: e.Via, Priority: e.Priority}
	if e.Kind != bundler.KindNeeded {
		n.Kind = e.Kind
	}
	if e.To != nil {
		n.Path = e.To.Real
	}
	if e.Err != nil {
		n.Error = e.Err.Error()
	}
	return n
}

// remarks says what is unusual about an object. Programs and loaders have no
// need of a SONAME.
func remarks(l *bundler.Loaded, program bool) []string {
	var list []string
	if l.Object.Soname == "" && !program {
		list = append(list, "no SONAME")
	}
	if l.Object.TextRel {
		list = append(list, "text relocations")
	}
	if l.Object.Dynamic && l.Object.ExecStack {
		list = append(list, "executable stack")
	}
	if program && l.Object.Static() {
		list = append(list, "static")
	}
	return list
}

func machineName(o *bundler.Object) string {
	for _, name := range []string{"amd64", "arm64"} {
		if m, err := bundler.Machine(name); err == nil && m == o.Machine {
			return name
		}
	}
	return o.Machine.String()
}

// chainTo returns the shortest chain from the first object of a closure to a
// library, nil where the library is not in it. Edges are in breadth-first
// order, so that the first to reach an object is on its shortest chain.
func chainTo(c *bundler.Closure, library string) []*treeNode {
	reached := map[*bundler.Loaded]bundler.Edge{}
	first := c.Objects[0]
	for _, e := range c.Edges {
		if _, ok := reached[e.To]; e.To != nil && e.To != first && !ok {
			reached[e.To] = e
		}
		if e.Name != library && (e.To == nil || !isNamed(e.To, library)) {
			continue
		}
		chain := []*treeNode{node(e)}
		for from := e.From; from != first; {
			up := reached[from]
			chain = append(chain, node(up))
			from = up.From
		}
		chain = append(chain, &treeNode{Name: first.Name, Path: first.Real})
		slices.Reverse(chain)
		return chain
	}
	return nil
}

func isNamed(l *bundler.Loaded, name string) bool {
	if strings.Contains(name, "/") {
		return name == l.Path || name == l.Real
	}
	return name == l.Object.Soname || name == path.Base(l.Path) || name == path.Base(l.Real)
}

// printer prints results, for people or as an array in JSON.
type printer struct {
	w      *bufio.Writer
	styled bool
	list   *jsonList // nil: for people
}

func (o *treeOptions) printer(stdout io.Writer) printer {
	p := printer{w: bufio.NewWriterSize(stdout, 1<<16), styled: isTerminal(stdout)}
	if o.json {
		p.list = &jsonList{w: p.w}
	}
	return p
}

func (p printer) result(r result) {
	switch {
	case r.chain != nil && p.list != nil:
		p.list.add(r.chain)
	case r.chain != nil:
		p.chain(r.chain)
	case r.tree != nil && p.list != nil:
		p.list.add(r.tree)
	case r.tree != nil:
		p.file(r.tree)
	}
}

func (p printer) end() error {
	if p.list != nil {
		p.list.end()
	}
	return p.w.Flush()
}

// Styles of a terminal, ECMA-48's Select Graphic Rendition.
const (
	bold  = "1"
	faint = "2"
	red   = "31"
)

func (p printer) style(code, text string) string {
	if !p.styled || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[m"
}

func (p printer) file(t *fileTree) {
	p.w.WriteString(p.style(bold, t.Path))
	if i := t.Interpreter; i != nil && i.Path == "" {
		fmt.Fprintf(p.w, " (%s %s)", i.Name, p.style(red, "not found"))
	} else if i != nil {
		fmt.Fprintf(p.w, " (%s)", i.Name)
	}
	p.remarks(t.Remarks)
	p.w.WriteByte('\n')
	p.needs(t.Needs, "")
	for _, m := range t.MissingVersions {
		fmt.Fprintf(p.w, "    %s: version %s of %s, for %s, is not in %s\n", p.style(red, "missing"), m.Version, m.Library, m.From, m.Path)
	}
	for _, n := range t.BrokenLinks {
		fmt.Fprintf(p.w, "    %s: %s\n", n.Text, n.Path)
	}
}

func (p printer) needs(list []*treeNode, indent string) {
	for i, n := range list {
		branch, below := "├── ", "│   "
		if i == len(list)-1 {
			branch, below = "└── ", "    "
		}
		p.w.WriteString(indent)
		p.w.WriteString(branch)
		p.line(n)
		p.needs(n.Needs, indent+below)
	}
}

func (p printer) line(n *treeNode) {
	p.w.WriteString(n.Name)
	if n.Path == "" {
		p.w.WriteByte(' ')
		p.w.WriteString(p.style(red, "not found"))
	} else {
		p.w.WriteString(" => ")
		p.w.WriteString(n.Path)
		p.w.WriteByte(' ')
		p.w.WriteString(p.style(faint, "["+n.Via+"]"))
	}
	if n.Kind != "" {
		p.w.WriteString(" " + strings.TrimSpace(n.Kind+" "+n.Priority))
	}
	if n.Error != "" {
		p.w.WriteString(": " + n.Error)
	}
	p.remarks(n.Remarks)
	p.w.WriteByte('\n')
}

func (p printer) remarks(list []string) {
	if len(list) > 0 {
		p.w.WriteString(" (" + strings.Join(list, ", ") + ")")
	}
}

func (p printer) chain(chain []*treeNode) {
	p.w.WriteString(p.style(bold, chain[0].Path) + "\n")
	for i, n := range chain[1:] {
		p.w.WriteString(strings.Repeat("    ", i) + "└── ")
		p.line(n)
	}
}

// jsonList writes the elements of an array as they come.
type jsonList struct {
	w io.Writer
	n int
}

func (l *jsonList) add(v any) {
	data, err := json.MarshalIndent(v, "  ", "  ")
	if err != nil {
		panic(err) // strings and lists of them only
	}
	separator := ",\n  "
	if l.n == 0 {
		separator = "[\n  "
	}
	l.n++
	io.WriteString(l.w, separator)
	l.w.Write(data)
}

func (l *jsonList) end() {
	if l.n == 0 {
		io.WriteString(l.w, "[]\n")
		return
	}
	io.WriteString(l.w, "\n]\n")
}
