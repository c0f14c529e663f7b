// Package enginetest has engines in memory for tests.
package enginetest

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/container"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Store takes and gives images as an engine does, in memory, to several at once.
// Like one, it refuses or mutilates an image that lacks a layer which it does not
// have.
type Store struct {
	lock sync.Mutex // held by requests
	client.APIClient
	Containerd bool
	Refuse     int    // so many loads are refused, whatever they hold
	Unpack     string // why no image can be unpacked
	Images     map[string]v1.Image
	Infos      map[string]apiimage.InspectResponse
	stacks     map[string]bool   // layers from the lowest up, by stackOf
	Blobs      map[string][]byte // containerd: by path
	Loads      [][]string        // names of the files in each archive
	Named      []apiimage.InspectResponse
	last       string // folder with the last archive's files
}

// NewStore returns an engine without images, with a graph driver or with
// containerd's store.
func NewStore(t testing.TB, containerd bool) *Store {
	return &Store{
		Containerd: containerd, Images: map[string]v1.Image{}, Infos: map[string]apiimage.InspectResponse{},
		stacks: map[string]bool{}, Blobs: map[string][]byte{}, last: t.TempDir(),
	}
}

// Put makes an image of layers, each as for imagetest.Layer, known to the store. It
// is for amd64 unless the configuration says otherwise.
func (s *Store) Put(t testing.TB, config v1.ConfigFile, layers ...[]string) string {
	t.Helper()
	config.OS, config.Architecture, config.RootFS.Type = "linux", cmp.Or(config.Architecture, "amd64"), "layers"
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
	return s.Hold(t, img)
}

// Hold has the store know an image, and returns its ID.
func (s *Store) Hold(t testing.TB, img v1.Image) string {
	t.Helper()
	name, err := img.ConfigName()
	if s.Containerd {
		name, err = img.Digest()
	}
	if err != nil {
		t.Fatal(err)
	}
	whole, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	info := apiimage.InspectResponse{ID: name.String(), Os: "linux", Architecture: whole.Architecture, Variant: whole.Variant, Created: whole.Created.Format(time.RFC3339Nano)}
	info.Config = &dockerspec.DockerOCIImageConfig{}
	info.Config.Labels, info.Config.Env = whole.Config.Labels, whole.Config.Env
	info.Config.User, info.Config.WorkingDir, info.Config.ExposedPorts = whole.Config.User, whole.Config.WorkingDir, whole.Config.ExposedPorts
	info.Config.Entrypoint, info.Config.Cmd, info.Config.StopSignal = whole.Config.Entrypoint, whole.Config.Cmd, whole.Config.StopSignal
	if health := whole.Config.Healthcheck; health != nil {
		info.Config.Healthcheck = &dockerspec.HealthcheckConfig{Test: health.Test}
	}
	for _, diffID := range whole.RootFS.DiffIDs {
		info.RootFS.Layers = append(info.RootFS.Layers, diffID.String())
	}
	s.Images[name.String()], s.Infos[name.String()] = img, info
	s.addStack(info.RootFS.Layers)
	if s.Containerd {
		for name, data := range s.layoutFiles(t, img) {
			s.Blobs[name] = data
		}
	}
	return name.String()
}

// stackOf names layers by all that lie below the uppermost.
func stackOf(layers []string) string { return strings.Join(layers, " ") }

func (s *Store) addStack(layers []string) {
	for i := range layers {
		s.stacks[stackOf(layers[:i+1])] = true
	}
}

func (s *Store) layoutFiles(t testing.TB, img v1.Image) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	written, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = written.AppendImage(img)
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

func (s *Store) ImageSave(_ context.Context, ids []string, _ ...client.ImageSaveOption) (client.ImageSaveResult, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	img, ok := s.Images[ids[0]]
	if !ok {
		return nil, cerrdefs.ErrNotFound
	}
	if layers, err := img.Layers(); err != nil || len(layers) == 0 {
		return nil, errors.Join(err, errors.New("empty export - not implemented"))
	}
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	if !s.Containerd {
		return io.NopCloser(&b), errors.Join(s.saveDocker(archive, img), archive.Close())
	}
	dir, err := os.MkdirTemp(s.last, "save")
	if err != nil {
		return nil, err
	}
	written, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = written.AppendImage(img)
	}
	return io.NopCloser(&b), errors.Join(err, archive.AddFS(os.DirFS(dir)), archive.Close())
}

