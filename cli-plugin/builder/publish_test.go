package builder

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx/buildxtest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine/enginetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry/registrytest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/moby/moby/client"
)

// bareCLI has no credentials.
type bareCLI struct{ command.Cli }

func (bareCLI) ConfigFile() *configfile.ConfigFile { return configfile.New("") }

// testRegistry is a registry in memory with images of an engine.
type testRegistry struct{ *registrytest.Registry }

func newTestRegistry(t *testing.T) *testRegistry { return &testRegistry{registrytest.New(t)} }

const testTag = "oh_deps_v1.6.0_aaaaaaaaaaaaaaaa"

// put has the engine and, with into, a registry hold an image.
func (r *testRegistry) put(t *testing.T, s *fakeStore, ref string, labels map[string]string, layers ...[]string) {
	t.Helper()
	info := s.put(t, v1.ConfigFile{Config: v1.Config{Labels: labels}}, layers...)
	s.Infos[ref] = s.Infos[info.ID]
}

func (r *testRegistry) upload(t *testing.T, s *fakeStore, ref string) {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(parsed, s.Images[s.Infos[ref].ID]); err != nil {
		t.Fatal(err)
	}
}

// publication is a payload and a base of the engine, and a plan over them.
func (r *testRegistry) publication(t *testing.T, s *fakeStore) (base string, whole plan.Plan) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	base, deps := r.Host+"/lib/base:1", r.Host+"/team/runtime:"+testTag
	r.put(t, s, base, map[string]string{"own": "yes"}, baseLayers...)
	r.put(t, s, deps, map[string]string{payload.LabelKind: payload.KindDeps, payload.LabelDepsTag: testTag}, depsLayers...)
	return base, plan.Plan{
		Deps: plan.Deps{Image: deps, Tag: testTag, Arch: "amd64"},
		Runtimes: []plan.Runtime{{
			Base: base, Image: r.Host + "/team/runtime:oh_v1", User: payload.User, LayerOrder: plan.OrderAuto,
			Labels: map[string]string{
				payload.LabelKind: payload.KindRuntime, payload.LabelServer: plan.DefaultServer, payload.LabelBaseName: base,
				payload.LabelPlatform: "linux/amd64", payload.LabelDepsTag: testTag,
			},
		}},
	}
}

func publishing(e *engine.Engine, out Output) *Builder {
	return &Builder{Engine: e, CLI: bareCLI{}, Log: io.Discard, Progress: progressui.PlainMode, Output: &out}
}

// What is pushed is read by another implementation, which checks every digest.
func TestPush(t *testing.T) {
	for _, form := range []image.Compression{image.Gzip, image.Zstd} {
		t.Run(string(form), func(t *testing.T) {
			forBothStores(t, func(t *testing.T, s *fakeStore) {
				r := newTestRegistry(t)
				_, whole := r.publication(t, s)
				whole.Runtimes[0].Tags = []string{r.Host + "/me/app:1", r.Host + "/me/app:2", r.Host + "/other/app:1"}
				results, err := publishing(s.engine(), Output{Push: true, Compression: form}).Build(t.Context(), whole)
				if err != nil {
					t.Fatal(err)
				}
				if want := []string{r.Host + "/me/app:" + form.PayloadTag(testTag)}; !slices.Equal(results[0].References, want) {
					t.Errorf("the payload is pushed as %q, want %q", results[0].References, want)
				}
				if _, err := r.Image(t, results[0].References[0]); err != nil {
					t.Error(err)
				}
				if _, err := r.Image(t, whole.Runtimes[0].Image); err == nil {
					t.Error("it is pushed where nobody asked for it")
				}
				for _, ref := range whole.Runtimes[0].Tags {
					pushed, err := r.Image(t, ref)
					if err != nil {
						t.Fatal(err)
					}
					if form == image.Gzip { // the validator knows no other
						if err := validate.Image(pushed); err != nil {
							t.Error(err)
						}
					}
					id, _ := pushed.Digest()
					if id.String() != results[1].Digest {
						t.Errorf("%s is %s, not %s", ref, id, results[1].Digest)
					}
					manifest, err := pushed.Manifest()
					if err != nil {
						t.Fatal(err)
					}
					config, err := pushed.ConfigFile()
					if err != nil {
						t.Fatal(err)
					}
					var got []string
					for i, l := range manifest.Layers {
						if want := form.MediaType(); string(l.MediaType) != want && !(s.Containerd && slices.Contains([]int{2, 3, 4}, i)) {
							t.Errorf("layer %d is %s, want %s", i, l.MediaType, want)
						}
						got = append(got, config.RootFS.DiffIDs[i].String())
					}
					want := append(slices.Clone(s.Infos[whole.Deps.Image].RootFS.Layers), s.Infos[whole.Runtimes[0].Base].RootFS.Layers...)
					if len(got) != 6 || !slices.Equal(got[:5], want) || manifest.MediaType != types.OCIManifestSchema1 {
						t.Errorf("%s with layers %q, want %q and one more", manifest.MediaType, got, want)
					}
				}
				if results[1].Traffic == nil || results[1].Traffic.Bytes == 0 {
					t.Errorf("the push came to %+v", results[1].Traffic)
				}
				noBlobs(t)
			})
		})
	}
}

