package engine

import (
	"context"
	"fmt"
	"io"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/jsonmessage"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// PullOptions say how an engine pulls.
type PullOptions struct {
	Config   *configfile.ConfigFile // docker's, with credentials
	Progress io.Writer              // for a person
	Logf     func(format string, args ...any)
}

// Pull gets an image from its registry through the engine. What it is, is said
// in errors.
func (e *Engine) Pull(ctx context.Context, what, ref string, o PullOptions) (*image.Image, error) {
	limit, err := registry.IdleLimit()
	if err != nil {
		return nil, err
	}
	pulling := registry.NewIdleTimeout(ctx, limit)
	defer pulling.Stop()
	fail := func(err error) (*image.Image, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, registry.PullProblem(registry.TheEngine, what, ref, pulling.Reason(err))
	}
	if _, err := reference.ParseNormalizedNamed(ref); err != nil { // an image ID
		return fail(nil)
	}
	if e.Absent != nil {
		return nil, problem.New(problem.NoEngine, fmt.Sprintf("the %s %s needs an engine to be worked with", what, ref), problem.Cause(e.Absent),
			"Start one, or point DOCKER_HOST or 'docker context use' at one that runs")
	}
	o.Logf("pulling %s %s", what, ref)
	auth, err := command.RetrieveAuthTokenFromImage(o.Config, ref)
	if err != nil {
		return fail(registry.NoCredentials(registry.HostOf(ref), err))
	}
	stream, err := e.API.ImagePull(pulling, ref, client.ImagePullOptions{
		RegistryAuth: auth,
		Platforms:    []ocispec.Platform{{OS: "linux", Architecture: e.Arch}},
	})
	if err != nil {
		return fail(err)
	}
	defer stream.Close()
	if err := jsonmessage.DisplayStream(io.TeeReader(stream, pulling), o.Progress); err != nil {
		return fail(err)
	}
	pulled, err := e.Image(ctx, ref)
	if err != nil || pulled == nil {
		return fail(err)
	}
	return pulled, nil
}

// ManifestDigest asks the image's registry, through the engine.
func (e *Engine) ManifestDigest(ctx context.Context, ref string, config *configfile.ConfigFile) (string, error) {
	auth, err := command.RetrieveAuthTokenFromImage(config, ref)
	if err != nil {
		return "", err
	}
	limit, err := registry.IdleLimit()
	if err != nil {
		return "", err
	}
	asking := registry.NewIdleTimeout(ctx, limit)
	defer asking.Stop()
	found, err := e.API.DistributionInspect(asking, ref, client.DistributionInspectOptions{EncodedRegistryAuth: auth})
	if err != nil {
		return "", asking.Reason(err)
	}
	return found.Descriptor.Digest.String(), nil
}
