package builder

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
)

// fakeStore takes and gives images as an engine does, in memory. Like one, it
// refuses or mutilates an image that lacks a layer which it does not have.
type fakeStore struct {
	client.APIClient
	containerd bool
	refuse     int    // so many loads are refused, whatever they hold
	unpack     string // why no image can be unpacked
	images     map[string]v1.Image
	infos      map[string]apiimage.InspectResponse
	chains     chains
	blobs      map[string][]byte // containerd: by path
	loads      [][]string        // names of the files in each archive
	announced  string            // the image that was to come last
	named      []apiimage.InspectResponse
	last       string // folder with the last archive's files
}

func newFakeStore(t *testing.T, containerd bool) *fakeStore {
	return &fakeStore{
		containerd: containerd, images: map[string]v1.Image{}, infos: map[string]apiimage.InspectResponse{},
		chains: chains{}, blobs: map[string][]byte{}, last: t.TempDir(),
	}
}

func (s *fakeStore) engine() *Engine { return &Engine{api: s, arch: "amd64", containerd: s.containerd} }

// put makes an image of layers, each as for imagetest.Layer, known to the store.
func (s *fakeStore) put(t *testing.T, config v1.ConfigFile, layers ...[]string) *image.Image {
	t.Helper()
	config.OS, config.Architecture, config.RootFS.Type = "linux", "amd64", "layers"
	img, err := mutate.ConfigFile(empty.Image, &config)
	if err != nil {
		t.Fatal(err)
	}
	var added []mutate.Addendum
	for _, lines := range layers {
		data := imagetest.Layer(t, lines...)
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err != nil {
			t.Fatal(err)
		}
		added = append(added, mutate.Addendum{Layer: l, History: v1.History{CreatedBy: "test"}})
	}
	if img, err = mutate.Append(img, added...); err != nil {
		t.Fatal(err)
	}
	id, err := img.ConfigName()
	if s.containerd {
		id, err = img.Digest()
	}
	if err != nil {
		t.Fatal(err)
	}
	whole, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	info := apiimage.InspectResponse{ID: id.String(), Os: "linux", Architecture: "amd64", Created: whole.Created.Format(time.RFC3339Nano)}
	info.Config = &dockerspec.DockerOCIImageConfig{}
	info.Config.Labels, info.Config.Env = whole.Config.Labels, whole.Config.Env
	for _, diffID := range whole.RootFS.DiffIDs {
		info.RootFS.Layers = append(info.RootFS.Layers, diffID.String())
	}
	s.images[id.String()], s.infos[id.String()] = img, info
	described := imageOf(info.ID, &info)
	s.chains.add(described.DiffIDs())
	if s.containerd {
		for name, data := range s.layoutFiles(t, img) {
			s.blobs[name] = data
		}
	}
	return described
}

func (s *fakeStore) layoutFiles(t *testing.T, img v1.Image) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = path.AppendImage(img)
	}
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	err = filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(dir, name)
		if err == nil {
			files[relative], err = os.ReadFile(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (s *fakeStore) ImageSave(_ context.Context, ids []string, _ ...client.ImageSaveOption) (client.ImageSaveResult, error) {
	img, ok := s.images[ids[0]]
	if !ok {
		return nil, cerrdefs.ErrNotFound
	}
	if layers, err := img.Layers(); err != nil || len(layers) == 0 {
		return nil, errors.Join(err, errors.New("empty export - not implemented"))
	}
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	if !s.containerd {
		return io.NopCloser(&b), errors.Join(s.saveDocker(archive, img), archive.Close())
	}
	dir, err := os.MkdirTemp(s.last, "save")
	if err != nil {
		return nil, err
	}
	path, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = path.AppendImage(img)
	}
	return io.NopCloser(&b), errors.Join(err, archive.AddFS(os.DirFS(dir)), archive.Close())
}

// archiveManifest is an element of manifest.json.
type archiveManifest struct {
	Config string
	Layers []string
}

func blobPath(d digest.Digest) string { return "blobs/" + d.Algorithm().String() + "/" + d.Encoded() }

func writeFile(archive *tar.Writer, name string, data []byte) error {
	err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))})
	if err == nil {
		_, err = archive.Write(data)
	}
	return err
}

