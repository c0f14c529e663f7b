package live

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// architectures are those of images, in the order of an index.
var architectures = []string{"amd64", "arm64"}

// reference reads a name of the registry.
func (m *meteredRegistry) reference(t *testing.T, path string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(m.host + "/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// pushAlpine pushes an index with the roots of Alpine for both architectures. An
// engine would label both as its own.
func pushAlpine(t *testing.T, to name.Reference) {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range architectures {
		platform := v1.Platform{OS: "linux", Architecture: arch}
		if arch == "arm64" {
			platform.Variant = "v8"
		}
		img, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1), &v1.ConfigFile{
			OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant,
			Config: v1.Config{Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, Cmd: []string{"/bin/sh"}},
		})
		if err == nil {
			img, err = mutate.AppendLayers(img, archiveLayer(t, "alpine:3.20", arch))
		}
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	if err := remote.WriteIndex(to, index); err != nil {
		t.Fatal(err)
	}
}

// standIn pushes what stands for a payload of another architecture: the engine's
// own under that one's name and platform. Nothing of it is run.
func standIn(t *testing.T, own, to name.Reference, tag, arch string) {
	t.Helper()
	img, err := remote.Image(own)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.Architecture, config.Variant = arch, ""
	config.Config.Labels[payload.LabelDepsTag] = tag
	if img, err = mutate.ConfigFile(img, config); err == nil {
		err = remote.Write(to, img)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPlatforms makes one name for both architectures on a machine of one, over
// Alpine's own roots, in a real registry and as an archive; engines of both kinds
// take their own of it.
func TestPlatforms(t *testing.T) {
	registry := startMetered(t)
	second := startRegistered(t, registry)
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // nothing is known of earlier pushes
	t.Setenv("OH_RUNTIME_RUNTIME_IMAGE_REPO", registry.host+"/team/runtime")
	nobody := lab.Engine{Host: "unix:///nonexistent/docker.sock"}
	small := leaveMost(t)
	other := architectures[1-slices.Index(architectures, runtime.GOARCH)]
	both := []string{"--platform", "linux/amd64,linux/arm64"}

	pushAlpine(t, registry.reference(t, "lib/alpine:3.20"))
	base := registry.host + "/lib/alpine:3.20"
	over := slices.Concat([]string{"build", "--push", "--base", base}, small)
	own := publish(t, lab.Engine{}, append([]string{"deps", "build", "--push"}, small...)...)[0]
	cleanup(t, lab.Engine{}, "rmi", own.References[0])

	// What is missing is told with the command that makes it, and nothing is pushed.
	names := func(platform string) (deps string) {
		out, err := nobody.Docker(t.Context(), slices.Concat([]string{"openhands", "tags", "--json", "--platform", platform}, small)...)
		if err != nil {
			t.Fatal(err)
		}
		var report struct{ Tags []struct{ DepsTag string } }
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			t.Fatal(err)
		}
		return report.Tags[0].DepsTag
	}
	cmd := lab.Engine{}.Command(t.Context(), slices.Concat([]string{"openhands"}, over, both, []string{"--tag", registry.host + "/me/app:1", "--progress", "plain"})...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	checkProblem(t, cmd.Run(), stderr.String(), problem.NotFound)
	contains(t, stderr.String(), "docker openhands deps build --platform linux/"+other)
	if tags := registry.tags(t, "me/app"); len(tags) > 0 {
		t.Errorf("without a payload for %s there are the tags %q", other, tags)
	}
	tag := names("linux/" + other)
	standIn(t, registry.reference(t, strings.TrimPrefix(own.References[0], registry.host+"/")), registry.reference(t, "team/runtime:"+tag), tag, other)

	// No engine is needed, and what each platform gets is what it gets alone.
	made := publish(t, nobody, slices.Concat(over, both, []string{"--tag", registry.host + "/me/app:1"})...)
	index, err := remote.Index(registry.reference(t, "me/app:1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if digest, _ := index.Digest(); digest.String() != made[1].Digest || len(manifest.Manifests) != 2 {
		t.Fatalf("the index is %s with %+v, told as %+v", digest, manifest.Manifests, made[1])
	}
	for i, arch := range architectures {
		alone := publish(t, nobody, slices.Concat(over, []string{"--platform", "linux/" + arch, "--tag", registry.host + "/alone/app:" + arch})...)[1]
		if entry := manifest.Manifests[i]; entry.Platform.Architecture != arch || entry.Digest.String() != alone.Digest {
			t.Errorf("the index has %+v for %s, alone it is %s", entry, arch, alone.Digest)
		}
	}
	if again := publish(t, nobody, slices.Concat(over, both, []string{"--tag", registry.host + "/me/app:1"})...)[1]; !again.Reused || again.Digest != made[1].Digest {
		t.Errorf("the same again is %+v", again)
	}
	if tags := registry.tags(t, "team/runtime"); !slices.Contains(tags, names("linux/amd64,linux/arm64")) && !slices.Contains(registry.tags(t, "me/app"), names("linux/amd64,linux/arm64")) {
		t.Errorf("the payloads of both have no name: %q, %q", tags, registry.tags(t, "me/app"))
	}

	archive := filepath.Join(t.TempDir(), "app.tar")
	written := publish(t, nobody, slices.Concat([]string{"build", "--base", base, "--output", "type=oci,dest=" + archive, "--tag", "oh-live/platforms:oci"}, small, both)...)
	if written[1].Digest == "" {
		t.Errorf("the archive is told as %+v", written)
	}

	// Engines take their own platform.
	ref := registry.host + "/me/app:1"
	docker(t, "pull", "--quiet", ref)
	cleanup(t, lab.Engine{}, "rmi", ref)
	if got := docker(t, "openhands", "inspect", "--format", "{{.Platform}}", ref); strings.TrimSpace(got) != "linux/"+runtime.GOARCH {
		t.Errorf("it is taken for %s", got)
	}
	if out, err := second.Docker(t.Context(), "pull", "--quiet", ref); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := second.Docker(t.Context(), "load", "--input", archive); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for engine, refs := range map[lab.Engine][]string{{}: {ref}, second.Engine: {ref, "oh-live/platforms:oci"}} {
		for _, of := range refs {
			out, err := engine.Docker(t.Context(), "run", "--rm", "--network", "none", "--entrypoint", "sh", of, "-c", "id -u openhands && oh-tmux -V")
			if err != nil {
				t.Fatalf("%s: %v", of, err)
			}
			contains(t, out, "1000\ntmux ")
		}
	}

	// An engine is loaded with its own, and says so.
	cmd = lab.Engine{}.Command(t.Context(), slices.Concat([]string{"openhands", "build", "--base", base, "--tag", "oh-live/platforms:own", "--progress", "plain"}, small, both)...)
	stderr.Reset()
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	cleanup(t, lab.Engine{}, "rmi", "--force", id(t, "oh-live/platforms:own"))
	cleanup(t, lab.Engine{}, "rmi", base)
	contains(t, stderr.String(), "for linux/"+other+" are for --push")
	if got := docker(t, "image", "inspect", "--format", "{{.Architecture}}", "oh-live/platforms:own"); strings.TrimSpace(got) != runtime.GOARCH {
		t.Errorf("it is loaded with %s", got)
	}
}
