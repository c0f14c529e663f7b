// Package foreign holds payloads that are made in a builder of another
// architecture to those that a builder of their own makes. It needs an engine.
//
// Without more being said, the payload is one without server, editor and
// browser. OH_FOREIGN=all has everything in it.
package foreign

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx"
	"github.com/docker-openhands/docker-openhands/cli-plugin/helpers"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/request"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// without are the components that are left out.
func without() []string {
	if os.Getenv("OH_FOREIGN") == "all" {
		return nil
	}
	return []string{"agent-server", "browser", "node", "vscode"}
}

// other is the architecture that this machine is not of.
func other() string {
	return map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
}

// TestSameEitherWay makes one payload in a builder of its architecture, and in
// one that is treated as if it were of another. They are the same files.
func TestSameEitherWay(t *testing.T) {
	native, foreign := t.TempDir(), t.TempDir()
	t.Logf("in a builder of its architecture: %s", built(t, native, ""))
	t.Logf("in a builder of another one: %s", built(t, foreign, runtime.GOARCH))
	want, got := files(t, native), files(t, foreign)
	if len(want) < 1000 {
		t.Errorf("the payload has %d files", len(want))
	}
	all := maps.Clone(want)
	maps.Copy(all, got)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if want[name] != got[name] {
			t.Errorf("%s is %q in the one payload, and %q in the other", name, want[name], got[name])
		}
	}
}

// built makes a payload for this machine's architecture in a folder, and
// returns how long that took.
func built(t *testing.T, dir, builderArch string) time.Duration {
	t.Helper()
	all, err := request.Components(nil)
	if err != nil {
		t.Fatal(err)
	}
	programs, err := helpers.For(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.New(plan.Options{
		Server: "agent-server", Without: without(), Arch: runtime.GOARCH, BuilderArch: builderArch, Repository: "oh-live/foreign",
		BuilderBase: plan.DefaultBuilderBase, PythonEnv: plan.PythonEnvFull, LayerOrder: plan.OrderAuto, Assemble: plan.AssembleAuto,
	}, plan.Inputs{Components: all, Helpers: programs, Tools: programs})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	p.Deps.Context["Dockerfile"] = plan.File{Mode: 0o644, Data: []byte(p.Deps.Dockerfile)}
	for name, file := range p.Deps.Context {
		full := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, file.Data, file.Mode); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"buildx", "build", "--progress", "plain", "--output", "type=local,dest=" + dir}
	secrets, err := buildx.HostSecrets(nil)
	if err != nil {
		t.Fatal(err)
	}
	for id, file := range secrets {
		args = append(args, "--secret", "id="+id+",src="+file)
	}
	start := time.Now()
	cmd := lab.Engine{}.Command(t.Context(), append(args, folder)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out[max(0, len(out)-10_000):])
	}
	return time.Since(start).Round(time.Second)
}

// files are what a tree holds: kind, mode, and target or hash, by path.
func files(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		is := info.Mode().String()
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			is += " " + target
		case info.Mode().IsRegular():
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			is += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		owner := info.Sys().(*syscall.Stat_t)
		found[strings.TrimPrefix(name, root)] = fmt.Sprintf("%s %d:%d", is, owner.Uid, owner.Gid)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestOtherArchitecture makes the payload of the architecture that this machine
// emulates. It is sealed, proven, and nothing in it is of this machine.
func TestOtherArchitecture(t *testing.T) {
	if err := lab.Emulate(t.Context(), other(), t.Output()); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"openhands", "deps", "build", "--platform", "linux/" + other(), "--server", "agent-server", "--repository", "oh-live/foreign",
		"--progress", "plain", "--json", "--without", strings.Join(without(), ","),
	}
	if len(without()) == 0 {
		args = args[:len(args)-2]
	}
	start := time.Now()
	cmd := lab.Engine{}.Command(t.Context(), args...)
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	t.Logf("made for %s in %s", other(), time.Since(start).Round(time.Second))
	var made struct {
		Images []struct{ References []string }
	}
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	image := made.Images[0].References[0]
	removed(t, "rmi", image)
	if platform, err := (lab.Engine{}).Docker(t.Context(), "image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", image); err != nil || platform != "linux/"+other() {
		t.Errorf("the image is for %s, %v", platform, err)
	}
	proven(t, image)
	dir := t.TempDir()
	if err := lab.ExportImage(t.Context(), image, dir); err != nil {
		t.Fatal(err)
	}
	programs(t, dir)
	if len(without()) == 0 {
		serve(t, dir)
	}
}

// proven wants an image without a finding that is worse than a note, but for the
// interpreter of a server that is left out.
func proven(t *testing.T, image string) {
	t.Helper()
	out, err := lab.Engine{}.Command(t.Context(), "openhands", "verify", "--json", image).Output()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	var report struct{ Findings []payload.Finding }
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	withoutServer := slices.Contains(without(), "agent-server")
	seen := false
	for _, f := range report.Findings {
		seen = seen || f.Check == "proofs"
		if withoutServer && f.Check == "paths" && f.Detail == payload.Venv+"/bin/python is missing" {
			continue
		}
		if f.Status != payload.StatusOK {
			t.Errorf("%s: %s: %s", f.Check, f.Status, f.Detail)
		}
	}
	if !seen {
		t.Error("nothing is said about the proofs")
	}
}

// programs wants ELF files of the other architecture alone. Those for arm64 can
// be mapped by kernels with pages of 4, 16 and 64 KiB: their segments lie apart
// by the largest of these.
func programs(t *testing.T, dir string) {
	t.Helper()
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[other()]
	n := 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		file, err := elf.Open(name)
		if err != nil {
			return nil // something else than a program
		}
		defer file.Close()
		n++
		if file.Machine != machine {
			t.Errorf("%s is for %s", strings.TrimPrefix(name, dir), file.Machine)
		}
		for _, p := range file.Progs {
			if p.Type == elf.PT_LOAD && machine == elf.EM_AARCH64 && p.Align < 64<<10 {
				t.Errorf("%s has a segment that is aligned to %d bytes", strings.TrimPrefix(name, dir), p.Align)
				break
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d programs and libraries", n)
}