// saveDocker writes what "docker save" of an engine with a graph driver does.
func (s *fakeStore) saveDocker(archive *tar.Writer, img v1.Image) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	manifest := archiveManifest{Config: digest.FromBytes(config).Encoded() + ".json"}
	if err := writeFile(archive, manifest.Config, config); err != nil {
		return err
	}
	written := map[v1.Hash]string{}
	for i, l := range layers {
		dir := fmt.Sprintf("%s%d", digest.FromBytes(config).Encoded()[:12], i)
		name := dir + "/layer.tar"
		manifest.Layers = append(manifest.Layers, name)
		if err := writeFile(archive, dir+"/VERSION", []byte("1.0")); err != nil {
			return err
		}
		id, err := l.DiffID()
		if err != nil {
			return err
		}
		if first, twice := written[id]; twice {
			if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: "../" + first}); err != nil {
				return err
			}
			continue
		}
		written[id] = name
		plain, err := l.Uncompressed()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(plain)
		if err != nil {
			return err
		}
		if err := writeFile(archive, name, data); err != nil {
			return err
		}
	}
	data, err := json.Marshal([]archiveManifest{manifest})
	if err != nil {
		return err
	}
	return writeFile(archive, "manifest.json", data)
}

func (s *fakeStore) ImageLoad(_ context.Context, r io.Reader, _ ...client.ImageLoadOption) (client.ImageLoadResult, error) {
	files, links := map[string][]byte{}, map[string]string{}
	var names []string
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		names = append(names, header.Name)
		if header.Typeflag == tar.TypeSymlink {
			links[header.Name] = filepath.Join(filepath.Dir(header.Name), header.Linkname)
			continue
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			return nil, err
		}
	}
	for name, target := range links {
		files[name] = files[target]
	}
	s.loads = append(s.loads, names)
	say := func(message string) (client.ImageLoadResult, error) {
		return io.NopCloser(strings.NewReader(message)), nil
	}
	if s.refuse > 0 {
		s.refuse--
		return say(`{"errorDetail":{"message":"refused"},"error":"refused"}`)
	}
	var err error
	if s.containerd {
		err = s.loadLayout(files)
	} else {
		err = s.loadDocker(files)
	}
	if err != nil {
		return say(fmt.Sprintf(`{"errorDetail":{"message":%q}}`, err))
	}
	if s.unpack != "" {
		return say(fmt.Sprintf(`{"stream":"Loaded image ID\n"}{"stream":"Error unpacking image x: %s\n"}`, s.unpack))
	}
	return say(`{"stream":"Loaded image ID\n"}`)
}

// loadDocker opens only the layers whose chain it does not know.
func (s *fakeStore) loadDocker(files map[string][]byte) error {
	var manifests []archiveManifest
	if err := json.Unmarshal(files["manifest.json"], &manifests); err != nil {
		return err
	}
	config := files[manifests[0].Config]
	var img dockerspec.DockerOCIImage
	if err := json.Unmarshal(config, &img); err != nil {
		return err
	}
	if len(manifests[0].Layers) != len(img.RootFS.DiffIDs) {
		return errors.New("layers length mismatch")
	}
	for i, id := range img.RootFS.DiffIDs {
		if s.chains.has(img.RootFS.DiffIDs[:i+1]) {
			continue
		}
		data, ok := files[manifests[0].Layers[i]]
		if !ok {
			return fmt.Errorf("open %s: no such file or directory", manifests[0].Layers[i])
		}
		if got := digest.FromBytes(data); got != id {
			return fmt.Errorf("invalid diffID for layer %d: expected %q, got %q", i, id, got)
		}
	}
	s.chains.add(img.RootFS.DiffIDs)
	s.know(digest.FromBytes(config), img, len(img.RootFS.DiffIDs))
	return s.keep(files)
}

