//go:build linux

package hostile

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/moby/buildkit/util/progress/progressui"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// store is a registry that is read only: images by repository, each of any tag.
type store struct {
	mu     sync.Mutex
	images map[string]Published
}

// ServeHTTP implements the part of the distribution specification that pulls.
func (s *store) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	rest := strings.TrimPrefix(request.URL.Path, "/v2/")
	if rest == "" {
		return
	}
	rest, reference := path.Split(rest)
	rest, kind := path.Split(strings.TrimSuffix(rest, "/"))
	s.mu.Lock()
	held, ok := s.images[strings.TrimSuffix(rest, "/")]
	s.mu.Unlock()
	content := held.Manifest
	switch kind {
	case "manifests":
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		w.Header().Set("Docker-Content-Digest", digest.FromBytes(content).String())
	case "blobs":
		content, ok = held.Blobs[digest.Digest(reference)]
	default:
		ok = false
	}
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	_, _ = w.Write(content) // the other side may have gone
}

const payloadTag = "oh_deps_v1.6.0_aaaaaaaaaaaaaaaa"

// payloadFiles stand for a whole payload.
var payloadFiles = []Entry{
	dir("openhands", 0o755), dir("openhands/bin", 0o755), file("openhands/bin/oh-init", program).with(0o755),
	dir("openhands/fallback", 0o755), dir("openhands/fallback/bin", 0o755), file("openhands/fallback/bin/sh", program).with(0o755),
	dir("openhands/ssl", 0o755), file("openhands/ssl/ca-certificates.crt", "roots\n"),
}

// workshop makes runtime images without an engine.
type workshop struct {
	server *httptest.Server
	store  *store
}

func newWorkshop() (*workshop, error) {
	deps := &Image{Layers: one(payloadFiles...)}
	deps.Config.OS, deps.Config.Architecture, deps.Config.RootFS.Type = "linux", "amd64", "layers"
	deps.Config.Config.Labels = map[string]string{payload.LabelKind: payload.KindDeps, payload.LabelDepsTag: payloadTag}
	published, err := deps.Publish()
	if err != nil {
		return nil, err
	}
	s := &store{images: map[string]Published{"team/runtime": published}}
	return &workshop{httptest.NewServer(s), s}, nil
}

func (w *workshop) close() { w.server.Close() }

// noCredentials is a command line without any.
type noCredentials struct{ command.Cli }

func (noCredentials) ConfigFile() *configfile.ConfigFile { return configfile.New("") }

// made is a runtime image.
type made struct {
	id     string // digest of its configuration
	digest string // of its manifest
	config dockerspec.DockerOCIImage
	setup  []Entry // of the set-up layer
	layers int
}

// build makes the runtime image over a base.
func (w *workshop) build(ctx context.Context, base Published, q Request) (*made, error) {
	w.store.mu.Lock()
	w.store.images["lib/base"] = base
	w.store.mu.Unlock()
	host := strings.TrimPrefix(w.server.URL, "http://")
	var archive bytes.Buffer
	b := &builder.Builder{
		Engine: engine.NoEngine("amd64", problem.New(problem.NoEngine, "there is none", nil, "")), CLI: noCredentials{},
		Log: io.Discard, Progress: progressui.QuietMode,
		Output: &builder.Output{File: "-", Stdout: &archive, Format: image.FormatOCI, Compression: image.Gzip},
	}
	results, err := b.Build(ctx, plan.Plan{
		Deps: plan.Deps{Image: host + "/team/runtime:" + payloadTag, Tag: payloadTag, Arch: "amd64"},
		Runtimes: []plan.Runtime{{
			Base: host + "/lib/base:1", Image: host + "/team/runtime:made", LayerOrder: cmp.Or(plan.LayerOrder(q.Order), plan.OrderAuto),
			User: q.User, UID: q.UID, Sudo: q.Sudo,
			Labels: map[string]string{payload.LabelKind: payload.KindRuntime, payload.LabelServer: q.Server, payload.LabelDepsTag: payloadTag},
		}},
	})
	if err != nil {
		return nil, err
	}
	m, err := read(archive.Bytes())
	if err != nil {
		return nil, err
	}
	last := results[len(results)-1]
	m.id, m.digest = last.ID, last.Digest
	return m, nil
}

// read reads the one image of an OCI archive.
func read(archive []byte) (*made, error) {
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
	blob := func(d ocispec.Descriptor) []byte {
		return files[path.Join("blobs", d.Digest.Algorithm().String(), d.Digest.Encoded())]
	}
	var index ocispec.Index
	if err := json.Unmarshal(files["index.json"], &index); err != nil {
		return nil, err
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(blob(index.Manifests[0]), &manifest); err != nil {
		return nil, err
	}
	m := &made{layers: len(manifest.Layers)}
	if err := json.Unmarshal(blob(manifest.Config), &m.config); err != nil {
		return nil, err
	}
	for _, l := range manifest.Layers {
		data := blob(l)
		if digest.FromBytes(data) != l.Digest || int64(len(data)) != l.Size {
			return nil, fmt.Errorf("the blob of %s is not what its name says", l.Digest)
		}
	}
	var err error
	m.setup, err = entries(blob(manifest.Layers[m.layers-1]))
	return m, err
}

// entries reads a layer that is compressed by gzip.
func entries(layer []byte) ([]Entry, error) {
	z, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		return nil, err
	}
	return untar(z)
}

// untar reads a tar stream.
func untar(stream io.Reader) ([]Entry, error) {
	var all []Entry
	for r := tar.NewReader(stream); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		all = append(all, Entry{Header: tar.Header{
			Typeflag: h.Typeflag, Name: clean(h.Name), Linkname: h.Linkname, Mode: h.Mode, Uid: h.Uid, Gid: h.Gid,
		}, Content: string(content)})
	}
}
