package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

const metadata = "Metadata-Version: 2.1\nName: openhands-ai\nVersion: 0.0.1\n"

// buildSystem lets pip read the metadata of a source distribution without an
// index.
const buildSystem = `[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
`

const backend = `import os
def prepare_metadata_for_build_wheel(directory, settings=None):
    name = "openhands_ai-0.0.1.dist-info"
    os.mkdir(os.path.join(directory, name))
    with open(os.path.join(directory, name, "METADATA"), "w") as f:
        f.write("Metadata-Version: 2.1\nName: openhands-ai\nVersion: 0.0.1\n")
    return name
def build_wheel(directory, settings=None, metadata=None):
    raise NotImplementedError
`

// index is a folder that pip takes for its only index.
func index(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, value := range map[string]string{"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": dir, "PIP_INDEX_URL": "", "PIP_EXTRA_INDEX_URL": "", "PIP_CONFIG_FILE": os.DevNull} {
		t.Setenv(name, value)
	}
	return dir
}

func sourceDistribution(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for _, file := range [][2]string{
		{"PKG-INFO", metadata}, {"pyproject.toml", buildSystem}, {"backend.py", backend}, {"openhands/__init__.py", "source"},
	} {
		header := &tar.Header{Name: "openhands_ai-0.0.1/" + file[0], Mode: 0o644, Size: int64(len(file[1]))}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(file[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func wheel(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, file := range [][2]string{
		{"openhands/__init__.py", "wheel"},
		{"openhands_ai-0.0.1.dist-info/METADATA", metadata},
		{"openhands_ai-0.0.1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{"openhands_ai-0.0.1.dist-info/RECORD", ""},
	} {
		w, err := archive.Create(file[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(file[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// unpacked is the content of the package in what Unpack made.
func unpacked(t *testing.T, r Release, cache string) (string, error) {
	t.Helper()
	dir, err := r.Unpack(t.Context(), cache, t.TempDir())
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(filepath.Join(dir, "openhands/__init__.py"))
	return string(data), err
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestUnpack(t *testing.T) {
	links, cache := index(t), t.TempDir()
	if _, err := unpacked(t, Release{Version: "0.0.1"}, cache); !isNoRelease(err) || !strings.Contains(err.Error(), "openhands-ai==0.0.1") {
		t.Errorf("an empty index: %v", err)
	}

	put(t, filepath.Join(links, "openhands_ai-0.0.1-py3-none-any.whl"), wheel(t))
	if got, err := unpacked(t, Release{Version: "0.0.1"}, t.TempDir()); err != nil || got != "wheel" {
		t.Errorf("an index with a wheel: %q, %v", got, err)
	}

	data := sourceDistribution(t)
	put(t, filepath.Join(links, "openhands_ai-0.0.1.tar.gz"), data)
	r := Release{Version: "0.0.1", Hashes: []string{digest(data)}}
	if got, err := unpacked(t, r, cache); err != nil || got != "source" {
		t.Fatalf("an index with both: %q, %v", got, err)
	}
	if got, err := unpacked(t, r, filepath.Join(cache, project, "0.0.1", "openhands_ai-0.0.1.tar.gz")); err != nil || got != "source" {
		t.Errorf("a cache that cannot be a folder: %q, %v", got, err)
	}
	if _, err := unpacked(t, Release{Version: "0.0.1", Hashes: []string{digest(nil)}}, t.TempDir()); !isNoRelease(err) {
		t.Errorf("a wrong hash: %v", err)
	}

	// The archive that is kept serves without an index, if it is still right.
	if err := os.RemoveAll(links); err != nil {
		t.Fatal(err)
	}
	if got, err := unpacked(t, r, cache); err != nil || got != "source" {
		t.Errorf("from the cache: %q, %v", got, err)
	}
	put(t, filepath.Join(cache, project, "0.0.1", "openhands_ai-0.0.1.tar.gz"), []byte("damaged"))
	if _, err := unpacked(t, r, cache); !isNoRelease(err) {
		t.Errorf("a damaged archive and no index: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(cache, project, "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("the cache holds %q, %v", left, err)
	}
}

// Modules in the working directory, which "python3 -m pip" would find first, are
// not run.
func TestUnpackRunsNothingOfTheWorkingDirectory(t *testing.T) {
	put(t, filepath.Join(index(t), "openhands_ai-0.0.1.tar.gz"), sourceDistribution(t))
	planted := t.TempDir()
	const script = "open('ran', 'w')\nraise SystemExit(1)\n"
	put(t, filepath.Join(planted, "pip.py"), []byte(script))
	put(t, filepath.Join(planted, "runpy.py"), []byte(script))
	t.Chdir(planted)
	if got, err := unpacked(t, Release{Version: "0.0.1"}, t.TempDir()); err != nil || got != "source" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(planted, "ran")); err == nil {
		t.Error("a module of the working directory was run")
	}
}

// No file of an archive lands outside of the folder, and links are refused.
func TestUnpackRefuses(t *testing.T) {
	for name, header := range map[string]*tar.Header{
		"upwards": {Name: "a/../../b/c", Typeflag: tar.TypeReg},
		"link":    {Name: "a/b", Typeflag: tar.TypeSymlink, Linkname: "/etc"},
	} {
		var out bytes.Buffer
		zipped := gzip.NewWriter(&out)
		archive := tar.NewWriter(zipped)
		if err := errors.Join(archive.WriteHeader(header), archive.Close(), zipped.Close()); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		file := filepath.Join(dir, "x.tar.gz")
		put(t, file, out.Bytes())
		err := unpackSource(file, filepath.Join(dir, "to"))
		if (name == "link") != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
			t.Errorf("%s: the folder now holds %v, %v", name, entries, err)
		}
	}
}

func TestNew(t *testing.T) {
	if r, err := New("0.62.0", []string{"aa"}); err != nil || r.Version != "0.62.0" || !slices.Equal(r.Hashes, []string{"aa"}) {
		t.Errorf("%+v, %v", r, err)
	}
	for _, version := range []string{"", "../x", "1 2", "-r"} {
		if _, err := New(version, nil); err == nil {
			t.Errorf("%q is taken for a version", version)
		}
	}
}

func isNoRelease(err error) bool {
	var p *problem.Error
	return errors.As(err, &p) && p.Code == problem.NoRelease
}
