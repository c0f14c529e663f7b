package builder

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry/registrytest"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// repairDay is a registry with images over as many bases, and the payload that is
// to go below all of them: one of its layers is another one.
type repairDay struct {
	*stock
	images []string
	mended string

	lock   sync.Mutex
	layers map[string]int // blobs that came up, by what was done
	bases  int            // requests about bases
	before int64          // bytes of blobs that had come up
}

func newRepairDay(t testing.TB, images int) *repairDay {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	d := &repairDay{stock: &stock{testRegistry: &testRegistry{registrytest.New(t)}, t: t}}
	labels := map[string]string{
		payload.LabelKind: payload.KindDeps, payload.LabelDepsTag: weakTag, payload.LabelVersion: "1.6.0", payload.LabelServer: plan.DefaultServer,
	}
	fleet := registrytest.NewFleet(images)
	if err := fleet.Write(t.Context(), d.Host, labels); err != nil {
		t.Fatal(err)
	}
	d.settings = plan.Options{
		Version: "1.6.0", Repository: d.Host + "/team/runtime", DepsRepository: d.Host + "/team/runtime", Server: plan.DefaultServer, Arch: "amd64",
		LayerOrder: plan.OrderAuto, Assemble: plan.AssembleAuto, Bases: fleet.Bases(d.Host), Tags: []string{d.Host + "/team/runtime:{base}"},
		Deps: &plan.DepsImage{Ref: fleet.Payload(d.Host), Tag: weakTag, Version: "1.6.0", Server: plan.DefaultServer},
	}
	p, err := plan.New(d.settings, plan.Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	b := d.pushing()
	b.Jobs = 8
	if _, err := b.Build(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Runtimes {
		d.images = append(d.images, r.Tags[0])
	}
	d.mended = d.Host + "/team/runtime:" + mendedTag
	d.mend(fleet.Payload(d.Host))
	return d
}

// mend makes the payload anew with another sixth layer, which goes up alone.
func (d *repairDay) mend(weak string) {
	d.t.Helper()
	img, err := d.Image(d.t, weak)
	if err != nil {
		d.t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		d.t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		d.t.Fatal(err)
	}
	data := imagetest.Layer(d.t, "openhands/part-5=mended")
	if layers[5], err = tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }); err != nil {
		d.t.Fatal(err)
	}
	settings := config.DeepCopy().Config
	settings.Labels[payload.LabelDepsTag] = mendedTag
	made, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: settings})
	if err == nil {
		made, err = mutate.AppendLayers(made, layers...)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.counting()
	d.before = d.Uploaded.Load()
	parsed, err := name.ParseReference(d.mended)
	if err == nil {
		err = remote.Write(parsed, made)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// counting begins to count what is asked of the registry.
func (d *repairDay) counting() {
	d.layers = map[string]int{}
	d.Watch(func(r *http.Request) {
		d.lock.Lock()
		defer d.lock.Unlock()
		if strings.Contains(r.URL.Path, "/dataset/") {
			d.bases++
		}
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/") {
			d.layers[r.URL.Query().Get("digest")]++
		}
	})
}

// repair rebases all images onto the mended payload and returns what that came to.
func (d *repairDay) repair() ([]Rebased, time.Duration) {
	d.t.Helper()
	var swaps []Swap
	for _, ref := range d.images {
		swaps = append(swaps, Swap{Image: ref, Deps: d.mended})
	}
	start := time.Now()
	b := d.pushing()
	b.Jobs = 8
	results, err := b.Rebase(d.t.Context(), swaps, "", nil)
	took := time.Since(start)
	if err != nil {
		d.t.Fatal(err)
	}
	return results, took
}

// A library is mended: one layer goes up, of the images their configurations and
// manifests, and no base is asked for. What comes of it is what a build makes.
func TestRepairDay(t *testing.T) {
	const images = 12
	d := newRepairDay(t, images)
	results, _ := d.repair()
	if d.bases != 0 {
		t.Errorf("%d requests about bases", d.bases)
	}
	// The layer and the payload's configuration, then the configuration of each image.
	if len(d.layers) != 2+images {
		t.Errorf("%d blobs went up, want %d", len(d.layers), 2+images)
	}
	for digest, times := range d.layers {
		if times != 1 {
			t.Errorf("%s went up %d times", digest, times)
		}
	}
	d.settings.Deps = &plan.DepsImage{Ref: d.mended, Tag: mendedTag, Version: "1.6.0", Server: plan.DefaultServer}
	d.settings.Tags = []string{d.Host + "/team/built:{base}"}
	p, err := plan.New(d.settings, plan.Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	built, err := d.pushing().Build(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for i, result := range results {
		if !result.Repaired || result.Traffic.Uploaded != 0 || result.Traffic.Bytes > 12_000 {
			t.Errorf("%+v, %+v", result, result.Traffic)
		}
		if got, want := d.digestOf(d.images[i]), built[i+1].Digest; got != want || result.Digest != want {
			t.Errorf("%s is %s, a build makes %s", d.images[i], got, want)
		}
	}
	img, err := d.Image(t, d.images[0])
	if err == nil {
		err = validate.Image(img)
	}
	if err != nil {
		t.Error(err)
	}
}

// BenchmarkRepairDay repairs 500 images of a registry in this process.
func BenchmarkRepairDay(b *testing.B) {
	const images = 500
	d := newRepairDay(b, images)
	documents := 1 + images // configurations: of the payload, and of each image
	b.ResetTimer()
	for b.Loop() {
		results, took := d.repair()
		var sent int64
		for _, r := range results {
			sent += r.Traffic.Bytes
		}
		b.ReportMetric(took.Seconds(), "s/repair")
		b.ReportMetric(float64(sent)/images, "B/image")
		b.ReportMetric(float64(d.Uploaded.Load()-d.before), "blob-B")
		b.ReportMetric(float64(len(d.layers)-documents), "layers")
		b.ReportMetric(float64(d.bases), "base-requests")
	}
}
