package builder

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// pullFault is a way in which a pull fails.
type pullFault struct {
	code    problem.Code
	summary string // %s is the image, as in "base image x"; %s its registry
	next    string
	text    string // regular expression: engines hand on what happened as text only
}

// pullFaults are tried in this order.
var pullFaults = [...]pullFault{
	{problem.BadCertificate, "the %s cannot be pulled: the engine does not trust the registry %s",
		"See that 'date' is right where the engine runs, and that the engine knows the registry's authority (/etc/docker/certs.d/HOST/ca.crt)",
		`x509: |certificate|remote error: tls`},
	{problem.RegistryLimit, "the %s cannot be pulled: the registry %s limits requests",
		"Wait, log in with 'docker login' to have a higher limit, or name the image by a mirror",
		`toomanyrequests|HTTP 429|429 Too Many|rate limit`},
	{problem.NotFound, "the %s is not in the engine and cannot be pulled from %s",
		"Check the spelling and your network, log in with 'docker login' if it is private, or bring it in with 'docker load' or 'docker import'",
		`(manifest|name) unknown|(manifest for|repository) .* not found|404 Not Found|: not found$|no such host|server misbehaving`},
	{problem.Platform, "the %s cannot be pulled: %s has none for the engine's platform",
		"Choose an image of that platform, or use an engine of the other one with 'docker context use'",
		`no matching manifest|no match for platform|no child with platform|not (provide|match) the specified platform`},
	{problem.RegistryDenied, "the %s cannot be pulled: the registry %s refuses access",
		"Log in with 'docker login HOST' as somebody who may pull it, and check the spelling",
		`unauthorized|no basic auth credentials|authentication required|denied|403 Forbidden`},
	{problem.RegistryFailed, "the %s cannot be pulled: the registry %s fails",
		"Try again later, see whether its host can be reached from the engine, or bring the image in with 'docker load'",
		``},
}

// pullProblem is the error of a pull that failed with err, nil where it ended
// well and brought nothing.
func pullProblem(what, ref string, err error) error {
	host := "a registry"
	if named, parseErr := reference.ParseNormalizedNamed(ref); parseErr == nil {
		host = reference.Domain(named)
	}
	fault := pullFaults[slices.IndexFunc(pullFaults[:], isFault(host, err))]
	return problem.New(fault.code, fmt.Sprintf(fault.summary, what+" "+ref, host), err, fault.next)
}

func isFault(host string, err error) func(pullFault) bool {
	var silent *silentError
	switch {
	// Docker Hub does not tell a private repository from none.
	case err == nil, host == "docker.io" && strings.Contains(err.Error(), "repository does not exist"):
		return func(f pullFault) bool { return f.code == problem.NotFound }
	case errors.As(err, &silent):
		return func(f pullFault) bool { return f.code == problem.RegistryFailed }
	}
	return func(f pullFault) bool { return regexp.MustCompile("(?i)" + f.text).MatchString(err.Error()) }
}
