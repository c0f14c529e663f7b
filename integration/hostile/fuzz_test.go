//go:build linux

package hostile

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// fuzz builds over images with one document or layer that is changed at will.
// It seeds f with those of drawn images.
func fuzz(f *testing.F, part func(Published) []byte, replace func(p *Published, data []byte)) {
	f.Setenv("XDG_CACHE_HOME", f.TempDir())
	w, err := newWorkshop()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(w.close)
	for seed := range uint64(40) {
		image, err := Draw(seed).Image()
		if err != nil {
			f.Fatal(err)
		}
		p, err := image.Publish()
		if err != nil {
			f.Fatal(err)
		}
		if data := part(p); len(data) < 1<<16 { // larger ones are slow to change
			f.Add(data)
		}
	}
	honest := &Image{Layers: one(alpine()...)}
	honest.Config.OS, honest.Config.Architecture, honest.Config.RootFS.Type = "linux", "amd64", "layers"
	base, err := honest.Publish()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := base.clone()
		replace(&p, data)
		_, err := w.build(t.Context(), p, Request{User: payload.User, Sudo: true, Server: payload.ActionExecutionServer})
		var told *problem.Error
		if err = problem.Final(t.Context(), err); err != nil && (!errors.As(err, &told) || told.Code == problem.Unforeseen) {
			t.Error(err)
		}
	})
}

// FuzzConfiguration changes the image configuration.
func FuzzConfiguration(f *testing.F) {
	fuzz(f, func(p Published) []byte { return p.Config }, func(p *Published, data []byte) {
		p.describe(func(m *ocispec.Manifest) *ocispec.Descriptor { return &m.Config }, data)
	})
}

// FuzzManifest changes the manifest.
func FuzzManifest(f *testing.F) {
	fuzz(f, func(p Published) []byte { return p.Manifest }, func(p *Published, data []byte) { p.Manifest = data })
}

// FuzzLayer changes a layer that is not compressed; its diff ID is right.
func FuzzLayer(f *testing.F) {
	plain := func(p Published) []byte {
		if len(p.Layers) == 0 {
			return nil
		}
		data, err := unpacked(p.Blobs[p.Layers[len(p.Layers)-1]])
		if err != nil {
			return nil // its compression is another one
		}
		return data
	}
	fuzz(f, plain, func(p *Published, data []byte) {
		p.describe(func(m *ocispec.Manifest) *ocispec.Descriptor {
			m.Layers[0].MediaType = ocispec.MediaTypeImageLayer
			return &m.Layers[0]
		}, data)
		var config ocispec.Image
		if json.Unmarshal(p.Config, &config) == nil {
			config.RootFS.DiffIDs = []digest.Digest{digest.FromBytes(data)}
		}
		text, err := json.Marshal(config)
		if err == nil {
			p.describe(func(m *ocispec.Manifest) *ocispec.Descriptor { return &m.Config }, text)
		}
	})
}
