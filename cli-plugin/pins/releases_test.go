package pins

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/google/go-cmp/cmp"
)

// released is a component with locks, and what reads how uv was asked: for which
// release of s, with which bounds.
func released(t *testing.T, locks map[string]string) (folder string, asked func() []string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv("LOG", log)
	clients(t, map[string]string{"uv": `case $* in *x86_64*) tr -d "\n'" <pyproject.toml >>"$LOG"; echo >>"$LOG" ;; esac; ` + uv})
	folder = component(t, map[string]string{
		"pyproject.toml":  "[project]\nname = 'x'\ndependencies = ['s == {release}', 'a']\n[tool.uv]\nconstraint-dependencies = ['b < 3']\n[tool.releases-before]\n'1.9.1' = ['c < 4']\n",
		"new-x86_64.toml": pylock("a 5 11", "s 1 11"), "new-aarch64.toml": pylock("a 5 11", "s 1 11"),
	})
	for version, text := range locks {
		if err := os.MkdirAll(filepath.Join(folder, "locks"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(lockOf(folder, version), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder, func() (all []string) {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			_, line, _ = strings.Cut(line, "s == ")
			release, line, _ := strings.Cut(line, ",")
			_, line, _ = strings.Cut(line, "b < 3")
			bounds, _, _ := strings.Cut(line, "]")
			all = append(all, release+bounds)
		}
		return all
	}
}

// A release has no newer packages than the next one that is locked.
func TestRelease(t *testing.T) {
	locks := map[string]string{"1.9.0": "a==1\n", "1.10.0": "a==2\ns==1.10.0\n", "2.0": "a==3\n"}
	for version, bounds := range map[string]string{"1.9.5": ", a <= 2, s <= 1.10.0", "1.8": ", a <= 1, c < 4", "1.10.0": ", a <= 3", "2.0": "", "2.1": ""} {
		folder, asked := released(t, locks)
		own := t.TempDir()
		file, err := Release(t.Context(), folder, own, version, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if got := asked(); !slices.Equal(got, []string{version + bounds}) {
			t.Errorf("%s: uv is asked for %q", version, got)
		}
		if err := file.Write(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(own, version+".txt"))
		if want := "a==5 --hash=sha256:11\ns==1 --hash=sha256:11\n"; err != nil || string(text) != want {
			t.Errorf("%s: the lock is %q, %v", version, text, err)
		}
		again, err := Release(t.Context(), folder, own, version, t.TempDir())
		if err != nil || again.Changed {
			t.Errorf("%s: the lock changes the second time, too: %v, %v", version, again.Changes, err)
		}
	}
	folder, _ := released(t, nil)
	file, err := Release(t.Context(), folder, "", "1.0", t.TempDir())
	if diff := cmp.Diff([]Change{{"a", "", "5"}, {"s", "", "1"}}, file.Changes); err != nil || diff != "" || file.Path != lockOf(folder, "1.0") {
		t.Errorf("the first lock is %+v, %v", file, err)
	}
}

// All locks are made anew, the newest first: it bounds the others.
func TestRefreshReleases(t *testing.T) {
	folder, asked := released(t, map[string]string{"1.9.0": "a==1\n", "1.10.0": "a==2\n", "2.0": "a==3\n"})
	files, err := Refresh(t.Context(), folder, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2.0", "1.10.0, a <= 5, s <= 1", "1.9.0, a <= 5, s <= 1, c < 4"}, asked()); diff != "" {
		t.Error(diff)
	}
	if len(files) != 3 || files[2].Path != lockOf(folder, "1.9.0") || !files[2].Changed || files[2].Changes[0] != (Change{"a", "1", "5"}) {
		t.Errorf("got %+v", files)
	}
	if HasReleases(t.TempDir()) || !HasReleases(folder) {
		t.Error("it is not seen which components have locks")
	}
}

func TestReleaseFails(t *testing.T) {
	folder, _ := released(t, map[string]string{"1.0": "a==1\n"})
	if err := os.WriteFile(filepath.Join(folder, "pyproject.toml"), []byte("[project]\ndependencies = ['s']\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Release(t.Context(), folder, "", "1.0", t.TempDir())
	if p, ok := errors.AsType[*problem.Error](err); !ok || p.Code != problem.BadComponent {
		t.Errorf("without a place for the release: %v", err)
	}
	folder, _ = released(t, map[string]string{"1.0": "a==1\n"})
	clients(t, map[string]string{"uv": "echo 'there is no version of s==9' >&2; exit 1"})
	_, err = Release(t.Context(), folder, "", "9", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "there is no version of s==9") {
		t.Errorf("a release that there is not: %v", err)
	}
	if err := os.Remove(lockOf(folder, "1.0")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", lockOf(folder, "1.0")); err != nil {
		t.Fatal(err)
	}
	if _, err := Release(t.Context(), folder, "", "0.9", t.TempDir()); err == nil {
		t.Error("a link is taken for a lock")
	}
}
