package page

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
)

func listing(t *testing.T, lines ...string) *image.Listing {
	t.Helper()
	l, err := image.ReadListing(bytes.NewReader(imagetest.Layer(t, lines...)), Keep, image.NewBudget())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// file is a line of a layer with a file of that size in bytes.
func file(name string, size int) string { return name + "=" + strings.Repeat("x", size) }

const site = "openhands/venv/lib/python3.13/site-packages/"

// subject is an image over a base of one layer.
func subject(t *testing.T) Subject {
	t.Helper()
	own := payload.LayerOrigin + "oh_deps_v1.6.0_31qxd72a9cbixlee"
	d := &engine.Details{
		Stored: engine.Stored{
			ID: "sha256:" + strings.Repeat("1", 64), References: []string{"my/image:latest"}, Kind: payload.KindRuntime, Version: "1.6.0",
			Server: payload.ActionExecutionServer, DepsTag: "oh_deps_v1.6.0_31qxd72a9cbixlee", Base: "alpine:3.20", Size: 12345,
		},
		Platform: "linux/amd64", Created: "2026-01-02T03:04:05Z",
		Inputs: map[string]string{"builder": "debian:trixie-slim"}, Labels: map[string]string{payload.LabelUser: "openhands"},
		Layers: []engine.Layer{
			{DiffID: "sha256:aa", Component: "server", CreatedBy: own, Size: 9000, Images: 2, Others: []string{"other/image:1"}},
			{DiffID: "sha256:bb", CreatedBy: own, Size: 600},
			{DiffID: "sha256:cc", Component: payload.LayerLibs, CreatedBy: own, Size: 300},
			{DiffID: "sha256:dd", CreatedBy: "ADD rootfs", Size: 20},
			{DiffID: "sha256:ee", CreatedBy: image.SetUpStep + "openhands", Size: 30},
		},
		Manifest: payload.Manifest{
			SchemaVersion: 1, Libc: "glibc 2.41",
			Components: []payload.Component{
				{Name: "server", Description: "The server", Packages: []payload.Package{
					{Type: "pypi", Name: "big.thing", Version: "2.0"}, {Type: "pypi", Name: "google-one", Version: "1"}, {Type: "deb", Name: "libc6", Version: "2.41"},
				}},
				{Name: "node", Packages: []payload.Package{{Type: "npm", Name: "@scope/tool", Version: "3.1.0"}, {Type: "deb", Name: "libc6", Version: "2.41"}}},
			},
		},
	}
	return Subject{
		Details: d, Licences: map[string]string{"server": "BSD-3-Clause"},
		Layers: []*image.Listing{
			listing(
				t, site+"big_thing-2.0.dist-info/METADATA=Name: Big_Thing\nVersion: 2.0\nLicense-Expression: MIT\n\nText", site+"big_thing-2.0.dist-info/RECORD=big/core/a.so,,\nbig/__init__.py,,\n../../bin/big,,\n",
				file(site+"big/core/a.so", 6000), file(site+"big/__init__.py", 500), file(site+"big/__pycache__/__init__.pyc", 300),
				site+"google_one-1.dist-info/METADATA=Name: google-one\nVersion: 1\nClassifier: License :: OSI Approved :: Apache Software License\n", site+"google_one-1.dist-info/RECORD=google/one/x.py,,\n",
				site+"google_two-1.dist-info/METADATA=Name: google-two\nVersion: 1\n", site+"google_two-1.dist-info/RECORD=google/two/x.py,,\n",
				file(site+"google/one/x.py", 700), file(site+"google/two/x.py", 600), file(site+"alone.py", 200), file("openhands/bin/server", 100),
			),
			listing(
				t, "openhands/share/components/node.json={}", `openhands/node/node_modules/@scope/tool/package.json={"name":"@scope/tool","version":"3.1.0","license":"ISC"}`,
				file("openhands/node/node_modules/@scope/tool/lib/index.js", 400), file("openhands/node/bin/node", 100),
			),
			listing(t, file("openhands/lib/libc.so.6", 300)),
			listing(t, "etc/", "etc/passwd=root:x:0:0::/root:/bin/sh\n", "etc/shadow=root:secret::\n", "etc/group=root:x:0:\n"),
			listing(
				t, "etc/", "etc/passwd=root:x:0:0::/root:/bin/sh\nopenhands:x:1000:1000::/home/openhands:/bin/sh\n", "etc/shadow=root:secret::\nopenhands:*::\n",
				"home/", "home/openhands/", "usr/bin/env->/openhands/bin/env",
			),
		},
	}
}

func written(t *testing.T, s Subject) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What the page shows of an image.
func TestLook(t *testing.T) {
	v, err := look(subject(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	say := func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }
	for _, c := range v.Components {
		say("%s %d in %d, %d packages, %q %q", c.Name, c.Bytes, c.Files, c.Packages, c.Licence, c.Description)
		for _, r := range c.Rows {
			say("%s%s %d in %d %s", strings.Repeat("  ", r.Depth+1), r.Name, r.Bytes, r.Files, r.Of)
		}
	}
	for _, g := range v.Groups {
		say("%s: %d layers", g.Name, len(g.Layers))
	}
	for _, l := range v.Licences {
		say("%q of %s, %d", l.Name, strings.Join(l.Packages, ", "), l.Bytes)
	}
	for _, p := range v.Packages {
		say("%s %d %q in %v", p.URL(), p.Bytes, p.Licence, p.Components)
	}
	for _, c := range v.Changes {
		say("%s %s %s %s %s %q and %d", c.Path, c.What, c.Kind, c.Mode, c.Owner, c.Lines, c.More)
	}
	want := []string{
		`server 8663 in 13, 3 packages, "BSD-3-Clause" "The server"`,
		"  Big_Thing 2.0 6908 in 5 pypi",
		"    big 6800 in 3 ",
		"      core 6000 in 1 ",
		"      __pycache__ 300 in 1 ",
		"    big_thing-2.0.dist-info 108 in 2 ",
		"  google-one 1 809 in 3 pypi",
		"    google/one 700 in 1 ",
		"    google_one-1.dist-info 109 in 2 ",
		"  google-two 1 646 in 3 pypi",
		"    google/two 600 in 1 ",
		"    google_two-1.dist-info 46 in 2 ",
		"  venv/lib/python3.13/site-packages 200 in 1 ",
		"  bin 100 in 1 ",
		`node 558 in 4, 2 packages, "" ""`,
		"  @scope/tool 3.1.0 456 in 2 npm",
		"    lib 400 in 1 ",
		"  node/bin 100 in 1 ",
		"  share/components 2 in 1 ",
		`shared libraries 300 in 1, 0 packages, "" ""`,
		"  lib 300 in 1 ",
		"Payload: 3 layers",
		"Base, and what was built on it: 1 layers",
		"Set-up: 1 layers",
		`"Apache Software License" of google-one 1, 809`,
		`"ISC" of @scope/tool 3.1.0, 456`,
		`"MIT" of big.thing 2.0, 6908`,
		`"" of libc6 2.41, 0`,
		`pkg:pypi/big.thing@2.0 6908 "MIT" in [server]`,
		`pkg:pypi/google-one@1 809 "Apache Software License" in [server]`,
		`pkg:npm/%40scope/tool@3.1.0 456 "ISC" in [node]`,
		`pkg:deb/debian/libc6@2.41 0 "" in [server node]`,
		`/etc/passwd changed file 0644 7:8 ["openhands:x:1000:1000::/home/openhands:/bin/sh"] and 0`,
		"/etc/shadow changed file 0644 7:8 [] and 1",
		"/home added folder 0755 7:8 [] and 0",
		"/home/openhands added folder 0755 7:8 [] and 0",
		"/usr/bin/env → /openhands/bin/env added link 0644 7:8 [] and 0",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// The page has all of it as tables, and in the right places.
func TestPage(t *testing.T) {
	page := written(t, subject(t))
	for _, part := range []string{
		"<title>my/image:latest</title>", "Big_Thing 2.0", "BSD-3-Clause", "other/image:1", "openhands:x:1000:1000::/home/openhands:/bin/sh", "with passwords, not shown",
		"/usr/bin/env → /openhands/bin/env", `href="#component-1"`, `<div id="component-1">`, "debian:trixie-slim",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("%q is not in it", part)
		}
	}
	for _, part := range []string{"root:secret", "<script", "style=", "http://", "https://"} {
		if strings.Contains(page, part) {
			t.Errorf("%q is in it", part)
		}
	}
	if page != written(t, subject(t)) {
		t.Error("the same image has another page")
	}
}

// What layers of a payload hold is told by their files, where labels do not tell.
func TestComponentOf(t *testing.T) {
	for want, lines := range map[string][]string{
		"tmux":             {"openhands/share/components/tmux.json={}", "openhands/bin/tmux=x"},
		"shared libraries": {"openhands/lib/libc.so.6=x"},
		"manifest":         {"openhands/manifest.json={}"},
		"payload":          {"openhands/share/components/tmux.json={}", "openhands/share/components/uv.json={}", "openhands/lib/libc.so.6=x", "openhands/manifest.json={}"},
	} {
		if got := componentOf(engine.Layer{}, listing(t, lines...)); got != want {
			t.Errorf("%v: %q, want %q", lines, got, want)
		}
		if got := componentOf(engine.Layer{Component: "told"}, listing(t, lines...)); got != "told" {
			t.Errorf("%v: %q, though it is told", lines, got)
		}
	}
}

// An image that says nothing of its layers, and one without any.
func TestUntold(t *testing.T) {
	s := subject(t)
	for i := range s.Details.Layers {
		s.Details.Layers[i].CreatedBy, s.Details.Layers[i].Component = "", ""
	}
	page := written(t, s)
	for _, part := range []string{"No layer of the image is told to be the payload", "No layer of the image is told to be that of set-up"} {
		if !strings.Contains(page, part) {
			t.Errorf("%q is not in it", part)
		}
	}
	written(t, Subject{Details: &engine.Details{}})
}

// hostileText tries to leave every place in which the page shows words of others.
const hostileText = "\"><script>alert(1)</script>'--><img src=x onerror=alert(2)></title></style></svg>{{.}}\x1b[2J\u202e\x00javascript:alert(3)"

// hostile is an image whose every word is hostileText.
func hostile(t *testing.T) Subject {
	t.Helper()
	s := subject(t)
	name := strings.NewReplacer("/", "|", "\x00", "", "=", "-", "->", "-").Replace(hostileText)
	for i := range s.Layers {
		s.Layers[i] = listing(
			t, "openhands/"+name+"/"+strings.Repeat("long", 50)+"="+strings.Repeat("x", 900), "etc/passwd=root\n"+strings.Repeat(name+"\n", i), name+"->"+name,
			site+name+".dist-info/METADATA=Name: "+name+"\nVersion: "+name+"\nLicense: "+name[:50]+"\n",
		)
	}
	d := s.Details
	d.ID, d.References, d.Base, d.Platform, d.Created, d.DepsTag = hostileText, []string{hostileText}, hostileText, hostileText, hostileText, hostileText
	d.Version, d.Server, d.Manifest.Libc = hostileText, hostileText, hostileText
	d.Inputs, d.Labels = map[string]string{hostileText: hostileText}, map[string]string{hostileText: hostileText}
	s.Licences = map[string]string{hostileText: hostileText}
	for i := range d.Layers {
		d.Layers[i].DiffID, d.Layers[i].Others = hostileText, slices.Repeat([]string{hostileText}, 60)
		d.Layers[i].CreatedBy += hostileText
	}
	d.Layers[0].Component = hostileText
	for i := range d.Manifest.Components {
		c := &d.Manifest.Components[i]
		c.Name, c.Description = hostileText, hostileText
		for j := range c.Packages {
			c.Packages[j] = payload.Package{Type: hostileText, Name: hostileText, Version: hostileText}
		}
	}
	return s
}

// No word of an image is markup, or changes how the page reads.
func TestHostile(t *testing.T) {
	page := written(t, hostile(t))
	for _, part := range []string{"<script", "<img", "onerror=alert(2)>", "</title></style>"} {
		if strings.Contains(page, part) {
			t.Errorf("%q is in it", part)
		}
	}
	for i, r := range page {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			t.Fatalf("it has %q: %q", r, page[max(i-40, 0):i])
		}
	}
	if !strings.Contains(page, "&lt;script&gt;") {
		t.Error("what the image says is not shown")
	}
}

// Rectangles have the areas of what they stand for, and lie beside each other in
// the whole.
func TestSquarify(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		whole := box{draw.Float64() * 100, draw.Float64() * 100, 1 + draw.Float64()*2000, 1 + draw.Float64()*2000}
		sizes := make([]int64, 1+draw.IntN(60))
		var total int64
		for i := range sizes {
			sizes[i] = int64(math.Exp(draw.Float64() * 20))
			total += sizes[i]
		}
		slices.SortFunc(sizes, func(a, b int64) int { return int(b - a) })
		boxes := squarify(sizes, whole)
		const near = 1e-4 // of a pixel
		for i, b := range boxes {
			want := float64(sizes[i]) / float64(total) * whole.width * whole.height
			if math.Abs(b.width*b.height-want) > 1e-6*whole.width*whole.height {
				t.Fatalf("%v of %v has %v, want %v", b, whole, b.width*b.height, want)
			}
			if b.left < whole.left-near || b.top < whole.top-near || b.left+b.width > whole.left+whole.width+near || b.top+b.height > whole.top+whole.height+near {
				t.Fatalf("%v is not in %v", b, whole)
			}
			for _, other := range boxes[:i] {
				if min(b.left+b.width, other.left+other.width)-max(b.left, other.left) > near && min(b.top+b.height, other.top+other.height)-max(b.top, other.top) > near {
					t.Fatalf("%v lies over %v", b, other)
				}
			}
		}
	}
	for _, sizes := range [][]int64{nil, {0}, {0, 0}, {5, 0}} {
		for _, b := range squarify(sizes, box{0, 0, 10, 10}) {
			if math.IsNaN(b.left + b.top + b.width + b.height) {
				t.Errorf("%v: %v", sizes, b)
			}
		}
	}
}

// A payload of more folders than are told apart has all of its bytes still.
func TestMaxBranches(t *testing.T) {
	wood := newForest()
	wood.left = 10
	c := wood.plant("c")
	for i := range 100 {
		wood.add(c, nil, fmt.Sprintf("a%d/b%d/file", i, i), 1)
	}
	if parts := c.parts(); c.Bytes != 100 || c.Files != 100 || len(parts) != 5 || c.own(parts).Bytes != 95 {
		t.Errorf("%+v %d %d", c, len(parts), c.own(parts).Bytes)
	}
}

func TestMetadata(t *testing.T) {
	for text, want := range map[string]string{
		"Name: a\nVersion: 1\nLicense: MIT\n\nLicense-Expression: GPL":                                          "a 1 MIT",
		"Name: a\r\nVersion: 1\r\nlicense-expression: MIT OR Apache-2.0\r\n\r\n":                                "a 1 MIT OR Apache-2.0",
		"Name: a\nLicense: UNKNOWN\nClassifier: License :: OSI Approved\nClassifier: License :: X :: Y License": "a  OSI Approved / Y License",
		"Name: a\nLicense: " + strings.Repeat("whole text ", 20):                                                "a  ",
		"Version: 1": "none",
		"":           "none",
	} {
		if got := describe(parsePython([]byte(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		`{"name":"@a/b","version":"1","license":"MIT"}`:                              "@a/b 1 MIT",
		`{"name":"a","license":{"type":"ISC"}}`:                                      "a  ISC",
		`{"name":"a","licenses":[{"type":"MIT"},{"type":"GPL"}],"version":"2"}`:      "a 2 MIT / GPL",
		`{"name":"a","version":"2","licenses":"MIT"}`:                                "a 2 ",
		`{"name":"a","version":"2","license":"` + strings.Repeat("long ", 50) + `"}`: "a 2 ",
		`{"type":"module"}`: "none",
		`{`:                 "none",
	} {
		if got := describe(parseNPM([]byte(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func describe(p *pkg) string {
	if p == nil {
		return "none"
	}
	return p.Name + " " + p.Version + " " + p.Licence
}
