package live

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/helpers"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// smallDeps is a deps image that keeps the contract but holds hardly more than
// the static programs: assembly cannot tell it from a real one.
const smallDeps = "oh-live/deps:small"

// loadSmallDeps puts the small deps image, of two layers, into an engine.
func loadSmallDeps(t *testing.T, engine lab.Engine) {
	t.Helper()
	programs, err := helpers.For(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal(payload.Manifest{
		SchemaVersion: payload.SchemaVersion, OpenHandsVersion: "0.62.0", Server: "action-execution-server",
		Architecture: runtime.GOARCH, Libc: "none", Components: []payload.Component{{Name: "core"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	lower := []entry{
		{name: payload.Init, mode: 0o755, data: programs["oh-init"]},
		{name: payload.Wrappers, mode: 0o755, data: programs["oh-wrappers"]},
		{name: payload.Bin + "/oh-tmux", link: "oh-wrappers"},
	}
	upper := []entry{
		{name: payload.ManifestFile, mode: 0o644, data: manifest},
		{name: payload.Lib + "/libempty.so", mode: 0o644},
		{name: payload.Certificates, mode: 0o644, data: []byte("no certificate\n")},
	}
	load(t, engine, smallDeps, v1.Config{Labels: map[string]string{
		payload.LabelKind: payload.KindDeps, payload.LabelVersion: "0.62.0",
		payload.LabelServer: "action-execution-server", payload.LabelComponents: "core",
		payload.LabelDepsTag: "oh_deps_v0.62.0_0123456789abcdef",
	}}, runtime.GOARCH, layer(t, lower), layer(t, upper))
}

// load makes an image of layers and puts it into an engine under the name ref,
// which it loses at the test's end.
func load(t *testing.T, engine lab.Engine, ref string, config v1.Config, arch string, layers ...v1.Layer) {
	t.Helper()
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: arch, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	if image, err = mutate.AppendLayers(image, layers...); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	if err := tarball.WriteToFile(archive, tag, image); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Docker(t.Context(), "load", "--input", archive); err != nil {
		t.Fatal(err)
	}
	cleanup(t, engine, "rmi", "--force", ref)
}

// entry is a file of a layer; one with a link is a symbolic link.
type entry struct {
	name string
	mode int64
	data []byte
	link string
}

// layer makes a layer of entries and the folders that they lie in.
func layer(t *testing.T, entries []entry) v1.Layer {
	t.Helper()
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	put := func(header *tar.Header, data []byte) {
		header.Size = int64(len(data))
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	folders := map[string]bool{}
	for _, e := range entries {
		for dir := path.Dir(e.name); dir != "/"; dir = path.Dir(dir) {
			folders[dir] = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		put(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(dir, "/") + "/", Mode: 0o755}, nil)
	}
	for _, e := range entries {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(e.name, "/"), Mode: e.mode}
		if e.link != "" {
			header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, e.link, 0o777
		}
		put(header, e.data)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(out.Bytes())), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// archiveLayer is a root file system from the folder of archives as a layer.
func archiveLayer(t *testing.T, base, arch string) v1.Layer {
	t.Helper()
	folder := lab.Archives()
	if !filepath.IsAbs(folder) && os.Getenv("OH_SHARED") == "" {
		folder = filepath.Join("..", "..", folder)
	}
	file, err := lab.Archive(folder, base, arch)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