// archiveManifest is an element of manifest.json.
type archiveManifest struct {
	Config string
	Layers []string
}

// BlobPath is the path of a blob in an OCI image layout.
func BlobPath(d digest.Digest) string { return "blobs/" + d.Algorithm().String() + "/" + d.Encoded() }

// WriteFile writes a regular file of an archive.
func WriteFile(archive *tar.Writer, name string, data []byte) error {
	err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))})
	if err == nil {
		_, err = archive.Write(data)
	}
	return err
}

// saveDocker writes what "docker save" of an engine with a graph driver does.
func (s *Store) saveDocker(archive *tar.Writer, img v1.Image) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	manifest := archiveManifest{Config: digest.FromBytes(config).Encoded() + ".json"}
	if err := WriteFile(archive, manifest.Config, config); err != nil {
		return err
	}
	written := map[v1.Hash]string{}
	for i, l := range layers {
		dir := fmt.Sprintf("%s%d", digest.FromBytes(config).Encoded()[:12], i)
		name := dir + "/layer.tar"
		manifest.Layers = append(manifest.Layers, name)
		if err := WriteFile(archive, dir+"/VERSION", []byte("1.0")); err != nil {
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
		if err := WriteFile(archive, name, data); err != nil {
			return err
		}
	}
	data, err := json.Marshal([]archiveManifest{manifest})
	if err != nil {
		return err
	}
	return WriteFile(archive, "manifest.json", data)
}

func (s *Store) ImageLoad(_ context.Context, r io.Reader, _ ...client.ImageLoadOption) (client.ImageLoadResult, error) {
	files, links := map[string][]byte{}, map[string]string{}
	var names []string
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
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
	s.lock.Lock()
	defer s.lock.Unlock()
	s.Loads = append(s.Loads, names)
	say := func(message string) (client.ImageLoadResult, error) {
		return io.NopCloser(strings.NewReader(message)), nil
	}
	if s.Refuse > 0 {
		s.Refuse--
		return say(`{"errorDetail":{"message":"refused"},"error":"refused"}`)
	}
	var err error
	if s.Containerd {
		err = s.loadLayout(files)
	} else {
		err = s.loadDocker(files)
	}
	if err != nil {
		return say(fmt.Sprintf(`{"errorDetail":{"message":%q}}`, err))
	}
	if s.Unpack != "" {
		return say(fmt.Sprintf(`{"stream":"Loaded image ID\n"}{"stream":"Error unpacking image x: %s\n"}`, s.Unpack))
	}
	return say(`{"stream":"Loaded image ID\n"}`)
}

