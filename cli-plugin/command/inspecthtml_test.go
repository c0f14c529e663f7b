package command

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine/enginetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/cli/cli/command"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The page of an image goes to a file or to the standard output, whichever store
// the engine has. Where there is no page, a file stays what it was.
func TestWritePage(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		store := enginetest.NewStore(t, containerd)
		whole := store.Put(t, v1.ConfigFile{}, []string{"openhands/bin/tool=content"}, []string{"etc/passwd=root\n"}, []string{"etc/passwd=root\nopenhands\n"})
		folderLinked := store.Put(t, v1.ConfigFile{}, []string{"dir/", "dir/a="}, []string{"sub=>dir"}, []string{"sub=x"})
		tooLong := store.Put(t, v1.ConfigFile{}, []string{strings.Repeat("x", 300) + "="})
		e := &engine.Engine{API: store, Arch: "amd64", Containerd: containerd}
		var out bytes.Buffer
		dockerCLI, err := command.NewDockerCli(command.WithOutputStream(&out))
		if err != nil {
			t.Fatal(err)
		}
		details := func(id string) *engine.Details {
			d := &engine.Details{Stored: engine.Stored{ID: id, Kind: payload.KindRuntime}}
			for _, by := range []string{payload.LayerOrigin + "x", "ADD base", image.SetUpStep + "openhands"} {
				d.Layers = append(d.Layers, engine.Layer{CreatedBy: by})
			}
			return d
		}
		file := filepath.Join(t.TempDir(), "page.html")
		if err := writePage(t.Context(), dockerCLI, e, details(whole), file); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), "<pre>openhands\n") {
			t.Errorf("%s: %v", text, err)
		}
		if err := writePage(t.Context(), dockerCLI, e, details(whole), toOutput); err != nil || out.String() != string(text) {
			t.Errorf("the standard output has something else: %v", err)
		}
		for id, code := range map[string]problem.Code{folderLinked: problem.BaseConflict, tooLong: problem.TooLarge, "sha256:none": problem.NotFound} {
			var p *problem.Error
			if err := writePage(t.Context(), dockerCLI, e, details(id), file); !errors.As(err, &p) || p.Code != code {
				t.Errorf("%v, want %s", err, code)
			}
		}
		if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, text) {
			t.Errorf("the file has changed: %v", err)
		}
	}
}
