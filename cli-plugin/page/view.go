package page

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// view is what the template shows.
type view struct {
	*engine.Details
	Policy     string
	Name       string
	Payload    int64 // bytes
	Map        picture
	Components []component
	Groups     []layerGroup
	Licences   []licence
	Packages   []packageRow
	SetUp      bool // some layer is that of set-up
	Changes    []change
}

// component is a component of the payload.
type component struct {
	*branch
	ID          string
	Hue         int
	Description string
	Licence     string
	Packages    int
	Share       float64 // of the payload, 0 to 1
	Map         picture
	Rows        []row
}

// row is a line of the table of a component.
type row struct {
	Name  string
	Of    string // what kind of package; empty: a folder
	Depth int
	Bytes int64
	Files int
	Share float64 // of the component, 0 to 1
}

// layerGroup are neighbouring layers of one origin.
type layerGroup struct {
	Name   string
	Layers []layer
}

type layer struct {
	engine.Layer
	Holds  string
	Others []string // at most maxOthers
	More   int      // of them
}

// maxOthers is how many images are named that have a layer in common.
const maxOthers = 50

// licence are the packages under one.
type licence struct {
	Name     string // empty: not told
	Packages []string
	Bytes    int64
}

type packageRow struct {
	payload.Package
	Licence    string
	Bytes      int64 // 0: not known by its files
	Components []string
}

type change struct {
	Path  string
	What  string // added or changed
	Kind  string // file, folder, link or other
	Mode  string // octal
	Owner string // numbers, of user and group
	Lines []string
	More  int  // lines that are not shown
	Quiet bool // lines are never shown
}

// look finds out what the page shows.
func look(s Subject) (view, error) {
	v := view{Details: s.Details, Policy: policy(), Name: s.Details.ID}
	if len(s.Details.References) > 0 {
		v.Name = s.Details.References[0]
	}
	wood, found := plantAll(s)
	v.components(s, wood)
	v.layers(s)
	v.packages(s.Details.Manifest, found)
	err := v.changes(s)
	return v, err
}

// origin of a layer: what it holds.
const (
	ofPayload = "Payload"
	ofSetUp   = "Set-up"
	ofBase    = "Base, and what was built on it"
)

// originOf says where a layer is from.
func originOf(kind string, l engine.Layer) string {
	switch {
	case kind == payload.KindDeps, strings.HasPrefix(l.CreatedBy, payload.LayerOrigin):
		return ofPayload
	case strings.HasPrefix(l.CreatedBy, image.SetUpStep), strings.HasPrefix(l.CreatedBy, "RUN "+payload.Init+" setup"):
		return ofSetUp
	}
	return ofBase
}

// plantAll reads the layers of the payload.
func plantAll(s Subject) (*forest, []*pkg) {
	who := &owners{python: map[string]*pkg{}, npm: map[string]*pkg{}}
	var own []int
	for i, l := range s.Details.Layers {
		if i >= len(s.Layers) || originOf(s.Details.Kind, l) != ofPayload {
			continue
		}
		own = append(own, i)
		for name := range s.Layers[i].Files() {
			if path.Base(name) != pythonRecord && isMetadata(name, 0) {
				who.read(name, s.Layers[i].Content)
			}
		}
	}
	wood := newForest()
	for _, i := range own {
		grown := wood.plant(componentOf(s.Details.Layers[i], s.Layers[i]))
		for name, size := range s.Layers[i].Files() {
			of, inside := who.of(name)
			if of == nil {
				inside = strings.TrimPrefix(inside, strings.TrimPrefix(payload.Prefix, "/")+"/")
			}
			wood.add(grown, of, inside, size)
		}
	}
	return wood, who.all
}

// unnamed is what is not told to be more than a part of the payload.
const unnamed = "payload"