// noBlobs looks for files that a command left in the cache.
func noBlobs(t *testing.T) {
	t.Helper()
	dir := filepath.Join(os.Getenv("XDG_CACHE_HOME"), "docker-openhands", "leases")
	_ = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			t.Errorf("%s is left", name)
		}
		return err
	})
}

// A machine without an engine finds payload and base where they are.
func TestPushWithoutEngine(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	base, whole := r.publication(t, s)
	r.upload(t, s, base)
	none := engine.NoEngine("amd64", problem.New(problem.NoEngine, "none", nil, ""))
	push := Output{Push: true, Compression: image.Gzip}
	var p *problem.Error
	if _, err := publishing(none, push).Build(t.Context(), whole); !errors.As(err, &p) || p.Code != problem.NoEngine {
		t.Errorf("without a payload it says %v", err)
	}
	if _, err := publishing(s.engine(), push).Build(t.Context(), plan.Plan{Deps: whole.Deps}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // another machine
	before := r.Uploaded.Load()
	results, err := publishing(none, push).Build(t.Context(), whole)
	if err != nil {
		t.Fatal(err)
	}
	// This registry has its blobs in common for all repositories.
	if results[1].Traffic.Present != 4 || results[1].Traffic.Uploaded != 1 || r.Uploaded.Load()-before > 5000 {
		t.Errorf("%+v, %d bytes of blobs", results[1].Traffic, r.Uploaded.Load()-before)
	}
	pushed, err := r.Image(t, whole.Runtimes[0].Image)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(pushed); err != nil {
		t.Error(err)
	}
	// Nothing is made again from the same, and everything from something else.
	before = r.Uploaded.Load()
	results, err = publishing(none, push).Build(t.Context(), whole)
	if err != nil || !results[0].Reused || !results[1].Reused || r.Uploaded.Load() != before {
		t.Errorf("%v: %+v, %d bytes", err, results, r.Uploaded.Load()-before)
	}
	push.Compression = image.Zstd
	results, err = publishing(none, push).Build(t.Context(), whole)
	if err != nil || results[0].Reused || results[1].Reused {
		t.Errorf("with zstd: %v: %+v", err, results)
	}
	// The payload is found by that compression, too.
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	whole.Runtimes[0].Image = r.Host + "/team/runtime:oh_v2"
	if results, err = publishing(none, push).Build(t.Context(), whole); err != nil || !results[0].Reused || results[1].Traffic.Uploaded != 0 {
		t.Errorf("the next with zstd: %v: %+v", err, results)
	}
}

// worker is an engine that can do more than take and give images: it pulls,
// and shows the manifest of payloads.
type worker struct {
	*fakeStore
	offered map[string]string // names that the store has, by references to pull
}

func (worker) ContainerCreate(context.Context, client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	return client.ContainerCreateResult{}, nil
}

func (worker) CopyFromContainer(context.Context, string, client.CopyFromContainerOptions) (client.CopyFromContainerResult, error) {
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	manifest, err := json.Marshal(payload.Manifest{SchemaVersion: payload.SchemaVersion})
	err = errors.Join(err, enginetest.WriteFile(archive, "manifest.json", manifest), archive.Close())
	return client.CopyFromContainerResult{Content: io.NopCloser(&b)}, err
}

func (worker) ContainerRemove(context.Context, string, client.ContainerRemoveOptions) (client.ContainerRemoveResult, error) {
	return client.ContainerRemoveResult{}, nil
}

func (w worker) ImagePull(_ context.Context, ref string, _ client.ImagePullOptions) (client.ImagePullResponse, error) {
	source, ok := w.offered[ref]
	if !ok {
		return nil, cerrdefs.ErrNotFound
	}
	w.Infos[ref] = w.Infos[source]
	return pulledSilently{}, nil
}

type pulledSilently struct{ client.ImagePullResponse }

func (pulledSilently) Read([]byte) (int, error) { return 0, io.EOF }
func (pulledSilently) Close() error             { return nil }

// The engine that runs extra dependencies takes the payload from where it was
// found, and stage 1 is not built.
func TestPushOfWhatTheEngineMakes(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		r := newTestRegistry(t)
		_, whole := r.publication(t, s)
		there := whole.Deps.Image
		r.upload(t, s, there)
		s.Infos["kept"] = s.Infos[there]
		delete(s.Infos, there)
		whole.Deps.Image = "localhost:1/none/runtime:" + testTag
		wanted := &whole.Runtimes[0]
		wanted.ExtraDeps = "true"
		s.Infos[wanted.Image] = s.Infos[s.put(t, v1.ConfigFile{Author: "made"}, baseLayers...).ID]
		e := s.engine()
		e.API = worker{s, map[string]string{there: "kept"}}
		b := publishing(e, Output{Push: true, Compression: image.Gzip})
		var log strings.Builder
		b.Log = &log
		b.CLI = buildxtest.NewStandIn(t, `case "$*" in *--builder*) ;; *) echo "ERROR: stage 1 is built" >&2; exit 1 ;; esac`)
		results, err := b.Build(t.Context(), whole)
		if err != nil || len(results) != 2 || results[1].Digest == "" {
			t.Fatalf("%v: %+v\n%s", err, results, &log)
		}
		if _, err := r.Image(t, wanted.Image); err != nil {
			t.Error(err)
		}
		if _, ok := s.Infos[whole.Deps.Image]; !ok {
			t.Error("the next build has to look for the payload again")
		}
		var p *problem.Error
		none := engine.NoEngine("amd64", errors.New("none"))
		if _, err := publishing(none, Output{Push: true, Compression: image.Gzip}).Build(t.Context(), whole); !errors.As(err, &p) || !strings.Contains(p.Summary, "--extra-deps") {
			t.Errorf("without an engine: %v", err)
		}
	})
}

