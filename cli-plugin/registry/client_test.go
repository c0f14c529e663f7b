package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry/registrytest"
	"github.com/docker/cli/cli/config/configfile"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
)

// answering is a registry in which each repository has one image: what the
// function writes of it.
func answering(t *testing.T, answer func(w http.ResponseWriter, request *http.Request)) (*Client, string) {
	t.Helper()
	r := registrytest.New(t)
	r.Answer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path != "/v2/" {
			answer(w, request)
		}
	}))
	return &Client{Config: configfile.New(""), Logf: t.Logf}, r.Host + "/a/b:1"
}

// heap is what the heap holds, in bytes.
func heap() uint64 {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return now.HeapAlloc
}

const megabyte = 1 << 20

func answerManifest(w http.ResponseWriter, manifest []byte) {
	w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
	_, _ = w.Write(manifest)
}

// A registry cannot say more of an image than fits, whatever it announces.
func TestDocumentsOfRegistryThatAreTooLarge(t *testing.T) {
	endless := func(w http.ResponseWriter, request *http.Request, with string) {
		for request.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat(with, 1<<20/len(with))); err != nil {
				return
			}
		}
	}
	config := func(size int64, body string) (v1.Manifest, string) {
		return v1.Manifest{
			SchemaVersion: 2, MediaType: types.OCIManifestSchema1,
			Config: v1.Descriptor{MediaType: types.OCIConfigJSON, Size: size, Digest: v1.Hash{Algorithm: "sha256", Hex: digest.FromString(body).Encoded()}},
		}, body
	}
	for name, test := range map[string]struct {
		manifest func() (v1.Manifest, string) // and the configuration; an empty one has no end
		raw      string                       // with it, a manifest without end
	}{
		"configuration": {manifest: func() (v1.Manifest, string) { return config(1<<40, "") }},
		"no size":       {manifest: func() (v1.Manifest, string) { return config(-1, "") }},
		"manifest":      {raw: " "},
		"descriptors":   {raw: "{},"},
		"history": {manifest: func() (v1.Manifest, string) {
			body := `{"history":[` + strings.Repeat("{},", 1<<20) + `{}]}`
			return config(int64(len(body)), body)
		}},
		"layers": {manifest: func() (v1.Manifest, string) {
			manifest, body := config(2, "{}")
			manifest.Layers = make([]v1.Descriptor, image.MaxLayers+1)
			for i := range manifest.Layers {
				manifest.Layers[i] = v1.Descriptor{MediaType: types.OCILayer, Size: 1, Digest: manifest.Config.Digest}
			}
			return manifest, body
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c, ref := answering(t, func(w http.ResponseWriter, request *http.Request) {
				if test.raw != "" {
					w.Header().Set("Content-Type", string(types.OCIImageIndex))
					_, _ = io.WriteString(w, `{"manifests":[`)
					endless(w, request, test.raw)
					return
				}
				manifest, body := test.manifest()
				data, err := json.Marshal(manifest)
				switch {
				case err != nil:
					t.Error(err)
				case strings.Contains(request.URL.Path, "/manifests/"):
					answerManifest(w, data)
				case body == "":
					endless(w, request, " ")
				default:
					_, _ = io.WriteString(w, body)
				}
			})
			before := heap()
			parsed, err := c.Parse(ref)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Describe(t.Context(), parsed, "amd64")
			err = PullProblem(ThisMachine, "base image", ref, err)
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != problem.TooLarge || !strings.Contains(err.Error(), ref) {
				t.Errorf("it ends with %v", err)
			}
			if grown := int64(heap()) - int64(before); grown > 100*megabyte {
				t.Errorf("the heap has grown by %d MB", grown/megabyte)
			}
			if found, err := c.Ask(t.Context(), ref, "amd64"); found != nil || err != nil || len(c.silent) > 0 {
				t.Errorf("asked for it: %v, %v, silent are %v", found, err, c.silent)
			}
		})
	}
}

// A registry that never ends a document does not hold the command, however
// often it says something.
func TestDocumentThatDoesNotEnd(t *testing.T) {
	c, ref := answering(t, func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
		for tick := time.NewTicker(time.Millisecond); request.Context().Err() == nil; <-tick.C {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
		}
	})
	open, err := c.connect()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := c.Parse(ref)
	if err != nil {
		t.Fatal(err)
	}
	var late *lateError
	if _, err := open.describe(t.Context(), parsed, "amd64", 100*time.Millisecond); !errors.As(err, &late) {
		t.Errorf("it ends with %v", err)
	}
	var p *problem.Error
	if err := PullProblem(ThisMachine, "base image", ref, fmt.Errorf("reading: %w", late)); !errors.As(err, &p) || p.Code != problem.RegistryFailed {
		t.Errorf("told as %v", err)
	}
}