// loadDocker opens only the layers whose chain it does not know.
func (s *Store) loadDocker(files map[string][]byte) error {
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
	var stack []string
	for i, id := range img.RootFS.DiffIDs {
		stack = append(stack, id.String())
		if s.stacks[stackOf(stack)] {
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
	s.addStack(stack)
	s.know(digest.FromBytes(config), img, len(img.RootFS.DiffIDs))
	return s.keep(files)
}

// loadLayout believes what a manifest says and unpacks as far as it has blobs.
func (s *Store) loadLayout(files map[string][]byte) error {
	for name, data := range files {
		s.Blobs[name] = data
	}
	var index ocispec.Index
	if err := json.Unmarshal(files["index.json"], &index); err != nil {
		return err
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(s.Blobs[BlobPath(index.Manifests[0].Digest)], &manifest); err != nil {
		return err
	}
	var config dockerspec.DockerOCIImage
	if err := json.Unmarshal(s.Blobs[BlobPath(manifest.Config.Digest)], &config); err != nil {
		return err
	}
	if len(manifest.Layers) != len(config.RootFS.DiffIDs) {
		return errors.New("layers length mismatch")
	}
	unpacked := 0
	for _, l := range manifest.Layers {
		if _, ok := s.Blobs[BlobPath(l.Digest)]; !ok {
			break
		}
		unpacked++
	}
	s.know(index.Manifests[0].Digest, config, unpacked)
	return s.keep(s.Blobs)
}

func (s *Store) know(id digest.Digest, img dockerspec.DockerOCIImage, layers int) {
	info := apiimage.InspectResponse{ID: id.String(), Os: img.OS, Architecture: img.Architecture, Config: &img.Config}
	for _, diffID := range img.RootFS.DiffIDs[:layers] {
		info.RootFS.Layers = append(info.RootFS.Layers, diffID.String())
	}
	s.Infos[id.String()] = info
}

// keep writes an archive's files down for go-containerregistry to read.
func (s *Store) keep(files map[string][]byte) error {
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

func (s *Store) ImageInspect(_ context.Context, id string, _ ...client.ImageInspectOption) (client.ImageInspectResult, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	info, ok := s.Infos[id]
	if !ok {
		return client.ImageInspectResult{}, cerrdefs.ErrNotFound
	}
	return client.ImageInspectResult{InspectResponse: info}, nil
}

func (s *Store) ImageRemove(_ context.Context, id string, _ client.ImageRemoveOptions) (client.ImageRemoveResult, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.Infos, id)
	return client.ImageRemoveResult{}, nil
}

func (s *Store) ImageTag(_ context.Context, o client.ImageTagOptions) (client.ImageTagResult, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	info, ok := s.Infos[o.Source]
	if !ok {
		return client.ImageTagResult{}, cerrdefs.ErrNotFound
	}
	s.Infos[o.Target] = info
	s.Named = append(s.Named, info)
	return client.ImageTagResult{}, nil
}

func (s *Store) ImageList(_ context.Context, o client.ImageListOptions) (client.ImageListResult, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	var result client.ImageListResult
	for id, info := range s.Infos {
		matches := true
		for filter := range o.Filters["label"] {
			name, value, _ := strings.Cut(filter, "=")
			matches = matches && info.Config != nil && info.Config.Labels[name] == value
		}
		if matches {
			result.Items = append(result.Items, apiimage.Summary{ID: id})
		}
	}
	return result, nil
}

// ImageOfLayout reads an image by its manifest's digest.
func ImageOfLayout(t testing.TB, dir, id string) v1.Image {
	t.Helper()
	written, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := v1.NewHash(id)
	if err != nil {
		t.Fatal(err)
	}
	img, err := written.Image(hash)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// Loaded reads the last image that the store was given in full.
func (s *Store) Loaded(t testing.TB, id string) v1.Image {
	t.Helper()
	if s.Containerd {
		return ImageOfLayout(t, s.last, id)
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

// ContainerCreate takes an image as a container's name.
func (s *Store) ContainerCreate(_ context.Context, o client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	return client.ContainerCreateResult{ID: o.Config.Image}, nil
}

// ContainerRemove has nothing to remove.
func (s *Store) ContainerRemove(context.Context, string, client.ContainerRemoveOptions) (client.ContainerRemoveResult, error) {
	return client.ContainerRemoveResult{}, nil
}

// ContainerStatPath finds files in the layers of an image. Links have absolute
// targets.
func (s *Store) ContainerStatPath(_ context.Context, id string, o client.ContainerStatPathOptions) (client.ContainerStatPathResult, error) {
	files := mutate.Extract(s.Images[id])
	defer files.Close()
	for archive := tar.NewReader(files); ; {
		header, err := archive.Next()
		switch {
		case err == io.EOF:
			return client.ContainerStatPathResult{}, cerrdefs.ErrNotFound
		case err != nil:
			return client.ContainerStatPathResult{}, err
		case "/"+header.Name == o.Path:
			stat := container.PathStat{Name: path.Base(o.Path), Mode: header.FileInfo().Mode(), LinkTarget: header.Linkname}
			return client.ContainerStatPathResult{Stat: stat}, nil
		}
	}
}