// What is forced is the image: the payload below it is built anew only where it
// is built alone, and once.
func TestForcedPush(t *testing.T) {
	for name, out := range map[string]Output{
		"push": {Push: true, Compression: image.Gzip}, "archive": {Format: image.FormatOCI, File: filepath.Join(t.TempDir(), "app.tar"), Compression: image.Gzip},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newTestRegistry(t), newFakeStore(t, false)
			_, whole := r.publication(t, s)
			first := whole.Runtimes[0]
			first.ExtraDeps = "true"
			second := first
			second.Image += "-second"
			whole.Runtimes = []plan.Runtime{first, second}
			for _, wanted := range whole.Runtimes {
				s.Infos[wanted.Image] = s.Infos[s.put(t, v1.ConfigFile{Author: "made"}, baseLayers...).ID]
			}
			e := s.engine()
			e.API = worker{fakeStore: s}
			b := publishing(e, out)
			b.ForceRebuild = true
			builds := filepath.Join(t.TempDir(), "builds")
			b.CLI = buildxtest.NewStandIn(t, `case "$*" in *--builder*) ;; *) echo stage 1 >>`+builds+` ;; esac`)
			results, err := b.Build(t.Context(), whole)
			if err != nil || len(results) != 3 || results[1].Reused || results[2].Reused {
				t.Errorf("%v: %+v", err, results)
			}
			if text, err := os.ReadFile(builds); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%q was built: %v", text, err)
			}
			whole.Runtimes = nil
			if results, err = b.Build(t.Context(), whole); err != nil || results[0].Reused {
				t.Errorf("the payload alone: %v: %+v", err, results)
			}
			if text, err := os.ReadFile(builds); err != nil || string(text) != "stage 1\n" {
				t.Errorf("for the payload alone, %q was built: %v", text, err)
			}
		})
	}
}

// A layer that only the engine has is found where it went before.
func TestSightings(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	_, whole := r.publication(t, s)
	push := Output{Push: true, Compression: image.Gzip}
	var said bytes.Buffer
	b := publishing(s.engine(), push)
	b.Log, b.Progress = &said, progressui.RawJSONMode // which leaves no step out
	if _, err := b.Build(t.Context(), whole); err != nil || !strings.Contains(said.String(), "compressing") {
		t.Fatalf("%v\n%s", err, &said)
	}
	whole.Runtimes[0].User, whole.Runtimes[0].Image = "agent", r.Host+"/team/runtime:oh_v2"
	said.Reset()
	results, err := b.Build(t.Context(), whole)
	if err != nil || results[1].Traffic.Uploaded != 1 || results[1].Traffic.Present != 4 || strings.Contains(said.String(), "compressing") {
		t.Errorf("%v: %+v\n%s", err, results[1].Traffic, &said)
	}
	// Another registry has none of them.
	other := newTestRegistry(t)
	whole.Runtimes[0].Image = other.Host + "/team/runtime:oh_v2"
	if results, err := publishing(s.engine(), push).Build(t.Context(), whole); err != nil || results[1].Traffic.Uploaded != 3 {
		t.Errorf("%v: %+v", err, results[1].Traffic)
	}
}

