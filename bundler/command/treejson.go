package command

import (
	"encoding/json"

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
	Broken          []bundler.Note   `json:"broken,omitempty"` // met while searching
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

// tree returns the JSON form.
func (w *treeWriter) tree(versions []bundler.MissingVersion) *fileTree {
	c := w.closure
	first := c.Objects[0]
	t := &fileTree{treeNode: treeNode{Name: first.Name, Path: first.Real, Remarks: remarks(first, true)}, Machine: machineName(first.Object)}
	if interp := first.Object.Interp; interp != "" {
		t.Interpreter = &interpreter{Name: interp}
		if c.Loader != nil {
			t.Interpreter.Path = c.Loader.Real
		}
	}
	t.Needs = w.nodes(w.first[0])
	for _, m := range versions {
		t.MissingVersions = append(t.MissingVersions, missingVersion{m.Version, m.Name, m.To.Real, m.From.Real})
	}
	t.Broken = c.Broken
	return t
}

func (w *treeWriter) nodes(i int) []*treeNode {
	var list []*treeNode
	for ; i >= 0; i = w.next[i] {
		e := &w.closure.Edges[i]
		n := node(e)
		if w.chosenBy(i) {
			n.Remarks = remarks(e.To, e.To == w.closure.Loader)
			n.Needs = w.nodes(w.first[e.To.Index])
		}
		list = append(list, n)
	}
	return list
}

// json appends an element of an array.
func (w *treeWriter) json(v any) {
	data, err := json.MarshalIndent(v, "  ", "  ")
	if err != nil {
		panic(err) // strings and lists of them only
	}
	if len(w.text) > 0 {
		w.add(",")
	}
	w.add("\n  ")
	w.text = append(w.text, data...)
}
func node(e *bundler.Edge) *treeNode {
	n := &treeNode{Name: e.Name, Via: e.Via.String(), Priority: e.Priority}
	if e.Kind != bundler.KindNeeded {
		n.Kind = e.Kind.String()
	}
	if e.To != nil {
		n.Path = e.To.Real
	}
	if e.Err != nil {
		n.Error = e.Err.Error()
	}
	return n
}

// chainNodes returns the JSON form of a chain.
func chainNodes(first *bundler.Loaded, chain []bundler.Edge) []*treeNode {
	list := []*treeNode{{Name: first.Name, Path: first.Real}}
	for i := range chain {
		list = append(list, node(&chain[i]))
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
