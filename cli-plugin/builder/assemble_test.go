package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine/enginetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/go-digest"
)

// fakeStore is an engine in memory and what it has of images that are made.
type fakeStore struct {
	*enginetest.Store
	announced string // the image that was to come last
}

func newFakeStore(t *testing.T, containerd bool) *fakeStore {
	return &fakeStore{Store: enginetest.NewStore(t, containerd)}
}

func (s *fakeStore) engine() *engine.Engine {
	return &engine.Engine{API: s, Arch: "amd64", Containerd: s.Containerd}
}

// put makes an image of layers, each as for imagetest.Layer, known to the store.
func (s *fakeStore) put(t *testing.T, config v1.ConfigFile, layers ...[]string) *image.Image {
	t.Helper()
	id := s.Put(t, config, layers...)
	info := s.Infos[id]
	return engine.Describe(id, &info)
}

var depsLayers = [][]string{
	{"openhands/", "openhands/manifest.json={}"},
	{"openhands/bin/", "openhands/bin/oh-init=elf"},
}

var baseLayers = [][]string{
	{"etc/", "etc/passwd=root:x:0:0:root:/root:/bin/sh\n", "etc/group=root:x:0:\n", "bin/", "bin/sh=elf", "tmp/"},
	{"etc/motd=hello"},
	{"etc/motd=hello"}, // the same layer twice
}

func (s *fakeStore) assembly(t *testing.T, base *image.Image, order plan.LayerOrder) assembly {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	deps := s.put(t, v1.ConfigFile{Config: v1.Config{Labels: map[string]string{payload.LabelKind: payload.KindDeps}}}, depsLayers...)
	own := map[string]string{payload.LabelDepsDigest: deps.ID, payload.LabelBaseDigest: ""}
	if base != nil {
		own[payload.LabelBaseDigest] = base.ID
	}
	return assembly{
		Recipe: image.Recipe{
			Runtime: plan.Runtime{
				Base: "base:1", User: payload.User, LayerOrder: order,
				Labels: map[string]string{payload.LabelKind: payload.KindRuntime, payload.LabelServer: plan.DefaultServer},
			},
			Labels: own, Arch: "amd64", Created: time.Unix(1700000000, 0).UTC(),
		},
		engine: s.engine(), sent: io.Discard, deps: deps, base: base,
		announce: func(id string) error { s.announced = id; return nil },
	}
}

func forBothStores(t *testing.T, test func(t *testing.T, s *fakeStore)) {
	for name, containerd := range map[string]bool{"graph driver": false, "containerd": true} {
		t.Run(name, func(t *testing.T) { test(t, newFakeStore(t, containerd)) })
	}
}

