package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry/registrytest"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// Pushes at the same time count what is theirs, and so while the upload that asked
// for permission is taken back.
func TestPushesAtOnce(t *testing.T) {
	r := registrytest.New(t)
	c := &Client{Config: configfile.New(""), Logf: t.Logf}
	want := make([]int64, 3)
	var group errgroup.Group
	for i := range want {
		layer, err := image.NewLayer(bytes.Repeat([]byte{byte(i)}, (i+1)<<20), image.Gzip)
		if err != nil {
			t.Fatal(err)
		}
		made := image.Image{Layers: []image.Layer{layer}}
		made.Config.RootFS.DiffIDs = []digest.Digest{layer.DiffID} // so that the configurations differ
		whole, err := made.Encode()
		if err != nil {
			t.Fatal(err)
		}
		want[i] = layer.Descriptor.Size + int64(len(whole.RawManifest)+len(whole.RawConfig))
		text := fmt.Sprintf("%s/at/once%d:1", r.Host, i)
		ref, err := name.ParseReference(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.CheckPush(t.Context(), []name.Repository{ref.Context()}); err != nil {
			t.Fatal(err)
		}
		group.Go(func() error {
			traffic, _, err := c.Push(t.Context(), whole, []string{text}, func(image.Layer) io.Writer { return io.Discard })
			if err == nil && (traffic.Uploaded != 1 || traffic.Bytes != want[i]) {
				err = fmt.Errorf("push %d came to %+v, it has %d bytes", i, traffic, want[i])
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestPushProblem(t *testing.T) {
	answer := func(status int, code transport.ErrorCode, detail any) error {
		return &transport.Error{StatusCode: status, Errors: []transport.Diagnostic{{Code: code, Detail: detail}}}
	}
	for _, test := range []struct {
		err  error
		want problem.Code
	}{
		{answer(401, transport.UnauthorizedErrorCode, nil), problem.RegistryDenied},
		{answer(403, transport.DeniedErrorCode, nil), problem.RegistryDenied},
		{&transport.Error{StatusCode: 403}, problem.RegistryDenied},
		{answer(404, transport.NameUnknownErrorCode, nil), problem.RegistryDenied},
		{answer(405, transport.UnsupportedErrorCode, nil), problem.RegistryDenied},
		{answer(429, transport.TooManyRequestsErrorCode, nil), problem.RegistryLimit},
		{answer(500, transport.UnknownErrorCode, map[string]any{"DriverName": "filesystem", "Enclosed": map[string]any{"Err": 28, "Op": "write"}}), problem.DiskFull},
		{&transport.Error{StatusCode: 507}, problem.DiskFull},
		{answer(403, transport.DeniedErrorCode, "Quota has been exceeded on namespace x"), problem.DiskFull},
		{answer(429, transport.UnknownErrorCode, "Quota exceeded for requests per minute"), problem.RegistryLimit},
		{answer(401, transport.UnauthorizedErrorCode, []any{map[string]any{"Action": "push", "Name": misleading}}), problem.RegistryDenied},
		{answer(500, transport.UnknownErrorCode, map[string]any{"Name": misleading}), problem.RegistryFailed},
		{fmt.Errorf("Put %q: %w", "https://"+misleading, io.ErrUnexpectedEOF), problem.RegistryFailed},
		{answer(500, transport.UnknownErrorCode, "no space left on device"), problem.DiskFull},
		{answer(500, transport.UnknownErrorCode, nil), problem.RegistryFailed},
		{&transport.Error{StatusCode: 503}, problem.RegistryFailed},
		{io.ErrUnexpectedEOF, problem.RegistryFailed},
		{&silentError{defaultIdleLimit}, problem.RegistryFailed},
		{errors.New("tls: failed to verify certificate: x509: certificate has expired"), problem.BadCertificate},
	} {
		var p *problem.Error
		if err := problem.Classify(t.Context(), pushProblem("h/r", test.err)); !errors.As(err, &p) || p.Code != test.want || !strings.Contains(p.Summary, "h/r") || p.Next == "" {
			t.Errorf("%v\ngot  %v\nwant %s", test.err, err, test.want)
		}
	}
}
