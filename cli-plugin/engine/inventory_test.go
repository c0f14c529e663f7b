package engine

import (
	"context"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/container"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// shelf is an engine with images whose layers have one byte, ten, a hundred...
type shelf struct {
	client.APIClient
	images     []apiimage.InspectResponse
	last       map[string]string // what the newest step of an image was, by its ID
	containers []container.Summary
}

var layerBytes = map[string]int64{"p1": 1, "p2": 10, "a": 100, "d": 1000, "s1": 1e4, "s2": 1e5, "q": 1e6, "none": 0}

func (s *shelf) ImageList(context.Context, client.ImageListOptions) (client.ImageListResult, error) {
	var result client.ImageListResult
	for _, img := range s.images {
		result.Items = append(result.Items, apiimage.Summary{ID: img.ID})
	}
	return result, nil
}

func (s *shelf) ImageInspect(_ context.Context, ref string, _ ...client.ImageInspectOption) (client.ImageInspectResult, error) {
	for _, img := range s.images {
		if img.ID == ref {
			return client.ImageInspectResult{InspectResponse: img}, nil
		}
	}
	panic(ref)
}

func (s *shelf) ImageHistory(ctx context.Context, ref string, _ ...client.ImageHistoryOption) (client.ImageHistoryResult, error) {
	found, _ := s.ImageInspect(ctx, ref)
	var result client.ImageHistoryResult
	for _, layer := range found.RootFS.Layers {
		result.Items = append([]apiimage.HistoryResponseItem{{Size: layerBytes[layer], CreatedBy: layer}}, result.Items...)
	}
	result.Items = append([]apiimage.HistoryResponseItem{{CreatedBy: s.last[ref]}}, result.Items...)
	return result, nil
}

func (s *shelf) ContainerList(context.Context, client.ContainerListOptions) (client.ContainerListResult, error) {
	return client.ContainerListResult{Items: s.containers}, nil
}

// put adds an image that got its name hour hours after the first.
func (s *shelf) put(id, kind, base, tag string, hour int, names []string, layers ...string) {
	s.images = append(s.images, apiimage.InspectResponse{
		ID: id, RepoTags: names, RootFS: apiimage.RootFS{Layers: layers},
		Metadata: apiimage.Metadata{LastTagTime: time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC)},
		Config: &dockerspec.DockerOCIImageConfig{ImageConfig: ocispec.ImageConfig{Labels: map[string]string{
			payload.LabelKind: kind, payload.LabelDepsTag: tag, payload.LabelBaseName: base, payload.LabelServer: "server",
		}}},
	})
}

func names(tags ...string) []string {
	var refs []string
	for _, tag := range tags {
		refs = append(refs, "repo:5000/rt:"+tag)
	}
	return refs
}

const (
	oldTag = "oh_deps_v1_0000000000000000"
	newTag = "oh_deps_v1_1111111111111111"
	old    = "0000000000000000"
	young  = "1111111111111111"
)

func newShelf() *shelf {
	s := &shelf{last: map[string]string{}}
	s.put("id:base", "", "", "", 0, []string{"alpine:1"}, "a")
	s.put("id:deps", payload.KindDeps, "", oldTag, 1, names(oldTag), "p1", "p2")
	s.put("id:alpine", payload.KindRuntime, "alpine:1", oldTag, 2, names("oh_v1_alpine_t_1_"+old), "p1", "p2", "a", "s1")
	s.put("id:debian", payload.KindRuntime, "debian:1", oldTag, 3, names("oh_v1_debian_t_1_"+old), "p1", "p2", "d", "none", "s2")
	s.put("id:above", payload.KindRuntime, "alpine:1", oldTag, 4, []string{"mine:1"}, "a", "p1", "p2")
	return s
}

