package builder

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/cli-plugin/helpers"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// Image is what is known of an image at a glance.
type Image struct {
	ID     string
	Size   int64 // bytes, unpacked
	Labels map[string]string
	Names  []string
}

// Find describes the image ref, pulled where the engine lacks it.
func (b *Builder) Find(ctx context.Context, ref string) (Image, error) {
	found, err := b.find(ctx, ref)
	if err != nil {
		return Image{}, problem.Classify(ctx, err)
	}
	return describe(found), nil
}

// Local describes the image ref, nil where the engine lacks it.
func (b *Builder) Local(ctx context.Context, ref string) (*Image, error) {
	found, err := b.Engine.inspect(ctx, ref)
	if err != nil || found == nil {
		return nil, problem.Classify(ctx, err)
	}
	described := describe(found)
	return &described, nil
}

func describe(found *image.InspectResponse) Image {
	return Image{ID: found.ID, Size: found.Size, Labels: labels(found), Names: found.RepoTags}
}

func (b *Builder) find(ctx context.Context, ref string) (*image.InspectResponse, error) {
	return b.get(ctx, "image", ref)
}

// examination is a container of an image, in which nothing of the image runs:
// the bundler is put into a volume of it and looks at the image's files, which
// are read-only, without network and, reading apart, without privileges.
type examination struct {
	engine    *Engine
	container string
}

const (
	examiner  = "/.docker-openhands" // the volume
	allowFile = examiner + "/allow.txt"
)

// Examine gathers what can be known about an image without running anything
// of it.
func (b *Builder) Examine(ctx context.Context, ref string) (verify.Facts, string, error) {
	found, err := b.find(ctx, ref)
	if err != nil {
		return verify.Facts{}, "", problem.Classify(ctx, err)
	}
	facts := verify.Facts{Architecture: found.Architecture, Labels: labels(found), Layers: found.RootFS.Layers, Paths: map[string]bool{}}
	if found.Config != nil {
		facts.Env, facts.Entrypoint, facts.WorkingDir = found.Config.Env, found.Config.Entrypoint, found.Config.WorkingDir
	}
	if id := facts.Labels[payload.LabelDepsDigest]; id != "" {
		deps, err := b.Engine.inspect(ctx, id)
		if err != nil {
			return facts, "", problem.Classify(ctx, err)
		}
		if deps != nil {
			facts.DepsLayers = deps.RootFS.Layers
		}
	}
	programs, err := helpers.For(b.Engine.arch)
	if err != nil {
		return facts, "", err
	}
	return facts, found.ID, problem.Classify(ctx, b.Engine.examine(ctx, found.ID, programs["oh-bundle"], &facts))
}

func (e *Engine) examine(ctx context.Context, image string, program []byte, facts *verify.Facts) (err error) {
	made, err := e.create(ctx, &container.Config{
		Image: image, User: "0:0", WorkingDir: "/",
		Entrypoint: []string{examiner + "/oh-bundle"}, Cmd: []string{"verify", "--json", "--permissions", "--allow", allowFile, "/"},
		Volumes: map[string]struct{}{examiner: {}}, AttachStdout: true, AttachStderr: true,
	}, &container.HostConfig{
		ReadonlyRootfs: true, NetworkMode: "none", CapDrop: []string{"ALL"}, CapAdd: []string{"DAC_READ_SEARCH"},
		SecurityOpt: []string{"no-new-privileges"},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, made.remove(ctx)) }()
	x := examination{e, made.id}
	if facts.Manifest, err = x.read(ctx, payload.ManifestFile); err != nil {
		return err
	}
	for _, path := range verify.Paths(facts.Manifest) {
		_, err := e.api.ContainerStatPath(ctx, x.container, client.ContainerStatPathOptions{Path: path})
		if err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("looking for %s: %w", path, err)
		}
		facts.Paths[path] = err == nil
	}
	allow, err := x.read(ctx, payload.AllowFile)
	if err != nil {
		return err
	}
	if err := x.put(ctx, map[string][]byte{"oh-bundle": program, "allow.txt": allow}); err != nil {
		return err
	}
	facts.Seal, facts.SealErr, err = x.seal(ctx)
	return err
}

