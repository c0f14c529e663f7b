package registry

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Caller is who asks a registry.
type Caller struct {
	name  string
	trust string // what to do where it does not trust a certificate
}

// Those who ask.
var (
	TheEngine = Caller{"the engine",
		"See that 'date' is right where the engine runs, and that the engine knows the registry's authority (/etc/docker/certs.d/HOST/ca.crt)"}
	ThisMachine = Caller{"this machine",
		"See that 'date' is right here, and that this machine knows the registry's authority (SSL_CERT_FILE)"}
)

// PullProblem is the error of a pull that failed with err, nil where it ended
// well and brought nothing.
func PullProblem(by Caller, what, ref string, err error) error {
	var known *problem.Error
	if errors.As(err, &known) {
		return known
	}
	var excess *image.ExcessError
	if errors.As(err, &excess) {
		return problem.New(problem.TooLarge, fmt.Sprintf("the %s %s is larger than what this program works with", what, ref), err, "Use another image")
	}
	host := HostOf(ref)
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

// HostOf is the registry of an image.
func HostOf(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "a registry"
	}
	return reference.Domain(named)
}

// Engines hand on what happened as text only. Each pattern wants something that
// no name of an image can have, since names are part of the text.
var (
	untrusted = regexp.MustCompile(`x509: |remote error: tls: |tls: failed to verify `)
	limited   = regexp.MustCompile(`(?im)(^|\s)toomanyrequests(:|$)|HTTP 429 |429 Too Many|rate limit`)
	unknown   = regexp.MustCompile(`(?i)(manifest|name) unknown|(manifest for|repository) .* not found|404 Not Found|: not found$|no such host|server misbehaving`)
	foreign   = regexp.MustCompile(`(?i)no matching manifest|no match for platform|no child with platform|not (provide|match) the specified platform`)
	denied    = regexp.MustCompile(`(?im)(^|\s)(unauthorized|denied)(:|$)|access denied|no basic auth credentials|authentication required|401 Unauthorized|403 Forbidden`)
	noSpace   = regexp.MustCompile(`(?i:no space left on|quota (\w+ )*exceeded|exceed\w* (\w+ )*quota)|\bErr"?:28\b`)
)

// pullFault is the way in which a pull from host failed.
func pullFault(host string, err error) problem.Code {
	var answer *transport.Error
	var missing *NoPlatformError
	text := fmt.Sprint(err)
	switch {
	case errors.As(err, &missing):
		return problem.Platform
	case untrusted.MatchString(text): // perhaps with an answer that came without TLS
		return problem.BadCertificate
	case errors.As(err, &answer):
		return answerFault(answer)
	// Docker Hub does not tell a private repository from none.
	case err == nil, host == "docker.io" && strings.Contains(text, "repository does not exist"):
		return problem.NotFound
	case limited.MatchString(text):
		return problem.RegistryLimit
	case unknown.MatchString(text):
		return problem.NotFound
	case foreign.MatchString(text):
		return problem.Platform
	case denied.MatchString(text):
		return problem.RegistryDenied
	}
	return problem.RegistryFailed
}

// answerFault is the way in which a registry failed, by its answer.
func answerFault(answer *transport.Error) problem.Code {
	says := func(codes ...transport.ErrorCode) bool {
		return slices.ContainsFunc(answer.Errors, func(d transport.Diagnostic) bool { return slices.Contains(codes, d.Code) })
	}
	switch status := answer.StatusCode; {
	case status == http.StatusTooManyRequests, says(transport.TooManyRequestsErrorCode): // some call this a quota
		return problem.RegistryLimit
	case spaceless(answer):
		return problem.DiskFull
	case status == http.StatusNotFound:
		return problem.NotFound
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusMethodNotAllowed,
		says(transport.UnauthorizedErrorCode, transport.DeniedErrorCode):
		return problem.RegistryDenied
	}
	return problem.RegistryFailed
}

// Transient reports whether the same may go well a little later: a registry wanted
// a pause, failed, cut the connection, or does not run just now. What it says of
// an image for good is no such error.
func Transient(err error) bool {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return answer.Temporary() && !spaceless(answer) || answerFault(answer) == problem.RegistryLimit
	}
	return cut(err) || errors.Is(err, syscall.ECONNREFUSED)
}

// cut reports whether a connection was cut.
func cut(err error) bool {
	return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, net.ErrClosed},
		func(way error) bool { return errors.Is(err, way) })
}

// spaceless reports whether a registry has no space left.
func spaceless(answer *transport.Error) bool {
	return answer.StatusCode == http.StatusInsufficientStorage || noSpace.MatchString(answer.Error())
}

// NoCredentials is the error of a credential helper.
func NoCredentials(host string, err error) error {
	return problem.New(problem.RegistryDenied, "the credentials for the registry "+host+" cannot be had", err,
		"Correct credsStore and credHelpers in the config.json of docker, or install the helper that they name")
}
