package traditional

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/google/go-cmp/cmp"
)

const repository = "ghcr.io/openhands/runtime"

func TestTruncate(t *testing.T) {
	for _, row := range loadVectors(t).Truncate {
		sum, err := hex.DecodeString(row[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := truncate(sum); got != row[1] {
			t.Errorf("%s: %s, want %s", row[0], got, row[1])
		}
	}
}

func TestVersioned(t *testing.T) {
	for _, row := range loadVectors(t).Versioned {
		want := "oh_v1_" + row[1]
		if got := tag.Versioned("1", row[0]); got != want {
			t.Errorf("%s: %s, want %s", row[0], got, want)
		}
	}
}

func TestOlderName(t *testing.T) {
	v := loadVectors(t)
	for repository, rows := range map[string][]row{repository: v.Older, "reg.example/team/rt": v.OlderElswhere} {
		for _, row := range rows {
			var base string
			var want [2]string
			row.scan(t, &base, &want)
			repo, older, err := olderName(repository, v.Version, base)
			if err != nil || [2]string{repo, older} != want {
				t.Errorf("%s: %s %s, %v, want %s", base, repo, older, err, want)
			}
		}
	}
}

func checkLock(t *testing.T, s *Source, rows []row) {
	t.Helper()
	if len(rows) == 0 {
		t.Error("there are no vectors")
	}
	for _, row := range rows {
		var base, want string
		var browser bool
		row.scan(t, &base, &browser, &want)
		if got, err := s.lockHash(base, browser); err != nil || got != want {
			t.Errorf("%s, browser %t: %s, %v, want %s", base, browser, got, err, want)
		}
	}
}

func checkSource(t *testing.T, s *Source, want string) {
	t.Helper()
	if got, err := s.sourceHash(t.Context()); err != nil || got != want {
		t.Errorf("source hash %s, %v, want %s", got, err, want)
	}
}

func TestFixture(t *testing.T) {
	v := loadVectors(t).Fixture
	dir := fixture(t)
	s := open(t, dir)
	if s.Version() != v.Version {
		t.Errorf("version %s, want %s", s.Version(), v.Version)
	}
	checkLock(t, s, v.Lock)
	checkSource(t, s, v.Source)

	// What lies inside the package goes before what lies beside it.
	project, err := os.ReadFile(filepath.Join(dir, "pyproject.toml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "openhands/pyproject.toml"), string(project))
	write(t, filepath.Join(dir, "openhands/poetry.lock"), "inner\n")
	checkLock(t, s, v.Inner)
	checkSource(t, s, v.SourceThen)
}

func TestRelease(t *testing.T) {
	v := loadVectors(t)
	s := released(t)
	if s.Version() != v.Version {
		t.Errorf("version %s, want %s", s.Version(), v.Version)
	}
	checkLock(t, s, v.Release.Lock)
	checkSource(t, s, v.Release.Source)

	t.Run("Dockerfile", func(t *testing.T) {
		for _, row := range v.Dockerfile.Rows {
			var p Parameters
			var extra *string
			var want string
			var size int
			row.scan(t, &p.From, &p.Start, &extra, &p.Browser, &want, &size)
			if extra != nil {
				p.ExtraDeps = *extra
			}
			text, err := s.Dockerfile(p)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%x", sha256.Sum256([]byte(text))); got != want {
				t.Errorf("%+v: %d bytes with SHA-256 %s, want %d and %s", p, len(text), got, size, want)
			}
		}
	})
}

// installed are the packages that share the folder openhands of an
// installation of OpenHands 0.62.0.
const installed = `
openhands-ai==0.62.0 --hash=sha256:ede573ee052781e7b4b9ce9b882d350464f486178241991b7485dfa03e506c4a
openhands-agent-server==1.0.0a6 --hash=sha256:72b0da038ede018c55c64f0ac99bc5d991af173627efc63de87d54b3cd69134c
openhands-sdk==1.0.0a6 --hash=sha256:0b0b579fc48a5b7eaa418ca66188206ba00f4d883997bc29291bc1745e0b7ddc
openhands-tools==1.0.0a6 --hash=sha256:55b75016f7e3930e4365393a026726eeffae027363d03862a17a8cebc1aed670
`

func TestInstalledPackage(t *testing.T) {
	dir := t.TempDir()
	requirements := filepath.Join(t.TempDir(), "requirements.txt")
	write(t, requirements, installed)
	// A program that stands for python3 may do more than run it, pyenv's for
	// example, which then waits for others.
	python, err := exec.CommandContext(t.Context(), "python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), strings.TrimSpace(string(python)), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", dir, "--no-compile",
		"--ignore-requires-python", "--python-version", "3.12", "--platform", "manylinux_2_35_x86_64", "--only-binary", ":all:", "--requirement", requirements)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("installing from the Python index: %v\n%s", err, out)
	}
	checkSource(t, open(t, dir), loadVectors(t).Installed.Source)
}

func TestDecisions(t *testing.T) {
	v := loadVectors(t).Decisions
	s := open(t, fixture(t))
	names, err := s.Names(t.Context(), repository, v.Base, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := names.Check(v.Base); err != nil {
		t.Error(err)
	}
	tags := map[string]string{"source": names.Source, "lock": names.Lock, "versioned": names.Versioned}
	for name, want := range map[string]string{"source": v.Names.Source, "lock": v.Names.Lock, "versioned": v.Names.Versioned} {
		if got := names.Reference(tags[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	for _, row := range v.Table {
		t.Run(fmt.Sprintf("%v force %t", row.Existing, row.Force), func(t *testing.T) {
			has := func(name string) bool { return slices.Contains(row.Existing, name) }
			want := Decision{Build: row.Built}
			if row.Built {
				want.Start, want.From = FromScratch, *row.From
				if name, known := tags[*row.From]; known {
					want.Start, want.From = Start(*row.From), names.Reference(name)
				}
			}
			for _, name := range row.Tags {
				want.Tags = append(want.Tags, tags[name])
			}
			got := names.Decide(v.Base, Held{has("source"), has("lock"), has("versioned")}, row.Force)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if !got.Build {
				return
			}
			dir := t.TempDir()
			if err := s.WriteContext(dir, "FROM "+got.From); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.Files, files(t, dir)); diff != "" {
				t.Errorf("build context: %s", diff)
			}
			if list, err := s.ContextFiles(""); err != nil || !slices.Equal(list, v.Files) {
				t.Errorf("the build context is listed as %q, %v", list, err)
			}
			if row.Files == nil || *row.Files != len(v.Files) {
				t.Errorf("the vectors disagree about the number of files")
			}
		})
	}
}

// files lists the regular files below dir.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			list = append(list, path)
		} else if err == nil && !entry.IsDir() {
			t.Errorf("%s is no regular file", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(list, strings.Compare)
	return list
}
