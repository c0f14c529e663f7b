package traditional

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional/release"
	"github.com/docker-openhands/docker-openhands/templates"
)

// row is one answer of the builder of OpenHands; its fields have many types.
type row []json.RawMessage

func (r row) scan(t *testing.T, fields ...any) {
	t.Helper()
	for i, field := range fields {
		if err := json.Unmarshal(r[i], field); err != nil {
			t.Fatal(err)
		}
	}
}

// vectors are answers of the builder of OpenHands 0.62.0.
type vectors struct {
	Version       string                  `json:"openhands_version"`
	Truncate      [][2]string             `json:"truncate_hash"`
	Versioned     [][2]string             `json:"versioned_tag"`
	Older         []row                   `json:"repo_and_tag"`
	OlderElswhere []row                   `json:"repo_and_tag_with_env_reg.example/team/rt"`
	Installed     struct{ Source string } `json:"installed_package"`
	Fixture       struct {
		Version    string
		Source     string
		Lock       []row
		Inner      []row  `json:"lock_when_openhands_holds_pyproject_and_poetry_lock_inner"`
		SourceThen string `json:"source_then"`
	}
	Decisions struct {
		Base  string
		Names struct{ Source, Lock, Versioned string }
		Table []struct {
			Force    bool `json:"force_rebuild"`
			Existing []string
			Result   string
			Built    bool
			From     *string
			Tags     []string
			Files    *int `json:"context_files"`
		}
		Files []string `json:"context_files"`
	}
	Dockerfile struct{ Rows []row } `json:"dockerfile_sha256"`
	Release    struct {
		Source string
		Lock   []row
	} `json:"sdist_openhands-ai_0.62.0"`
}

func loadVectors(t *testing.T) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// fixture unpacks the tree that the vectors speak of.
func fixture(t *testing.T) string {
	t.Helper()
	file, err := os.Open("testdata/fixture.tar")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	dir := t.TempDir()
	for archive := tar.NewReader(file); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, header.Name)
		switch header.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeSymlink:
			err = os.Symlink(header.Linkname, path)
		default:
			var data []byte
			if data, err = io.ReadAll(archive); err == nil {
				err = os.WriteFile(path, data, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, dir string) *Source {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// released returns the sources of OpenHands 0.62.0 as its source distribution
// holds them. They come from the Python index, once: then from the user's
// cache folder.
func released(t *testing.T) *Source {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	components, err := templates.Components()
	if err != nil {
		t.Fatal(err)
	}
	const version = "0.62.0"
	r, err := release.New(version, templates.ReleaseHashes(components, "action-execution-server", version))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Hashes) == 0 {
		t.Fatal("no hash of the release is known")
	}
	dir, err := r.Unpack(t.Context(), filepath.Join(cache, "docker-openhands"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
