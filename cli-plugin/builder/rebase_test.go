package builder

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// stock is a registry with two payloads and two bases, and what is built of them.
type stock struct {
	*testRegistry
	t        testing.TB
	store    *fakeStore
	deps     [2]plan.DepsImage // the second one with another layer of libraries
	base     [2]string         // the second one with another first layer
	settings plan.Options
}

var (
	stockDeps = [2][][]string{
		{{"openhands/", "openhands/bin/", "openhands/bin/oh-init=elf"}, {"openhands/lib/", "openhands/lib/libssl.so.3=weak"}, {"openhands/manifest.json={}"}},
		{{"openhands/", "openhands/bin/", "openhands/bin/oh-init=elf"}, {"openhands/lib/", "openhands/lib/libssl.so.3=mended"}, {"openhands/manifest.json={}"}},
	}
	stockBase = [2][][]string{
		{{"etc/", "etc/passwd=root:x:0:0:root:/root:/bin/sh\n", "etc/group=root:x:0:\n", "etc/release=1", "bin/", "bin/sh=elf", "tmp/", "usr/", "usr/lib/", "usr/lib/libc.so=same", "srv/", "srv/site/", "srv/site/index=1"}, {"etc/motd=hello"}},
		{{"etc/", "etc/passwd=root:x:0:0:root:/root:/bin/sh\nnew:x:4321:4321::/:/bin/sh\n", "etc/group=root:x:0:\n", "etc/release=2", "bin/", "bin/sh=elf", "tmp/", "usr/", "usr/lib/", "usr/lib/libc.so=same", "srv/", "srv/site/", "srv/site/index=2"}, {"etc/motd=hello"}},
	}
)

const (
	weakTag   = "oh_deps_v1.6.0_aaaaaaaaaaaaaaaa"
	mendedTag = "oh_deps_v1.6.0_bbbbbbbbbbbbbbbb"
)

func newStock(t *testing.T, containerd bool) *stock {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	f := &stock{testRegistry: newTestRegistry(t), t: t, store: newFakeStore(t, containerd)}
	for i, tag := range []string{weakTag, mendedTag} {
		ref := f.Host + "/team/runtime:" + tag
		f.put(t, f.store, ref, map[string]string{
			payload.LabelKind: payload.KindDeps, payload.LabelDepsTag: tag, payload.LabelVersion: "1.6.0",
			payload.LabelServer: plan.DefaultServer, payload.LabelComponents: "core", payload.LabelInputs: "n=" + tag,
		}, stockDeps[i]...)
		f.upload(t, f.store, ref)
		f.deps[i] = plan.DepsImage{Ref: ref, Tag: tag, Version: "1.6.0", Server: plan.DefaultServer}
		f.base[i] = f.Host + "/lib/base:" + []string{"1", "2"}[i]
		info := f.store.put(t, v1.ConfigFile{Config: v1.Config{Labels: map[string]string{"base": f.base[i]}, Env: []string{"PATH=/bin:/" + []string{"one", "two"}[i], "OF=" + f.base[i]}}}, stockBase[i]...)
		f.store.Infos[f.base[i]] = f.store.Infos[info.ID]
		f.upload(t, f.store, f.base[i])
	}
	f.settings = plan.Options{Version: "1.6.0", Repository: f.Host + "/team/runtime", Server: plan.DefaultServer, Arch: "amd64", LayerOrder: plan.OrderAuto, Assemble: plan.AssembleAuto}
	return f
}

// nobody is no engine.
func (f *stock) nobody() *engine.Engine {
	return engine.NoEngine("amd64", problem.New(problem.NoEngine, "none", nil, ""))
}

func (f *stock) pushing() *Builder {
	return publishing(f.nobody(), Output{Push: true, Compression: image.Gzip})
}

// build builds the image over a base with a payload, under its own name or another
// one, and returns the name.
func (f *stock) build(b *Builder, base string, deps plan.DepsImage, tags ...string) (string, Result) {
	f.t.Helper()
	o := f.settings
	o.Bases, o.Deps, o.Tags = []string{base}, &deps, tags
	p, err := plan.New(o, plan.Inputs{})
	if err != nil {
		f.t.Fatal(err)
	}
	results, err := b.Build(f.t.Context(), p)
	if err != nil {
		f.t.Fatal(err)
	}
	return p.Runtimes[0].Image, results[1]
}

// over pushes an image with layers and settings of somebody's own on top of ref.
func (f *stock) over(ref, as string, settings func(*v1.Config), layers ...[]string) {
	f.t.Helper()
	img, err := f.Image(f.t, ref)
	if err != nil {
		f.t.Fatal(err)
	}
	img = f.grown(img, settings, layers...)
	f.write(as, img)
}