// componentOf names what a layer of the payload holds. Labels of older images do
// not tell; then it is told by the file that each component leaves, and by those of
// the other two layers.
func componentOf(l engine.Layer, files *image.Listing) string {
	if l.Component != "" {
		return spoken(l.Component)
	}
	left, other := []string{}, unnamed
	for name := range files.Files() {
		switch dir, file := path.Split("/" + name); {
		case dir == payload.ComponentsDir+"/":
			left = append(left, strings.TrimSuffix(file, ".json"))
		case "/"+name == payload.ManifestFile:
			other = payload.LayerManifest
		case "/"+name == payload.Lib+"/libc.so.6":
			other = payload.LayerLibs
		}
	}
	switch len(left) {
	case 0:
		return spoken(other)
	case 1:
		return left[0]
	}
	return unnamed
}

// spoken is the name of a layer for people.
func spoken(name string) string {
	if name == payload.LayerLibs {
		return "shared libraries"
	}
	return name
}

// Sizes of pictures, and how much of a component a row is at least.
const (
	mapWidth, mapHeight   = 1200, 640
	partWidth, partHeight = 1200, 360
	leastShare            = 0.004
	rowDepth              = 2
	maxRows               = 250 // of a component
)

func (v *view) components(s Subject, wood *forest) {
	trees := slices.Clone(wood.components)
	slices.SortStableFunc(trees, func(a, b *branch) int { return cmp.Compare(b.Bytes, a.Bytes) })
	for _, b := range trees {
		v.Payload += b.Bytes
	}
	for i, b := range trees {
		c := component{branch: b, ID: fmt.Sprintf("component-%d", i+1), Hue: i % 12, Licence: s.Licences[b.Name], Share: share(b.Bytes, v.Payload)}
		for _, described := range s.Details.Manifest.Components {
			if described.Name == b.Name {
				c.Description, c.Packages = described.Description, len(described.Packages)
			}
		}
		parts := b.parts()
		if own := b.own(parts); own.Bytes > 0 {
			parts = withOwn(parts, own)
		}
		c.Map = picture{Width: partWidth, Height: partHeight, About: "What " + b.label() + " holds, by size"}
		c.Map.Tiles = treemap(parts, box{0, 0, partWidth, partHeight}, 2, func(int) (int, string) { return c.Hue, "" })
		c.Rows = rows(b, b.Bytes)
		v.Components = append(v.Components, c)
	}
	v.Map = picture{Width: mapWidth, Height: mapHeight, About: "The payload by component, package and folder, by size"}
	v.Map.Tiles = treemap(trees, box{0, 0, mapWidth, mapHeight}, 2, func(i int) (int, string) { return v.Components[i].Hue, "#" + v.Components[i].ID })
}