// The complete archive is read by another implementation, which checks every
// digest and size in it.
func TestCompleteArchive(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		base := s.put(t, v1.ConfigFile{Config: v1.Config{
			Env:    []string{"A=1", "PATH=/x", "EDITOR=vi", "SU_TO_USER=false", "LANG=ja_JP.UTF-8"},
			Labels: map[string]string{"own": "yes", engine.LeaseLabel: "a"}, StopSignal: "SIGQUIT",
			Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx"}, OnBuild: []string{"RUN false"},
			Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "curl"}}, Shell: []string{"/bin/ash", "-c"},
			ExposedPorts: map[string]struct{}{"80/tcp": {}}, Volumes: map[string]struct{}{"/openhands": {}, "/data": {}},
		}}, baseLayers...)
		s.Refuse = 1
		a := s.assembly(t, base, plan.OrderAuto)
		id, err := a.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.announced != id {
			t.Errorf("%s was announced, but it is %s", s.announced, id)
		}
		if len(s.Loads) != 2 {
			t.Fatalf("%d loads, want a refused and a complete one", len(s.Loads))
		}
		img := s.Loaded(t, id)
		if err := validate.Image(img); err != nil {
			t.Error(err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		var stack []digest.Digest
		for _, id := range config.RootFS.DiffIDs {
			stack = append(stack, digest.Digest(id.String()))
		}
		if want := append(slices.Clone(a.deps.DiffIDs()), base.DiffIDs()...); len(stack) != len(want)+1 || !slices.Equal(stack[:len(want)], want) {
			t.Errorf("the layers are %v, want %v and one more", stack, want)
		}
		if len(config.History) != len(stack) {
			t.Errorf("%d history entries for %d layers", len(config.History), len(stack))
		}
		got := map[string]any{
			"env": config.Config.Env, "labels": config.Config.Labels, "stop": config.Config.StopSignal, "user": config.Config.User,
			"entrypoint": config.Config.Entrypoint, "cmd": config.Config.Cmd, "onbuild": config.Config.OnBuild,
			"ports": config.Config.ExposedPorts, "dir": config.Config.WorkingDir, "created": config.Created.Unix(),
			"health": config.Config.Healthcheck, "shell": config.Config.Shell, "volumes": config.Config.Volumes,
		}
		want := map[string]any{
			"env": []string{
				"A=1", "PATH=/openhands/bin:/x:/openhands/fallback/bin", "EDITOR=vi", "LANG=ja_JP.UTF-8", "POETRY_VIRTUALENVS_PATH=/openhands/poetry",
				"MAMBA_ROOT_PREFIX=/openhands/micromamba", "PLAYWRIGHT_BROWSERS_PATH=/openhands/browser/ms-playwright",
				"OPENVSCODE_SERVER_ROOT=/openhands/.openvscode-server", "GIT_EDITOR=vi", "VISUAL=vi", payload.NoSudoVariable + "=true",
			},
			"labels": map[string]string{"own": "yes", payload.LabelKind: payload.KindRuntime, payload.LabelServer: plan.DefaultServer, payload.LabelDepsDigest: a.deps.ID, payload.LabelBaseDigest: base.ID},
			"stop":   "SIGTERM", "user": "0",
			"health": &v1.HealthConfig{Test: []string{"NONE"}}, "shell": []string{"/bin/ash", "-c"}, "volumes": map[string]struct{}{"/data": {}},
			"entrypoint": []string{"/openhands/bin/oh-init", "--"}, "cmd": []string{"/openhands/bin/oh-action-execution-server"}, "onbuild": []string(nil),
			"ports": map[string]struct{}{"80/tcp": {}, "8000/tcp": {}}, "dir": "/workspace", "created": int64(1700000000),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEngineGetsOnlyWhatItLacks(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		base := s.put(t, v1.ConfigFile{}, baseLayers...)
		a := s.assembly(t, base, plan.OrderAuto)
		first, err := a.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a.Runtime.User = "agent"
		second, err := a.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if first == second {
			t.Error("another user gives the same image")
		}
		// Own layer, configuration and manifest; in an OCI layout also its
		// index and marker. The first time a graph driver needs the base's
		// layers over the payload's, two files and a link.
		want := []int{6, 3}
		if s.Containerd {
			want = []int{5, 5}
		}
		if got := []int{len(s.Loads[0]), len(s.Loads[1])}; !slices.Equal(got, want) {
			t.Errorf("files in the archives: %v, want %v\n%q", got, want, s.Loads)
		}
	})
}

func TestSameInputsSameImage(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		a := s.assembly(t, s.put(t, v1.ConfigFile{}, baseLayers...), plan.OrderAuto)
		first, err := a.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if again, err := a.run(t.Context()); err != nil || again != first {
			t.Errorf("%s, then %s %v", first, again, err)
		}
	})
}

func TestScratch(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		a := s.assembly(t, nil, plan.OrderAuto)
		id, err := a.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(s.Infos[id].RootFS.Layers), len(depsLayers)+1; got != want {
			t.Errorf("%d layers, want %d", got, want)
		}
	})
}