// loadLayout believes what a manifest says and unpacks as far as it has blobs.
func (s *fakeStore) loadLayout(files map[string][]byte) error {
	for name, data := range files {
		s.blobs[name] = data
	}
	var index ocispec.Index
	if err := json.Unmarshal(files["index.json"], &index); err != nil {
		return err
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(s.blobs[blobPath(index.Manifests[0].Digest)], &manifest); err != nil {
		return err
	}
	var config dockerspec.DockerOCIImage
	if err := json.Unmarshal(s.blobs[blobPath(manifest.Config.Digest)], &config); err != nil {
		return err
	}
	if len(manifest.Layers) != len(config.RootFS.DiffIDs) {
		return errors.New("layers length mismatch")
	}
	unpacked := 0
	for _, l := range manifest.Layers {
		if _, ok := s.blobs[blobPath(l.Digest)]; !ok {
			break
		}
		unpacked++
	}
	s.know(index.Manifests[0].Digest, config, unpacked)
	return s.keep(s.blobs)
}

func (s *fakeStore) know(id digest.Digest, img dockerspec.DockerOCIImage, layers int) {
	info := apiimage.InspectResponse{ID: id.String(), Os: img.OS, Architecture: img.Architecture, Config: &img.Config}
	for _, diffID := range img.RootFS.DiffIDs[:layers] {
		info.RootFS.Layers = append(info.RootFS.Layers, diffID.String())
	}
	s.infos[id.String()] = info
}

// keep writes an archive's files down for go-containerregistry to read.
func (s *fakeStore) keep(files map[string][]byte) error {
	for name, data := range files {
		name = filepath.Join(s.last, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeStore) ImageInspect(_ context.Context, id string, _ ...client.ImageInspectOption) (client.ImageInspectResult, error) {
	info, ok := s.infos[id]
	if !ok {
		return client.ImageInspectResult{}, cerrdefs.ErrNotFound
	}
	return client.ImageInspectResult{InspectResponse: info}, nil
}

func (s *fakeStore) ImageRemove(_ context.Context, id string, _ client.ImageRemoveOptions) (client.ImageRemoveResult, error) {
	delete(s.infos, id)
	return client.ImageRemoveResult{}, nil
}

func (s *fakeStore) ImageTag(_ context.Context, o client.ImageTagOptions) (client.ImageTagResult, error) {
	info, ok := s.infos[o.Source]
	if !ok {
		return client.ImageTagResult{}, cerrdefs.ErrNotFound
	}
	s.infos[o.Target] = info
	s.named = append(s.named, info)
	return client.ImageTagResult{}, nil
}

func (s *fakeStore) ImageList(_ context.Context, o client.ImageListOptions) (client.ImageListResult, error) {
	var result client.ImageListResult
	for id, info := range s.infos {
		matches := true
		for filter := range o.Filters["label"] {
			name, value, _ := strings.Cut(filter, "=")
			matches = matches && imageOf(id, &info).Labels()[name] == value
		}
		if matches {
			result.Items = append(result.Items, apiimage.Summary{ID: id})
		}
	}
	return result, nil
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
		engine: s.engine(), deps: deps, base: base,
		announce: func(id string) error { s.announced = id; return nil },
	}
}

// imageOfLayout reads an image by its manifest's digest.
func imageOfLayout(t *testing.T, dir, digest string) v1.Image {
	t.Helper()
	path, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := v1.NewHash(digest)
	if err != nil {
		t.Fatal(err)
	}
	img, err := path.Image(hash)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// assembled reads the last image that the store was given in full.
func (s *fakeStore) assembled(t *testing.T, id string) v1.Image {
	t.Helper()
	if s.containerd {
		return imageOfLayout(t, s.last, id)
	}
	img, err := tarball.Image(func() (io.ReadCloser, error) {
		var b bytes.Buffer
		archive := tar.NewWriter(&b)
		err := errors.Join(archive.AddFS(os.DirFS(s.last)), archive.Close())
		return io.NopCloser(&b), err
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return img
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
			Labels: map[string]string{"own": "yes", leaseLabel: "a"}, StopSignal: "SIGQUIT",
			Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx"}, OnBuild: []string{"RUN false"},
			Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "curl"}}, Shell: []string{"/bin/ash", "-c"},
			ExposedPorts: map[string]struct{}{"80/tcp": {}}, Volumes: map[string]struct{}{"/openhands": {}, "/data": {}},
		}}, baseLayers...)
		s.refuse = 1
		a := s.assembly(t, base, plan.OrderAuto)
		id, err := a.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.announced != id {
			t.Errorf("%s was announced, but it is %s", s.announced, id)
		}
		if len(s.loads) != 2 {
			t.Fatalf("%d loads, want a refused and a complete one", len(s.loads))
		}
		img := s.assembled(t, id)
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
		if s.containerd {
			want = []int{5, 5}
		}
		if got := []int{len(s.loads[0]), len(s.loads[1])}; !slices.Equal(got, want) {
			t.Errorf("files in the archives: %v, want %v\n%q", got, want, s.loads)
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
		if got, want := len(s.infos[id].RootFS.Layers), len(depsLayers)+1; got != want {
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
		made := s.infos[id]
		if got, want := len(made.RootFS.Layers), len(depsLayers)+1; got != want || made.Config.Labels["own"] != "yes" || made.Config.Env[0] != "A=1" {
			t.Errorf("%d layers, want %d: %+v", got, want, made.Config)
		}
		r := newTestRegistry(t)
		_, whole := r.publication(t, s)
		s.infos[r.Host+"/lib/base:1"] = s.infos[base.ID]
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
				layers := s.infos[id].RootFS.Layers
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
		s.refuse = 2
		_, err := a.run(t.Context())
		var refused *refusedError
		if !errors.As(err, &refused) {
			t.Errorf("got %v, want a refusal", err)
		}
	})
}

