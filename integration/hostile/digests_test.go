//go:build linux

package hostile

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var update = flag.Bool("update", false, "rewrite testdata/digests")

// drawn is how many images of TestDigests are drawn beside the honest ones.
const drawn = 150

// TestDigests holds the bytes of runtime images: what they are made of decides
// about them and nothing else does. An engine has all of them as new ones where
// one of these digests changes.
func TestDigests(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", quickFolder(t))
	w, err := newWorkshop()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	host := strings.TrimPrefix(w.server.URL, "http://")
	var cases []Case
	for _, root := range honest {
		cases = append(cases, Case{Base: root.name})
	}
	for seed := range uint64(drawn) {
		cases = append(cases, Draw(seed))
	}
	var got strings.Builder
	for _, c := range cases {
		image, err := c.Image()
		if err != nil {
			t.Fatal(err)
		}
		if len(image.Config.History) == 0 { // else one is made up with the address of the server
			for range image.Layers {
				image.Config.History = append(image.Config.History, ocispec.History{CreatedBy: "a layer"})
			}
		}
		base, err := image.Publish()
		if err != nil {
			t.Fatal(err)
		}
		for _, order := range []plan.LayerOrder{plan.OrderAuto, plan.OrderBaseFirst} {
			q := c.Request()
			q.Order = string(order)
			m, err := w.build(t.Context(), base, q)
			if err != nil {
				first, _, _ := strings.Cut(strings.ReplaceAll(err.Error(), host, "HOST"), "\n")
				fmt.Fprintf(&got, "%s, %s\n\t%.200q\n", c, order, first)
				continue
			}
			fmt.Fprintf(&got, "%s, %s\n\t%s %s\n", c, order, m.id, m.digest)
		}
	}
	const golden = "testdata/digests"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		have := strings.Split(got.String(), "\n")
		for i, line := range strings.Split(string(want), "\n") {
			if i >= len(have) || have[i] != line {
				t.Fatalf("line %d of %s is %q now, was %q; -update rewrites it", i+1, golden, have[min(i, len(have)-1)], line)
			}
		}
		t.Fatal("there are more images than in " + golden)
	}
}
