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

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Stage1 is everything that shapes the deps image but the helper binaries.
type Stage1 struct {
	Version     string      // of OpenHands
	Server      string      // server profile
	BuilderBase string      // reference of the Debian image that the components are installed in
	Arch        string      // GOARCH form
	Components  []Component // those that Select returned

	// BuilderArch is what the builder runs as (GOARCH form) where it fetches and
	// compiles for Arch, and runs nothing of it but the proofs. Empty: the
	// builder is one of Arch. Either way the same files come out.
	BuilderArch string

	Labels map[string]string

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
		if err := c.context(files, "components", libraries); err != nil {
			return nil, err
		}
	}
	for name, file := range s.Source {
		files[path.Join("source", name)] = file
	}
	settled := len(s.Components) - s.changing()
	files["stage1/settled.sh"] = File{Mode: 0o755, Data: []byte("#!/bin/sh\nset -eu\nunproven=/settled\n: >$unproven\n" + s.proofs(s.Components[:settled]))}
	files["stage1/check.sh"] = File{Mode: 0o755, Data: []byte(s.check(s.Components[settled:]))}
	files["stage1/allow.txt"] = File{Mode: 0o644, Data: []byte(s.allow())}
	return files, nil
}

// BuilderContext returns what the build context has besides Context where there
// is a BuilderArch: recipes of what is run in the builder. The helper binaries
// for BuilderArch are added as tools/oh-bundle and tools/oh-wrappers.
func (s Stage1) BuilderContext() (map[string]File, error) {
	files := map[string]File{}
	libraries, err := libraryRewrites(s.BuilderArch)
	if err != nil {
		return nil, err
	}
	for _, c := range s.run() {
		if err := c.context(files, builderFolder, libraries); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// context adds the component's files to those of the build context, below a folder.
func (c Component) context(files map[string]File, folder string, libraries []bundler.Rewrite) error {
	for name, text := range c.Files {
		// What of it shapes the component is in recipe.json and the
		// Dockerfile: nothing else is to have it built again.
		if name != componentFile {
			files[path.Join(folder, c.Name, name)] = File{Mode: 0o644, Data: text}
		}
	}
	recipe, err := c.recipe(libraries)
	if err != nil {
		return fmt.Errorf("component %s: %w", c.Name, err)
	}
	text, err := json.MarshalIndent(recipe, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the recipe of %s: %w", c.Name, err)
	}
	files[path.Join(folder, c.Name, recipeFile)] = File{Mode: 0o644, Data: text}
	return nil
}

// Foreign reports whether the builder is of another kind than the payload.
func (s Stage1) Foreign() bool { return s.BuilderArch != "" }

// ToolsFolder is the folder of the context with the helper binaries that run in
// the builder.
func (s Stage1) ToolsFolder() string {
	if s.Foreign() {
		return toolsFolder
	}
	return "helpers"
}

// check returns the script that judges the whole payload: the seal check, then
// the proofs of the components that are not settled. What it excuses it puts
// into the payload, for those who check the seal again.
func (s Stage1) check(changing []Component) string {
	var text strings.Builder
	text.WriteString("#!/bin/sh\nset -eu\n")
	text.WriteString("/tools/oh-bundle verify --permissions --allow /stage1/allow.txt /\n")
	text.WriteString("unproven=/tmp/unproven\ncp /settled $unproven\n" + s.proofs(changing))
	fmt.Fprintf(&text, "/tools/oh-bundle manifest --version %s --server %s --arch %s --components %s --unproven $unproven --out /manifest /\n",
		shellWord(s.Version), shellWord(s.Server), s.Arch, s.Names())
	if s.allow() != "" {
		fmt.Fprintf(&text, "install -D -m 644 /stage1/allow.txt /manifest%s\n", payload.AllowFile)
	}
	return text.String()
}

// proofs returns the commands that prove that components work, or write down
// that they could not be run.
func (s Stage1) proofs(components []Component) string {
	var text strings.Builder
	fmt.Fprintf(&text, "arch=%s\n. /stage1/proof.sh\n", s.Arch)
	for _, c := range components {
		if len(c.Proof) > 0 {
			fmt.Fprintf(&text, "prove %s %s %s\n", c.Name, shellWord(strings.Join(c.Emulated, " ")), shellWords(c.Proof))
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
