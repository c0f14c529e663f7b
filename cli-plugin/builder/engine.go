package builder

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
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
)

// Engine is a Docker engine and what this package has to know of it.
type Engine struct {
	api        client.APIClient
	id         string   // that it gave itself
	arch       string   // of its containers, GOARCH form
	containerd bool     // keeps images in containerd's store, not a graph driver's
	insecure   []string // registries that it trusts without TLS
	absent     error    // why there is none: it has no images then
}

// NoEngine stands for an engine that cannot be reached for the given reason,
// for work that may not need one.
func NoEngine(arch string, reason error) *Engine { return &Engine{arch: arch, absent: reason} }

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
		return nil, problem.New(problem.NoEngine, "no Docker engine answers at "+api.DaemonHost(), err,
			"Start it, for example with 'systemctl start docker', or point DOCKER_HOST or 'docker context use' at one that runs")
	}
	engine := &Engine{api: api, id: cmp.Or(result.Info.ID, api.DaemonHost()), arch: architecture(result.Info.Architecture)}
	if registries := result.Info.RegistryConfig; registries != nil {
		for host, index := range registries.IndexConfigs {
			if !index.Secure {
				engine.insecure = append(engine.insecure, host)
			}
		}
	}
	for _, status := range result.Info.DriverStatus {
		if status[0] == "driver-type" && strings.HasPrefix(status[1], "io.containerd.snapshotter.") {
			engine.containerd = true
		}
	}
	return engine, nil
}

// Arch is the architecture of the engine's containers, in GOARCH form.
func (e *Engine) Arch() string { return e.arch }

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

// inspect returns the image ref, or nil where the engine has none.
func (e *Engine) inspect(ctx context.Context, ref string) (*image.Image, error) {
	if e.absent != nil {
		return nil, nil
	}
	result, err := e.api.ImageInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("inspecting image %s: %w", ref, err)
	}
	return imageOf(ref, &result.InspectResponse), nil
}

// imageOf is the image as an engine describes it.
func imageOf(ref string, info *apiimage.InspectResponse) *image.Image {
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

// removeNameless removes the image id unless it has a name, also when ctx is
// cancelled. It is no error if there is none.
func (e *Engine) removeNameless(ctx context.Context, id string) error {
	ctx = context.WithoutCancel(ctx)
	image, err := e.inspect(ctx, id)
	if err != nil || image == nil || len(image.Names) > 0 {
		return err
	}
	if _, err := e.api.ImageRemove(ctx, id, client.ImageRemoveOptions{}); err != nil {
		return fmt.Errorf("removing the image %s: %w", id, err)
	}
	return nil
}

// manifest checks that image keeps the payload's contract and returns what it
// says of itself.
func (e *Engine) manifest(ctx context.Context, ref string, image *image.Image) (payload.Manifest, error) {
	if kind := image.Labels()[payload.LabelKind]; kind != payload.KindDeps {
		return payload.Manifest{}, notDeps(ref, fmt.Errorf("its label %s is %q, not %q", payload.LabelKind, kind, payload.KindDeps))
	}
	manifest, err := e.readManifest(ctx, image.ID)
	if errors.Is(err, errNoDocument) {
		err = notDeps(ref, err)
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
	manifest, err := verify.ReadManifest(data)
	if err != nil {
		err = fmt.Errorf("%w: %w", errNoDocument, err)
	}
	return manifest, err
}

// chains is a set of layer stacks, each named by its diff IDs from the lowest.
type chains map[string]bool

func chainKey(layers []digest.Digest) string {
	var b strings.Builder
	for _, layer := range layers {
		b.WriteString(layer.String())
		b.WriteByte(' ')
	}
	return b.String()
}

func (c chains) add(layers []digest.Digest) {
	for n := range layers {
		c[chainKey(layers[:n+1])] = true
	}
}

func (c chains) has(layers []digest.Digest) bool { return len(layers) == 0 || c[chainKey(layers)] }

// chainsOver returns the layer stacks of the runtime images over base that the
// engine has.
func (e *Engine) chainsOver(ctx context.Context, base *image.Image) (chains, error) {
	known := chains{}
	list, err := e.api.ImageList(ctx, client.ImageListOptions{
		Filters: client.Filters{}.Add("label", payload.LabelKind+"="+payload.KindRuntime, payload.LabelBaseDigest+"="+base.ID),
	})
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	for _, summary := range list.Items {
		image, err := e.inspect(ctx, summary.ID)
		if err != nil {
			return nil, err
		}
		if image != nil { // else removed since
			known.add(image.DiffIDs())
		}
	}
	return known, nil
}