// read returns the content of a file, nil where there is none.
func (x examination) read(ctx context.Context, path string) ([]byte, error) {
	data, err := x.engine.copyOut(ctx, x.container, path)
	if cerrdefs.IsNotFound(err) {
		return nil, nil
	}
	return data, err
}

// put puts files into the volume.
func (x examination) put(ctx context.Context, files map[string][]byte) error {
	var content bytes.Buffer
	archive := tar.NewWriter(&content)
	for name, data := range files {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(data))}); err != nil {
			return err
		}
		if _, err := archive.Write(data); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	_, err := x.engine.api.CopyToContainer(ctx, x.container, client.CopyToContainerOptions{DestinationPath: examiner, Content: &content})
	if err != nil {
		return fmt.Errorf("putting the bundler into a container: %w", err)
	}
	return nil
}

// seal runs the bundler. Unsealed is what keeps it from coming to a result.
func (x examination) seal(ctx context.Context) (report *bundler.VerifyReport, unsealed, err error) {
	attached, err := x.engine.api.ContainerAttach(ctx, x.container, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, nil, fmt.Errorf("attaching to the bundler's container: %w", err)
	}
	defer attached.Close()
	defer context.AfterFunc(ctx, attached.Close)()
	if _, err := x.engine.api.ContainerStart(ctx, x.container, client.ContainerStartOptions{}); err != nil {
		return nil, nil, fmt.Errorf("starting the bundler's container: %w", err)
	}
	var stdout, stderr bytes.Buffer
	if _, err := stdcopy.StdCopy(&stdout, &stderr, attached.Reader); err != nil {
		return nil, nil, fmt.Errorf("reading what the bundler says: %w", err)
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		said := strings.TrimSpace(stderr.String())
		if said == "" {
			return nil, nil, fmt.Errorf("reading what the bundler says: %w", err)
		}
		return nil, errors.New(said[strings.LastIndexByte(said, '\n')+1:]), nil
	}
	return report, nil, nil
}

// AnyUser is an account that no image knows, with group 0, as clusters give it.
const AnyUser = "12345:0"

// StartAnyUser starts the image's own command as AnyUser.
func (b *Builder) StartAnyUser(ctx context.Context, ref string) (*Server, error) {
	found, err := b.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	server := serverOf(found)
	return b.launch(ctx, ref, server, &container.Config{Image: found.ID, User: AnyUser, Cmd: listen(server)}, 0)
}

// Exec runs argv in the server's container as user, empty for the server's
// own, and returns its exit status and what it printed. It is given up, not
// ended, after limit.
func (s *Server) Exec(ctx context.Context, user string, argv []string, limit time.Duration) (status int, output string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no end after %s", limit))
	defer cancel()
	fail := func(err error) (int, string, error) {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return -1, "", err
	}
	created, err := s.engine.api.ExecCreate(ctx, s.ID, client.ExecCreateOptions{
		User: user, Cmd: argv, WorkingDir: payload.Workspace, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return fail(fmt.Errorf("preparing %s: %w", argv[0], err))
	}
	attached, err := s.engine.api.ExecAttach(ctx, created.ID, client.ExecAttachOptions{})
	if err != nil {
		return fail(fmt.Errorf("running %s: %w", argv[0], err))
	}
	defer attached.Close()
	defer context.AfterFunc(ctx, attached.Close)()
	var said bytes.Buffer
	if _, err := stdcopy.StdCopy(&said, &said, attached.Reader); err != nil {
		return fail(fmt.Errorf("reading what %s says: %w", argv[0], err))
	}
	ended, err := s.engine.api.ExecInspect(ctx, created.ID, client.ExecInspectOptions{})
	if err != nil {
		return fail(fmt.Errorf("reading the exit status of %s: %w", argv[0], err))
	}
	return ended.ExitCode, said.String(), nil
}
