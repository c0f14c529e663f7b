package foreign

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/agentserver"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// startLimit is how long an emulated server may take to import what it needs.
const startLimit = 40 * time.Minute

// serve starts the agent server of the payload in dir over each base of its
// architecture, and has it run a command.
func serve(t *testing.T, dir string) {
	for name, root := range map[string]func(t *testing.T) string{
		"alpine:3.20": func(t *testing.T) string {
			archives := lab.Archives()
			if !filepath.IsAbs(archives) && os.Getenv("OH_SHARED") == "" {
				archives = filepath.Join("..", "..", archives)
			}
			root, err := lab.ArchiveRoot(t.Context(), archives, "alpine:3.20", other())
			if err != nil {
				t.Fatal(err)
			}
			return root
		},
		"debian:12": func(t *testing.T) string {
			root, err := lab.EmulatedRoot(t.Context(), "bookworm", other(), t.Output())
			if err != nil {
				t.Fatal(err)
			}
			return root
		},
		"scratch": func(t *testing.T) string { return t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) { serveOver(t, imported(t, root(t)), dir) })
	}
}

// imported makes an image of a root file system. The engine takes it for one of
// its own architecture; what runs its programs, the kernel decides.
func imported(t *testing.T, root string) string {
	t.Helper()
	name := "oh-live/foreign:" + strings.ToLower(strings.NewReplacer("/", "-", ":", "-").Replace(t.Name()))
	tar := exec.CommandContext(t.Context(), "tar", "--numeric-owner", "-C", root, "-c", ".")
	load := lab.Engine{}.Command(t.Context(), "import", "-", name)
	var err error
	if load.Stdin, err = tar.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := tar.Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := tar.Wait(); err != nil {
		t.Fatal(err)
	}
	removed(t, "rmi", name)
	return name
}

// removed runs a docker command at the test's end.
func removed(t *testing.T, args ...string) {
	t.Cleanup(func() {
		if out, err := (lab.Engine{}).Docker(context.WithoutCancel(t.Context()), args...); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func serveOver(t *testing.T, image, dir string) {
	const shell = "/openhands/fallback/bin/sh"
	container, err := lab.Engine{}.Docker(t.Context(), "run", "--detach", "--volume", filepath.Join(dir, "openhands")+":/openhands:ro", image,
		shell, "-c", "/openhands/bin/oh-init setup --user openhands --server agent-server && exec /openhands/bin/oh-init -- /openhands/bin/oh-agent-server")
	if err != nil {
		t.Fatal(err)
	}
	removed(t, "rm", "--force", "--volumes", container)
	address, err := lab.Engine{}.Docker(t.Context(), "inspect", "--format", "{{.NetworkSettings.IPAddress}}", container)
	if err != nil {
		t.Fatal(err)
	}
	server := agentserver.Client{URL: "http://" + address + ":8000"}
	start := time.Now()
	if err := lab.WaitFor(t.Context(), startLimit, "the server's health", server.Healthy); err != nil {
		log, _ := lab.Engine{}.Docker(context.WithoutCancel(t.Context()), "logs", container)
		t.Fatalf("%v\n%s", err, log)
	}
	t.Logf("/health after %s", time.Since(start).Round(time.Second))
	out, err := server.Bash(t.Context(), "uname -m")
	if err != nil {
		t.Fatal(err)
	}
	if machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[other()]; out.ExitCode != 0 || strings.TrimSpace(out.Stdout) != machine {
		t.Errorf("a command was answered with %+v", out)
	}
}