func inventory(t *testing.T, s *shelf) *Inventory {
	t.Helper()
	inv, err := (&Engine{API: s}).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestInventory(t *testing.T) {
	s := newShelf()
	s.containers = []container.Summary{{ImageID: "id:debian"}, {ImageID: "id:debian"}, {ImageID: "id:base"}}
	inv := inventory(t, s)
	type row struct {
		ID, Payload string
		Size, Own   int64
		SharedWith  int
		Containers  int
	}
	var got []row
	for _, img := range inv.Images {
		got = append(got, row{img.ID, img.Payload, img.Size, img.Own, img.SharedWith, img.Containers})
	}
	want := []row{
		{"id:deps", "", 11, 0, 2, 0},
		{"id:above", "", 111, 11, 1, 0}, // with the base, which is not ours
		{"id:debian", "id:deps", 101011, 101000, 2, 2},
		{"id:alpine", "id:deps", 10111, 10100, 2, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if inv.Bytes != 11+100+11+101000+10100 || inv.Unshared != 11+111+101011+10111 {
		t.Errorf("%d bytes, %d unshared", inv.Bytes, inv.Unshared)
	}
	if freed := inv.Freed([]Stored{inv.Images[0], inv.Images[2], inv.Images[3]}); freed != 11+101000+10100 {
		t.Errorf("the payload and both images over it free %d", freed)
	}
}

// A layer tells which other images have it, images of others among them: by a
// name, or by the ID of one that has none.
func TestLayersTellOthers(t *testing.T) {
	s := newShelf()
	s.put("id:nameless", "", "", "", 5, nil, "a", "p1")
	e := &Engine{API: s}
	layers, err := e.layers(t.Context(), inventory(t, s), "id:above", []digest.Digest{"a", "p1", "p2"})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"alpine:1", "id:nameless"}, {"id:nameless"}, {}}
	for i, l := range layers {
		if diff := cmp.Diff(want[i], l.Others); diff != "" || l.Images != len(l.Others)+1 {
			t.Errorf("%s: %d images, %s", l.DiffID, l.Images, diff)
		}
	}
}

func TestSuperseded(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*shelf)
		want   []string
	}{
		"each is the newest over its base": {func(*shelf) {}, nil},
		"a newer payload": {func(s *shelf) {
			s.put("id:new", payload.KindDeps, "", newTag, 5, names(newTag), "q")
		}, nil}, // images that stay were made from the older one
		"a newer payload and image": {func(s *shelf) {
			s.put("id:new", payload.KindDeps, "", newTag, 5, names(newTag), "q")
			s.put("id:alpine2", payload.KindRuntime, "alpine:1", newTag, 6, names("oh_v1_alpine_t_1_"+young), "q", "a")
		}, []string{"id:alpine"}},
		"all are older": {func(s *shelf) {
			s.images = s.images[:4]
			s.put("id:new", payload.KindDeps, "", newTag, 5, names(newTag), "q")
			s.put("id:alpine2", payload.KindRuntime, "alpine:1", newTag, 6, names("oh_v1_alpine_t_1_"+young), "q", "a")
			s.put("id:debian2", payload.KindRuntime, "debian:1", newTag, 6, names("oh_v1_debian_t_1_"+young), "q", "d")
		}, []string{"id:debian", "id:alpine", "id:deps"}},
		"a container uses the image, and the image the payload": {func(s *shelf) {
			s.images = s.images[:4]
			s.put("id:new", payload.KindDeps, "", newTag, 5, names(newTag), "q")
			s.put("id:alpine2", payload.KindRuntime, "alpine:1", newTag, 6, names("oh_v1_alpine_t_1_"+young), "q", "a")
			s.put("id:debian2", payload.KindRuntime, "debian:1", newTag, 6, names("oh_v1_debian_t_1_"+young), "q", "d")
			s.containers = []container.Summary{{ImageID: "id:alpine"}}
		}, []string{"id:debian"}},
		"no name": {func(s *shelf) {
			for id, step := range map[string]string{"id:assembled": image.SetUpStep + "openhands", "id:by Dockerfile": plan.LastStep} {
				s.put(id, payload.KindRuntime, "alpine:1", oldTag, 1, nil, "p1", "p2", "a", "s2")
				s.last[id] = step
			}
			s.put("id:payload", payload.KindDeps, "", newTag, 1, nil, "p1", "p2")
			s.last["id:payload"] = "LABEL org.opencontainers.image.version=1.6.0"
			s.images[len(s.images)-1].Config.Labels["org.opencontainers.image.version"] = "1.6.0"
		}, []string{"id:assembled", "id:by Dockerfile", "id:payload"}},
		"no name, but the user's own steps": {func(s *shelf) {
			for id, step := range map[string]string{"id:layer": "RUN make", "id:no layer": "ENV A=b", "id:label": "LABEL dev.openhands.kind=runtimes", "id:commit": "bash", "id:none": ""} {
				s.put(id, payload.KindRuntime, "alpine:1", oldTag, 1, nil, "p1", "p2", "a", "s2")
				s.put(id+" of a payload", payload.KindDeps, "", newTag, 1, nil, "p1", "p2")
				s.last[id], s.last[id+" of a payload"] = step, step
			}
		}, nil},
		"older, of a version that did not tell how it made images": {func(s *shelf) {
			s.last["id:alpine"] = "RUN /bin/sh -c make"
			s.put("id:alpine2", payload.KindRuntime, "alpine:1", newTag, 6, names("oh_v1_alpine_t_1_"+young), "q", "a")
		}, []string{"id:alpine"}},
		"older, but with a name of the user's": {func(s *shelf) {
			s.images[2].RepoTags = append(s.images[2].RepoTags, "mine:2")
			s.put("id:alpine2", payload.KindRuntime, "alpine:1", newTag, 6, names("oh_v1_alpine_t_1_"+young), "q", "a")
		}, nil},
		"another choice of components": {func(s *shelf) {
			s.put("id:alpine2", payload.KindRuntime, "alpine:1", newTag, 6, names("oh_v1_alpine_t_1_"+young), "q", "a")
			s.images[len(s.images)-1].Config.Labels[payload.LabelComponents] = "core"
		}, nil},
		"another variant": {func(s *shelf) {
			s.put("id:new", payload.KindDeps, "", newTag, 5, names(newTag), "q")
			s.put("id:alpine2", payload.KindRuntime, "alpine:1", newTag, 6, names("oh_v1_alpine_t_1_"+young), "q", "a")
			for _, img := range s.images[len(s.images)-2:] {
				img.Config.Labels[payload.LabelVariant] = "python-env=lean"
			}
		}, nil},
		"another repository": {func(s *shelf) {
			s.put("id:alpine2", payload.KindRuntime, "alpine:1", newTag, 6, []string{"else/rt:oh_v1_alpine_t_1_" + young}, "q", "a")
		}, nil},
	} {
		s := newShelf()
		test.change(s)
		var got []string
		for _, img := range inventory(t, s).Superseded() {
			got = append(got, img.ID)
			if img.Why == "" {
				t.Errorf("%s: it does not say why %s can go", name, img.ID)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLayerSteps(t *testing.T) {
	history := []apiimage.HistoryResponseItem{{CreatedBy: "CMD"}, {CreatedBy: "RUN", Size: 5}, {CreatedBy: "WORKDIR"}, {CreatedBy: "ADD", Size: 7}}
	for layers, want := range [][]string{{}, {"ADD"}, {"ADD", "RUN"}, {"ADD", "WORKDIR", "RUN"}, {"ADD", "WORKDIR", "RUN", "CMD"}, {"ADD", "WORKDIR", "RUN", "CMD"}} {
		got := []string{}
		for _, step := range layerSteps(history, layers) {
			got = append(got, step.CreatedBy)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d layers: %s", layers, diff)
		}
	}
}

func TestRemovable(t *testing.T) {
	every := func(Stored) bool { return true }
	for name, test := range map[string]struct {
		change func(*shelf)
		only   func(Stored) bool
		want   []string
	}{
		"nothing in use": {func(*shelf) {}, every, []string{"id:debian", "id:alpine", "id:deps"}},
		"a container uses one, and that the payload": {func(s *shelf) {
			s.containers = []container.Summary{{ImageID: "id:debian"}}
		}, every, []string{"id:alpine"}},
		"chosen over one base: the other needs the payload": {func(*shelf) {}, func(img Stored) bool { return img.Base == "alpine:1" }, []string{"id:alpine"}},
		"only payloads, which images need":                  {func(*shelf) {}, func(img Stored) bool { return img.Kind == payload.KindDeps }, nil},
		"a name of the user's": {func(s *shelf) {
			s.images[2].RepoTags = []string{"mine:2"}
		}, every, []string{"id:debian", "id:alpine", "id:deps"}},
		"built upon": {func(s *shelf) { s.last["id:alpine"] = "RUN make" }, every, []string{"id:debian"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			s.images = s.images[:4] // without the one that was built upon
			s.last["id:deps"] = "LABEL org.opencontainers.image.version="
			s.last["id:alpine"], s.last["id:debian"] = plan.LastStep, plan.LastStep
			test.change(s)
			var got []string
			for _, img := range inventory(t, s).Removable(true, test.only) {
				got = append(got, img.ID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	inv := inventory(t, newShelf())
	some := inv.Select(func(img Stored) bool { return img.Base == "debian:1" || img.Kind == payload.KindDeps })
	if len(some.Images) != 2 || some.Bytes != 11+101000 || some.Unshared != 11+101011 || some.Images[1].Own != 101000 {
		t.Errorf("it is %+v", some)
	}
	if len(inv.Images) != 4 || inv.Bytes != 11+100+11+101000+10100 {
		t.Errorf("the whole became %+v", inv)
	}
}
