package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// PullOptions say how an engine pulls.
type PullOptions struct {
	Arch   string                 // of the image, GOARCH form
	Config *configfile.ConfigFile // docker's, with credentials
	Logf   func(format string, args ...any)
	// Layer is told how far a layer is, in bytes, with what: as in "Downloading".
	Layer func(id, doing string, done, total int64)
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
		Platforms:    []ocispec.Platform{{OS: "linux", Architecture: o.Arch}},
	})
	if err != nil {
		return fail(err)
	}
	defer stream.Close()
	for messages := json.NewDecoder(io.TeeReader(stream, pulling)); ; {
		var message jsonstream.Message
		err := messages.Decode(&message)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && message.Error != nil {
			err = message.Error
		}
		if err != nil {
			return fail(err)
		}
		if at := message.Progress; at != nil && at.Total > 0 {
			o.Layer(message.ID, message.Status, at.Current, at.Total)
		}
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