// An engine on containerd's store reports success for what it cannot unpack.
func TestUnpackFailure(t *testing.T) {
	s := newFakeStore(t, true)
	a := s.assembly(t, s.put(t, v1.ConfigFile{}, baseLayers...), plan.OrderAuto)
	before := len(s.infos)
	s.unpack = "write /var/lib/x: no space left on device"
	_, err := a.run(t.Context())
	var p *problem.Error
	if err := problem.Classify(t.Context(), err); !errors.As(err, &p) || p.Code != problem.DiskFull {
		t.Errorf("got %v, want %s", err, problem.DiskFull)
	}
	if len(s.loads) != 1 {
		t.Errorf("%d loads: a full disk is not tried again", len(s.loads))
	}
	if len(s.infos) != before {
		t.Error("the image that is not whole was left behind")
	}
}

// A store that lost a blob keeps the manifest all the same.
func TestMissingBlobIsNoticed(t *testing.T) {
	s := newFakeStore(t, true)
	a := s.assembly(t, s.put(t, v1.ConfigFile{}, baseLayers...), plan.OrderAuto)
	saved, err := s.engine().save(t.Context(), a.deps, image.Reading{})
	if err != nil {
		t.Fatal(err)
	}
	delete(s.blobs, blobPath(saved.Layers[0].Descriptor.Digest))
	id, err := a.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.loads) != 2 || len(s.infos[id].RootFS.Layers) != 6 {
		t.Errorf("%d loads, %d layers: the image was not completed", len(s.loads), len(s.infos[id].RootFS.Layers))
	}
}

func TestCancelledAssembly(t *testing.T) {
	s := newFakeStore(t, false)
	a := s.assembly(t, s.put(t, v1.ConfigFile{}, baseLayers...), plan.OrderAuto)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.refuse = 1
	if _, err := a.run(ctx); err == nil || len(s.loads) != 1 {
		t.Errorf("%v after %d loads: it went on", err, len(s.loads))
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
				if of := fmt.Sprint(s.containerd, " ", order, " ", name); id != want[of] {
					t.Errorf("%s: %q", of, id)
				}
			}
		}
	})
}
