package live

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
)

// TestForms builds one image in every way that there is: they must be the same
// file by file, and in what a container inherits.
func TestForms(t *testing.T) {
	loadSmallDeps(t, lab.Engine{})
	forms := []struct {
		name  string
		flags []string
	}{
		{"payload first", []string{"--layer-order", "payload-first"}},
		{"base first", []string{"--layer-order", "base-first"}},
		{"Dockerfile", []string{"--assemble", "never"}},
	}
	for _, base := range []string{"debian:11", "debian:13", "alpine:3.20", "busybox:musl", "scratch"} {
		t.Run(base, func(t *testing.T) {
			var first map[string]string
			var firstConfig string
			for i, form := range forms {
				t.Run(form.name, func(t *testing.T) {
					image := build(t, base, append([]string{"--deps-image", smallDeps}, form.flags...)...)
					files, config := tree(t, lab.Engine{}, image), config(t, image)
					if i == 0 {
						first, firstConfig = files, config
						if len(files) < 10 {
							t.Errorf("only %d files", len(files))
						}
						return
					}
					if diff := cmp.Diff(first, files); diff != "" {
						t.Errorf("files differ from %s (-) to %s (+):\n%s", forms[0].name, form.name, diff)
					}
					if diff := cmp.Diff(firstConfig, config); diff != "" {
						t.Errorf("configuration differs from %s (-) to %s (+):\n%s", forms[0].name, form.name, diff)
					}
				})
			}
		})
	}
}

// config is what a container inherits from an image.
func config(t *testing.T, image string) string {
	t.Helper()
	var config map[string]any
	if err := json.Unmarshal([]byte(docker(t, "image", "inspect", "--format", "{{json .Config}}", image)), &config); err != nil {
		t.Fatal(err)
	}
	kept := map[string]any{}
	for _, name := range []string{"Env", "Cmd", "Entrypoint", "WorkingDir", "User", "ExposedPorts", "Volumes", "StopSignal", "Healthcheck", "OnBuild", "Shell"} {
		kept[name] = config[name]
	}
	labels, _ := config["Labels"].(map[string]any)
	delete(labels, payload.LabelSetup) // names the form
	kept["Labels"] = labels
	text, err := json.MarshalIndent(kept, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tree describes every file of an image by path: kind, mode, owner, link,
// extended attributes and a hash of the content.
func tree(t *testing.T, engine lab.Engine, image string) map[string]string {
	t.Helper()
	container, err := engine.Docker(t.Context(), "create", image)
	if err != nil {
		t.Fatal(err)
	}
	cleanup(t, engine, "rm", "--volumes", container)
	export := engine.Command(t.Context(), "export", container)
	pipe, err := export.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := export.Start(); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	archive := tar.NewReader(pipe)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		hash := sha256.New()
		if _, err := io.Copy(hash, archive); err != nil {
			t.Fatal(err)
		}
		name := "/" + strings.Trim(strings.TrimPrefix(header.Name, "./"), "/")
		files[name] = fmt.Sprintf("%c %o %d:%d %s %q %x", header.Typeflag, header.Mode&0o7777, header.Uid, header.Gid,
			header.Linkname, attributes(header), hash.Sum(nil))
	}
	if err := export.Wait(); err != nil {
		t.Fatal(err)
	}
	return files
}

// attributes are the extended attributes of a file, file capabilities among
// them.
func attributes(header *tar.Header) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(header.PAXRecords)) {
		if strings.HasPrefix(name, "SCHILY.xattr.") {
			found = append(found, name+"="+header.PAXRecords[name])
		}
	}
	return found
}

// TestSharedPayload looks at the layers: engines keep them by chain, so the
// payload is on disk once only where it lies below everything else.
func TestSharedPayload(t *testing.T) {
	loadSmallDeps(t, lab.Engine{})
	layers := func(image string) []string {
		return strings.Fields(docker(t, "image", "inspect", "--format", "{{range .RootFS.Layers}}{{.}} {{end}}", image))
	}
	shared := layers(smallDeps)
	for _, base := range []string{"alpine:3.20", "busybox:musl", "scratch"} {
		t.Run(base, func(t *testing.T) {
			got := layers(build(t, base, "--deps-image", smallDeps))
			if len(got) <= len(shared) || !slices.Equal(got[:len(shared)], shared) {
				t.Errorf("the layers %q do not start with the payload's %q", got, shared)
			}
		})
	}
}

// TestContainerdStore builds on an engine with containerd's image store and
// runs what it built.
func TestContainerdStore(t *testing.T) {
	second, err := lab.NewSecondEngine(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	startSecond(t, second)
	loadSmallDeps(t, lab.Engine{})
	loadSmallDeps(t, second.Engine)
	for _, base := range []string{"alpine:3.20", "debian:12", "scratch"} {
		t.Run(base, func(t *testing.T) {
			if base != "scratch" {
				transfer(t, second.Engine, base)
			}
			here := build(t, base, "--deps-image", smallDeps)
			cmd := second.Command(t.Context(), "openhands", "build", "--base", base, "--tag", here, "--load", "--deps-image", smallDeps)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("building on the second engine: %v\n%s", err, out)
			}
			if diff := cmp.Diff(tree(t, lab.Engine{}, here), tree(t, second.Engine, here)); diff != "" {
				t.Errorf("files differ from the first engine (-) to the second (+):\n%s", diff)
			}
			if base == "scratch" {
				return // the small payload has no shell
			}
			out, err := second.Docker(t.Context(), "run", "--rm", "--entrypoint", "sh", here, "-c", "id -u openhands && ls "+payload.Bin)
			if err != nil {
				t.Fatal(err)
			}
			contains(t, out, "1000")
			contains(t, out, "oh-init")
		})
	}
}

// startSecond starts an engine that is gone without a trace at the test's end.
func startSecond(t *testing.T, second *lab.SecondEngine) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := second.Remove(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := second.Start(t.Context(), t.Output()); err != nil {
		t.Fatal(err)
	}
}

// transfer copies an image from the default engine to another.
func transfer(t *testing.T, to lab.Engine, image string) {
	t.Helper()
	save := lab.Engine{}.Command(t.Context(), "save", image)
	pipe, err := save.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := save.Start(); err != nil {
		t.Fatal(err)
	}
	load := to.Command(t.Context(), "load")
	load.Stdin = pipe
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("loading %s: %v\n%s", image, err, out)
	}
	if err := save.Wait(); err != nil {
		t.Fatal(err)
	}
}
