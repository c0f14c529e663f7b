package registrytest

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/sync/errgroup"
)

// A Fleet is what images are made of by the hundred: a stand-in for a payload, and
// so many small bases, each in a repository of its own as those of a dataset are.
type Fleet struct{ bases int }

// NewFleet describes a fleet.
func NewFleet(bases int) Fleet { return Fleet{bases} }

// Payload is the name of the payload in the registry at host.
func (Fleet) Payload(host string) string { return host + "/team/payload:1" }

// Bases are the names of the bases there.
func (f Fleet) Bases(host string) []string {
	names := make([]string, f.bases)
	for i := range names {
		names[i] = fmt.Sprintf("%s/dataset/sweb.eval.x86_64.project_1776_project-%d:latest", host, i)
	}
	return names
}

// What the images of a fleet are like: a payload has as many layers as one with
// every component, a base a layer that all have and one of its own, of so many
// bytes that do not compress.
const (
	payloadLayers = 12
	ownBytes      = 16 << 10
)

// Write puts the fleet, with these labels of its payload, into the registry at host.
func (f Fleet) Write(ctx context.Context, host string, labels map[string]string) error {
	var layers []v1.Layer
	for i := range payloadLayers {
		l, err := layer("openhands/part-"+strconv.Itoa(i), ownContent("payload", i))
		if err != nil {
			return err
		}
		layers = append(layers, l)
	}
	if err := write(ctx, f.Payload(host), labels, layers...); err != nil {
		return err
	}
	shared, err := layer("etc/passwd", []byte("root:x:0:0:root:/root:/bin/sh\n"), "etc/group", []byte("root:x:0:\n"))
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, ref := range f.Bases(host) {
		group.Go(func() error { return WriteBase(ctx, ref, shared, i) })
	}
	return group.Wait()
}

// WriteBase puts a base into a registry whose own content goes by a number.
func WriteBase(ctx context.Context, ref string, below v1.Layer, number int) error {
	own, err := layer("testbed/own", ownContent("base", number))
	if err != nil {
		return err
	}
	layers := []v1.Layer{own}
	if below != nil {
		layers = []v1.Layer{below, own}
	}
	return write(ctx, ref, nil, layers...)
}

func write(ctx context.Context, ref string, labels map[string]string, layers ...v1.Layer) error {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return err
	}
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers"}, Config: v1.Config{Labels: labels, Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}},
	})
	if err != nil {
		return err
	}
	if img, err = mutate.AppendLayers(img, layers...); err != nil {
		return err
	}
	return remote.Write(parsed, img, remote.WithContext(ctx))
}

// ownContent is the same for the same arguments.
func ownContent(kind string, number int) []byte {
	content := make([]byte, ownBytes)
	_, _ = rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%-20s%012d", kind, number)))).Read(content) // never fails
	return content
}

// layer is a layer of files, each a name and then its content as []byte.
func layer(files ...any) (v1.Layer, error) {
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		content := files[i+1].([]byte)
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: files[i].(string), Mode: 0o755, Size: int64(len(content))}); err != nil {
			return nil, err
		}
		if _, err := archive.Write(content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
}
