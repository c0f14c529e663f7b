package builder

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// Find describes the image ref, pulled where the engine lacks it.
func (b *Builder) Find(ctx context.Context, ref string) (*image.Image, error) {
	found, err := b.get(ctx, "image", ref)
	return found, problem.Classify(ctx, err)
}

// Local describes the image ref, nil where the engine lacks it.
func (b *Builder) Local(ctx context.Context, ref string) (*image.Image, error) {
	found, err := b.Engine.Image(ctx, ref)
	return found, problem.Classify(ctx, err)
}

// Examine gathers what can be known about an image without running anything
// of it: its payload is read, as it lies there, by this program.
func (b *Builder) Examine(ctx context.Context, ref string) (verify.Facts, string, error) {
	found, err := b.get(ctx, "image", ref)
	if err != nil {
		return verify.Facts{}, "", problem.Classify(ctx, err)
	}
	config := found.Config.Config
	facts := verify.Facts{
		Architecture: found.Config.Architecture, Labels: found.Labels(), Layers: found.DiffIDs(), Paths: map[string]bool{},
		Env: config.Env, Entrypoint: config.Entrypoint, WorkingDir: config.WorkingDir,
	}
	if id := facts.Labels[payload.LabelDepsDigest]; id != "" {
		deps, err := b.Engine.Image(ctx, id)
		if err != nil {
			return facts, "", problem.Classify(ctx, err)
		}
		if deps != nil {
			facts.DepsLayers = deps.DiffIDs()
		}
	}
	if facts.Labels[payload.LabelKind] == "" {
		return facts, found.ID, nil // there is no payload to look at
	}
	return facts, found.ID, problem.Classify(ctx, examine(ctx, b.Engine, found.ID, &facts))
}

// examine reads the payload of an image. What is wrong with it is a fact, and
// no error.
func examine(ctx context.Context, e *engine.Engine, id string, facts *verify.Facts) error {
	var tree *bundler.Tree
	var unreadable error
	err := e.Files(ctx, id, payload.Prefix, func(content io.Reader) error {
		tree, unreadable = bundler.ReadTree(ctx, content, bundler.TreeOptions{
			Prefix: payload.Prefix, Keep: []string{payload.ManifestFile, payload.AllowFile},
		})
		return ctx.Err()
	})
	switch {
	case cerrdefs.IsNotFound(err):
		facts.SealErr = fmt.Errorf("the image has no %s", payload.Prefix)
		return nil
	case err != nil:
		return err
	case unreadable != nil:
		facts.SealErr = unreadable
		return nil
	}
	facts.Manifest = tree.Content(payload.ManifestFile)
	for _, path := range verify.Paths(facts.Manifest) {
		facts.Paths[path] = tree.Has(path)
	}
	allow, err := bundler.ParseAllowances(bytes.NewReader(tree.Content(payload.AllowFile)))
	if err != nil {
		facts.SealErr = fmt.Errorf("%s: %w", payload.AllowFile, err)
		return nil
	}
	facts.Seal, facts.SealErr = tree.Verify(ctx, bundler.VerifyOptions{Links: payload.OutsideLinks(), Allow: allow})
	if facts.Seal != nil {
		facts.Seal.Offenders = append(facts.Seal.Offenders, tree.Permissions()...)
	}
	return ctx.Err()
}

// AnyUser is an account that no image knows, with group 0, as clusters give it.
const AnyUser = "12345:0"

// StartAnyUser starts the image's own command as AnyUser.
func (b *Builder) StartAnyUser(ctx context.Context, ref string) (*Server, error) {
	found, err := b.get(ctx, "image", ref)
	if err != nil {
		return nil, err
	}
	server := serverOf(found)
	return b.launch(ctx, ref, server, engine.Process{Image: found.ID, User: AnyUser, Cmd: listen(server)}, 0)
}

// Exec runs argv in the server's container as user, empty for the server's
// own, and returns its exit status and the end of what it printed. It is given
// up, not ended, after limit.
func (s *Server) Exec(ctx context.Context, user string, argv []string, limit time.Duration) (status int, output string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no end after %s", limit))
	defer cancel()
	fail := func(err error) (int, string, error) {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return -1, "", err
	}
	created, err := s.engine.API.ExecCreate(ctx, s.ID, client.ExecCreateOptions{
		User: user, Cmd: argv, WorkingDir: payload.Workspace, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return fail(fmt.Errorf("preparing %s: %w", argv[0], err))
	}
	attached, err := s.engine.API.ExecAttach(ctx, created.ID, client.ExecAttachOptions{})
	if err != nil {
		return fail(fmt.Errorf("running %s: %w", argv[0], err))
	}
	defer attached.Close()
	defer context.AfterFunc(ctx, attached.Close)()
	var said engine.Tail
	if _, err := stdcopy.StdCopy(&said, &said, attached.Reader); err != nil {
		return fail(fmt.Errorf("reading what %s says: %w", argv[0], err))
	}
	ended, err := s.engine.API.ExecInspect(ctx, created.ID, client.ExecInspectOptions{})
	if err != nil {
		return fail(fmt.Errorf("reading the exit status of %s: %w", argv[0], err))
	}
	return ended.ExitCode, said.String(), nil
}