func (f *stock) grown(img v1.Image, settings func(*v1.Config), layers ...[]string) v1.Image {
	f.t.Helper()
	for _, lines := range layers {
		data := imagetest.Layer(f.t, lines...)
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err == nil {
			img, err = mutate.Append(img, mutate.Addendum{Layer: l, History: v1.History{CreatedBy: "own step"}})
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		f.t.Fatal(err)
	}
	config = config.DeepCopy()
	if settings != nil {
		settings(&config.Config)
		config.History = append(config.History, v1.History{CreatedBy: "own setting", EmptyLayer: true})
	}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		f.t.Fatal(err)
	}
	return img
}

func (f *stock) write(as string, img v1.Image) {
	f.t.Helper()
	parsed, err := name.ParseReference(as)
	if err == nil {
		err = remote.Write(parsed, img)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *stock) digestOf(ref string) string {
	f.t.Helper()
	img, err := f.Image(f.t, ref)
	if err != nil {
		f.t.Fatalf("%s: %v", ref, err)
	}
	id, err := img.Digest()
	if err != nil {
		f.t.Fatal(err)
	}
	return id.String()
}

func (f *stock) rebase(b *Builder, s Swap) (Rebased, error) {
	f.t.Helper()
	results, err := b.Rebase(f.t.Context(), []Swap{s}, "", nil)
	if len(results) != 1 {
		f.t.Fatalf("%d results, %v", len(results), err)
	}
	return results[0], err
}

// What a swap makes of an image is to the byte what a build makes of the new
// parts, whatever choices the image was built with.
func TestRebaseIsBuild(t *testing.T) {
	for name, choose := range map[string]func(*plan.Options){
		"plain":      func(*plan.Options) {},
		"no sudo":    func(o *plan.Options) { o.NoSudo = true },
		"a user":     func(o *plan.Options) { o.User, o.Tools = "dev:1234", payload.PayloadFirst },
		"base first": func(o *plan.Options) { o.LayerOrder = plan.OrderBaseFirst },
	} {
		for swap, s := range map[string]struct{ base, deps int }{"base": {1, 0}, "payload": {0, 1}, "both": {1, 1}} {
			t.Run(name+", "+swap, func(t *testing.T) {
				f := newStock(t, false)
				choose(&f.settings)
				old, _ := f.build(f.pushing(), f.base[0], f.deps[0])
				wanted, want := f.build(f.pushing(), f.base[s.base], f.deps[s.deps])
				_, other := f.build(f.pushing(), f.base[s.base], f.deps[s.deps], f.Host+"/team/runtime:other")
				if want.Digest != other.Digest {
					t.Fatal("builds are not repeatable")
				}
				how := Swap{Image: old}
				if s.base == 1 {
					how.Base = f.base[1]
				}
				if s.deps == 1 {
					how.Deps = f.deps[1].Ref
				}
				got, err := f.rebase(f.pushing(), how)
				if err != nil {
					t.Fatal(err)
				}
				if got.Digest != want.Digest || !slices.Equal(got.References, []string{wanted}) {
					t.Errorf("%s as %q, a build makes %s as %s", got.Digest, got.References, want.Digest, wanted)
				}
				if got.Repaired != (swap == "payload") || got.Base.Changed() != (s.base == 1) || got.Payload.Changed() != (s.deps == 1) {
					t.Errorf("it says %+v", got)
				}
				setUp := []string{}
				if s.base == 1 {
					setUp = []string{"/etc/passwd"}
				}
				if diff := cmp.Diff(setUp, got.SetUp); diff != "" {
					t.Errorf("files of set-up: %s", diff)
				}
				noBlobs(t)
			})
		}
	}
}

// A payload that has another digest beside the image than where the image had it
// from is the same all the same.
func TestRebaseKeepsWhatStays(t *testing.T) {
	f := newStock(t, false)
	app, built := f.Host+"/me/app:1", f.Host+"/me/app:2"
	_, was := f.build(f.pushing(), f.base[0], f.deps[0], app)
	_, want := f.build(f.pushing(), f.base[1], f.deps[0], built)
	got, err := f.rebase(f.pushing(), Swap{Image: app, Base: f.base[1]})
	if err != nil || got.Digest != want.Digest || got.Payload.Changed() {
		t.Errorf("%+v, %v; a build makes %s", got, err, want.Digest)
	}
	if got, err := f.rebase(f.pushing(), Swap{Image: app, Base: f.base[0]}); err != nil || got.Digest != was.Digest {
		t.Errorf("back again it is %+v, %v; it was %s", got, err, was.Digest)
	}
}

// Layers and settings that somebody has put on top are kept.
func TestRebaseKeepsOwn(t *testing.T) {
	own := [][]string{{"opt/", "opt/app/", "opt/app/main=1", "usr/", "usr/lib/", "usr/lib/libapp.so=1"}, {"opt/", "opt/app/", "opt/app/.wh.main", "opt/app/other=2"}}
	settings := func(c *v1.Config) {
		c.Env = append(c.Env, "APP=1")
		for i, variable := range c.Env {
			if path, ok := strings.CutPrefix(variable, "PATH="); ok {
				c.Env[i] = "PATH=/opt/app:" + path
			}
		}
		c.Labels = maps.Clone(c.Labels)
		c.Labels["app"] = "yes"
		c.Cmd = []string{"/opt/app/main"}
		c.ExposedPorts = map[string]struct{}{"8000/tcp": {}, "80/tcp": {}}
	}
	for swap, s := range map[string]Swap{"base": {Base: "1"}, "payload": {Deps: "1"}, "both": {Base: "1", Deps: "1"}} {
		t.Run(swap, func(t *testing.T) {
			f := newStock(t, false)
			old, _ := f.build(f.pushing(), f.base[0], f.deps[0])
			app := f.Host + "/me/app:1"
			f.over(old, app, settings, own...)
			base, deps := f.base[0], f.deps[0]
			s.Image = app
			if s.Base != "" {
				base, s.Base = f.base[1], f.base[1]
			}
			if s.Deps != "" {
				deps, s.Deps = f.deps[1], f.deps[1].Ref
			}
			built, _ := f.build(f.pushing(), base, deps)
			under, err := f.Image(t, built)
			if err != nil {
				t.Fatal(err)
			}
			b := f.pushing()
			results, err := b.Rebase(t.Context(), []Swap{s}, f.Host+"/team/runtime", nil)
			if err != nil {
				t.Fatal(err)
			}
			got := results[0]
			if got.Own != 2 || !slices.Equal(got.References, []string{app}) {
				t.Errorf("%+v", got)
			}
			made, err := f.Image(t, app)
			if err == nil {
				err = validate.Image(made)
			}
			if err != nil {
				t.Fatal(err)
			}
			have, _ := made.ConfigFile()
			whole, _ := f.grown(under, settings, own...).ConfigFile()
			if diff := cmp.Diff(whole.Config, have.Config); diff != "" {
				t.Errorf("settings: %s", diff)
			}
			if diff := cmp.Diff(whole.RootFS, have.RootFS); diff != "" {
				t.Errorf("layers: %s", diff)
			}
			steps := func(c *v1.ConfigFile) (all []string) {
				for _, step := range c.History {
					all = append(all, step.CreatedBy)
				}
				return all
			}
			if diff := cmp.Diff(steps(whole), steps(have)); diff != "" {
				t.Errorf("history: %s", diff)
			}
		})
	}
}

// What is on top and does not go with the new base is refused by its path, and the
// image stays.
func TestRebaseRefusesShadows(t *testing.T) {
	for name, test := range map[string]struct {
		own  []string
		deps bool // another payload, not another base
		path string
	}{
		"a file that differs":             {own: []string{"etc/", "etc/release=mine"}, path: "/etc/release"},
		"a file of set-up that differs":   {own: []string{"etc/passwd=root:x:0:0:root:/root:/bin/sh\n"}, path: "/etc/passwd"},
		"a whiteout of what differs":      {own: []string{"etc/.wh.release"}, path: "/etc/release"},
		"a whiteout of a folder":          {own: []string{"srv/.wh.site"}, path: "/srv/site"},
		"an opaque folder":                {own: []string{"srv/", "srv/site/", "srv/site/.wh..wh..opq", "srv/site/own=1"}, path: "/srv/site"},
		"all of it":                       {own: []string{".wh..wh..opq"}, path: "/"},
		"a file in the place of a folder": {own: []string{"srv/site=file"}, path: "/srv/site"},
		"a hard link to what differs":     {own: []string{"opt/", "opt/link=>etc/release"}, path: "/opt/link"},
		"a link in the place of a file":   {own: []string{"etc/release->motd"}, path: "/etc/release"},
		"a folder with another mode":      {own: []string{"srv/site/index/"}, path: "/srv/site/index"},
		"the payload":                     {own: []string{"openhands/lib/libssl.so.3=weak"}, deps: true, path: "/openhands/lib/libssl.so.3"},
		"a whiteout of the payload":       {own: []string{".wh.openhands"}, deps: true, path: "/.wh.openhands"},
		"a hard link to the payload":      {own: []string{"opt/", "opt/ssl=>openhands/lib/libssl.so.3"}, deps: true, path: "/opt/ssl"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newStock(t, false)
			old, _ := f.build(f.pushing(), f.base[0], f.deps[0])
			app := f.Host + "/team/runtime:app"
			f.over(old, app, nil, test.own)
			before := f.digestOf(app)
			s := Swap{Image: app, Base: f.base[1]}
			if test.deps {
				s = Swap{Image: app, Deps: f.deps[1].Ref}
			}
			_, err := f.rebase(f.pushing(), s)
			var p *problem.Error
			var shadows *image.ShadowError
			if !errors.As(err, &p) || p.Code != problem.NotRebased || !errors.As(err, &shadows) || !slices.Equal(shadows.Paths, []string{test.path}) {
				t.Errorf("it ends with %v, want %s", err, test.path)
			}
			if after := f.digestOf(app); after != before {
				t.Error("the image was changed")
			}
		})
	}
}

