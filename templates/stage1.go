package templates

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"

	_ "embed"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Stage1 is everything that shapes the deps image but the helper binaries.
type Stage1 struct {
	Version     string      // of OpenHands
	Server      string      // server profile
	BuilderBase string      // reference of the Debian image that the components are installed in
	Arch        string      // GOARCH form
	Components  []Component // those that Select returned
	Labels      map[string]string

	// Source are the files of a checkout of OpenHands, by slash-separated
	// path, that the payload is made of instead of the release.
	Source map[string]File
}

// File is a file of a build context.
type File struct {
	Mode fs.FileMode
	Data []byte
}

//go:embed stage1.Dockerfile.tmpl
var stage1Text string

var stage1Template = template.Must(template.New("stage1").Funcs(template.FuncMap{
	"json":   jsonText,
	"args":   shellWords,
	"sorted": func(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) },
	"needs":  func(m map[string][]string) []string { return slices.Sorted(maps.Keys(m)) },
}).Parse(stage1Text))

// Dockerfile returns the multi-stage Dockerfile of the deps image. It uses
// nothing newer than Dockerfile syntax 1.2 (bind, cache and secret mounts), so
// that the BuildKit inside Docker 20.10 builds it without fetching a frontend.
func (s Stage1) Dockerfile() (string, error) {
	var text bytes.Buffer
	if err := stage1Template.Execute(&text, s); err != nil {
		return "", fmt.Errorf("rendering the Dockerfile of the deps image: %w", err)
	}
	return text.String(), nil
}

// Names returns the components' names in layer order, comma-separated.
func (s Stage1) Names() string {
	return strings.ReplaceAll(names(s.Components), ", ", ",")
}

// Stages returns the components so that each comes after those it needs: a
// Dockerfile cannot refer to a later stage.
func (s Stage1) Stages() []Component {
	var sorted []Component
	done := map[string]bool{}
	var visit func(c Component)
	visit = func(c Component) {
		if done[c.Name] {
			return
		}
		done[c.Name] = true
		for _, o := range s.Components {
			if _, needed := c.Needs[o.Name]; needed {
				visit(o)
			}
		}
		sorted = append(sorted, c)
	}
	for _, c := range s.Components {
		visit(c)
	}
	return sorted
}

// libsOrder is the place of the layer of shared libraries among the components'.
const libsOrder = 50

// Layers returns the stages whose output becomes a layer, from the bottom up.
func (s Stage1) Layers() []string {
	var layers []string
	libs := payload.LayerLibs
	for _, c := range s.Components {
		if c.Order > libsOrder && libs != "" {
			layers, libs = append(layers, libs), ""
		}
		layers = append(layers, componentStage+c.Name)
	}
	if libs != "" {
		layers = append(layers, libs)
	}
	return layers
}

// Contents returns what each layer of the payload holds, in a word, the lowest
// first.
func (s Stage1) Contents() []string {
	var contents []string
	for _, layer := range s.Layers() {
		contents = append(contents, strings.TrimPrefix(layer, componentStage))
	}
	return append(contents, payload.LayerManifest)
}

// componentStage begins the name of a component's stage.
const componentStage = "component-"

// Changing returns the uppermost layers, those made of a checkout of OpenHands,
// Settled all below: their proofs are not run again when the checkout changes.
func (s Stage1) Changing() []string { return s.Layers()[len(s.Layers())-s.changing():] }

// Settled returns the layers below those that Changing returns.
func (s Stage1) Settled() []string { return s.Layers()[:len(s.Layers())-s.changing()] }

// changing is the number of components in the layers of Changing.
func (s Stage1) changing() int {
	n := 0
	for _, c := range slices.Backward(s.Components) {
		if !c.Sources || c.Order <= libsOrder {
			break
		}
		n++
	}
	return n
}

// Context returns the files of the build context, by slash-separated path. The
// builder adds the helper binaries as helpers/oh-init, helpers/oh-rescue,
// helpers/oh-wrappers and helpers/oh-bundle.
func (s Stage1) Context() (map[string]File, error) {
	files := map[string]File{}
	scripts, err := fs.ReadDir(embedded, "stage1")
	if err != nil {
		return nil, fmt.Errorf("listing stage 1 scripts: %w", err)
	}
	for _, script := range scripts {
		text, err := fs.ReadFile(embedded, path.Join("stage1", script.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading stage 1 script: %w", err)
		}
		files["stage1/"+script.Name()] = File{Mode: 0o755, Data: text}
	}
	libraries, err := libraryRewrites(s.Arch)
	if err != nil {
		return nil, err
	}
	for _, c := range s.Components {
		for name, text := range c.Files {
			// What of it shapes the component is in recipe.json and the
			// Dockerfile: nothing else is to have it built again.
			if name != componentFile {
				files[path.Join("components", c.Name, name)] = File{Mode: 0o644, Data: text}
			}
		}
		recipe, err := c.recipe(libraries)
		if err != nil {
			return nil, fmt.Errorf("component %s: %w", c.Name, err)
		}
		text, err := json.MarshalIndent(recipe, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("encoding the recipe of %s: %w", c.Name, err)
		}
		files[path.Join("components", c.Name, recipeFile)] = File{Mode: 0o644, Data: text}
	}
	for name, file := range s.Source {
		files[path.Join("source", name)] = file
	}
	settled := len(s.Components) - s.changing()
	files["stage1/settled.sh"] = File{Mode: 0o755, Data: []byte("#!/bin/sh\nset -eu\n" + proofs(s.Components[:settled]) + "touch /settled\n")}
	files["stage1/check.sh"] = File{Mode: 0o755, Data: []byte(s.check(s.Components[settled:]))}
	files["stage1/allow.txt"] = File{Mode: 0o644, Data: []byte(s.allow())}
	return files, nil
}

// check returns the script that judges the whole payload: the seal check, then
// the proofs of the components that are not settled. What it excuses it puts
// into the payload, for those who check the seal again.
func (s Stage1) check(changing []Component) string {
	var text strings.Builder
	text.WriteString("#!/bin/sh\nset -eu\n")
	text.WriteString("/helpers/oh-bundle verify --permissions --allow /stage1/allow.txt /\n")
	text.WriteString(proofs(changing))
	fmt.Fprintf(&text, "/helpers/oh-bundle manifest --version %s --server %s --arch %s --components %s --out /manifest /\n",
		shellWord(s.Version), shellWord(s.Server), s.Arch, s.Names())
	if s.allow() != "" {
		fmt.Fprintf(&text, "install -D -m 644 /stage1/allow.txt /manifest%s\n", payload.AllowFile)
	}
	return text.String()
}

// proofs returns the commands that prove that components work.
func proofs(components []Component) string {
	var text strings.Builder
	for _, c := range components {
		if len(c.Proof) > 0 {
			fmt.Fprintf(&text, "echo 'proof of %s'\n%s </dev/null >/tmp/proof 2>&1 || { cat /tmp/proof; echo 'component %s does not work'; exit 1; }\n",
				c.Name, shellWords(c.Proof), c.Name)
		}
	}
	return text.String()
}

func (s Stage1) allow() string {
	var text strings.Builder
	for _, c := range s.Components {
		for _, line := range c.Allow {
			text.WriteString(line + "\n")
		}
	}
	return text.String()
}

func jsonText(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

func shellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = shellWord(word)
	}
	return strings.Join(quoted, " ")
}

func shellWord(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
