package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document/documenttest"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/client"
)

// ownBytes is what each base of TestBatch has of its own.
const ownBytes = 256 << 10

// TestBatch makes images over many bases in one engine: they take the disk of their
// bases and a little more, and nothing of a payload that is there. OH_BATCH is how
// many.
func TestBatch(t *testing.T) {
	bases := 8
	if text := os.Getenv("OH_BATCH"); text != "" {
		var err error
		if bases, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	loadSmallDeps(t, lab.Engine{})
	var list strings.Builder
	for i := range bases {
		ref := fmt.Sprintf("oh-live/batch-%d:base", i)
		own := make([]byte, ownBytes)
		_, _ = rand.NewChaCha8([32]byte{byte(i), byte(i >> 8), 14}).Read(own) // never fails
		load(t, lab.Engine{}, ref, v1.Config{}, engineArch(t), layer(t, []entry{{name: "/own", mode: 0o644, data: own}}))
		fmt.Fprintln(&list, ref)
	}
	before := imagesSize(t)
	made := batch(t, list.String())
	for _, id := range made.ids {
		cleanup(t, lab.Engine{}, "rmi", "--force", id)
	}
	if made.made != bases || made.reused != 0 {
		t.Fatalf("of %d images %+v", bases, made)
	}
	grown := imagesSize(t) - before
	t.Logf("%d images in %s; %d bytes of disk each, a base has %d of its own", bases, made.took.Round(time.Millisecond), grown/int64(bases), ownBytes)
	const setUp = 64 << 10 // more than a set-up layer has
	if limit := int64(bases) * (ownBytes + setUp); grown > limit {
		t.Errorf("%d images take %d bytes, more than %d", bases, grown, limit)
	}
	if again := batch(t, list.String()); again.reused != bases {
		t.Errorf("the second time, of %d images %+v", bases, again)
	}
}

// imagesSize is what all layers of the engine take, in bytes.
func imagesSize(t *testing.T) int64 {
	t.Helper()
	api, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	usage, err := api.DiskUsage(t.Context(), client.DiskUsageOptions{Images: true})
	if err != nil {
		t.Fatal(err)
	}
	return usage.Images.TotalSize
}

type batched struct {
	made, reused int
	ids          []string
	took         time.Duration
}

// batch makes images over a list of bases.
func batch(t *testing.T, list string) (b batched) {
	t.Helper()
	cmd := lab.Engine{}.Command(t.Context(), "openhands", "batch", "--bases-file", "-", "--offline", "--deps-image", smallDeps,
		"--tag-template", "oh-live/batch:{base.image}", "--manifest", "-", "--progress", "quiet")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(list), &stdout, &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	b.took = time.Since(start)
	for line := range bytes.Lines(stdout.Bytes()) {
		documenttest.Validate(t, "batch", line)
		var image struct {
			Kind, ID string
			Reused   bool
		}
		if err := json.Unmarshal(line, &image); err != nil {
			t.Fatal(err)
		}
		switch {
		case image.Kind != "runtime":
		case image.Reused:
			b.reused++
		default:
			b.made++
			b.ids = append(b.ids, image.ID)
		}
	}
	return b
}