// A number that is another account's over the new base owns nothing on top.
func TestRebaseRefusesStrangers(t *testing.T) {
	f := newStock(t, false)
	old, _ := f.build(f.pushing(), f.base[0], f.deps[0])
	app := f.Host + "/team/runtime:app"
	// Files of imagetest.Tar belong to 7, which only this base knows.
	stranger := f.Host + "/lib/base:stranger"
	info := f.store.put(t, v1.ConfigFile{}, []string{"etc/", "etc/passwd=root:x:0:0:root:/root:/bin/sh\nseven:x:7:7::/:/bin/sh\n", "etc/group=root:x:0:\n", "bin/", "bin/sh=elf", "tmp/"})
	f.store.Infos[stranger] = f.store.Infos[info.ID]
	f.upload(t, f.store, stranger)
	f.over(old, app, nil, []string{"opt/own=1"})
	_, err := f.rebase(f.pushing(), Swap{Image: app, Base: stranger})
	var p *problem.Error
	var shadows *image.ShadowError
	if !errors.As(err, &p) || p.Code != problem.NotRebased || !errors.As(err, &shadows) || !shadows.Owners || !slices.Equal(shadows.Paths, []string{"/opt/own"}) {
		t.Errorf("it ends with %v", err)
	}
}

// What is on top and names what is the same in both bases goes with the new one.
func TestRebaseTakesWhatIsSound(t *testing.T) {
	for name, own := range map[string][]string{
		"a file that is new":                 {"opt/", "opt/x=1"},
		"a file of the same content":         {"usr/lib/libc.so=mine"},
		"a whiteout of the same":             {"etc/.wh.motd"},
		"a whiteout of nothing":              {"opt/.wh.none"},
		"a folder of the same mode":          {"etc/"},
		"a hard link to what is the same":    {"opt/libc=>usr/lib/libc.so"},
		"the payload, which is the same one": {"openhands/etc=1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newStock(t, false)
			old, _ := f.build(f.pushing(), f.base[0], f.deps[0])
			app := f.Host + "/team/runtime:app"
			f.over(old, app, nil, own)
			if got, err := f.rebase(f.pushing(), Swap{Image: app, Base: f.base[1]}); err != nil || got.Own != 1 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// Whatever an image says of itself, it is changed by what is proven of it alone.
func TestRebaseOfHostileImages(t *testing.T) {
	type forgery func(f *stock, img v1.Image) v1.Image
	none := "sha256:" + strings.Repeat("0", 64)
	labels := func(all map[string]string) forgery {
		return func(f *stock, img v1.Image) v1.Image {
			return f.grown(img, func(c *v1.Config) { c.Labels = maps.Clone(c.Labels); maps.Copy(c.Labels, all) })
		}
	}
	label := func(name, value string) forgery { return labels(map[string]string{name: value}) }
	without := func(name string) forgery {
		return func(f *stock, img v1.Image) v1.Image {
			return f.grown(img, func(c *v1.Config) { c.Labels = maps.Clone(c.Labels); delete(c.Labels, name) })
		}
	}
	// layers makes an image anew of some of its layers.
	layers := func(choose func(all []v1.Layer) []v1.Layer) forgery {
		return func(f *stock, img v1.Image) v1.Image {
			config, err := img.ConfigFile()
			if err != nil {
				f.t.Fatal(err)
			}
			all, err := img.Layers()
			if err != nil {
				f.t.Fatal(err)
			}
			made, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: config.Config})
			if err == nil {
				made, err = mutate.AppendLayers(made, choose(all)...)
			}
			if err != nil {
				f.t.Fatal(err)
			}
			return made
		}
	}
	for name, test := range map[string]struct {
		forge forgery
		code  problem.Code
	}{
		"not ours":               {without(payload.LabelKind), problem.NotRebased},
		"another payload":        {label(payload.LabelDepsTag, mendedTag), problem.NotRebased},
		"no payload":             {label(payload.LabelDepsTag, "x"), problem.NotRebased},
		"another base":           {labels(map[string]string{payload.LabelBaseDigest: none, labelOCIBaseDigest: none}), problem.NotRebased},
		"a base that is none":    {label(payload.LabelBaseName, "A B"), problem.NotRebased},
		"another set-up":         {label(payload.LabelSetup, "0000000000000000"), problem.NotRebased},
		"another user":           {label(payload.LabelUser, "root"), problem.NotRebased},
		"another server":         {label(payload.LabelServer, payload.AgentServer), problem.NotRebased},
		"another platform":       {label(payload.LabelPlatform, "linux/arm64"), problem.NotRebased},
		"without a layer":        {layers(func(all []v1.Layer) []v1.Layer { return slices.Delete(slices.Clone(all), 3, 4) }), problem.NotRebased},
		"without the payload":    {layers(func(all []v1.Layer) []v1.Layer { return all[3:] }), problem.NotRebased},
		"without set-up":         {layers(func(all []v1.Layer) []v1.Layer { return all[:5] }), problem.NotRebased},
		"with the payload twice": {layers(func(all []v1.Layer) []v1.Layer { return append(slices.Clone(all), all[:3]...) }), problem.NotRebased},
		"in another order":       {layers(func(all []v1.Layer) []v1.Layer { return append(slices.Clone(all[3:]), all[:3]...) }), problem.NotRebased},
	} {
		t.Run(name, func(t *testing.T) {
			f := newStock(t, false)
			old, _ := f.build(f.pushing(), f.base[0], f.deps[0])
			img, err := f.Image(t, old)
			if err != nil {
				t.Fatal(err)
			}
			forged := f.Host + "/team/runtime:forged"
			f.write(forged, test.forge(f, img))
			before := f.digestOf(forged)
			_, err = f.rebase(f.pushing(), Swap{Image: forged, Base: f.base[1], Deps: f.deps[1].Ref})
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != test.code || p.Next == "" {
				t.Errorf("it ends with %v", err)
			}
			if f.digestOf(forged) != before {
				t.Error("it was changed")
			}
		})
	}
}

// A layer that has another content than the configuration says is not taken for
// the one of the base, and stands for nothing on top.
func TestRebaseOfForgedDiffIDs(t *testing.T) {
	f := newStock(t, false)
	old, _ := f.build(f.pushing(), f.base[0], f.deps[0])
	img, err := f.Image(t, old)
	if err != nil {
		t.Fatal(err)
	}
	config, _ := img.ConfigFile()
	all, _ := img.Layers()
	evil := func(id v1.Hash) v1.Layer {
		data := imagetest.Layer(t, "bin/sh=evil")
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err != nil {
			t.Fatal(err)
		}
		return claimed{l, id}
	}
	forge := func(as string, layers ...v1.Layer) {
		made, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: config.Config})
		if err == nil {
			made, err = mutate.AppendLayers(made, layers...)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.write(as, made)
	}
	id, _ := all[4].DiffID() // of the base's upper layer, which the new base has, too
	inside := f.Host + "/team/runtime:inside"
	forge(inside, slices.Concat(all[:4], []v1.Layer{evil(id)}, all[5:])...)
	if _, err := f.rebase(f.pushing(), Swap{Image: inside, Base: f.base[1]}); err != nil {
		t.Fatal(err)
	}
	made, err := f.Image(t, inside)
	if err == nil {
		err = validate.Image(made)
	}
	if err != nil {
		t.Errorf("the forged layer got into the image: %v", err)
	}
	top := f.Host + "/team/runtime:top"
	forge(top, append(slices.Clone(all), evil(id))...)
	_, err = f.rebase(f.pushing(), Swap{Image: top, Base: f.base[1]})
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.RegistryFailed || !strings.Contains(err.Error(), id.String()) {
		t.Errorf("with a forged layer on top it ends with %v", err)
	}
}

