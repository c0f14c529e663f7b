package command

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document/documenttest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry/registrytest"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	regname "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

// holdDocument returns the script command "document NAME FILE": the file has to
// be one document of that name.
func holdDocument(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 2 {
			ts.Fatalf("usage: document NAME FILE")
		}
		documenttest.Validate(t, args[0], []byte(ts.ReadFile(args[1])))
	}
}

// startRegistry returns the script command "registry": it starts a registry
// with a payload, REGISTRY/deps:1, and a base, REGISTRY/base:1.
func startRegistry(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		r := registrytest.New(t)
		upload(t, r.Host+"/base:1", nil, map[string]string{"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"})
		upload(t, r.Host+"/deps:1", map[string]string{
			payload.LabelKind: payload.KindDeps, payload.LabelDepsTag: "oh_deps_v1.58.2_0000000000000000",
			payload.LabelVersion: "1.58.2", payload.LabelServer: payload.AgentServer, payload.LabelComponents: "core",
		}, map[string]string{"openhands/bin/oh-init": "elf", "openhands/manifest.json": "{}"})
		ts.Setenv("REGISTRY", r.Host)
	}
}

// upload puts an image of one layer into a registry.
func upload(t *testing.T, ref string, labels, files map[string]string) {
	t.Helper()
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	for file, text := range files {
		if err := tw.WriteHeader(&tar.Header{Name: file, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config.Labels = "linux", "amd64", labels
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	parsed, err := regname.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(parsed, img); err != nil {
		t.Fatal(err)
	}
}

// Every command that has --json is run with it in a script that holds what it
// prints to a schema.
func TestEveryDocumentIsHeldToItsSchema(t *testing.T) {
	script, err := os.ReadFile("testdata/script/documents.txt")
	if err != nil {
		t.Fatal(err)
	}
	root, err := Tree()
	if err != nil {
		t.Fatal(err)
	}
	var held []string
	for _, call := range regexp.MustCompile(`(?m)^!? ?exec docker-openhands (.*)\n(?:cp std.*\n)?document `).FindAllStringSubmatch(string(script), -1) {
		cmd, rest, err := root.Find(strings.Fields(call[1]))
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(rest, "--json") {
			held = append(held, cmd.CommandPath())
		}
	}
	var look func(*cobra.Command)
	look = func(cmd *cobra.Command) {
		if cmd.Flags().Lookup("json") != nil && !slices.Contains(held, cmd.CommandPath()) {
			t.Errorf("documents.txt does not hold '%s --json' to a schema", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			look(sub)
		}
	}
	look(root)
}
