package builder

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// TestContainerConfigNamesEveryField fails when the engine's API gets a field
// that nobody has decided about: what is left empty may come from the image.
func TestContainerConfigNamesEveryField(t *testing.T) {
	settled := []string{"Image", "User", "Entrypoint", "Cmd", "WorkingDir", "ExposedPorts", "Labels", "Healthcheck", "StopSignal"}
	elsewhere := map[string]string{
		"Hostname": "never the image's", "Domainname": "never the image's",
		"AttachStdin": "never the image's", "AttachStdout": "never the image's", "AttachStderr": "never the image's",
		"Tty": "never the image's", "OpenStdin": "never the image's", "StdinOnce": "never the image's",
		"NetworkDisabled": "never the image's", "StopTimeout": "never the image's",
		"Env":         "engines add the image's; only a server runs, whose environment that is",
		"Volumes":     "engines add the image's; they go with the container",
		"ArgsEscaped": "of Windows", "OnBuild": "of builds", "Shell": "of builds",
	}
	config := reflect.ValueOf(*process{
		image: "i", user: "u", entrypoint: []string{"e"}, cmd: []string{"c"}, workingDir: "w", ports: network.PortSet{serverPort: {}},
	}.config(map[string]string{leaseLabel: "l"}))
	for i := range config.NumField() {
		name := config.Type().Field(i).Name
		switch set := !config.Field(i).IsZero(); {
		case slices.Contains(settled, name) && !set:
			t.Errorf("%s is left to the image", name)
		case !slices.Contains(settled, name) && elsewhere[name] == "":
			t.Errorf("nobody has decided what %s of a container is to be", name)
		}
	}
	if test := nothing("i").config(nil).Healthcheck.Test; !slices.Equal(test, []string{"NONE"}) {
		t.Errorf("the health check is %q", test)
	}
}

// cabinet is an engine of images whose files are streams. It starts nothing.
type cabinet struct {
	client.APIClient
	stream io.Reader

	made, removed []string
}

func (c *cabinet) ContainerCreate(_ context.Context, options client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	if !slices.Equal(options.Config.Healthcheck.Test, []string{"NONE"}) {
		return client.ContainerCreateResult{}, errors.New("the image's health check is kept")
	}
	if options.HostConfig != nil && !reflect.DeepEqual(*options.HostConfig, container.HostConfig{}) {
		return client.ContainerCreateResult{}, errors.New("the container can do something")
	}
	if options.Name != containerName+options.Config.Labels[leaseLabel] {
		return client.ContainerCreateResult{}, errors.New("its name does not tell the lease: " + options.Name)
	}
	c.made = append(c.made, options.Name)
	return client.ContainerCreateResult{ID: options.Name}, nil
}

func (c *cabinet) CopyFromContainer(_ context.Context, id string, options client.CopyFromContainerOptions) (client.CopyFromContainerResult, error) {
	return client.CopyFromContainerResult{Content: io.NopCloser(c.stream)}, nil
}

func (c *cabinet) ContainerRemove(_ context.Context, id string, options client.ContainerRemoveOptions) (client.ContainerRemoveResult, error) {
	c.removed = append(c.removed, id)
	return client.ContainerRemoveResult{}, nil
}

// files is a tar stream of regular files, each with as many zeros at its end as
// its size says beyond its content.
func files(t *testing.T, headers ...tar.Header) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	return io.MultiReader(&b, zeros{})
}

// zeros is an endless stream.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestExamineRunsNothing looks at images that nobody can trust: no container of
// theirs is started, none is left, and what is wrong is a fact.
func TestExamineRunsNothing(t *testing.T) {
	for name, test := range map[string]struct {
		stream io.Reader
		want   string
	}{
		"a large manifest": {files(t, tar.Header{Typeflag: tar.TypeReg, Name: "openhands/manifest.json", Size: 1 << 40, Mode: 0o644}), "more than is looked at"},
		"a large program":  {io.MultiReader(files(t, tar.Header{Typeflag: tar.TypeReg, Name: "openhands/x", Size: 1 << 50, Mode: 0o755})), "more than is looked at"},
		"no folder":        {files(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "openhands", Linkname: "/etc"}), "the loader"},
		"another folder":   {files(t, tar.Header{Typeflag: tar.TypeReg, Name: "etc/shadow"}), "not below /openhands"},
		"no tar":           {strings.NewReader(strings.Repeat("x", 1024)), "invalid tar header"},
	} {
		t.Run(name, func(t *testing.T) {
			engine := &cabinet{stream: test.stream}
			facts := verify.Facts{Paths: map[string]bool{}}
			if err := (&Engine{api: engine}).examine(t.Context(), "sha256:1", &facts); err != nil {
				t.Fatal(err)
			}
			if facts.Seal != nil || facts.SealErr == nil || !strings.Contains(facts.SealErr.Error(), test.want) {
				t.Errorf("%v, want %q", facts.SealErr, test.want)
			}
			if len(engine.made) != 1 || !slices.Equal(engine.made, engine.removed) {
				t.Errorf("%v were made, %v removed", engine.made, engine.removed)
			}
		})
	}
}

// TestReadFileLimits reads documents of images that are none.
func TestReadFileLimits(t *testing.T) {
	for name, header := range map[string]tar.Header{
		"large":  {Typeflag: tar.TypeReg, Name: "manifest.json", Size: image.MaxDocument + 1},
		"folder": {Typeflag: tar.TypeDir, Name: "manifest.json"},
		"link":   {Typeflag: tar.TypeSymlink, Name: "manifest.json", Linkname: "/dev/zero"},
		"device": {Typeflag: tar.TypeChar, Name: "manifest.json"},
	} {
		t.Run(name, func(t *testing.T) {
			engine := &Engine{api: &cabinet{stream: files(t, header)}}
			data, err := engine.readFile(t.Context(), "sha256:1", payload.ManifestFile)
			if !errors.Is(err, errNoDocument) {
				t.Errorf("%d bytes are read, %v", len(data), err)
			}
		})
	}
}

func TestTail(t *testing.T) {
	var said tail
	for range 100 {
		if n, err := said.Write(bytes.Repeat([]byte("x"), maxTail/3)); n != maxTail/3 || err != nil {
			t.Fatal(n, err)
		}
	}
	if _, err := said.Write([]byte("the end")); err != nil {
		t.Fatal(err)
	}
	if text := said.String(); len(text) != maxTail || !strings.HasSuffix(text, "xthe end") {
		t.Errorf("%d bytes are kept, the last ones are %q", len(text), text[len(text)-10:])
	}
	if n, _ := said.Write(make([]byte, 3*maxTail)); n != 3*maxTail || len(said.kept) != maxTail {
		t.Errorf("%d bytes are kept of %d", len(said.kept), n)
	}
}