// An image of too many layers, one of several platforms and one that no registry
// has are refused.
func TestRebaseRefuses(t *testing.T) {
	f := newStock(t, false)
	old, _ := f.build(f.pushing(), f.base[0], f.deps[0])
	deep := f.Host + "/team/runtime:deep"
	var many [][]string
	for range 121 {
		many = append(many, []string{"opt/x=1"})
	}
	f.over(old, deep, nil, many...)
	img, err := f.Image(t, old)
	if err != nil {
		t.Fatal(err)
	}
	index := f.Host + "/team/runtime:index"
	parsed, err := name.ParseReference(index)
	if err == nil {
		err = remote.WriteIndex(parsed, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}},
		}))
	}
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]struct {
		code problem.Code
		text string
	}{
		deep:                          {problem.NotRebased, "127 layers"},
		index:                         {problem.NotRebased, "index of several platforms"},
		f.Host + "/team/runtime:none": {problem.NotFound, "not to be found"},
		f.base[0]:                     {problem.NotRebased, "no runtime image"},
		f.deps[0].Ref:                 {problem.NotRebased, "no runtime image"},
		"A":                           {problem.Reference, ""},
	} {
		for _, s := range []Swap{{Image: ref, Base: f.base[1]}, {Image: ref, Deps: f.deps[1].Ref}} {
			results, err := f.pushing().Rebase(t.Context(), []Swap{s}, "", nil)
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != want.code || !strings.Contains(err.Error(), want.text) {
				t.Errorf("%s: %v, %+v", ref, err, results)
			}
		}
	}
	if _, err := f.rebase(f.pushing(), Swap{Image: index, Base: f.base[1], Tags: []string{f.Host + "/team/runtime:amd64"}}); err != nil {
		t.Errorf("one platform of an index under a name of its own: %v", err)
	}
}

