package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func archiveOf(t *testing.T, files ...string) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		if err := writeFile(archive, files[i], []byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

// An index that leads to itself, which a digest that is only claimed can do,
// ends the search.
func TestIndexesThatGoRound(t *testing.T) {
	index := func(ids ...digest.Digest) string {
		var i ocispec.Index
		for _, id := range ids {
			i.Manifests = append(i.Manifests, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: id})
		}
		data, err := json.Marshal(i)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	a, b := digest.FromString("a"), digest.FromString("b")
	_, err := ReadSaved(archiveOf(t, blobPath(a), index(b, b, a), blobPath(b), index(a, b), "index.json", index(a, b)), Reading{}, "amd64", true)
	if err == nil || !strings.Contains(err.Error(), "no manifest for amd64") {
		t.Errorf("it ends with %v", err)
	}
}

func TestArchiveWithoutLayer(t *testing.T) {
	_, err := ReadSaved(archiveOf(t, "c.json", `{"rootfs":{"diff_ids":["sha256:1"]}}`, "manifest.json", `[{"Config":"c.json","Layers":["l/layer.tar"]}]`), Reading{Keep: keepAll}, "amd64", false)
	if err == nil || !strings.Contains(err.Error(), "l/layer.tar") {
		t.Errorf("it ends with %v", err)
	}
}

// Documents that nobody asks for, as large attestations, are passed over; one
// that is needed has to fit.
func TestDocumentsOfArchiveThatAreTooLarge(t *testing.T) {
	large := `{"x":"` + strings.Repeat("x", MaxDocument) + `"}`
	config := `{"os":"linux","architecture":"amd64"}`
	manifest := `[{"Config":"c.json"}]`
	if _, err := ReadSaved(archiveOf(t, "blobs/sha256/0", large, "c.json", config, "manifest.json", manifest), Reading{}, "amd64", false); err != nil {
		t.Errorf("beside a large attestation: %v", err)
	}
	for name, files := range map[string][]string{
		"configuration": {"c.json", large, "manifest.json", manifest},
		"values":        {"c.json", `{"history":[` + strings.Repeat("{},", MaxMembers+1) + `{}]}`, "manifest.json", manifest},
		"layers":        {"c.json", fmt.Sprintf(`{"rootfs":{"diff_ids":[""%s]}}`, strings.Repeat(`,""`, MaxLayers)), "manifest.json", fmt.Sprintf(`[{"Config":"c.json","Layers":[""%s]}]`, strings.Repeat(`,""`, MaxLayers))},
		"path":          {strings.Repeat("a/", maxPath) + "a", "", "manifest.json", manifest},
	} {
		var excess *ExcessError
		if _, err := ReadSaved(archiveOf(t, files...), Reading{}, "amd64", false); !errors.As(err, &excess) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
