// Package engine has a Docker engine as a place of images and containers: what
// it has of ours, how images get in and out, and containers that a command
// makes for itself.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
)

// Engine is a Docker engine and what this package has to know of it.
type Engine struct {
	API        client.APIClient
	ID         string   // that it gave itself
	Arch       string   // of its containers, GOARCH form
	Containerd bool     // keeps images in containerd's store, not a graph driver's
	Insecure   []string // registries that it trusts without TLS
	Absent     error    // why there is none: it has no images then
}

// NoEngine stands for an engine that cannot be reached for the given reason,
// for work that may not need one.
func NoEngine(arch string, reason error) *Engine { return &Engine{Arch: arch, Absent: reason} }

// connectTimeout is how long an engine may take to say what it is; one behind
// ssh has to be logged in to.
const connectTimeout = 30 * time.Second

// Connect asks the engine behind api what it is.
func Connect(ctx context.Context, api client.APIClient) (*Engine, error) {
	asking, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	result, err := api.Info(asking, client.InfoOptions{})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if asking.Err() != nil {
			err = fmt.Errorf("it said nothing for %s", connectTimeout)
		}
		return nil, noAnswer(api, err)
	}
	engine := &Engine{API: api, ID: cmp.Or(result.Info.ID, api.DaemonHost()), Arch: architecture(result.Info.Architecture)}
	if registries := result.Info.RegistryConfig; registries != nil {
		for host, index := range registries.IndexConfigs {
			if !index.Secure {
				engine.Insecure = append(engine.Insecure, host)
			}
		}
	}
	for _, status := range result.Info.DriverStatus {
		if status[0] == "driver-type" && strings.HasPrefix(status[1], "io.containerd.snapshotter.") {
			engine.Containerd = true
		}
	}
	return engine, nil
}

func noAnswer(api client.APIClient, err error) error {
	return problem.New(problem.NoEngine, "no Docker engine answers at "+api.DaemonHost(), err,
		"Start it, for example with 'systemctl start docker', or point DOCKER_HOST or 'docker context use' at one that runs")
}

// Version asks the engine behind api for its version and the platform of its
// containers, as OS/ARCH. Errors are *problem.Error.
func Version(ctx context.Context, api client.APIClient) (version, platform string, err error) {
	answer, err := api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", "", noAnswer(api, err)
	}
	return answer.Version, answer.Os + "/" + answer.Arch, nil
}

// architecture turns what uname(2) says into GOARCH form.
func architecture(machine string) string {
	switch machine {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	case "":
		return runtime.GOARCH
	}
	return machine
}

// Image returns the image ref, or nil where the engine has none.
func (e *Engine) Image(ctx context.Context, ref string) (*image.Image, error) {
	if e.Absent != nil {
		return nil, nil
	}
	result, err := e.API.ImageInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("inspecting image %s: %w", ref, err)
	}
	return Describe(ref, &result.InspectResponse), nil
}

// Describe returns what an engine's answer says of the image that was asked for
// by ref.
func Describe(ref string, info *apiimage.InspectResponse) *image.Image {
	i := &image.Image{Ref: ref, ID: info.ID, Names: info.RepoTags, Digests: info.RepoDigests, Size: info.Size, Tagged: info.Metadata.LastTagTime}
	i.Config.OS, i.Config.Architecture, i.Config.Variant, i.Config.Author = info.Os, info.Architecture, info.Variant, info.Author
	if created, err := time.Parse(time.RFC3339Nano, info.Created); err == nil {
		i.Config.Created = &created
	}
	if info.Config != nil {
		i.Config.Config = *info.Config
	}
	for _, layer := range info.RootFS.Layers {
		i.Config.RootFS.DiffIDs = append(i.Config.RootFS.DiffIDs, digest.Digest(layer))
	}
	return i
}

// RemoveNameless removes the image id unless it has a name, also when ctx is
// cancelled. It is no error if there is none.
func (e *Engine) RemoveNameless(ctx context.Context, id string) error {
	ctx = context.WithoutCancel(ctx)
	found, err := e.Image(ctx, id)
	if err != nil || found == nil || len(found.Names) > 0 {
		return err
	}
	if _, err := e.API.ImageRemove(ctx, id, client.ImageRemoveOptions{}); err != nil {
		return fmt.Errorf("removing the image %s: %w", id, err)
	}
	return nil
}

// Manifest checks that image keeps the payload's contract and returns what it
// says of itself.
func (e *Engine) Manifest(ctx context.Context, ref string, found *image.Image) (payload.Manifest, error) {
	if kind := found.Labels()[payload.LabelKind]; kind != payload.KindDeps {
		return payload.Manifest{}, NotDeps(ref, fmt.Errorf("its label %s is %q, not %q", payload.LabelKind, kind, payload.KindDeps))
	}
	manifest, err := e.readManifest(ctx, found.ID)
	if errors.Is(err, errNoDocument) {
		err = NotDeps(ref, err)
	}
	return manifest, err
}

// readManifest returns what the payload in the image id says of itself. The
// error wraps errNoDocument where it says nothing that can be understood.
func (e *Engine) readManifest(ctx context.Context, id string) (payload.Manifest, error) {
	data, err := e.readFile(ctx, id, payload.ManifestFile)
	if err != nil {
		return payload.Manifest{}, err
	}
	manifest, err := payload.ParseManifest(data)
	if err != nil {
		err = fmt.Errorf("%w: %w", errNoDocument, err)
	}
	return manifest, err
}

// NotDeps is the error of an image that was named as a payload and is none.
func NotDeps(ref string, cause error) error {
	return problem.New(problem.NotDeps, fmt.Sprintf("%s is no deps image of OpenHands", ref), cause,
		"Name an image that 'docker openhands deps build' made, or leave --deps-image out to have one built")
}