// A base or a payload for another kind of image is refused.
func TestRebaseOntoWhatDoesNotFit(t *testing.T) {
	f := newStock(t, false)
	old, _ := f.build(f.pushing(), f.base[0], f.deps[0])
	agent := f.Host + "/team/runtime:oh_deps_v1.6.0_cccccccccccccccc"
	f.put(t, f.store, agent, map[string]string{payload.LabelKind: payload.KindDeps, payload.LabelDepsTag: "oh_deps_v1.6.0_cccccccccccccccc", payload.LabelServer: payload.AgentServer}, stockDeps[0]...)
	f.upload(t, f.store, agent)
	for _, test := range []struct {
		swap Swap
		code problem.Code
	}{
		{Swap{Deps: agent}, problem.NotRebased},
		{Swap{Deps: f.base[1]}, problem.NotDeps},
		{Swap{Base: f.deps[1].Ref}, problem.BaseConflict},
		{Swap{Base: old}, problem.BaseConflict},
		{Swap{Base: f.Host + "/lib/none:1"}, problem.NotFound},
		{Swap{Deps: f.Host + "/lib/none:1"}, problem.NotFound},
		{Swap{Base: "A"}, problem.Reference},
	} {
		test.swap.Image = old
		_, err := f.rebase(f.pushing(), test.swap)
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != test.code {
			t.Errorf("%+v: %v", test.swap, err)
		}
	}
}