func share(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// rows are the large parts of a branch, and those of each of them below it.
func rows(b *branch, whole int64) []row {
	var all []row
	var below func(*branch, int)
	below = func(b *branch, depth int) {
		parts := b.parts()
		var small branch
		for i, part := range parts {
			if share(part.Bytes, whole) < leastShare || len(all) >= maxRows {
				for _, rest := range parts[i:] {
					small.count(rest)
				}
				if small.Name = part.label(); i < len(parts)-1 {
					small.Name = fmt.Sprintf("%d smaller", len(parts)-i)
				}
				break
			}
			r := row{Name: part.label(), Depth: depth, Bytes: part.Bytes, Files: part.Files, Share: share(part.Bytes, whole)}
			if part.Of != nil {
				r.Of = part.Of.Type
			}
			all = append(all, r)
			if depth < rowDepth {
				below(part, depth+1)
			}
		}
		if depth == 0 && small.Files > 0 || share(small.Bytes, whole) >= leastShare {
			all = append(all, row{Name: small.Name, Depth: depth, Bytes: small.Bytes, Files: small.Files, Share: share(small.Bytes, whole)})
		}
	}
	below(b, 0)
	return all
}

func (v *view) layers(s Subject) {
	for i, l := range s.Details.Layers {
		from := originOf(v.Kind, l)
		if len(v.Groups) == 0 || v.Groups[len(v.Groups)-1].Name != from {
			v.Groups = append(v.Groups, layerGroup{Name: from})
		}
		group := &v.Groups[len(v.Groups)-1]
		shown := layer{Layer: l, Holds: l.CreatedBy, Others: l.Others}
		if from == ofPayload && i < len(s.Layers) {
			shown.Holds = componentOf(l, s.Layers[i])
		}
		if over := len(l.Others) - maxOthers; over > 0 {
			shown.Others, shown.More = l.Others[:maxOthers], over
		}
		group.Layers = append(group.Layers, shown)
	}
}

// packages joins what the manifest names with what the packages say themselves.
func (v *view) packages(m payload.Manifest, found []*pkg) {
	known := map[string]*pkg{}
	for _, p := range found {
		k := key(p.Package)
		if other := known[k]; other != nil { // it is there twice
			p = &pkg{Package: p.Package, Licence: cmp.Or(other.Licence, p.Licence), Bytes: other.Bytes + p.Bytes}
		}
		known[k] = p
	}
	byKey := map[string]*packageRow{}
	for _, c := range m.Components {
		for _, p := range c.Packages {
			k := key(p)
			if byKey[k] == nil {
				byKey[k] = &packageRow{Package: p}
				if has := known[k]; has != nil {
					byKey[k].Licence, byKey[k].Bytes = has.Licence, has.Bytes
				}
			}
			if !slices.Contains(byKey[k].Components, c.Name) {
				byKey[k].Components = append(byKey[k].Components, c.Name)
			}
		}
	}
	byLicence := map[string]*licence{}
	for _, k := range slices.Sorted(maps.Keys(byKey)) {
		p := byKey[k]
		v.Packages = append(v.Packages, *p)
		if byLicence[p.Licence] == nil {
			byLicence[p.Licence] = &licence{Name: p.Licence}
		}
		of := byLicence[p.Licence]
		of.Bytes += p.Bytes
		of.Packages = append(of.Packages, p.Name+" "+p.Version)
	}
	for _, name := range slices.Sorted(maps.Keys(byLicence)) {
		v.Licences = append(v.Licences, *byLicence[name])
	}
	slices.SortStableFunc(v.Licences, func(a, b licence) int {
		if (a.Name == "") != (b.Name == "") { // what is not told comes last
			return len(b.Name) - len(a.Name)
		}
		return cmp.Compare(len(b.Packages), len(a.Packages))
	})
	slices.SortStableFunc(v.Packages, func(a, b packageRow) int { return cmp.Compare(b.Bytes, a.Bytes) })
}

// maxLines is how many lines of a file are shown that set-up added.
const maxLines = 40

// changes are those of the set-up layer.
func (v *view) changes(s Subject) error {
	for i, l := range s.Details.Layers {
		if i >= len(s.Layers) || originOf(s.Details.Kind, l) != ofSetUp {
			continue
		}
		v.SetUp = true
		all, err := image.Differences(s.Layers[:i+1])
		if err != nil {
			return fmt.Errorf("comparing the set-up layer with the base: %w", err)
		}
		for _, d := range all {
			v.Changes = append(v.Changes, changeOf(d))
		}
	}
	return nil
}

func changeOf(d image.Difference) change {
	c := change{Path: d.Path, What: "added", Kind: kindOf(d.Mode), Mode: octal(d.Mode), Owner: fmt.Sprintf("%d:%d", d.UID, d.GID), Lines: d.Lines}
	if d.Was != nil {
		c.What = "changed"
	}
	if d.Target != "" {
		c.Path += " → " + d.Target
	}
	if d.Path == account.ShadowFile || d.Path == account.GshadowFile {
		c.Lines, c.More, c.Quiet = nil, len(d.Lines), true
	}
	if over := len(c.Lines) - maxLines; over > 0 {
		c.Lines, c.More = c.Lines[:maxLines], over
	}
	return c
}

func kindOf(mode fs.FileMode) string {
	switch mode.Type() {
	case 0:
		return "file"
	case fs.ModeDir:
		return "folder"
	case fs.ModeSymlink:
		return "link"
	}
	return "other"
}

// octal is a mode as chmod(1) takes it.
func octal(mode fs.FileMode) string {
	bits := uint32(mode.Perm())
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	return fmt.Sprintf("%04o", bits)
}
