package builder

import (
	"errors"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// The texts are those of Docker 20.10 and 28.
func TestPullProblem(t *testing.T) {
	for _, test := range []struct {
		ref, err string
		want     problem.Code
	}{
		{"h:1/a", `unauthorized: authentication required`, problem.RegistryDenied},
		{"h:1/a", `Get "https://h:1/v2/a/manifests/1": no basic auth credentials`, problem.RegistryDenied},
		{"h:1/a", `pull access denied for h:1/a, repository does not exist or may require 'docker login': denied: no`, problem.RegistryDenied},
		{"a/b", `pull access denied for a/b, repository does not exist or may require 'docker login'`, problem.NotFound},
		{"h:1/a", `manifest for h:1/a:1 not found: manifest unknown: no`, problem.NotFound},
		{"h:1/a", `failed to resolve reference "h:1/a": h:1/a: not found`, problem.NotFound},
		{"a", `Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 1.1.1.1:53: no such host`, problem.NotFound},
		{"h:1/a", `toomanyrequests: slow down`, problem.RegistryLimit},
		{"h:1/a", `error parsing HTTP 429 response body: invalid character '<'`, problem.RegistryLimit},
		{"h:1/a", `received unexpected HTTP status: 500 Internal Server Error`, problem.RegistryFailed},
		{"h:1/a", `Head "http://h:1/v2/a/manifests/1": EOF`, problem.RegistryFailed},
		{"h:1/a", `dial tcp 127.0.0.1:1: connect: connection refused`, problem.RegistryFailed},
		{"h:1/a", `tls: failed to verify certificate: x509: certificate has expired or is not yet valid`, problem.BadCertificate},
		{"h:1/a", `no matching manifest for linux/amd64 in the manifest list entries`, problem.Platform},
		{"h:1/a", `something new`, problem.RegistryFailed},
	} {
		var p *problem.Error
		if err := pullProblem(theEngine, "base image", test.ref, errors.New(test.err)); !errors.As(err, &p) || p.Code != test.want || p.Next == "" {
			t.Errorf("%s\ngot  %v\nwant %s", test.err, err, test.want)
		}
	}
	var p *problem.Error
	if err := pullProblem(theEngine, "base image", "0123", nil); !errors.As(err, &p) || p.Code != problem.NotFound {
		t.Errorf("without a cause it is %v", err)
	}
}