// The base's name stands for another one today; without that nothing is done.
func TestRebaseToday(t *testing.T) {
	f := newStock(t, false)
	moving := f.Host + "/lib/base:latest"
	for i := range 2 {
		f.store.Infos[moving] = f.store.Infos[f.base[i]]
		f.upload(t, f.store, moving)
		b := f.pushing()
		if i == 0 {
			f.build(b, moving, f.deps[0], f.Host+"/team/runtime:app")
			before := f.Uploaded.Load()
			got, err := f.rebase(b, Swap{Image: f.Host + "/team/runtime:app", Today: true})
			if err != nil || !got.Unchanged || f.Uploaded.Load() != before {
				t.Errorf("%+v, %v", got, err)
			}
			continue
		}
		got, err := f.rebase(b, Swap{Image: f.Host + "/team/runtime:app", Today: true})
		if err != nil || got.Unchanged || !got.Base.Changed() || got.Base.FormerName != "" {
			t.Errorf("%+v, %v", got, err)
		}
		if _, want := f.build(b, moving, f.deps[0]); got.Digest != want.Digest {
			t.Errorf("it is %s, a build makes %s", got.Digest, want.Digest)
		}
		if got, err := f.rebase(b, Swap{Image: f.Host + "/team/runtime:app", Today: true}); err != nil || !got.Unchanged {
			t.Errorf("the second time: %+v, %v", got, err)
		}
	}
}

// What a registry that fails may have is not said to be missing.
func TestRebaseFromFailingRegistry(t *testing.T) {
	f := newStock(t, false)
	app := f.Host + "/team/runtime:app"
	f.build(f.pushing(), f.base[0], f.deps[0], app)
	id, answers := f.digestOf(f.deps[0].Ref), f.Answers()
	f.Answer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/manifests/") && (strings.Contains(r.URL.Path, "oh_deps") || strings.HasSuffix(r.URL.Path, id)) {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		answers.ServeHTTP(w, r)
	}))
	_, err := f.pushing().Rebase(t.Context(), []Swap{{Image: app, Base: f.base[1]}}, "", nil)
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.RegistryFailed {
		t.Errorf("it ends with %v, want %s", err, problem.RegistryFailed)
	}
}

