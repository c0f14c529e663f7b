package registry

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// misleading is a name with the words that tell failures.
const misleading = "h:1/x509/certificate-tool/quota-exceeded/denied/unauthorized/toomanyrequests"

// The texts are those of Docker 20.10, 28 and 29.
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
		{"h:1/a", "error from registry: denied\ndenied", problem.RegistryDenied},
		{"h:1/a", `error from registry: unauthorized`, problem.RegistryDenied},
		{"h:1/a", `toomanyrequests: slow down`, problem.RegistryLimit},
		{"h:1/a", `error parsing HTTP 429 response body: invalid character '<'`, problem.RegistryLimit},
		{"h:1/a", `received unexpected HTTP status: 500 Internal Server Error`, problem.RegistryFailed},
		{"h:1/a", `Head "http://h:1/v2/a/manifests/1": EOF`, problem.RegistryFailed},
		{"h:1/a", `dial tcp 127.0.0.1:1: connect: connection refused`, problem.RegistryFailed},
		{"h:1/a", `tls: failed to verify certificate: x509: certificate has expired or is not yet valid`, problem.BadCertificate},
		{"h:1/a", `no matching manifest for linux/amd64 in the manifest list entries`, problem.Platform},
		{"h:1/a", `something new`, problem.RegistryFailed},
		{"h:1/a", `failed to fetch oauth token: unexpected status from GET request to https://h:1/token: 401 Unauthorized`, problem.RegistryDenied},
	} {
		for _, ref := range []string{test.ref, strings.Replace(test.ref, "h:1/a", misleading, 1)} {
			said := strings.ReplaceAll(test.err, "h:1/a", ref)
			said = strings.ReplaceAll(said, "/v2/a/", "/v2/"+strings.TrimPrefix(ref, "h:1/")+"/")
			var p *problem.Error
			if err := PullProblem(TheEngine, "base image", ref, errors.New(said)); !errors.As(err, &p) || p.Code != test.want || p.Next == "" {
				t.Errorf("%s\ngot  %v\nwant %s", said, err, test.want)
			}
		}
	}
	var p *problem.Error
	if err := PullProblem(TheEngine, "base image", "0123", nil); !errors.As(err, &p) || p.Code != problem.NotFound {
		t.Errorf("without a cause it is %v", err)
	}
}
