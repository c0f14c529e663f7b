package builder

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/oh-init/setup"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/client"
)

// countingStore counts how often an image is read.
type countingStore struct {
	*fakeStore
	saves int
}

func (s *countingStore) ImageSave(ctx context.Context, ids []string, o ...client.ImageSaveOption) (client.ImageSaveResult, error) {
	s.saves++
	return s.fakeStore.ImageSave(ctx, ids, o...)
}

// Files of a skeleton are copied whatever their size and wherever the skeleton
// leads, and what was not kept of a base is asked for at once.
func TestSkeletonOfBase(t *testing.T) {
	large := strings.Repeat("x", 5<<20)
	for name, test := range map[string]struct {
		layers [][]string
		want   map[string]string
		reads  int
	}{
		"a large file": {
			[][]string{{"etc/", "etc/skel/", "etc/skel/.oh-my-zsh/pack=" + large}},
			map[string]string{".oh-my-zsh/pack": large}, 2,
		},
		"a hard link to a file elsewhere": {
			[][]string{{"etc/", "usr/share/large=" + large, "etc/skel/large=>usr/share/large"}},
			map[string]string{"large": large}, 2,
		},
		"a link to a folder elsewhere": {
			[][]string{{"etc/", "etc/skel->/usr/share/skel"}, numbered("usr/share/skel/%d=content of %[1]d", 100)},
			map[string]string{"0": "content of 0", "99": "content of 99"}, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := &countingStore{fakeStore: newFakeStore(t, false)}
			base := store.put(t, v1.ConfigFile{}, append(test.layers, []string{"bin/", "bin/sh=elf"})...)
			a := store.assembly(t, base, plan.OrderAuto)
			a.engine.API = store
			store.Refuse = 1 // so that the whole image can be read afterwards
			id, err := a.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			layers, err := store.Loaded(t, id).Layers()
			if err != nil {
				t.Fatal(err)
			}
			content, err := layers[len(layers)-1].Uncompressed()
			if err != nil {
				t.Fatal(err)
			}
			defer content.Close()
			for archive := tar.NewReader(content); ; {
				header, err := archive.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				name := strings.TrimPrefix(header.Name, "home/openhands/")
				if want, wanted := test.want[name]; wanted {
					if got, err := io.ReadAll(archive); err != nil || string(got) != want {
						t.Errorf("%s has %d bytes, want %d: %v", name, len(got), len(want), err)
					}
					delete(test.want, name)
				}
			}
			if len(test.want) > 0 {
				t.Errorf("%d files are missing", len(test.want))
			}
			// Once more for each load, and once for the payload.
			if store.saves > test.reads+2 {
				t.Errorf("images were read %d times", store.saves)
			}
		})
	}
}

func numbered(line string, n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf(line, i))
	}
	return lines
}

// What is wrong with a base is told as such, with the way out.
func TestBaseThatCannotBeSetUp(t *testing.T) {
	for want, line := range map[string]string{
		"/workspace is no directory":        "workspace=",
		"/etc/passwd: too many symbolic":    "etc/passwd->passwd",
		"more than the 1048576 that set-up": "etc/passwd=" + strings.Repeat("#", setup.MaxFile+1),
		"/etc/passwd is not a regular file": "etc/passwd/",
		"/etc is no directory":              "etc=",
		"/bin/sh: too many symbolic":        "bin/sh->sh",
		"/bin/sh is not a regular file":     "bin/sh/",
		"/tmp is no directory":              "tmp=",
	} {
		t.Run(want, func(t *testing.T) {
			store := newFakeStore(t, false)
			a := store.assembly(t, store.put(t, v1.ConfigFile{}, []string{line}), plan.OrderAuto)
			_, err := a.run(t.Context())
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != problem.BaseConflict || !strings.Contains(err.Error(), want) || p.Next == "" {
				t.Errorf("%v", err)
			}
		})
	}
}

// What set-up leaves alone is told.
func TestNotesOfSetUp(t *testing.T) {
	store := newFakeStore(t, false)
	a := store.assembly(t, store.put(t, v1.ConfigFile{}, []string{"etc/passwd=openhands:x:1000:1000::/home/openhands:/bin/sh\n", "home/openhands="}), plan.OrderAuto)
	var said strings.Builder
	a.Logf = func(format string, args ...any) { fmt.Fprintf(&said, format+"\n", args...) }
	if _, err := a.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := "the home of openhands is left as it is"; strings.Count(said.String(), want) != 1 {
		t.Errorf("said %q, want %q", said.String(), want)
	}
}
