// Package registry has registries as a place of images: it describes what they
// have, pushes to them, and says what goes wrong with them.
package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Client talks to registries. What has been asked once, a login for example, is
// not asked again. It may be used by several goroutines at once.
type Client struct {
	Config   *configfile.ConfigFile // docker's, with credentials
	Insecure []string               // registries that the engine trusts without TLS
	Logf     func(format string, args ...any)
	Pausing  func(host string, pause time.Duration) // is told of a pause that a registry wants; nil: Logf is

	lock   sync.Mutex      // over what follows
	silent map[string]bool // registries that did not answer
	open   *connections    // nil: none was talked to
}

// isSilent reports whether a registry did not answer.
func (c *Client) isSilent(host string) bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.silent[host]
}

// giveUp has a registry not asked again for what can be done without.
func (c *Client) giveUp(host string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.silent == nil {
		c.silent = map[string]bool{}
	}
	c.silent[host] = true
}

// askingLimit is how long a registry may take to describe an image that can be
// done without.
const askingLimit = 4 * time.Second

// Ask asks the registry of ref for an image that can be done without, of several
// platforms the one for Linux on arch, which is of GOARCH form. It is nil where
// there is none, and where the registry does not answer: that one is not asked
// again by c.
func (c *Client) Ask(ctx context.Context, ref, arch string) (*image.Image, error) {
	parsed, err := c.Parse(ref)
	if err != nil {
		return nil, nil // an image ID, for example
	}
	host := parsed.Context().RegistryStr()
	if c.isSilent(host) {
		return nil, nil
	}
	open, err := c.connect()
	if err != nil {
		return nil, err
	}
	found, err := c.find(ctx, open, parsed, arch, askingLimit)
	if err != nil && ctx.Err() == nil {
		c.Logf("going on without the registry %s: %v", host, err)
		c.giveUp(host)
		return nil, nil
	}
	return found, err
}

// Find asks the registry of ref, which cannot be done without, for an image that
// can, of several platforms the one for Linux on arch. It is nil where there is none.
func (c *Client) Find(ctx context.Context, ref, arch string) (*image.Image, error) {
	parsed, err := c.Parse(ref)
	if err != nil {
		return nil, fmt.Errorf("reading the name %s: %w", ref, err)
	}
	open, err := c.connect()
	if err != nil {
		return nil, err
	}
	return c.find(ctx, open, parsed, arch, describingLimit)
}

// FindAtDestination is Find in a repository that is pushed to. Errors are those of
// a push.
func (c *Client) FindAtDestination(ctx context.Context, ref, arch string) (*image.Image, error) {
	found, err := c.Find(ctx, ref, arch)
	parsed, invalid := c.Parse(ref)
	if err != nil && invalid == nil && ctx.Err() == nil {
		err = pushProblem(parsed.Context().Name(), err)
	}
	return found, err
}

// find describes an image that can be done without. Errors are those of a registry
// that does not answer, and of ctx.
func (c *Client) find(ctx context.Context, open *connections, ref name.Reference, arch string, limit time.Duration) (*image.Image, error) {
	found, err := open.describe(ctx, ref, arch, limit)
	var refused *transport.Error
	var excess *image.ExcessError
	var missing *NoPlatformError
	switch {
	case err == nil:
		return found, nil
	case errors.As(err, &missing):
		return nil, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound:
		return nil, nil
	case errors.As(err, &refused) && (refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden):
		// Registries answer so about images that do not exist, too.
		c.Logf("going on without %s: %s does not show it (%d)", ref, ref.Context().RegistryStr(), refused.StatusCode)
		return nil, nil
	case errors.As(err, &excess):
		c.Logf("going on without %s: %v", ref, err)
		return nil, nil
	}
	return nil, err
}

// describingLimit is how long a registry may take for the documents of an image
// that cannot be done without.
const describingLimit = 30 * time.Second

// Describe asks the registry of ref for the image, of several platforms for the
// one for Linux on arch, which it has to tell within half a minute. The image's
// layers may be read for as long as ctx lasts. The error may be a *NoPlatformError.
func (c *Client) Describe(ctx context.Context, ref name.Reference, arch string) (*image.Image, error) {
	open, err := c.connect()
	if err != nil {
		return nil, err
	}
	return open.describe(ctx, ref, arch, describingLimit)
}

// describe is Describe with another limit.
func (c *connections) describe(ctx context.Context, ref name.Reference, arch string, limit time.Duration) (*image.Image, error) {
	asking := limitTo(ctx, limit)
	found, err := c.documents(asking, ref, arch)
	if err == nil && asking.timer.Stop() {
		return found, nil
	}
	err = asking.Reason(err)
	asking.Stop()
	return nil, err
}

