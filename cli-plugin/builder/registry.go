package builder

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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

// registryPatience is how long a registry may take to describe an image that
// the build can do without.
const registryPatience = 4 * time.Second

// ask asks the registry of ref for an image that b can do without. It is nil
// where there is none, and where the registry does not answer: that one is not
// asked again by b.
func (b *Builder) ask(ctx context.Context, ref string) (*image.Image, error) {
	parsed, err := b.parse(ref)
	if err != nil {
		return nil, nil // an image ID, for example
	}
	host := parsed.Context().RegistryStr()
	if b.silent[host] {
		return nil, nil
	}
	registries, err := b.connectRegistries()
	if err != nil {
		return nil, err
	}
	found, err := registries.describe(ctx, parsed, registryPatience)
	var refused *transport.Error
	var excess *image.ExcessError
	switch {
	case err == nil:
		return found, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound:
		return nil, nil
	case errors.As(err, &refused) && (refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden):
		// Registries answer so about images that do not exist, too.
		b.logf("going on without %s: %s does not show it (%d)", ref, host, refused.StatusCode)
		return nil, nil
	case errors.As(err, &excess):
		b.logf("going on without %s: %v", ref, err)
		return nil, nil
	}
	b.logf("going on without the registry %s: %v", host, err)
	if b.silent == nil {
		b.silent = map[string]bool{}
	}
	b.silent[host] = true
	return nil, nil
}

// documentPatience is how long a registry may take for the documents of an image
// that a build cannot do without.
const documentPatience = 30 * time.Second

// describe asks the registry of ref for the image, which has to be told within
// limit. The image's layers may be read for as long as ctx lasts.
func (c *registries) describe(ctx context.Context, ref name.Reference, limit time.Duration) (*image.Image, error) {
	asking := watch(ctx, limit, &lateError{limit})
	found, err := c.documents(asking, ref)
	if err == nil && asking.timer.Stop() {
		return found, nil
	}
	err = asking.reason(err)
	asking.stop()
	return nil, err
}

func (c *registries) documents(ctx context.Context, ref name.Reference) (*image.Image, error) {
	descriptor, err := c.puller.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	found, err := descriptor.Image()
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

// parse reads a reference to an image of a registry. Without TLS are those
// registries that the engine goes to without it.
func (b *Builder) parse(ref string) (name.Reference, error) {
	parsed, err := name.ParseReference(ref)
	if err == nil && slices.Contains(b.Engine.insecure, parsed.Context().RegistryStr()) {
		return name.ParseReference(ref, name.Insecure)
	}
	return parsed, err
}

// registries are the connections to all registries that b talks to. What has
// been asked once, a login for example, is not asked again.
type registries struct {
	transport *registryTransport
	puller    *remote.Puller
	pusher    *remote.Pusher
}

func (b *Builder) connectRegistries() (*registries, error) {
	if b.registries != nil {
		return b.registries, nil
	}
	limit, err := pullPatience()
	if err != nil {
		return nil, err
	}
	lax := remote.DefaultTransport.(*http.Transport).Clone()
	lax.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // as the engine is told to
	r := &registries{transport: &registryTransport{
		strict: untilFull{patient{remote.DefaultTransport, limit}}, lax: untilFull{patient{lax, limit}}, insecure: b.Engine.insecure,
	}}
	options := []remote.Option{
		remote.WithTransport(r.transport), remote.WithAuthFromKeychain(keychain{b.CLI.ConfigFile()}),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: b.Engine.arch}),
	}
	var pullErr, pushErr error
	r.puller, pullErr = remote.NewPuller(options...)
	r.pusher, pushErr = remote.NewPusher(options...)
	if err := errors.Join(pullErr, pushErr); err != nil {
		return nil, fmt.Errorf("preparing to talk to registries: %w", err)
	}
	b.registries = r
	return r, nil
}

// registryTransport checks certificates but those of registries that the
// engine does not check either. It tells a meter, if there is one, what passes.
type registryTransport struct {
	strict, lax http.RoundTripper
	insecure    []string
	meter       *meter
}

// RoundTrip implements http.RoundTripper.
func (t *registryTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	next := t.strict
	if slices.Contains(t.insecure, request.URL.Host) {
		next = t.lax
	}
	trip := next.RoundTrip
	if t.meter != nil {
		trip = func(request *http.Request) (*http.Response, error) { return t.meter.roundTrip(next, request) }
	}
	response, err := trip(request)
	if err == nil && request.Method == http.MethodGet && strings.Contains(request.URL.Path, "/manifests/") {
		response.Body = &document{ReadCloser: response.Body}
	}
	return response, err
}

// keychain takes credentials from where docker login put them.
type keychain struct{ config *configfile.ConfigFile }

func (k keychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	host := target.RegistryStr()
	if host == name.DefaultRegistry {
		host = authn.DefaultAuthKey
	}
	auth, err := k.config.GetAuthConfig(host)
	if err != nil {
		return nil, noCredentials(target.RegistryStr(), err)
	}
	return authn.FromConfig(authn.AuthConfig{
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	}), nil
}
