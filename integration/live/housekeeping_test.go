package live

import (
	"encoding/json"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TestHousekeeping makes an image of the same name three times in an engine of
// its own, and lets all be removed that is of no use any more.
func TestHousekeeping(t *testing.T) {
	second, err := lab.NewSecondEngine(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	startSecond(t, second)
	loadSmallDeps(t, second.Engine)
	openhands := func(into any, args ...string) {
		t.Helper()
		out, err := second.Docker(t.Context(), append([]string{"openhands"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(out), into); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
	}
	type made struct{ Images []struct{ ID string } }
	var builds [3]made
	const base = "oh-live/housekeeping:base"
	for i, content := range []string{"one", "two", "three"} { // an image over each, of one name
		load(t, second.Engine, base, v1.Config{}, engineArch(t), layer(t, []entry{{name: "/etc/base", mode: 0o644, data: []byte(content)}}))
		openhands(&builds[i], "build", "--base", base, "--deps-image", smallDeps, "--offline", "--user", "three", "--json", "--progress", "quiet")
	}
	deps, used, gone, last := builds[0].Images[0].ID, builds[0].Images[1].ID, builds[1].Images[1].ID, builds[2].Images[1].ID
	if _, err := second.Docker(t.Context(), "create", "--name", "user", used); err != nil {
		t.Fatal(err)
	}
	cleanup(t, second.Engine, "rm", "--force", "user")

	type image struct {
		ID, Payload string
		Size, Own   int64
		Containers  int
	}
	list := func() map[string]image {
		t.Helper()
		var inventory struct{ Images []image }
		openhands(&inventory, "ls", "--json")
		byID := map[string]image{}
		for _, i := range inventory.Images {
			byID[i.ID] = i
		}
		return byID
	}
	images := list()
	for id, want := range map[string]image{deps: {}, used: {Payload: deps, Containers: 1}, gone: {Payload: deps}, last: {Payload: deps}} {
		got, ok := images[id]
		if !ok || got.Payload != want.Payload || got.Containers != want.Containers || got.Size == 0 || (got.Own == 0) != (id == deps) {
			t.Errorf("%s is listed as %+v", id, got)
		}
	}

	var removed struct {
		Images  []image
		Bytes   int64
		Removed bool
	}
	for _, flag := range []string{"--dry-run", "--force"} {
		openhands(&removed, "prune", flag, "--json")
		if len(removed.Images) != 1 || removed.Images[0].ID != gone || removed.Bytes != images[gone].Own || removed.Removed != (flag == "--force") {
			t.Errorf("prune %s: %+v, want %s", flag, removed, gone)
		}
	}
	images = list()
	if _, there := images[gone]; there || len(images) != 3 {
		t.Errorf("there are %v", images)
	}

	var details struct {
		ID       string
		Labels   map[string]string
		Layers   []struct{ Images int }
		Manifest payload.Manifest
	}
	openhands(&details, "inspect", "--json", last)
	if details.ID != last || details.Labels[payload.LabelUser] != "three" || len(details.Manifest.Components) != 1 ||
		len(details.Layers) != 4 || details.Layers[0].Images != 3 || details.Layers[2].Images != 1 {
		t.Errorf("it is described as %+v", details)
	}
}