// A push that breaks off leaves the name where it was.
func TestRebaseInterrupted(t *testing.T) {
	f := newStock(t, false)
	app := f.Host + "/team/runtime:app"
	f.build(f.pushing(), f.base[0], f.deps[0], app)
	before := f.digestOf(app)
	answers := f.Answers()
	for _, method := range []string{http.MethodPatch, http.MethodPut} {
		for _, s := range []Swap{{Image: app, Base: f.base[1]}, {Image: app, Deps: f.deps[1].Ref}} {
			ctx, cancel := context.WithCancel(t.Context())
			var seen atomic.Bool
			f.Answer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == method {
					seen.Store(true)
					cancel()
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				answers.ServeHTTP(w, r)
			}))
			_, err := f.pushing().Rebase(ctx, []Swap{s}, "", nil)
			cancel()
			f.Answer(answers)
			if err == nil || !seen.Load() {
				t.Errorf("at the first %s: %v", method, err)
			}
			if f.digestOf(app) != before {
				t.Errorf("at the first %s the name was moved", method)
			}
			noBlobs(t)
		}
	}
}

// In an engine the same comes of a swap as in a registry, and the new image has
// all that was on top.
func TestRebaseInEngine(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		f := newStock(t, s.Containerd)
		e := f.store.engine()
		e.API = worker{f.store, map[string]string{f.Host + "/lib/base@" + f.digestOf(f.base[0]): f.base[0], f.Host + "/team/runtime@" + f.digestOf(f.deps[0].Ref): f.deps[0].Ref}}
		local := &Builder{Engine: e, CLI: bareCLI{}, Log: io.Discard}
		old, _ := f.build(local, f.base[0], f.deps[0])
		wanted, want := f.build(local, f.base[1], f.deps[1])
		swap := Swap{Image: old, Base: f.base[1], Deps: f.deps[1].Ref, Tags: []string{"me/app:new"}}
		got, err := f.rebase(local, swap)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != want.ID || !slices.Equal(got.SetUp, []string{"/etc/passwd"}) || got.Own != 0 {
			t.Errorf("%+v, a build makes %s as %s", got, want.ID, wanted)
		}
		if f.store.Infos["me/app:new"].ID != want.ID || f.store.Infos[old].ID == want.ID {
			t.Error("the names are not as they should be")
		}

		// An image that was built elsewhere, with something on top.
		f.build(f.pushing(), f.base[0], f.deps[0], f.Host+"/team/runtime:app")
		own := func(img v1.Image) v1.Image {
			return f.grown(img, func(c *v1.Config) { c.Cmd = []string{"/opt/x"} }, []string{"opt/", "opt/x=1"})
		}
		img, err := f.Image(t, f.Host+"/team/runtime:app")
		if err != nil {
			t.Fatal(err)
		}
		f.store.Infos["me/own:1"] = f.store.Infos[f.store.Hold(t, own(img))]
		top := f.store.Infos["me/own:1"].RootFS.Layers[6]
		for _, swap := range []Swap{{Base: f.base[1]}, {Deps: f.deps[1].Ref}, {Base: f.base[1], Deps: f.deps[1].Ref}} {
			swap.Image = "me/own:1"
			results, err := local.Rebase(t.Context(), []Swap{swap}, f.Host+"/team/runtime", nil)
			if err != nil {
				t.Fatalf("%+v: %v", swap, err)
			}
			made := f.store.Infos["me/own:1"]
			if results[0].Own != 1 || made.ID != results[0].ID || !slices.Equal(made.Config.Cmd, []string{"/opt/x"}) {
				t.Errorf("%+v", results[0])
			}
			if n := len(made.RootFS.Layers); n != 7 || made.RootFS.Layers[6] != top {
				t.Errorf("%d layers", n)
			}
			f.store.Infos["me/own:1"] = f.store.Infos[f.store.Hold(t, own(img))]
		}
		noBlobs(t)
	})
}

// An image that only an engine has goes to a registry or into an archive from
// there, with what is on top of it.
func TestRebaseOutOfEngine(t *testing.T) {
	f := newStock(t, false)
	f.build(f.pushing(), f.base[0], f.deps[0], f.Host+"/team/runtime:app")
	img, err := f.Image(t, f.Host+"/team/runtime:app")
	if err != nil {
		t.Fatal(err)
	}
	here := f.Host + "/me/own:1"
	own := func(img v1.Image) v1.Image { return f.grown(img, nil, []string{"opt/", "opt/x=1"}) }
	f.store.Infos[here] = f.store.Infos[f.store.Hold(t, own(img))]
	file := t.TempDir() + "/app.tar"
	for _, out := range []Output{{Push: true, Compression: image.Gzip}, {File: file, Format: image.FormatDocker, Compression: image.Gzip}} {
		for _, swap := range []Swap{{Base: f.base[1]}, {Deps: f.deps[1].Ref}} {
			swap.Image, swap.Tags = here, []string{f.Host + "/team/runtime:made"}
			got, err := publishing(f.store.engine(), out).Rebase(t.Context(), []Swap{swap}, f.Host+"/team/runtime", nil)
			if err != nil {
				t.Fatalf("%+v: %v", swap, err)
			}
			var made v1.Image
			if out.Push {
				made, err = f.Image(t, swap.Tags[0])
			} else {
				made, err = tarball.ImageFromPath(file, nil)
			}
			if err == nil {
				err = validate.Image(made)
			}
			if err != nil {
				t.Errorf("%+v: %v", swap, err)
				continue
			}
			if config, _ := made.ConfigName(); got[0].Own != 1 || config.String() != got[0].ID {
				t.Errorf("%+v", got[0])
			}
			if layers, _ := made.Layers(); len(layers) != 7 {
				t.Errorf("%d layers", len(layers))
			}
		}
	}
	noBlobs(t)
}

