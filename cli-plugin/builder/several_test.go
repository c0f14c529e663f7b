package builder

import (
	"encoding/binary"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// elf is the header of a program for an architecture (ELF gABI, "ELF Header").
func elf(arch string) string {
	header := make([]byte, 64)
	copy(header, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(header[16:], 2) // ET_EXEC
	binary.LittleEndian.PutUint16(header[18:], map[string]uint16{"amd64": 62, "arm64": 183}[arch])
	binary.LittleEndian.PutUint32(header[20:], 1)
	return string(header)
}

// world is an engine of amd64 and a registry, which has a base and a payload for
// both architectures. The engine has the base under the same name for its own.
type world struct {
	*testRegistry
	here, far *fakeStore // far is where images of arm64 come from
	base      string
	plan      plan.Plan
}

var archs = []string{"amd64", "arm64"}

func tagOf(arch string) string {
	return "oh_deps_v1.6.0_" + strings.Repeat(arch[:2], 8)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	w := &world{testRegistry: newTestRegistry(t), here: newFakeStore(t, false), far: newFakeStore(t, false)}
	w.base = w.Host + "/lib/base:1"
	w.putBase(t, w.base, "amd64", "arm64")
	w.here.Infos[w.base] = w.here.Infos[w.putImage(t, "amd64", baseOf("amd64")).ID]
	for _, arch := range archs {
		w.putPayload(t, arch)
	}
	w.plan = w.planOver(w.base)
	return w
}

// store is where images of an architecture are made.
func (w *world) store(arch string) *fakeStore {
	if arch == "amd64" {
		return w.here
	}
	return w.far
}

func baseOf(arch string) []string {
	return []string{"etc/", "etc/passwd=root:x:0:0:root:/root:/bin/sh\n", "etc/group=root:x:0:\n", "bin/", "bin/sh=" + elf(arch), "tmp/", "etc/arch=" + arch}
}

// putImage makes an image of one layer.
func (w *world) putImage(t *testing.T, arch string, layer []string) *image.Image {
	config := v1.ConfigFile{Architecture: arch}
	if arch == "arm64" {
		config.Variant = "v8"
	}
	return w.store(arch).put(t, config, layer)
}

// putBase pushes an index of a base.
func (w *world) putBase(t *testing.T, ref string, archs ...string) {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range archs {
		of := w.store(arch).Images[w.putImage(t, arch, baseOf(arch)).ID]
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: of, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	parsed, err := name.ParseReference(ref)
	if err == nil {
		err = remote.WriteIndex(parsed, index)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// putPayload pushes the payload of an architecture from an engine of it.
func (w *world) putPayload(t *testing.T, arch string) {
	t.Helper()
	ref := w.Host + "/team/runtime:" + tagOf(arch)
	s := w.store(arch)
	info := s.put(t, v1.ConfigFile{Architecture: arch, Config: v1.Config{Labels: map[string]string{
		payload.LabelKind: payload.KindDeps, payload.LabelDepsTag: tagOf(arch),
	}}}, []string{"openhands/", "openhands/manifest.json={}"}, []string{"openhands/bin/", "openhands/bin/oh-init=" + elf(arch)})
	s.Infos[ref] = s.Infos[info.ID]
	native := s.engine()
	native.Arch = arch
	if _, err := publishing(native, Output{Push: true, Compression: image.Gzip}).Build(t.Context(), plan.Plan{Deps: plan.Deps{Image: ref, Tag: tagOf(arch), Arch: arch}}); err != nil {
		t.Fatal(err)
	}
	delete(s.Infos, ref)
}

// planOver is a plan for both platforms.
func (w *world) planOver(bases ...string) plan.Plan {
	repository := w.Host + "/team/runtime"
	part := func(tag, arch string) plan.Part {
		p := plan.Part{Deps: plan.Deps{Image: repository + ":" + tag, Tag: tag, Arch: arch, Server: plan.DefaultServer, Version: "1.6.0"}}
		for i, base := range bases {
			p.Runtimes = append(p.Runtimes, plan.Runtime{
				Base: base, Image: repository + ":oh_v1_" + string(rune('a'+i)) + tag[len(tag)-1:], User: payload.User, LayerOrder: plan.OrderAuto,
				Labels: map[string]string{
					payload.LabelKind: payload.KindRuntime, payload.LabelServer: plan.DefaultServer, payload.LabelBaseName: base,
					payload.LabelPlatform: "linux/" + arch, payload.LabelDepsTag: tag,
				},
			})
		}
		return p
	}
	whole := part("oh_deps_v1.6.0_bothbothbothboth", "")
	return plan.Plan{Deps: whole.Deps, Runtimes: whole.Runtimes, Platforms: []plan.Part{part(tagOf("amd64"), "amd64"), part(tagOf("arm64"), "arm64")}}
}

func (w *world) index(t *testing.T, ref string) (v1.ImageIndex, error) {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	return remote.Index(parsed)
}

// holds checks the index behind a reference, and that its image for amd64 is the
// one with this digest.
func holds(t *testing.T, index v1.ImageIndex, amd64 string) {
	t.Helper()
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if manifest.MediaType != types.OCIImageIndex || len(manifest.Annotations) > 0 || len(manifest.Manifests) != 2 {
		t.Fatalf("the index is %+v", manifest)
	}
	for i, arch := range archs {
		entry := manifest.Manifests[i]
		want := v1.Platform{OS: "linux", Architecture: arch}
		if arch == "arm64" {
			want.Variant = "v8" // as the base has it
		}
		if entry.MediaType != types.OCIManifestSchema1 || entry.Platform == nil || !entry.Platform.Equals(want) || len(entry.Annotations) > 0 {
			t.Errorf("%+v is not for %s", entry, want)
		}
		of, err := index.Image(entry.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := of.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Architecture != arch || config.Config.Labels[payload.LabelPlatform] != "linux/"+arch || config.Config.Labels[payload.LabelDepsTag] != tagOf(arch) {
			t.Errorf("the image for %s has the configuration %+v", arch, config)
		}
	}
	if got := manifest.Manifests[0].Digest.String(); got != amd64 {
		t.Errorf("the image for amd64 is %s, alone it is %s", got, amd64)
	}
}

// alone is the digest of the image for a platform that is made without the others.
func (w *world) alone(t *testing.T, b *Builder, platform int) string {
	t.Helper()
	one := w.plan.Platforms[platform].Plan()
	one.Runtimes = slices.Clone(one.Runtimes)
	one.Runtimes[0].Tags = []string{w.Host + "/alone/app:1"}
	results, err := b.Build(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	return results[1].Digest
}

// The images of an index are those that each platform gets without the others, byte
// for byte. No name is there before everything that it leads to.
func TestIndex(t *testing.T) {
	w := newWorld(t)
	push := publishing(w.here.engine(), Output{Push: true, Compression: image.Gzip})
	amd64 := w.alone(t, push, 0)

	names := []string{w.Host + "/me/app:1", w.Host + "/other/app:1"}
	w.plan.Runtimes[0].Tags = names
	var lock sync.Mutex
	var puts []string
	w.Watch(func(request *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		if _, of, ok := strings.Cut(request.URL.Path, "/manifests/"); ok && request.Method == http.MethodPut {
			puts = append(puts, of)
		}
	})
	results, err := push.Build(t.Context(), w.plan)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 2 || results[1].Platform != "linux/amd64,linux/arm64" || len(results[1].Manifests) != 2 || results[1].ID != results[1].Digest || results[1].Traffic == nil {
		t.Errorf("results are %+v", results)
	}
	for _, ref := range names {
		index, err := w.index(t, ref)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, index, amd64)
		if id, _ := index.Digest(); id.String() != results[1].Digest {
			t.Errorf("%s is %s, not %s", ref, id, results[1].Digest)
		}
	}
	last := puts[len(puts)-len(names):]
	if !slices.Equal(last, []string{"1", "1"}) || slices.Index(puts, "1") != len(puts)-2 {
		t.Errorf("manifests were put as %q, the names not last", puts)
	}
	// One tag has the payloads of both, which keep those of their own.
	joined, err := w.index(t, w.Host+"/me/app:"+w.plan.Deps.Tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(joined); err != nil {
		t.Error(err)
	}
	manifest, _ := joined.IndexManifest()
	for i, arch := range archs {
		of, err := w.Image(t, w.Host+"/me/app:"+tagOf(arch))
		if err != nil {
			t.Fatal(err)
		}
		if id, _ := of.Digest(); id != manifest.Manifests[i].Digest {
			t.Errorf("the payload of %s is %s by its own tag, and %s in the index", arch, id, manifest.Manifests[i].Digest)
		}
	}
	noBlobs(t)

	// The same again changes nothing.
	puts, before := nil, w.Uploaded.Load()
	again, err := push.Build(t.Context(), w.plan)
	if err != nil || !again[0].Reused || !again[1].Reused || again[1].Digest != results[1].Digest || w.Uploaded.Load() != before || len(puts) > 0 {
		t.Errorf("again: %v %+v, %d bytes, %q", err, again, w.Uploaded.Load()-before, puts)
	}
	// Another base of one platform does.
	moved := w.putImage(t, "arm64", append(baseOf("arm64"), "etc/new=1"))
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for arch, id := range map[string]string{"amd64": w.here.Infos[w.base].ID, "arm64": moved.ID} {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: w.store(arch).Images[id], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	parsed, _ := name.ParseReference(w.base)
	if err := remote.WriteIndex(parsed, index); err != nil {
		t.Fatal(err)
	}
	if again, err = push.Build(t.Context(), w.plan); err != nil || again[1].Reused || again[1].Manifests[1] == results[1].Manifests[1] {
		t.Errorf("over another base for arm64: %v %+v", err, again)
	}
}

// No engine is needed, and another architecture's image is made alone, too.
func TestForeignPlatform(t *testing.T) {
	w := newWorld(t)
	none := publishing(engine.NoEngine("amd64", errors.New("none")), Output{Push: true, Compression: image.Gzip})
	if _, err := none.Build(t.Context(), w.plan); err != nil {
		t.Fatal(err)
	}
	index, err := w.index(t, w.plan.Runtimes[0].Image)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, index, w.alone(t, none, 0))
	manifest, _ := index.IndexManifest()
	for engineArch, b := range map[string]*Builder{
		"amd64": publishing(w.here.engine(), Output{Push: true, Compression: image.Gzip}),
		"none":  none,
	} {
		if id := w.alone(t, b, 1); id != manifest.Manifests[1].Digest.String() {
			t.Errorf("with the engine %s, arm64 alone is %s, in the index %s", engineArch, id, manifest.Manifests[1].Digest)
		}
	}
	if of, err := w.Image(t, w.Host+"/alone/app:1"); err != nil {
		t.Error(err)
	} else if config, _ := of.ConfigFile(); config.Architecture != "arm64" {
		t.Errorf("it is for %s", config.Architecture)
	}
}

// A payload is found in an index, too, where nobody has pushed one of its own.
func TestPayloadOfIndex(t *testing.T) {
	w := newWorld(t)
	push := publishing(w.here.engine(), Output{Push: true, Compression: image.Gzip})
	alone := plan.Plan{Deps: w.plan.Deps}
	for _, one := range w.plan.Platforms {
		alone.Platforms = append(alone.Platforms, plan.Part{Deps: one.Deps})
	}
	results, err := push.Build(t.Context(), alone)
	if err != nil || len(results) != 1 || len(results[0].Manifests) != 2 || !slices.Equal(results[0].References, []string{w.plan.Deps.Image}) {
		t.Fatalf("%v: %+v", err, results)
	}
	for _, one := range w.plan.Platforms {
		parsed, _ := name.ParseReference(one.Deps.Image)
		if err := remote.Delete(parsed); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := push.Build(t.Context(), w.plan); err != nil {
		t.Error(err)
	}
	// By name as well.
	given := w.planOver(w.base)
	given.Deps.Image, given.Deps.Given = w.plan.Deps.Image, true
	for i := range given.Platforms {
		d := &given.Platforms[i].Deps
		d.Image, d.Given = w.plan.Deps.Image, true
		found, err := push.FindDeps(t.Context(), d.Image, d.Arch)
		if err != nil || found.Tag != tagOf(d.Arch) {
			t.Fatalf("%v: %+v", err, found)
		}
	}
	given.Runtimes[0].Image += "-given"
	if results, err = push.Build(t.Context(), given); err != nil || results[1].Digest == "" {
		t.Errorf("%v: %+v", err, results)
	}
}

// What one platform lacks keeps everything from being pushed, and says what to do.
func TestIndexLacks(t *testing.T) {
	lone := func(w *world, t *testing.T) {
		w.putBase(t, w.base, "amd64")
	}
	for name, test := range map[string]struct {
		change func(w *world, t *testing.T)
		code   problem.Code
		says   []string
	}{
		"base": {lone, problem.Platform, []string{"linux/arm64", "/lib/base:1", "--platform linux/amd64"}},
		"base in no index": {func(w *world, t *testing.T) {
			w.here.Infos["base"] = w.here.Infos[w.base]
			w.base = w.Host + "/lib/single:1"
			w.here.Infos[w.base] = w.here.Infos["base"]
			w.upload(t, w.here, w.base)
			w.plan = w.planOver(w.base)
		}, problem.Platform, []string{"linux/arm64", "/lib/single:1", "--platform linux/amd64"}},
		"payload": {func(w *world, t *testing.T) {
			parsed, _ := name.ParseReference(w.Host + "/team/runtime:" + tagOf("arm64"))
			if err := remote.Delete(parsed); err != nil {
				t.Fatal(err)
			}
		}, problem.NotFound, []string{tagOf("arm64"), "docker openhands deps build --platform linux/arm64 --server action-execution-server --openhands-version 1.6.0 --push --repository", "/team/runtime"}},
		"extra dependencies": {func(w *world, _ *testing.T) {
			w.plan.Platforms[1].Runtimes[0].ExtraDeps = "true"
		}, problem.Platform, []string{"--extra-deps", "linux/arm64"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			test.change(w, t)
			var put sync.Map
			w.Watch(func(request *http.Request) {
				if request.Method == http.MethodPut {
					put.Store(request.URL.Path, true)
				}
			})
			_, err := publishing(w.here.engine(), Output{Push: true, Compression: image.Gzip}).Build(t.Context(), w.plan)
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != test.code {
				t.Fatalf("it ends with %v, not %s", err, test.code)
			}
			for _, text := range test.says {
				if !strings.Contains(p.Summary+"\n"+p.Next, text) {
					t.Errorf("%q is not in %q, %q", text, p.Summary, p.Next)
				}
			}
			put.Range(func(path, _ any) bool { t.Errorf("%s was put", path); return true })
		})
	}
}

// One base without a platform keeps no other from its index.
func TestIndexOverOtherBase(t *testing.T) {
	w := newWorld(t)
	lone := w.Host + "/lib/lone:1"
	w.putBase(t, lone, "amd64")
	push := publishing(w.here.engine(), Output{Push: true, Compression: image.Gzip})
	push.Jobs = 2
	results, err := push.Build(t.Context(), w.planOver(lone, w.base))
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.Platform || len(results) != 3 || results[1].Failure == nil || results[1].Failure.Code != problem.Platform || results[2].Digest == "" {
		t.Errorf("%v: %+v", err, results)
	}
}

// A repository that fails on the way leaves no name in any.
func TestIndexHalfPushed(t *testing.T) {
	w := newWorld(t)
	names := []string{w.Host + "/me/app:1", w.Host + "/other/app:1"}
	w.plan.Runtimes[0].Tags = names
	answers := w.Answers()
	w.Answer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodPut && request.Header.Get("Content-Type") == string(types.OCIImageIndex) && strings.Contains(request.URL.Path, "/other/") {
			http.Error(out, "no", http.StatusForbidden)
			return
		}
		answers.ServeHTTP(out, request)
	}))
	if _, err := publishing(w.here.engine(), Output{Push: true, Compression: image.Gzip}).Build(t.Context(), w.plan); err == nil {
		t.Fatal("it ended well")
	}
	for _, ref := range names {
		if _, err := w.index(t, ref); err == nil {
			t.Errorf("%s is there", ref)
		}
	}
}

// An archive is a layout whose only entries are the index, by its names; the engine
// that loads it finds its own platform there.
func TestIndexArchive(t *testing.T) {
	w := newWorld(t)
	amd64 := w.alone(t, publishing(w.here.engine(), Output{Format: image.FormatOCI, File: filepath.Join(t.TempDir(), "alone.tar"), Compression: image.Gzip}), 0)
	file := filepath.Join(t.TempDir(), "app.tar")
	w.plan.Runtimes[0].Tags = []string{"team/app:1", "team/app:2"}
	results, err := publishing(w.here.engine(), Output{Format: image.FormatOCI, File: file, Compression: image.Gzip}).Build(t.Context(), w.plan)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := layout.ImageIndexFromPath(unpackedArchive(t, file))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := whole.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 2 {
		t.Fatalf("its entries are %+v", manifest.Manifests)
	}
	for i, want := range []string{"1", "2"} {
		entry := manifest.Manifests[i]
		if entry.MediaType != types.OCIImageIndex || entry.Digest.String() != results[1].Digest || entry.Annotations[ocispec.AnnotationRefName] != want ||
			entry.Annotations["io.containerd.image.name"] != "docker.io/team/app:"+want {
			t.Errorf("entry %d is %+v", i, entry)
		}
		index, err := whole.ImageIndex(entry.Digest)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, index, amd64)
	}
	for _, arch := range archs {
		archive, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer archive.Close()
		if saved, err := image.ReadSaved(archive, image.Reading{}, arch, true); err != nil || saved.Config.Architecture != arch {
			t.Errorf("%s: %v, %+v", arch, err, saved)
		}
	}
	_, err = publishing(w.here.engine(), Output{Format: image.FormatDocker, File: file, Compression: image.Gzip}).Build(t.Context(), w.plan)
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.Usage || !strings.Contains(p.Next, "type=oci") {
		t.Errorf("in docker's form: %v", err)
	}
}

// What a build would do is told for each platform.
func TestExpectIndex(t *testing.T) {
	w := newWorld(t)
	expected, err := publishing(w.here.engine(), Output{Push: true, Compression: image.Gzip}).Expect(t.Context(), w.plan)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range expected {
		got = append(got, e.Kind+" "+e.Platform)
	}
	if want := []string{"deps linux/amd64", "runtime linux/amd64", "deps linux/arm64", "runtime linux/arm64"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if !expected[1].BaseExists || expected[3].BaseExists {
		t.Errorf("the engine has the base of its own platform alone: %+v", expected)
	}
	if !slices.Equal(expected[2].References, []string{w.plan.Platforms[1].Deps.Image, w.plan.Deps.Image}) || expected[3].References[0] != w.plan.Runtimes[0].Image {
		t.Errorf("names are %+v", expected)
	}
}

// A payload that another program has pushed stays the image that it is where it is
// pushed to: runtime images name it by its digest.
func TestPayloadKeepsItsManifest(t *testing.T) {
	w := newWorld(t)
	parsed, _ := name.ParseReference(w.Host + "/team/runtime:" + tagOf("arm64"))
	of, err := remote.Image(parsed)
	if err != nil {
		t.Fatal(err)
	}
	other := mutate.Annotations(of, map[string]string{"by": "another"}).(v1.Image)
	if err := remote.Write(parsed, other); err != nil {
		t.Fatal(err)
	}
	push := publishing(w.here.engine(), Output{Push: true, Compression: image.Gzip})
	w.plan.Runtimes[0].Tags = []string{w.Host + "/me/app:1"}
	first, err := push.Build(t.Context(), w.plan)
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := other.Digest(); first[0].Manifests[1].Digest != want.String() {
		t.Errorf("it is pushed as %s, and was %s", first[0].Manifests[1].Digest, want)
	}
	if again, err := push.Build(t.Context(), w.plan); err != nil || !again[0].Reused || !again[1].Reused {
		t.Errorf("again: %v %+v", err, again)
	}
}
