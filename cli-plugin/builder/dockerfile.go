package builder

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// fromDockerfile builds the Dockerfile form of stage 2. It starts from exactly
// the images deps and base, whatever their names mean in a registry by now.
func (b *Builder) fromDockerfile(ctx context.Context, r plan.Runtime, deps, base *image.Image, origin map[string]string) (string, error) {
	if base != nil && len(base.Names)+len(base.Digests) == 0 {
		// An engine removes an image with its last name, and the base gets one
		// for a while.
		return "", problem.New(problem.Usage, "the base "+r.Base+" has no name, and a Dockerfile has to name it", nil,
			"Give it one with 'docker tag "+r.Base+" NAME', and name that with --base")
	}
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
		return b.bakeRuntime(ctx, r, text, secrets)
	}
	made, err := b.Engine.WithName(ctx, deps.ID, func(depsName string) (string, error) {
		if base == nil {
			return build(depsName, plan.Scratch)
		}
		return b.inheritable(ctx, r, base, func(id string) (string, error) {
			return b.Engine.WithName(ctx, id, func(baseName string) (string, error) { return build(depsName, baseName) })
		})
	})
	shells := []located{{deps.ID, payload.FallbackBin + "/bash"}} // set-up links it
	if base != nil {
		shells = append(shells, located{base.ID, shell})
	}
	return made, b.orNoShell(ctx, r, err, shells...)
}

// inheritable lets use have the base without the settings that an image does
// not take over of it: volumes, triggers, variables and labels no instruction
// of a Dockerfile takes away. The engine has all of its layers.
func (b *Builder) inheritable(ctx context.Context, r plan.Runtime, base *image.Image, use func(id string) (string, error)) (_ string, err error) {
	kept, without := image.Inherited(r, base.Config.Config)
	if len(without) == 0 {
		return use(base.ID)
	}
	lease := b.Engine.Lease()
	defer func() { err = errors.Join(err, lease.End()) }()
	id, err := b.Engine.Reconfigure(ctx, base, kept, lease.Image)
	var refused *engine.RefusedError
	if errors.As(err, &refused) && !full(err) {
		return "", problem.New(problem.BaseConflict, fmt.Sprintf("the base %s has settings that no Dockerfile takes away: %s", r.Base, strings.Join(without, "; ")), err,
			"Leave --assemble never out, or take a base without these settings")
	}
	if err != nil {
		return "", fmt.Errorf("making %s without settings of its own: %w", r.Base, err)
	}
	defer func() { err = errors.Join(err, b.Engine.RemoveNameless(ctx, id)) }()
	return use(id)
}

// extraDeps runs the user's command on top of the image id, with the base's
// own shell, or the payload's where set-up had to provide one.
func (b *Builder) extraDeps(ctx context.Context, r plan.Runtime, id string) (string, error) {
	secrets, err := b.certificates()
	if err != nil {
		return "", err
	}
	return b.Engine.WithName(ctx, id, func(name string) (string, error) {
		made, err := b.bakeRuntime(ctx, r, "FROM "+name+"\n"+r.ExtraDepsStep()+plan.LastStep+"\n", secrets)
		return made, b.orNoShell(ctx, r, err, located{id, shell}) // the image goes with its name
	})
}

// shell is what runs extra dependencies.
const shell = "/bin/sh"

// located is a path in the image of an ID.
type located struct{ image, path string }

// orNoShell returns the failure of a build or, where it comes from it, that none
// of the shells exists, of which one has to run extra dependencies. BuildKit's
// own error does not tell.
func (b *Builder) orNoShell(ctx context.Context, r plan.Runtime, failure error, shells ...located) error {
	var failed *problem.Error
	if r.ExtraDeps == "" || ctx.Err() != nil || !errors.As(failure, &failed) || failed.Code != problem.BuildFailed {
		return failure
	}
	for _, s := range shells {
		found := true
		err := b.Engine.Paths(ctx, s.image, func(exists func(string) (bool, error)) (err error) {
			found, err = exists(s.path)
			return err
		})
		if err != nil {
			b.Logf("whether there is a shell that runs extra dependencies is not known: %v", err)
			return failure
		}
		if found {
			return failure
		}
	}
	return problem.New(problem.BuildFailed, fmt.Sprintf("neither the base %s nor the payload has a shell, and extra dependencies need one", r.Base), failure,
		"Take a base with "+shell+", or a payload with shell-tools")
}

// certificates are the only file of this machine that extra dependencies get.
func (b *Builder) certificates() (map[string]string, error) {
	secrets, err := buildx.HostSecrets(b.PackageConfig)
	if err != nil {
		return nil, err
	}
	if file, ok := secrets[plan.CertificatesSecret]; ok {
		return map[string]string{plan.CertificatesSecret: file}, nil
	}
	return nil, nil
}

func (b *Builder) bakeRuntime(ctx context.Context, r plan.Runtime, dockerfile string, secrets map[string]string) (string, error) {
	target := buildx.Target{Dockerfile: dockerfile, Secrets: secrets, Tags: r.References(), NoCache: b.NoCache, FromEngine: true}
	if r.ExtraDeps != "" {
		target.Texts = map[string]string{plan.ExtraDepsSecret: r.ExtraDeps}
		target.NoCache = true // a secret is no part of a step in BuildKit's cache
	}
	refs := target.Tags
	if err := b.buildx().Bake(ctx, target); err != nil {
		return "", err
	}
	built, err := b.Engine.Image(ctx, refs[0])
	if err == nil && built == nil {
		err = fmt.Errorf("the engine has no image %s after building it", refs[0])
	}
	if err != nil {
		return "", err
	}
	return built.ID, nil
}
