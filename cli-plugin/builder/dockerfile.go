package builder

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// fromDockerfile builds the Dockerfile form of stage 2. It starts from exactly
// the images deps and base, whatever their names mean in a registry by now.
func (b *Builder) fromDockerfile(ctx context.Context, r plan.Runtime, deps, base *image.InspectResponse, origin map[string]string) (string, error) {
	var secrets map[string]string
	if r.ExtraDeps != "" {
		var err error
		if secrets, err = b.certificates(); err != nil {
			return "", err
		}
	}
	build := func(depsName, baseName string) (string, error) {
		text, err := r.RenderDockerfile(depsName, baseName, origin)
		if err != nil {
			return "", err
		}
		return b.bakeRuntime(ctx, text, secrets, r.References())
	}
	return b.withName(ctx, deps.ID, func(depsName string) (string, error) {
		if base == nil {
			return build(depsName, plan.Scratch)
		}
		return b.withName(ctx, base.ID, func(baseName string) (string, error) { return build(depsName, baseName) })
	})
}

// extraDeps runs the user's command on top of the image id, with the base's
// own shell, or the payload's where set-up had to provide one.
func (b *Builder) extraDeps(ctx context.Context, r plan.Runtime, id string) (string, error) {
	secrets, err := b.certificates()
	if err != nil {
		return "", err
	}
	return b.withName(ctx, id, func(name string) (string, error) {
		return b.bakeRuntime(ctx, "FROM "+name+"\n"+r.ExtraDepsStep(), secrets, r.References())
	})
}

// certificates are the only secret that extra dependencies get.
func (b *Builder) certificates() (map[string]string, error) {
	secrets, err := HostSecrets(b.PackageConfig)
	if err != nil {
		return nil, err
	}
	if file, ok := secrets[plan.CertificatesSecret]; ok {
		return map[string]string{plan.CertificatesSecret: file}, nil
	}
	return nil, nil
}

func (b *Builder) bakeRuntime(ctx context.Context, dockerfile string, secrets map[string]string, refs []string) (string, error) {
	err := b.bake(ctx, bakeTarget{dockerfile: dockerfile, secrets: secrets, tags: refs, noCache: b.NoCache, fromEngine: true})
	if err != nil {
		return "", err
	}
	built, err := b.Engine.inspect(ctx, refs[0])
	if err == nil && built == nil {
		err = fmt.Errorf("the engine has no image %s after building it", refs[0])
	}
	if err != nil {
		return "", err
	}
	return built.ID, nil
}

// withName gives the image id a name while use runs: a Dockerfile cannot start
// from an image ID.
func (b *Builder) withName(ctx context.Context, id string, use func(name string) (string, error)) (_ string, err error) {
	lease := b.Engine.lease()
	defer func() { err = errors.Join(err, lease.end()) }()
	name := leaseName + lease.id
	if _, err := b.Engine.api.ImageTag(ctx, client.ImageTagOptions{Source: id, Target: name}); err != nil {
		return "", fmt.Errorf("naming image %s: %w", id, err)
	}
	defer func() { err = errors.Join(err, b.untag(ctx, name)) }()
	return use(name)
}
