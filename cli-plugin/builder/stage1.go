package builder

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// stage1 builds the deps image and checks what came out.
func (b *Builder) stage1(ctx context.Context, d plan.Deps) (*image.Image, error) {
	if b.Offline {
		return nil, problem.New(problem.NotFound, fmt.Sprintf("the deps image %s is not in the engine, and cannot be built without a network", d.Image), nil,
			"Leave --offline out, bring the image in with 'docker load', or name one that is there with --deps-image; 'docker openhands ls' shows them")
	}
	if b.Engine.Absent != nil {
		return nil, problem.New(problem.NoEngine, fmt.Sprintf("no registry has the deps image %s, and no engine answers that could build it", d.Image), problem.Cause(b.Engine.Absent),
			"Start an engine, or name a registry that has the payload with --deps-repository or --deps-image")
	}
	b.Logf("building deps image %s", d.Image)
	secrets, err := buildx.HostSecrets(b.PackageConfig)
	if err != nil {
		return nil, err
	}
	target := buildx.Target{Files: d.Context, Dockerfile: d.Dockerfile, Tags: []string{d.Image}, Secrets: secrets, NoCache: b.NoCache}
	if d.BuilderArch != "" {
		target.Platform = "linux/" + d.Arch
	}
	if settings := buildx.IndexSettings(secrets); settings != "" {
		target.Texts = map[string]string{buildx.SettingsSecret: settings}
	}
	if err := b.buildx().Bake(ctx, target); err != nil {
		return nil, err
	}
	built, err := b.Engine.Image(ctx, d.Image)
	if err != nil {
		return nil, err
	}
	if built == nil {
		return nil, problem.New(problem.BuildFailed, fmt.Sprintf("buildx ended well, but the engine has no image %s", d.Image), nil,
			"Select a builder that loads its images into the engine: 'docker buildx use default'")
	}
	if _, err := b.Engine.Manifest(ctx, d.Image, built); err != nil {
		return nil, errors.Join(err, b.Engine.Untag(ctx, d.Image))
	}
	return built, nil
}