// A repository that a layer went to may be closed to this user by now, which
// token servers say before anything is asked of it.
func TestSightingRefused(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		r, s := newTestRegistry(t), newFakeStore(t, false)
		_, whole := r.publication(t, s)
		push := Output{Push: true, Compression: image.Gzip}
		if _, err := publishing(s.engine(), push).Build(t.Context(), whole); err != nil {
			t.Fatal(err)
		}
		r.Answer(withTokens(r.Answers(), func(scope string) int {
			if strings.Contains(scope, "team/runtime") {
				return status
			}
			return http.StatusOK
		}))
		whole.Runtimes[0].Tags = []string{r.Host + "/other/app:1"}
		results, err := publishing(s.engine(), push).Build(t.Context(), whole)
		if err != nil || results[1].Digest == "" {
			t.Errorf("%d: %v: %+v", status, err, results)
		}
	}
}

// withTokens is a registry that wants a token, with its token server, which
// answers with what status says of a scope.
func withTokens(store http.Handler, status func(scope string) int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch {
		case request.URL.Path == "/token":
			w.WriteHeader(status(request.FormValue("scope")))
			_, _ = io.WriteString(w, `{"token":"t"}`)
		case request.Header.Get("Authorization") == "":
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+request.Host+`/token",service="s"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			store.ServeHTTP(w, request)
		}
	})
}

func TestInterruptedPush(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	_, whole := r.publication(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	r.Watch(func(request *http.Request) {
		if request.Method == http.MethodPatch {
			cancel()
		}
	})
	_, err := publishing(s.engine(), Output{Push: true, Compression: image.Gzip}).Build(ctx, whole)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	for _, ref := range []string{whole.Runtimes[0].Image, whole.Deps.Image} {
		if _, err := r.Image(t, ref); err == nil {
			t.Errorf("%s is there", ref)
		}
	}
	noBlobs(t)
}

func TestArchives(t *testing.T) {
	for kind, out := range map[string]Output{
		"oci": {Format: image.FormatOCI, Compression: image.Gzip}, "docker": {Format: image.FormatDocker, Compression: image.Gzip}, "zstd": {Format: image.FormatOCI, Compression: image.Zstd},
	} {
		t.Run(kind, func(t *testing.T) {
			forBothStores(t, func(t *testing.T, s *fakeStore) {
				r := newTestRegistry(t)
				_, whole := r.publication(t, s)
				dir := t.TempDir()
				out.File = filepath.Join(dir, "app.tar")
				results, err := publishing(s.engine(), out).Build(t.Context(), whole)
				if err != nil {
					t.Fatal(err)
				}
				if entries, _ := os.ReadDir(dir); len(entries) != 1 {
					t.Errorf("%d files in the folder", len(entries))
				}
				if out.Format == image.FormatDocker {
					tag, err := name.NewTag(whole.Runtimes[0].Image)
					if err != nil {
						t.Fatal(err)
					}
					img, err := tarball.ImageFromPath(out.File, &tag)
					if err == nil {
						err = validate.Image(img)
					}
					if err != nil {
						t.Error(err)
					}
				}
				img := fromLayout(t, out.File, results[1].Digest)
				if out.Compression == image.Gzip {
					if err := validate.Image(img); err != nil {
						t.Error(err)
					}
				}
				if config, err := img.ConfigFile(); err != nil || len(config.RootFS.DiffIDs) != 6 {
					t.Errorf("%v: %+v", err, config)
				}
			})
		})
	}
}

// fromLayout reads an archive as an OCI image layout.
func fromLayout(t *testing.T, file, id string) v1.Image {
	t.Helper()
	return enginetest.ImageOfLayout(t, unpackedArchive(t, file), id)
}

// unpackedArchive is a folder with the files of an archive.
func unpackedArchive(t *testing.T, file string) string {
	t.Helper()
	data, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	dir := t.TempDir()
	archive := tar.NewReader(data)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err == nil {
			err = errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, header.Name)), 0o755), os.WriteFile(filepath.Join(dir, header.Name), content, 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A failure leaves the archive that was there before.
func TestArchiveIsWholeOrNotThere(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	file := filepath.Join(t.TempDir(), "app.tar")
	if err := os.WriteFile(file, []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := writeWhole(state.NewLease(""), file, func(w io.Writer) error {
		_, err := w.Write([]byte("half"))
		return errors.Join(err, context.Canceled)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if data, _ := os.ReadFile(file); string(data) != "before" {
		t.Errorf("the archive is %q", data)
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("%d files are left", len(entries))
	}
}

// Compressing anew changes no byte of what is inside.
func TestBlobStore(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	plain := imagetest.Layer(t, "a=1", "b="+strings.Repeat("x", 1<<20))
	packed := func(c image.Compression) []byte {
		if c == "" {
			return plain
		}
		l, err := image.NewLayer(plain, c)
		if err != nil {
			t.Fatal(err)
		}
		content, err := l.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	lease := (&engine.Engine{}).Lease()
	defer func() {
		if err := lease.End(); err != nil {
			t.Error(err)
		}
	}()
	s := blobStore{lease: lease}
	for _, test := range []struct {
		is, want image.Compression
		must     bool
		becomes  image.Compression
	}{
		{"", image.Gzip, false, image.Gzip}, {"", image.Zstd, true, image.Zstd},
		{image.Gzip, image.Zstd, false, image.Gzip}, {image.Gzip, image.Zstd, true, image.Zstd}, {image.Gzip, image.Gzip, true, image.Gzip},
		{image.Zstd, image.Gzip, false, image.Zstd}, {image.Zstd, image.Gzip, true, image.Gzip},
	} {
		got, err := s.add(t.Context(), bytes.NewReader(packed(test.is)), test.want, test.must)
		if err != nil {
			t.Fatal(err)
		}
		content, _, err := got.Plain()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(content)
		if err != nil || content.Close() != nil || !bytes.Equal(data, plain) || got.Compression() != test.becomes {
			t.Errorf("%q to %q: %d bytes as %q, %v", test.is, test.want, len(data), got.Compression(), err)
		}
		if want, _ := image.NewLayer(plain, test.becomes); got.DiffID != want.DiffID || cmp.Diff(want.Descriptor, got.Descriptor) != "" {
			t.Errorf("%q to %q: %+v %s", test.is, test.want, got.Descriptor, got.DiffID)
		}
	}
}

// An image without layers, under the name that an image is pushed to, is none
// of ours.
func TestPushOverImageWithoutLayers(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	_, whole := r.publication(t, s)
	push := Output{Push: true, Compression: image.Gzip}
	if _, err := publishing(s.engine(), push).Build(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	pushed, err := r.Image(t, whole.Runtimes[0].Image)
	if err != nil {
		t.Fatal(err)
	}
	config, err := pushed.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	r.put(t, s, whole.Runtimes[0].Image, config.Config.Labels)
	r.upload(t, s, whole.Runtimes[0].Image)
	results, err := publishing(s.engine(), push).Build(t.Context(), whole)
	if err != nil || results[1].Reused {
		t.Errorf("%v: %+v", err, results)
	}
}

// The layers of a base that was read for set-up are proven: the next push finds
// them where this one put them, without the base's registry. What set-up has
// looked at is not kept for them.
func TestLayersOfBaseAreLocated(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	base, whole := r.publication(t, s)
	r.upload(t, s, base)
	push := Output{Push: true, Compression: image.Gzip}
	if _, err := publishing(s.engine(), push).Build(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	whole.Runtimes[0].User, whole.Runtimes[0].Image = "agent", whole.Runtimes[0].Image+"-2"
	var log strings.Builder
	b := publishing(s.engine(), push)
	b.Log, b.Progress, b.Pull = &log, progressui.RawJSONMode, PullNever
	results, err := b.Build(t.Context(), whole)
	if err != nil || results[1].Traffic.Uploaded != 1 || strings.Contains(log.String(), "compressing") {
		t.Errorf("%v, %+v\n%s", err, results[1].Traffic, &log)
	}
	to, err := b.publisher(t.Context(), whole)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := to.end(); err != nil {
			t.Error(err)
		}
	}()
	b.Pull = PullAlways
	found, err := to.base(t.Context(), base)
	if err == nil {
		_, err = to.content(t.Context(), found, image.Attempt{})
	}
	if err != nil || len(to.known) == 0 {
		t.Fatal(err, len(to.known))
	}
	for id, l := range to.known {
		if !l.Proven || l.Listing != nil {
			t.Errorf("%s is proven: %v; a listing is kept: %v", id, l.Proven, l.Listing != nil)
		}
	}
}
