package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	spdx "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// The commands in the order in which a payload is built, on programs of this
// machine.
func TestPayload(t *testing.T) {
	dir := t.TempDir()
	recipe := filepath.Join(dir, "recipe.json")
	write(t, recipe, `{
  "name": "shell", "description": "a shell", "proof": ["/openhands/bin/bash", "-c", "true"],
  "programs": [{"from": "/usr/bin/bash", "to": "/openhands/libexec/bash"}],
  "links": [{"path": "/openhands/bin/bash", "target": "../libexec/bash"}],
  "launchers": {"oh-bash": {"path": "/openhands/libexec/bash", "env": {"A": "b"}}, "sh": {"path": "/openhands/libexec/bash"}}
}`)
	out, libs, root := filepath.Join(dir, "out"), filepath.Join(dir, "libs"), filepath.Join(dir, "root")
	text := oh(t, "component", "--recipe", recipe, "--root", "/", "--out", out, "--libs", libs)
	if !strings.HasPrefix(text, "component shell: 3 files, ") || !strings.Contains(text, "\nbundled ") {
		t.Errorf("component printed %q", text)
	}
	var launcher payload.Launcher
	read(t, filepath.Join(out, payload.Launchers, "oh-bash.json"), &launcher)
	if want := (payload.Launcher{Path: "/openhands/libexec/bash", Env: map[string]string{"A": "b"}}); !cmp.Equal(want, launcher) {
		t.Errorf("launcher %+v, want %+v", launcher, want)
	}
	if target, err := os.Readlink(filepath.Join(out, payload.Bin, "oh-bash")); err != nil || target != "oh-wrappers" {
		t.Errorf("link of the launcher: %q, %v", target, err)
	}
	if _, err := os.Lstat(filepath.Join(out, payload.Bin, "sh")); err == nil {
		t.Error("a launcher of another name got a link in the first folder of PATH")
	}

	oh(t, "merge", "--out", root, out, libs)
	write(t, filepath.Join(root, "data"), "data\n")
	_, err := call("verify", root)
	if no := (CheckError{}); !errors.As(err, &no) || !strings.Contains(err.Error(), "not sealed: 1 finding") {
		t.Errorf("without the program that launchers link to: %v", err)
	}
	write(t, filepath.Join(root, payload.Wrappers), "#!/openhands/libexec/bash\n")
	if text := oh(t, "verify", root); !strings.HasPrefix(text, "glibc 2.") || !strings.HasSuffix(text, ", 0 offenders\n") {
		t.Errorf("verify printed %q", text)
	}
	private := filepath.Join(root, payload.Prefix, "private")
	if err := os.WriteFile(private, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	allow := filepath.Join(dir, "allow")
	write(t, allow, "/**: a test\n")
	report, err := call("verify", "--permissions", "--allow", allow, root)
	if err == nil || !strings.Contains(report, "OFFENDER: /openhands/private: mode: ") {
		t.Errorf("verify --permissions of a private file: %v, %s", err, report)
	}
	if err := os.Remove(private); err != nil {
		t.Fatal(err)
	}
	var verified struct {
		Offenders     []any
		SchemaVersion int
	}
	if err := json.Unmarshal([]byte(oh(t, "verify", "--json", root)), &verified); err != nil || verified.Offenders == nil || verified.SchemaVersion != documentVersion {
		t.Errorf("verify --json: %v, %v", verified, err)
	}
	var sealed struct{ Sealed, Already int }
	if err := json.Unmarshal([]byte(oh(t, "seal", root)), &sealed); err != nil || sealed.Sealed != 0 || sealed.Already < 3 {
		t.Errorf("seal: %+v, %v", sealed, err)
	}

	if text := oh(t, "seal", "--dry-run", root); !strings.HasPrefix(text, "0 edits in 0 files; ") {
		t.Errorf("seal --dry-run printed %q", text)
	}
	if text := oh(t, "verify", "--root", root, "/openhands"); !strings.HasSuffix(text, ", 0 offenders\n") {
		t.Errorf("verify --root printed %q", text)
	}
	text = oh(t, "verify", "--root", root, "--trace", "/openhands/libexec/bash", "-c", "exit 0")
	if !strings.HasPrefix(text, "1 program started, ") || !strings.HasSuffix(text, ", 0 offenders\n") {
		t.Errorf("verify --trace printed %q", text)
	}
	report, err = call("verify", "--json", "--root", root, "--trace", "/openhands/libexec/bash", "-c", "read x </data")
	if err == nil || !strings.Contains(err.Error(), "1 finding") || !strings.Contains(report, `"path": "/data"`) {
		t.Errorf("verify --trace of a program that reads another's data: %v, %s", err, report)
	}
	if _, err := call("verify", "--root", root, "--trace", "/openhands/libexec/bash", "-c", "exit 3"); err == nil || !strings.Contains(err.Error(), "status 3") {
		t.Errorf("verify --trace of a program that fails: %v", err)
	}

	oh(t, "manifest", "--version", "0.62.0", "--server", "agent-server", "--components", "shell", root)
	var manifest payload.Manifest
	read(t, filepath.Join(root, payload.ManifestFile), &manifest)
	var component payload.Component
	read(t, filepath.Join(root, payload.ComponentsDir, "shell.json"), &component)
	if manifest.SchemaVersion != payload.SchemaVersion || !strings.HasPrefix(manifest.Libc, "glibc 2.") || !cmp.Equal([]payload.Component{component}, manifest.Components) {
		t.Errorf("manifest %+v", manifest)
	}
	document, err := os.Open(filepath.Join(root, payload.SBOMFile))
	if err != nil {
		t.Fatal(err)
	}
	defer document.Close()
	var sbom v2_3.Document
	if err := spdx.ReadInto(document, &sbom); err != nil {
		t.Fatal(err)
	}
	if manifest.SBOM != payload.SBOMFile || len(sbom.Packages) != 2+len(component.Packages) {
		t.Errorf("the SBOM %q has %d packages, the component was made from %d", manifest.SBOM, len(sbom.Packages), len(component.Packages))
	}
	if component.Files != 3 || component.Bytes < 1_000_000 || !cmp.Equal([]string{"/openhands/bin/bash", "-c", "true"}, component.Proof) {
		t.Errorf("component %+v", component)
	}
}

func TestBadUsage(t *testing.T) {
	for _, args := range [][]string{
		{}, {"unknown"}, {"component"}, {"component", "--recipe", "x", "--out", "y"}, {"merge", "--out", "x"}, {"verify"}, {"verify", "a", "b"}, {"verify", "--trace"}, {"verify", "--root", "/", "relative"},
		{"seal"}, {"seal", "--arch", "vax", "x"}, {"manifest", "x"}, {"tree"}, {"copy", "x"}, {"copy", "--dest", "x"}, {"tree", "--cpu", "z80", "x"}, {"verify", "--no-such-flag", "x"},
		{"seal", "--prefix", "openhands", "x"}, {"verify", "--prefix", "/", "x"}, {"verify", "--root", "/", "/"}, {"copy", "--prefix", "", "--dest", "x", "/bin/true"},
	} {
		var usage UsageError
		if _, err := call(args...); !errors.As(err, &usage) {
			t.Errorf("%q: error %v is not one of usage", args, err)
		}
	}
	var usage UsageError
	for _, args := range [][]string{{"verify", "/nonexistent"}, {"tree", "/nonexistent"}, {"component", "--recipe", "/nonexistent", "--out", "x", "--libs", "y"}} {
		if _, err := call(args...); err == nil || errors.As(err, &usage) {
			t.Errorf("%q: error %v, want a failure that is not one of usage", args, err)
		}
	}
}

// Bad usage is answered by the error and where help is, and help by nothing
// else.
func TestUsageIsNotPrintedUnasked(t *testing.T) {
	for _, c := range []struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		{[]string{"tree", "--nope", "x"}, 2, "", "oh-bundle: flag provided but not defined: -nope\nSee 'oh-bundle tree --help'\n"},
		{[]string{"tree"}, 2, "", "oh-bundle: tree takes at least one file\nSee 'oh-bundle tree --help'\n"},
		{[]string{"nope"}, 2, "", "oh-bundle: unknown command \"nope\"\nSee 'oh-bundle --help'\n"},
		{[]string{"merge", "--help"}, 0, "Usage:  oh-bundle merge [OPTIONS] LIBSDIR...\n\nUnite the library trees of components\n\nExamples:\n  oh-bundle merge --out ./out ./libs/a ./libs/b\n\nOptions:\n      --out directory   directory that gets the union\n", ""},
	} {
		var stdout, stderr bytes.Buffer
		status := Main(t.Context(), "oh-bundle", &stdout, &stderr, c.args)
		if status != c.status || stdout.String() != c.stdout || stderr.String() != c.stderr {
			t.Errorf("%q: status %d, printed %q and %q", c.args, status, &stdout, &stderr)
		}
	}
}

