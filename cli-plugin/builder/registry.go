package builder

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/moby/moby/api/types/image"
)

// registryPatience is how long a registry may take to describe an image that
// the build can do without.
const registryPatience = 4 * time.Second

// offer describes an image of a registry.
type offer struct {
	labels   map[string]string
	platform string
	digests  []string // any of which may be the image's ID in an engine
}

// held tells whether the image of an engine is the one offered.
func (o *offer) held(image *image.InspectResponse) bool {
	return slices.ContainsFunc(identities(image), func(id string) bool { return slices.Contains(o.digests, id) })
}

// offer asks the registry of ref for the image, without pulling it. It is nil
// where there is none, and where the registry does not answer: that one is not
// asked again by b.
func (b *Builder) offer(ctx context.Context, ref string) (*offer, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return nil, nil // an image ID, for example
	}
	host := parsed.Context().RegistryStr()
	if b.silent[host] {
		return nil, nil
	}
	asking, cancel := context.WithTimeout(ctx, registryPatience)
	defer cancel()
	found, err := b.describe(asking, ref, host)
	var refused *transport.Error
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
	case errors.Is(asking.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("no answer in %s", registryPatience)
	}
	b.logf("going on without the registry %s: %v", host, err)
	if b.silent == nil {
		b.silent = map[string]bool{}
	}
	b.silent[host] = true
	return nil, nil
}

func (b *Builder) describe(ctx context.Context, ref, host string) (*offer, error) {
	var options []name.Option
	roundTripper := remote.DefaultTransport.(*http.Transport).Clone()
	if slices.Contains(b.Engine.insecure, host) {
		options = append(options, name.Insecure)
		roundTripper.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // as the engine is told to
	}
	defer roundTripper.CloseIdleConnections()
	parsed, err := name.ParseReference(ref, options...)
	if err != nil {
		return nil, err
	}
	descriptor, err := remote.Get(parsed,
		remote.WithContext(ctx), remote.WithTransport(roundTripper), remote.WithAuthFromKeychain(keychain{b.CLI.ConfigFile()}),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: b.Engine.arch}),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}), remote.WithRetryStatusCodes())
	if err != nil {
		return nil, err
	}
	image, err := descriptor.Image()
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	manifest, err := image.Digest()
	if err != nil {
		return nil, err
	}
	id, err := image.ConfigName()
	if err != nil {
		return nil, err
	}
	return &offer{
		labels: config.Config.Labels, platform: config.OS + "/" + config.Architecture,
		digests: []string{descriptor.Digest.String(), manifest.String(), id.String()},
	}, nil
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
		return nil, fmt.Errorf("reading the credentials for %s: %w", host, err)
	}
	return authn.FromConfig(authn.AuthConfig{
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	}), nil
}
