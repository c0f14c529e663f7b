package builder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// push puts an image into registries. It has none of its tags before every
// repository has all of it.
func (p *publisher) push(ctx context.Context, whole *image.Image, names []string, result *Result) error {
	start := time.Now()
	registries, err := p.connectRegistries()
	if err != nil {
		return err
	}
	root := whole.Descriptor().Digest
	count := &meter{layers: map[string]bool{}}
	for _, l := range whole.Layers {
		count.layers[l.Descriptor.Digest.String()] = true
	}
	registries.transport.meter = count
	defer func() { registries.transport.meter = nil }()
	do := func(ref name.Reference) error {
		err := registries.pusher.Push(ctx, ref, artifact{whole, ref.Context().Registry})
		if err != nil && ctx.Err() == nil {
			err = pushProblem(ref.Context().Name(), err)
		}
		return err
	}
	var refs []name.Reference
	var repositories []name.Repository
	for _, text := range names {
		ref, err := p.parse(text)
		if err != nil {
			return fmt.Errorf("reading the name %s: %w", text, err)
		}
		refs = append(refs, ref)
		if !slices.Contains(repositories, ref.Context()) {
			repositories = append(repositories, ref.Context())
		}
	}
	for _, repository := range repositories {
		if err := do(repository.Digest(root.String())); err != nil {
			return err
		}
	}
	for _, ref := range refs {
		if err := do(ref); err != nil {
			return err
		}
	}
	// Layers found in one repository are in these as well now.
	for i, l := range whole.Layers {
		l.In = &repositories[0]
		whole.Layers[i].In = l.In
		if known, ok := p.known[l.DiffID]; ok && known.Descriptor.Digest == l.Descriptor.Digest {
			p.known[l.DiffID] = l
		}
	}
	for _, repository := range repositories {
		noteSightings(whole.Layers, repository)
	}
	result.Digest = root.String()
	if result.Traffic == nil {
		result.Traffic = &Traffic{}
	}
	count.traffic.Present = max(0, len(count.layers)*len(repositories)-count.traffic.Uploaded-count.traffic.Mounted)
	result.Traffic.add(count.traffic)
	for _, ref := range names {
		p.logf("pushed %s@%s", ref, result.Digest)
	}
	t := count.traffic
	p.logf("  in %.1f s, %d bytes uploaded; layers: %d uploaded, %d mounted, %d there before", time.Since(start).Seconds(), t.Bytes, t.Uploaded, t.Mounted, t.Present)
	return nil
}

// published tells whether a registry has the image under all of its names, made
// from the same inputs.
func (p *publisher) published(ctx context.Context, in inputs, result *Result) (bool, error) {
	if !p.Output.Push || p.ForceRebuild {
		return false, nil
	}
	for i, ref := range result.References {
		found, err := p.ask(ctx, ref)
		if err != nil || found == nil {
			return false, err
		}
		if changed := in.differs(found.Labels(), found.Platform()); len(changed) > 0 ||
			topCompression(found.Layers) != p.Output.Compression || i > 0 && found.ID != result.Digest {
			return false, nil
		}
		result.ID, result.Digest = found.ConfigDigest(), found.ID
	}
	result.Reused = true
	p.logf("image %s is there already", result.References[0])
	return true, nil
}

// topCompression is that of the uppermost layer, "" where there is none.
func topCompression(layers []image.Layer) image.Compression {
	if len(layers) == 0 {
		return ""
	}
	return layers[len(layers)-1].Compression()
}

// pushProblem is the error of a push to a repository that failed with err.
func pushProblem(repository string, err error) error {
	var known *problem.Error
	var answer *transport.Error
	code := problem.RegistryFailed
	switch {
	case errors.As(err, &known):
		return known
	case untrusted.MatchString(err.Error()):
		code = problem.BadCertificate
	case errors.As(err, &answer):
		code = answerFault(answer)
	}
	var why, next string
	switch code {
	case problem.BadCertificate:
		why, next = "its registry's certificate is not trusted", thisMachine.trust
	case problem.DiskFull:
		why, next = "its registry has no space left", "Have its owner free some, or push to another registry"
	case problem.RegistryLimit:
		why, next = "its registry limits requests", "Wait, or log in with 'docker login' to have a higher limit"
	case problem.RegistryDenied, problem.NotFound:
		code, why = problem.RegistryDenied, "its registry refuses it"
		next = "Log in with 'docker login HOST' as somebody who may push there, and see that the repository exists where it has to be made first"
	default:
		why = "its registry fails"
		next = "Try again later: what has been uploaded is there and need not be uploaded again. See whether its host can be reached from this machine"
	}
	return problem.New(code, fmt.Sprintf("nothing can be pushed to %s: %s", repository, why), err, next)
}