func (c *connections) documents(ctx context.Context, ref name.Reference, arch string) (*image.Image, error) {
	descriptor, err := c.puller.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	found, err := forPlatform(descriptor, linux(arch))
	if err != nil {
		return nil, err
	}
	manifest, err := found.Manifest()
	if err != nil {
		return nil, err
	}
	if size := manifest.Config.Size; size < 0 || size > image.MaxDocument { // nothing limits one below 0
		return nil, image.Excess("its configuration has %d bytes, more than %d", size, image.MaxDocument)
	}
	if n := len(manifest.Layers); n > image.MaxLayers {
		return nil, image.TooManyLayers(n)
	}
	repository := ref.Context()
	r := &image.Image{Ref: ref.String(), Repository: &repository}
	if r.RawManifest, err = found.RawManifest(); err != nil {
		return nil, err
	}
	if r.RawConfig, err = found.RawConfigFile(); err != nil {
		return nil, err
	}
	if err := image.Decode(r.RawConfig, &r.Config); err != nil {
		return nil, fmt.Errorf("the configuration of %s: %w", ref, err)
	}
	layers, err := found.Layers() // nothing is read yet
	if err != nil {
		return nil, err
	}
	ids := r.Config.RootFS.DiffIDs
	if len(layers) != len(ids) {
		return nil, fmt.Errorf("%s has %d layers, its configuration names %d", ref, len(layers), len(ids))
	}
	for i, l := range layers {
		d := manifest.Layers[i]
		r.Layers = append(r.Layers, image.Layer{
			Descriptor: ocispec.Descriptor{MediaType: image.OCILayerType(string(d.MediaType)), Digest: digest.Digest(d.Digest.String()), Size: d.Size},
			DiffID:     ids[i], Open: l.Compressed, In: r.Repository,
		})
	}
	id, err := found.Digest()
	if err != nil {
		return nil, err
	}
	r.ID = id.String()
	for _, d := range []v1.Hash{descriptor.Digest, id, manifest.Config.Digest} {
		r.Digests = append(r.Digests, repository.Name()+"@"+d.String())
	}
	return r, nil
}

// Parse reads a reference to an image of a registry. Without TLS are those
// registries that the engine goes to without it.
func (c *Client) Parse(ref string) (name.Reference, error) {
	parsed, err := name.ParseReference(ref)
	if err == nil && slices.Contains(c.Insecure, parsed.Context().RegistryStr()) {
		return name.ParseReference(ref, name.Insecure)
	}
	return parsed, err
}

// connections are those to all registries that a client talks to.
type connections struct {
	transport *registryTransport
	puller    *remote.Puller
	pusher    *remote.Pusher
}

func (c *Client) connect() (*connections, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.open != nil {
		return c.open, nil
	}
	limit, err := IdleLimit()
	if err != nil {
		return nil, err
	}
	lax := remote.DefaultTransport.(*http.Transport).Clone()
	lax.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // as the engine is told to
	tell := c.Pausing
	if tell == nil {
		tell = func(host string, pause time.Duration) { c.Logf("%s wants a pause of %s", host, pause) }
	}
	through := func(next http.RoundTripper) http.RoundTripper {
		return newPausing(untilFull{idleTransport{next, limit}}, tell)
	}
	open := &connections{transport: &registryTransport{strict: through(remote.DefaultTransport), lax: through(lax), insecure: c.Insecure}}
	options := []remote.Option{
		remote.WithTransport(open.transport), remote.WithAuthFromKeychain(keychain{c.Config}), remote.WithRetryBackoff(retries()),
	}
	var pullErr, pushErr error
	open.puller, pullErr = remote.NewPuller(options...)
	open.pusher, pushErr = remote.NewPusher(options...)
	if err := errors.Join(pullErr, pushErr); err != nil {
		return nil, fmt.Errorf("preparing to talk to registries: %w", err)
	}
	c.open = open
	return open, nil
}

// retries are the tries that a request has where its registry fails or cuts the
// connection: five in four to eight seconds.
func retries() remote.Backoff {
	return remote.Backoff{Duration: 100 * time.Millisecond, Factor: 3, Jitter: 1, Steps: 5}
}

// registryTransport checks certificates but those of registries that the
// engine does not check either. It tells the meter of a request's context, if
// there is one, what passes.
type registryTransport struct {
	strict, lax http.RoundTripper
	insecure    []string
}

// RoundTrip implements http.RoundTripper.
func (t *registryTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	next := t.strict
	if slices.Contains(t.insecure, request.URL.Host) {
		next = t.lax
	}
	if total, ok := request.Context().Value(totalKey{}).(*Total); ok {
		next = countedTransport{next, total}
	}
	trip := next.RoundTrip
	if count, ok := request.Context().Value(meterKey{}).(*meter); ok {
		trip = func(request *http.Request) (*http.Response, error) { return count.roundTrip(next, request) }
	}
	response, err := trip(request)
	if err == nil && request.Method == http.MethodGet && (strings.Contains(request.URL.Path, "/manifests/") || strings.HasSuffix(request.URL.Path, "/tags/list")) {
		response.Body = &document{ReadCloser: response.Body}
	}
	return response, err
}

// keychain takes credentials from where docker login put them.
type keychain struct{ config *configfile.ConfigFile }

// Resolve implements authn.Keychain.
func (k keychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	host := target.RegistryStr()
	if host == name.DefaultRegistry {
		host = authn.DefaultAuthKey
	}
	auth, err := k.config.GetAuthConfig(host)
	if err != nil {
		return nil, NoCredentials(target.RegistryStr(), err)
	}
	return authn.FromConfig(authn.AuthConfig{
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	}), nil
}
