package registry

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/opencontainers/go-digest"
)

// Whatever a registry says of an image, it is understood or refused. CONFIG in
// the manifest is the descriptor of the configuration.
func FuzzRegistryDocument(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":CONFIG,"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":1,"digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}]}`),
		[]byte(`{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["sha256:1"]},"created":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"size":1,"digest":"sha256:0","platform":{"os":"linux"}}]}`), []byte(`{}`))
	f.Add([]byte(`{"config":{"size":-1,"data":"e30="},"layers":null}`), []byte(`{}`))
	ref, err := name.ParseReference("registry.test/a/b:1")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, manifest, config []byte) {
		manifest = bytes.ReplaceAll(manifest, []byte("CONFIG"), fmt.Appendf(nil, `{"mediaType":"application/vnd.oci.image.config.v1+json","size":%d,"digest":%q}`, len(config), digest.FromBytes(config)))
		answers := roundTrip(func(request *http.Request) (*http.Response, error) {
			body := config
			switch {
			case request.URL.Path == "/v2/":
				body = nil
			case strings.Contains(request.URL.Path, "/manifests/"):
				body = manifest
			}
			return &http.Response{
				StatusCode: http.StatusOK, Request: request, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
				Header: http.Header{"Content-Type": {"application/vnd.oci.image.manifest.v1+json"}},
			}, nil
		})
		puller, err := remote.NewPuller(remote.WithTransport(&registryTransport{strict: answers}))
		if err != nil {
			t.Fatal(err)
		}
		found, err := (&connections{puller: puller}).describe(t.Context(), ref, "amd64", time.Minute)
		if err != nil {
			return
		}
		if len(found.Layers) != len(found.Config.RootFS.DiffIDs) || len(found.Layers) > image.MaxLayers || len(found.RawConfig) > image.MaxDocument {
			t.Errorf("%d layers, %d diff IDs, %d bytes", len(found.Layers), len(found.Config.RootFS.DiffIDs), len(found.RawConfig))
		}
	})
}
