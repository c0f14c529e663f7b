package engine

import (
	"archive/tar"
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine/enginetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/network"
)

// TestContainerConfigNamesEveryField fails when the engine's API gets a field
// that nobody has decided about: what is left empty may come from the image.
func TestContainerConfigNamesEveryField(t *testing.T) {
	decided := []string{"Image", "User", "Entrypoint", "Cmd", "WorkingDir", "ExposedPorts", "Env", "Volumes", "Labels", "Healthcheck", "StopSignal"}
	elsewhere := map[string]string{
		"Hostname": "never the image's", "Domainname": "never the image's",
		"AttachStdin": "never the image's", "AttachStdout": "never the image's", "AttachStderr": "never the image's",
		"Tty": "never the image's", "OpenStdin": "never the image's", "StdinOnce": "never the image's",
		"NetworkDisabled": "never the image's", "StopTimeout": "never the image's",
		"ArgsEscaped": "of Windows", "OnBuild": "of builds", "Shell": "of builds",
	}
	config := reflect.ValueOf(*Process{
		Image: "i", User: "u", Entrypoint: []string{"e"}, Cmd: []string{"c"}, WorkingDir: "w", Ports: network.PortSet{network.MustParsePort("8000/tcp"): {}},
		// Engines add the image's of these: only a server runs, whose environment
		// that is, and volumes go with the container.
		Env: []string{"E=e"}, Volumes: map[string]struct{}{"/v": {}},
	}.config("l"))
	for i := range config.NumField() {
		name := config.Type().Field(i).Name
		switch set := !config.Field(i).IsZero(); {
		case slices.Contains(decided, name) && !set:
			t.Errorf("%s is left to the image", name)
		case !slices.Contains(decided, name) && elsewhere[name] == "":
			t.Errorf("nobody has decided what %s of a container is to be", name)
		}
	}
	if test := Nothing("i").config("l").Healthcheck.Test; !slices.Equal(test, []string{"NONE"}) {
		t.Errorf("the health check is %q", test)
	}
}

// An image has labels of its own: none makes a container pass for a server that
// "run" has started, or for one under another lease.
func TestLabelsOfContainers(t *testing.T) {
	want := map[string]string{LeaseLabel: "l", ServerLabel: ""}
	if diff := cmp.Diff(want, Nothing("i").config("l").Labels); diff != "" {
		t.Error(diff)
	}
	want = map[string]string{LeaseLabel: "l", ServerLabel: "agent-server", "mine": "x"}
	got := Process{Image: "i", Labels: map[string]string{ServerLabel: "agent-server", "mine": "x", LeaseLabel: "another"}}.config("l").Labels
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
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
			engine := &Engine{API: &enginetest.Cabinet{Stream: enginetest.Files(t, header)}}
			data, err := engine.readFile(t.Context(), "sha256:1", payload.ManifestFile)
			if !errors.Is(err, errNoDocument) {
				t.Errorf("%d bytes are read, %v", len(data), err)
			}
		})
	}
}

func TestTail(t *testing.T) {
	var said Tail
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
