package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/go-units"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
)

// Push puts an encoded image into registries, and returns what that came to and
// the image's layers as they are there now. It has none of its tags before every
// repository has all of it. What is sent of a layer is written to what sending
// returns for it; several layers are sent at a time.
func (c *Client) Push(ctx context.Context, whole *image.Image, names []string, sending func(image.Layer) io.Writer) (Traffic, []image.Layer, error) {
	return c.push(ctx, parcel{whole.Descriptor().Digest, whole.Layers, func(to name.Registry) remote.Taggable {
		return artifact{whole, to, sending}
	}}, names)
}

// PushIndex is Push for an index: its images have no name of their own, and are in
// a repository before the index is.
func (c *Client) PushIndex(ctx context.Context, whole *image.Index, names []string, sending func(image.Layer) io.Writer) (Traffic, []image.Layer, error) {
	return c.push(ctx, parcel{whole.Descriptor().Digest, whole.Layers(), func(to name.Registry) remote.Taggable {
		return artifacts{whole, to, sending}
	}}, names)
}

// parcel is what is pushed under the same names.
type parcel struct {
	root   digest.Digest
	layers []image.Layer // each that is in it
	form   func(to name.Registry) remote.Taggable
}

func (c *Client) push(ctx context.Context, p parcel, names []string) (Traffic, []image.Layer, error) {
	open, err := c.connect()
	if err != nil {
		return Traffic{}, nil, err
	}
	count := &meter{layers: map[string]bool{}}
	for _, l := range p.layers {
		count.layers[l.Descriptor.Digest.String()] = true
	}
	ctx = context.WithValue(ctx, meterKey{}, count)
	do := func(ref name.Reference) error {
		err := open.pusher.Push(ctx, ref, p.form(ref.Context().Registry))
		if err != nil && ctx.Err() == nil {
			err = pushProblem(ref.Context().Name(), err)
		}
		return err
	}
	var refs []name.Reference
	var repositories []name.Repository
	for _, text := range names {
		ref, err := c.Parse(text)
		if err != nil {
			return Traffic{}, nil, fmt.Errorf("reading the name %s: %w", text, err)
		}
		refs = append(refs, ref)
		if !slices.Contains(repositories, ref.Context()) {
			repositories = append(repositories, ref.Context())
		}
	}
	if len(repositories) > 1 { // in one, a tag comes last anyway
		for _, repository := range repositories {
			if err := do(repository.Digest(p.root.String())); err != nil {
				return Traffic{}, nil, err
			}
		}
	}
	for _, ref := range refs {
		if err := do(ref); err != nil {
			return Traffic{}, nil, err
		}
	}
	// Layers found in one repository are in these as well now.
	layers := slices.Clone(p.layers)
	for i := range layers {
		layers[i].In = &repositories[0]
	}
	for _, repository := range repositories {
		noteLocations(layers, repository)
	}
	t := count.sum()
	t.Present = max(0, len(count.layers)*len(repositories)-t.Uploaded-t.Mounted)
	for _, ref := range names {
		c.Logf("pushed %s@%s", ref, p.root)
	}
	c.Logf("  %s uploaded; layers: %d uploaded, %d mounted, %d there before", units.HumanSize(float64(t.Bytes)), t.Uploaded, t.Mounted, t.Present)
	return t, layers, nil
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
		why, next = "its registry's certificate is not trusted", ThisMachine.trust
	case problem.DiskFull:
		why, next = "its registry has no space left", "Have its owner free some, or push to another registry"
	case problem.RegistryLimit:
		why, next = "its registry limits requests", "Wait, or log in with 'docker login' to have a higher limit"
	case problem.RegistryDenied, problem.NotFound:
		code, why = problem.RegistryDenied, "its registry refuses it"
		next = "Log in with 'docker login HOST' as somebody who may push there, and see that the repository exists where it has to be made first"
	default:
		why = "its registry fails"
		next = "See whether its host can be reached from this machine, and try again later: what was uploaded by then need not be uploaded again"
	}
	return problem.New(code, fmt.Sprintf("nothing can be pushed to %s: %s", repository, why), err, next)
}