// A payload that was made anew under the tag of the one before is another one: an
// image finds its own by the digest, and keeps its name.
func TestRepairUnderOneTag(t *testing.T) {
	f := newStock(t, false)
	old, was := f.build(f.pushing(), f.base[0], f.deps[0])
	f.put(t, f.store, f.deps[0].Ref, map[string]string{
		payload.LabelKind: payload.KindDeps, payload.LabelDepsTag: weakTag, payload.LabelVersion: "1.6.0",
		payload.LabelServer: plan.DefaultServer, payload.LabelComponents: "core", payload.LabelInputs: "n=" + weakTag,
	}, stockDeps[1]...)
	f.upload(t, f.store, f.deps[0].Ref)
	got, err := f.rebase(f.pushing(), Swap{Image: old, Deps: f.deps[0].Ref})
	if err != nil || !got.Repaired || got.Unchanged || got.Digest == was.Digest || !slices.Equal(got.References, []string{old}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, want := f.build(f.pushing(), f.base[0], f.deps[0]); got.Digest != want.Digest || !want.Reused {
		t.Errorf("a build makes %+v, it is %s", want, got.Digest)
	}
	if got, err := f.rebase(f.pushing(), Swap{Image: old, Deps: f.deps[0].Ref}); err != nil || !got.Unchanged {
		t.Errorf("the second time: %+v, %v", got, err)
	}
}

// What is published is found once by all of its names, and nothing of others is.
func TestPublished(t *testing.T) {
	f := newStock(t, false)
	repository := f.Host + "/team/runtime"
	one, _ := f.build(f.pushing(), f.base[0], f.deps[0])
	f.build(f.pushing(), f.base[0], f.deps[0], repository+":latest", repository+":1")
	f.over(one, repository+":app", nil, []string{"opt/", "opt/x=1"})
	img, err := f.Image(t, one)
	if err != nil {
		t.Fatal(err)
	}
	f.write(repository+":other", f.grown(img, func(c *v1.Config) { c.Labels = nil }))
	index, err := name.ParseReference(repository + ":index")
	if err == nil {
		err = remote.WriteIndex(index, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}},
		}))
	}
	if err != nil {
		t.Fatal(err)
	}
	b := f.pushing()
	b.Jobs = 4
	swaps, err := b.Published(t.Context(), repository, Swap{Today: true})
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, s := range swaps {
		if !s.Today || s.Labels().DepsTag != weakTag {
			t.Errorf("%+v", s)
		}
		got = append(got, append([]string{s.Image}, s.Also...))
	}
	if diff := cmp.Diff([][]string{{repository + ":1", repository + ":latest", one}, {repository + ":app"}}, got); diff != "" {
		t.Error(diff)
	}
	// All names of an image go where it goes, but for those that are the payload's.
	for i := range swaps {
		swaps[i].Deps, swaps[i].Today = f.deps[1].Ref, false
	}
	results, err := b.Rebase(t.Context(), swaps, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	renamed := strings.ReplaceAll(one, "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb")
	if want := []string{repository + ":1", repository + ":latest", renamed}; !slices.Equal(results[0].References, want) {
		t.Errorf("it went to %q, want %q", results[0].References, want)
	}
	for _, ref := range results[0].References {
		if f.digestOf(ref) != results[0].Digest {
			t.Errorf("%s is another one", ref)
		}
	}
	var p *problem.Error
	if _, err := b.Published(t.Context(), f.Host+"/team/none", Swap{}); !errors.As(err, &p) || p.Code != problem.NotFound {
		t.Errorf("a repository that is not there: %v", err)
	}
	if _, err := b.Published(t.Context(), "A", Swap{}); !errors.As(err, &p) || p.Code != problem.Reference {
		t.Errorf("a name that is none: %v", err)
	}
}
