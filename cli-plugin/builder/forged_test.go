package builder

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// claimed is a layer with a diff ID that is not its own.
type claimed struct {
	v1.Layer
	id v1.Hash
}

func (c claimed) DiffID() (v1.Hash, error) { return c.id, nil }

// forge uploads an image of layers with the given lines, each under the diff ID
// that stands beside it; an empty one is true.
func (r *testRegistry) forge(t *testing.T, ref string, layers []string, ids []string) {
	t.Helper()
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range layers {
		data := imagetest.Layer(t, line)
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if ids[i] != "" {
			hash, err := v1.NewHash(ids[i])
			if err != nil {
				t.Fatal(err)
			}
			l = claimed{l, hash}
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := name.ParseReference(ref)
	if err == nil {
		err = remote.Write(parsed, img)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A base that says its layers are somebody else's is refused, and its bytes get
// nowhere: not into the payload, not into an image over another base, and not
// by what this machine has noted into images that are made later.
func TestForgedDiffIDs(t *testing.T) {
	for of, layerOf := range map[string]func(deps, base []string) string{
		"the payload":  func(deps, _ []string) string { return deps[0] },
		"another base": func(_, base []string) string { return base[0] },
	} {
		for order, forgedFirst := range map[string]bool{"forged first": true, "forged last": false} {
			t.Run(of+", "+order, func(t *testing.T) {
				r, s := newTestRegistry(t), newFakeStore(t, false)
				base, whole := r.publication(t, s)
				r.upload(t, s, base)
				id := layerOf(s.Infos[whole.Deps.Image].RootFS.Layers, s.Infos[base].RootFS.Layers)
				forged := r.Host + "/attacker/base:1"
				r.forge(t, forged, []string{"bin/evil=1"}, []string{id})
				honest, hostile := whole.Runtimes[0], whole.Runtimes[0]
				hostile.Base, hostile.Image = forged, r.Host+"/team/runtime:oh_forged"
				both := whole
				both.Runtimes = []plan.Runtime{honest, hostile}
				if forgedFirst {
					slices.Reverse(both.Runtimes)
				}
				push := Output{Push: true, Compression: image.Gzip}
				_, err := publishing(s.engine(), push).Build(t.Context(), both)
				var p *problem.Error
				if !errors.As(err, &p) || p.Code != problem.RegistryFailed || !strings.Contains(err.Error(), forged) || !strings.Contains(err.Error(), id) {
					t.Errorf("it ends with %v", err)
				}
				if _, err := r.Image(t, hostile.Image); err == nil {
					t.Error("the image over the forged base is there")
				}
				if _, err := publishing(s.engine(), push).Build(t.Context(), whole); err != nil {
					t.Fatal(err)
				}
				for _, ref := range []string{r.Host + "/team/runtime:" + testTag, honest.Image} {
					pushed, err := r.Image(t, ref)
					if err == nil {
						err = validate.Image(pushed)
					}
					if err != nil {
						t.Errorf("%s: %v", ref, err)
					}
				}
			})
		}
	}
}

// A listing that is kept answers for the layer that was read, not for what
// another image says of that layer.
func TestForgedDiffIDOfKnownLayer(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	_, whole := r.publication(t, s)
	honest, forged := r.Host+"/attacker/base:1", r.Host+"/attacker/base:2"
	r.forge(t, honest, []string{"bin/evil=1", "bin/evil=2"}, []string{"", ""})
	r.forge(t, forged, []string{"bin/evil=1", "bin/evil=1"}, []string{"", s.Infos[whole.Deps.Image].RootFS.Layers[0]})
	push := Output{Push: true, Compression: image.Gzip}
	whole.Runtimes[0].Base = honest
	if _, err := publishing(s.engine(), push).Build(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	whole.Runtimes[0].Base, whole.Runtimes[0].Image = forged, r.Host+"/team/runtime:oh_forged"
	_, err := publishing(s.engine(), push).Build(t.Context(), whole)
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.RegistryFailed {
		t.Errorf("it ends with %v", err)
	}
}

// A base that was read is not read again.
func TestBaseIsReadOnce(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	base, whole := r.publication(t, s)
	r.upload(t, s, base)
	layers := map[string]int{}
	r.Watch(r.Counting("/lib/base/blobs/", layers))
	push := Output{Push: true, Compression: image.Gzip}
	if _, err := publishing(s.engine(), push).Build(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	first := len(layers)
	clear(layers)
	whole.Runtimes[0].Image, whole.Runtimes[0].User = r.Host+"/team/runtime:oh_v2", "agent"
	if _, err := publishing(s.engine(), push).Build(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	if first != 3 || len(layers) != 1 { // the configuration, and two different layers
		t.Errorf("%d blobs are fetched first, then %v", first, layers)
	}
}
