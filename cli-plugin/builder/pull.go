package builder

import (
	"context"
	"fmt"
	"io"

	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli/command"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/jsonmessage"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// pull gets an image from its registry through the engine.
func (b *Builder) pull(ctx context.Context, what, ref string) (*image.Image, error) {
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
	if b.Pull == PullNever {
		return nil, problem.New(problem.NotFound, fmt.Sprintf("the %s %s is not in the engine, and nothing is to be pulled", what, ref), nil,
			"Leave --offline and --pull never out, or bring the image in with 'docker load' or 'docker import'")
	}
	if _, err := reference.ParseNormalizedNamed(ref); err != nil { // an image ID
		return fail(nil)
	}
	if b.Engine.absent != nil {
		return nil, problem.New(problem.NoEngine, fmt.Sprintf("the %s %s needs an engine to be worked with", what, ref), problem.Cause(b.Engine.absent),
			"Start one, or point DOCKER_HOST or 'docker context use' at one that runs")
	}
	b.logf("pulling %s %s", what, ref)
	auth, err := command.RetrieveAuthTokenFromImage(b.CLI.ConfigFile(), ref)
	if err != nil {
		return fail(registry.NoCredentials(registry.HostOf(ref), err))
	}
	stream, err := b.Engine.api.ImagePull(pulling, ref, client.ImagePullOptions{
		RegistryAuth: auth,
		Platforms:    []ocispec.Platform{{OS: "linux", Architecture: b.Engine.arch}},
	})
	if err != nil {
		return fail(err)
	}
	defer stream.Close()
	out := b.Log
	if b.Progress == progressui.QuietMode || b.Progress == progressui.RawJSONMode {
		out = io.Discard
	}
	if err := jsonmessage.DisplayStream(io.TeeReader(stream, pulling), out); err != nil {
		return fail(err)
	}
	pulled, err := b.Engine.inspect(ctx, ref)
	if err != nil || pulled == nil {
		return fail(err)
	}
	return pulled, nil
}
