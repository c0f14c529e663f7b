package builder

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// caller is who asks a registry.
type caller struct {
	name  string
	trust string // what to do where it does not trust a certificate
}

var (
	theEngine = caller{"the engine",
		"See that 'date' is right where the engine runs, and that the engine knows the registry's authority (/etc/docker/certs.d/HOST/ca.crt)"}
	thisMachine = caller{"this machine",
		"See that 'date' is right here, and that this machine knows the registry's authority (SSL_CERT_FILE)"}
)

// pullProblem is the error of a pull that failed with err, nil where it ended
// well and brought nothing.
func pullProblem(by caller, what, ref string, err error) error {
	host := "a registry"
	if named, parseErr := reference.ParseNormalizedNamed(ref); parseErr == nil {
		host = reference.Domain(named)
	}
	code := pullFault(host, err)
	var why, next string
	switch code {
	case problem.BadCertificate:
		why, next = by.name+" does not trust the registry "+host, by.trust
	case problem.RegistryLimit:
		why = "the registry " + host + " limits requests"
		next = "Wait, log in with 'docker login' to have a higher limit, or name the image by a mirror"
	case problem.NotFound:
		why = "it is not here, and not to be found at " + host
		next = "Check the spelling and your network, log in with 'docker login' if it is private, or bring it in with 'docker load' or 'docker import'"
	case problem.Platform:
		why = host + " has none of the platform that is wanted"
		next = "Choose an image of that platform, or use an engine of the other one with 'docker context use'"
	case problem.RegistryDenied:
		why = "the registry " + host + " refuses access"
		next = "Log in with 'docker login HOST' as somebody who may pull it, and check the spelling"
	default:
		why = "the registry " + host + " fails"
		next = "Try again later, see whether its host can be reached from " + by.name + ", or bring the image in with 'docker load'"
	}
	return problem.New(code, fmt.Sprintf("the %s %s cannot be pulled: %s", what, ref, why), err, next)
}

// pullFaults are tried in this order.
var pullFaults = [...]struct {
	code problem.Code
	text string // regular expression: engines hand on what happened as text only
}{
	{problem.BadCertificate, `x509: |certificate|remote error: tls`},
	{problem.RegistryLimit, `toomanyrequests|HTTP 429|429 Too Many|rate limit`},
	{problem.NotFound, `(manifest|name) unknown|(manifest for|repository) .* not found|404 Not Found|: not found$|no such host|server misbehaving`},
	{problem.Platform, `no matching manifest|no match for platform|no child with platform|not (provide|match) the specified platform`},
	{problem.RegistryDenied, `unauthorized|no basic auth credentials|authentication required|denied|403 Forbidden`},
}

// pullFault is the way in which a pull from host failed.
func pullFault(host string, err error) problem.Code {
	var silent *silentError
	switch {
	// Docker Hub does not tell a private repository from none.
	case err == nil, host == "docker.io" && strings.Contains(err.Error(), "repository does not exist"):
		return problem.NotFound
	case errors.As(err, &silent):
		return problem.RegistryFailed
	}
	for _, fault := range pullFaults {
		if regexp.MustCompile("(?i)" + fault.text).MatchString(err.Error()) {
			return fault.code
		}
	}
	return problem.RegistryFailed
}