// A check that says no is told apart from what broke.
func TestStatuses(t *testing.T) {
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"tree", "/bin/sh"}, 0},
		{[]string{"tree", "/nonexistent"}, 1},
		{[]string{"tree"}, 2},
		{[]string{"tree", "--why", "libnone.so", "/bin/sh"}, 3},
		{[]string{"verify", "/nonexistent"}, 1},
	} {
		var out bytes.Buffer
		if status := Main(t.Context(), "oh-bundle", &out, &out, c.args); status != c.want {
			t.Errorf("%q: status %d, want %d: %s", c.args, status, c.want, &out)
		}
	}
}

// Every command's help has an example whose options it knows, and fits a terminal.
func TestHelp(t *testing.T) {
	for _, c := range commands {
		text, _ := call(c.name, "--help")
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "  oh-bundle") && len(line) > helpWidth+1 {
				t.Errorf("%s: %s", c.name, line)
			}
		}
		flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		c.setup(flags)
		for _, example := range c.examples {
			if _, err := parse(flags, strings.Fields(example)); err != nil {
				t.Errorf("%s %s: %v", c.name, example, err)
			}
		}
		if len(c.examples) == 0 {
			t.Errorf("%s has no example", c.name)
		}
	}
}

func call(args ...string) (string, error) {
	var out bytes.Buffer
	err := Run(context.Background(), "oh-bundle", &out, args)
	return out.String(), err
}

func oh(t *testing.T, args ...string) string {
	t.Helper()
	out, err := call(args...)
	if err != nil {
		t.Fatalf("oh-bundle %q: %v\n%s", args, err, out)
	}
	return out
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
