package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	spdx "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/docker-openhands/docker-openhands/cli-plugin/helpers"
)

var created = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

func TestPackageVersion(t *testing.T) {
	for described, want := range map[string]string{
		"v1.2.3":                       "1.2.3",
		"v1.2.3-rc.1":                  "1.2.3-rc.1",
		"v1.2.3-4-g0a1b2c3":            "1.2.3+4.g0a1b2c3",
		"v1.2.3-rc.1-4-g0a1b2c3-dirty": "1.2.3-rc.1+4.g0a1b2c3.dirty",
		"v1.2.3-dirty":                 "1.2.3+dirty",
		"0a1b2c3":                      "0.0.0+0a1b2c3",
		"0a1b2c3-dirty":                "0.0.0+0a1b2c3.dirty",
	} {
		if got := packageVersion(described); got != want {
			t.Errorf("%s: got %s, want %s", described, got, want)
		}
	}
}

// The archives and the packages of a release hold the same program, are the same
// bytes when they are made again, and are read by the programs of others.
func TestPlatformFiles(t *testing.T) {
	t.Chdir("..")
	stage := stageOf(t)
	r := release{version: "v1.2.3", created: created}
	var folders []string
	for range 2 {
		out := t.TempDir()
		if err := r.packages(t.Context(), "arm64", stage, out); err != nil {
			t.Fatal(err)
		}
		if err := writeFile(filepath.Join(out, "x.tar.gz"), func(w io.Writer) error { return archive(w, stage, "x", created) }); err != nil {
			t.Fatal(err)
		}
		if err := sums(out); err != nil {
			t.Fatal(err)
		}
		folders = append(folders, out)
	}
	if err := same(folders[0], folders[1]); err != nil {
		t.Error(err)
	}
	out := folders[0]
	call(t, out, "sha256sum", "--check", "--strict", "SHA256SUMS")

	files := untar(t, filepath.Join(out, "x.tar.gz"))
	for _, name := range []string{
		"CHANGELOG.md", "LICENSE", "README.md", "THIRD_PARTY_NOTICES.md", "docker-openhands", "man/man1/docker-openhands-build.1",
		"completions/_docker-openhands", "completions/docker-openhands.bash", "completions/docker-openhands.fish",
	} {
		if !slices.Contains(files, "x/"+name) {
			t.Errorf("the archive lacks %s: %q", name, files)
		}
	}

	const deb, rpm = "docker-openhands_1.2.3_arm64.deb", "docker-openhands-1.2.3-1.aarch64.rpm"
	root := t.TempDir()
	for _, folder := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"status", "available"} {
		if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg", file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	call(t, out, "dpkg", "--root="+root, "--log="+filepath.Join(root, "log"), "--force-not-root", "--force-bad-path", "--force-architecture", "--install", deb)
	installed(t, root)
	if status := call(t, out, "dpkg", "--root="+root, "--status", program); !strings.Contains(status, "Version: 1.2.3\n") {
		t.Errorf("dpkg says %s", status)
	}

	if got, want := call(t, out, "rpm", "--query", "--queryformat", "%{NAME} %{VERSION} %{ARCH} %{BUILDHOST} %{BUILDTIME}", "--package", rpm),
		"docker-openhands 1.2.3 aarch64 localhost 1767323046"; got != want {
		t.Errorf("rpm says %q, want %q", got, want)
	}
	list := call(t, out, "rpm", "--query", "--list", "--package", rpm)
	for _, name := range []string{"/usr/libexec/docker/cli-plugins/docker-openhands", "/usr/share/man/man1/docker-openhands-build.1"} {
		if !strings.Contains(list, name+"\n") {
			t.Errorf("the rpm lacks %s:\n%s", name, list)
		}
	}
}

// installed checks what a package has put below root.
func installed(t *testing.T, root string) {
	t.Helper()
	file := filepath.Join(root, "usr/libexec/docker/cli-plugins/docker-openhands")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o755 || !info.ModTime().Equal(created) {
		t.Errorf("the plugin has mode %v and time %v", info.Mode(), info.ModTime())
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "the plugin" {
		t.Errorf("the plugin holds %q, %v", data, err)
	}
	for _, name := range []string{"usr/share/man/man1/docker-openhands-build.1", "usr/share/doc/docker-openhands/copyright"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
}

// maxPlugin is how many bytes the plugin for linux/amd64 may have, with the
// programs for containers in it. What makes it larger is worth a look first:
// go tool nm -size -sort size.
const maxPlugin = 35 << 20

func TestPluginSize(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		if _, err := helpers.For(arch); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir("..")
	built := filepath.Join(t.TempDir(), program)
	r := release{version: "v1.2.3-4-g0a1b2c3", commit: strings.Repeat("0", 40), created: created}
	if err := r.build(t.Context(), "linux", "amd64", built); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(built)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxPlugin {
		t.Errorf("the plugin has %d bytes, more than %d", info.Size(), maxPlugin)
	}
}

// The pages are those of all commands and hold no day but the release's.
func TestManual(t *testing.T) {
	folder := t.TempDir()
	if err := manual(folder, created); err != nil {
		t.Fatal(err)
	}
	names, err := fileNames(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"docker-openhands.1", "docker-openhands-build.1", "docker-openhands-config-set.1"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing: %q", name, names)
		}
	}
	page, err := os.ReadFile(filepath.Join(folder, "docker-openhands-build.1"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), `"Jan 2026"`) {
		t.Errorf("the page is of another time:\n%s", page)
	}
}

func TestBill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := bill("x", "v1.2.3", created, self, self)
	if err != nil {
		t.Fatal(err)
	}
	document, err := spdx.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(document); err != nil {
		t.Error(err)
	}
	var names []string
	for _, p := range document.Packages {
		names = append(names, p.PackageName)
	}
	for _, name := range []string{"stdlib", "github.com/spf13/cobra", "github.com/docker/cli"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing: %q", name, names)
		}
	}
	if again, err := bill("x", "v1.2.3", created, self, self); err != nil || !bytes.Equal(text, again) {
		t.Errorf("the same program has another bill: %v", err)
	}
	if _, err := bill("x", "v1.2.3", created, self, filepath.Join(t.TempDir(), "*")); err == nil {
		t.Error("a plugin without the programs for containers has a bill")
	}
}

func TestSame(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	write := func(folder, name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(a, "file", "1")
	if err := same(a, b); err == nil {
		t.Error("a file that one build lacks is no difference")
	}
	write(b, "file", "2")
	if err := same(a, b); err == nil {
		t.Error("other bytes are no difference")
	}
	write(b, "file", "1")
	if err := same(a, b); err != nil {
		t.Error(err)
	}
}

// stageOf is a stage with a text in the plugin's place.
func stageOf(t *testing.T) string {
	stage := t.TempDir()
	if err := stageFiles(stage, created); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(stage, program), []byte("the plugin"), 0o755); err != nil {
		t.Fatal(err)
	}
	return stage
}

func call(t *testing.T, folder, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// untar returns the names of the files of an archive, all of which have to be of
// the release's time and root's.
func untar(t *testing.T, name string) []string {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(plain)
	var files []string
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		type facts struct {
			Time     time.Time
			UID, GID int
			Mode     int64
		}
		mode := int64(0o644)
		if header.Name == "x/docker-openhands" {
			mode = 0o755
		}
		if diff := cmp.Diff(facts{created, 0, 0, mode}, facts{header.ModTime.UTC(), header.Uid, header.Gid, header.Mode}); diff != "" {
			t.Errorf("%s: %s", header.Name, diff)
		}
		files = append(files, header.Name)
	}
}