// Engines do not save an image without layers; what there is of it is in its
// inspection.
func TestBaseWithoutLayers(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		base := s.put(t, v1.ConfigFile{Config: v1.Config{Env: []string{"A=1"}, Labels: map[string]string{"own": "yes"}}})
		a := s.assembly(t, base, plan.OrderAuto)
		id, err := a.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		made := s.Infos[id]
		if got, want := len(made.RootFS.Layers), len(depsLayers)+1; got != want || made.Config.Labels["own"] != "yes" || made.Config.Env[0] != "A=1" {
			t.Errorf("%d layers, want %d: %+v", got, want, made.Config)
		}
		r := newTestRegistry(t)
		_, whole := r.publication(t, s)
		s.Infos[r.Host+"/lib/base:1"] = s.Infos[base.ID]
		results, err := publishing(s.engine(), Output{Push: true, Compression: image.Gzip}).Build(t.Context(), whole)
		if err != nil {
			t.Fatal(err)
		}
		pushed, err := r.Image(t, results[1].References[0])
		if err == nil {
			err = validate.Image(pushed)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

func TestLayerOrder(t *testing.T) {
	taken := append(slices.Clone(baseLayers), []string{"openhands/", "openhands/old=1"})
	for name, test := range map[string]struct {
		layers [][]string
		order  plan.LayerOrder
		want   string // p: payload, b: base, m: hiding marker, s: set-up
		code   problem.Code
	}{
		"auto":                  {baseLayers, plan.OrderAuto, "ppbbbs", ""},
		"payload first":         {baseLayers, plan.OrderPayloadFirst, "ppbbbs", ""},
		"base first":            {baseLayers, plan.OrderBaseFirst, "bbbpps", ""},
		"taken, auto":           {taken, plan.OrderAuto, "bbbbmpps", ""},
		"taken, base first":     {taken, plan.OrderBaseFirst, "bbbbmpps", ""},
		"taken, payload first":  {taken, plan.OrderPayloadFirst, "", problem.BaseConflict},
		"whiteout of it":        {[][]string{{".wh.openhands="}}, plan.OrderAuto, "bmpps", ""},
		"whiteout of the whole": {[][]string{{".wh..wh..opq=", "bin/"}}, plan.OrderAuto, "bmpps", ""},
	} {
		t.Run(name, func(t *testing.T) {
			forBothStores(t, func(t *testing.T, s *fakeStore) {
				base := s.put(t, v1.ConfigFile{}, test.layers...)
				a := s.assembly(t, base, test.order)
				id, err := a.run(t.Context())
				if test.code != "" {
					var p *problem.Error
					if !errors.As(err, &p) || p.Code != test.code {
						t.Fatalf("got %v, want %s", err, test.code)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				var got strings.Builder
				layers := s.Infos[id].RootFS.Layers
				for i, l := range layers {
					switch {
					case slices.Contains(a.deps.DiffIDs(), digest.Digest(l)):
						got.WriteByte('p')
					case slices.Contains(base.DiffIDs(), digest.Digest(l)):
						got.WriteByte('b')
					case i == len(layers)-1:
						got.WriteByte('s')
					default:
						got.WriteByte('m')
					}
				}
				if got.String() != test.want {
					t.Errorf("layers %s, want %s", got.String(), test.want)
				}
			})
		})
	}
}

// Files elsewhere are read only once set-up asks for them.
func TestContentBehindLinks(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		base := s.put(t, v1.ConfigFile{}, []string{
			"etc/passwd->/store/users", "store/users=root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000::/:/bin/sh\n", "etc/group=root:x:0:\n",
		})
		if _, err := s.assembly(t, base, plan.OrderAuto).run(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestRefusal(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		a := s.assembly(t, s.put(t, v1.ConfigFile{}, baseLayers...), plan.OrderAuto)
		s.Refuse = 2
		_, err := a.run(t.Context())
		var refused *engine.RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("got %v, want a refusal", err)
		}
	})
}

// An engine on containerd's store reports success for what it cannot unpack.
func TestUnpackFailure(t *testing.T) {
	s := newFakeStore(t, true)
	a := s.assembly(t, s.put(t, v1.ConfigFile{}, baseLayers...), plan.OrderAuto)
	before := len(s.Infos)
	s.Unpack = "write /var/lib/x: no space left on device"
	_, err := a.run(t.Context())
	var p *problem.Error
	if err := problem.Classify(t.Context(), err); !errors.As(err, &p) || p.Code != problem.DiskFull {
		t.Errorf("got %v, want %s", err, problem.DiskFull)
	}
	if len(s.Loads) != 1 {
		t.Errorf("%d loads: a full disk is not tried again", len(s.Loads))
	}
	if len(s.Infos) != before {
		t.Error("the image that is not whole was left behind")
	}
}

// A store that lost a blob keeps the manifest all the same.
func TestMissingBlobIsNoticed(t *testing.T) {
	s := newFakeStore(t, true)
	a := s.assembly(t, s.put(t, v1.ConfigFile{}, baseLayers...), plan.OrderAuto)
	saved, err := s.engine().Save(t.Context(), a.deps, image.Reading{})
	if err != nil {
		t.Fatal(err)
	}
	delete(s.Blobs, enginetest.BlobPath(saved.Layers[0].Descriptor.Digest))
	id, err := a.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Loads) != 2 || len(s.Infos[id].RootFS.Layers) != 6 {
		t.Errorf("%d loads, %d layers: the image was not completed", len(s.Loads), len(s.Infos[id].RootFS.Layers))
	}
}

func TestCancelledAssembly(t *testing.T) {
	s := newFakeStore(t, false)
	a := s.assembly(t, s.put(t, v1.ConfigFile{}, baseLayers...), plan.OrderAuto)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Refuse = 1
	if _, err := a.run(ctx); err == nil || len(s.Loads) != 1 {
		t.Errorf("%v after %d loads: it went on", err, len(s.Loads))
	}
}

// The bytes of assembled images, which go to engines that may have them: by
// their digests an engine knows them again.
func TestAssembledDigests(t *testing.T) {
	want := map[string]string{
		"false auto plain":                           "sha256:b1fba7fcb9bbac6642e5cc7e5f2eb7e4209f1778c116042c220503936d9b32b8",
		"false base-first plain":                     "sha256:bec9bf9243ef0aeba9d7f6ff8c43c8105ab3c8b6fd8315773c44fe7461de185e",
		"false auto with a payload of its own":       "sha256:9b256342de4573afda971ff43371058a336edf419122759c187aadc7beb14a4f",
		"false base-first with a payload of its own": "sha256:9b256342de4573afda971ff43371058a336edf419122759c187aadc7beb14a4f",
		"true auto plain":                            "sha256:f7c5f99bf387a8e21c0f31bc23d40c9220195d37570a2661abf66ec7525fccba",
		"true base-first plain":                      "sha256:5720ea76bfd425f5e8b20b5f82facb156ce0b0731f432a553b8071b21e7118a5",
		"true auto with a payload of its own":        "sha256:30dc913551c575fb4bb47118086ef749a1ec22c1ebdf5e086ac2e5dc74f0d249",
		"true base-first with a payload of its own":  "sha256:30dc913551c575fb4bb47118086ef749a1ec22c1ebdf5e086ac2e5dc74f0d249",
	}
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		for _, order := range []plan.LayerOrder{plan.OrderAuto, plan.OrderBaseFirst} {
			for name, layers := range map[string][][]string{"plain": baseLayers, "with a payload of its own": append(slices.Clone(baseLayers), []string{"openhands/", "openhands/x=y"})} {
				base := s.put(t, v1.ConfigFile{Config: v1.Config{Env: []string{"A=1", "PATH=/x"}, Labels: map[string]string{"own": "yes"}}}, layers...)
				id, err := s.assembly(t, base, order).run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if of := fmt.Sprint(s.Containerd, " ", order, " ", name); id != want[of] {
					t.Errorf("%s: %q", of, id)
				}
			}
		}
	})
}
