package enginetest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Cabinet is an engine of images whose files are streams. It starts nothing.
type Cabinet struct {
	client.APIClient
	Stream io.Reader // of the files that are asked for

	Made, Removed []string // names and IDs of containers, which are the same
}

func (c *Cabinet) ContainerCreate(_ context.Context, options client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	if !slices.Equal(options.Config.Healthcheck.Test, []string{"NONE"}) {
		return client.ContainerCreateResult{}, errors.New("the image's health check is kept")
	}
	if options.HostConfig != nil && !reflect.DeepEqual(*options.HostConfig, container.HostConfig{}) {
		return client.ContainerCreateResult{}, errors.New("the container can do something")
	}
	if options.Name != "docker-openhands-"+options.Config.Labels["dev.openhands.lease"] {
		return client.ContainerCreateResult{}, errors.New("its name does not tell the lease: " + options.Name)
	}
	c.Made = append(c.Made, options.Name)
	return client.ContainerCreateResult{ID: options.Name}, nil
}

func (c *Cabinet) CopyFromContainer(_ context.Context, id string, options client.CopyFromContainerOptions) (client.CopyFromContainerResult, error) {
	return client.CopyFromContainerResult{Content: io.NopCloser(c.Stream)}, nil
}

func (c *Cabinet) ContainerRemove(_ context.Context, id string, options client.ContainerRemoveOptions) (client.ContainerRemoveResult, error) {
	c.Removed = append(c.Removed, id)
	return client.ContainerRemoveResult{}, nil
}

// Files is a tar stream of regular files, each with as many zeros at its end as
// its size says beyond its content.
func Files(t testing.TB, headers ...tar.Header) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	return io.MultiReader(&b, zeros{})
}

// zeros is an endless stream.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
