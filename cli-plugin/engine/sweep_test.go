package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// fakeLeftovers is an engine with what commands left on it.
type fakeLeftovers struct {
	client.APIClient
	containers map[string]string   // ID by lease
	images     map[string]bool     // names and nameless IDs
	parts      map[string]string   // files by lease
	strays     []container.Summary // never started
	renamed    map[string]string   // names by ID
	removed    []string
	fail       error
}

func (f *fakeLeftovers) ContainerList(_ context.Context, o client.ContainerListOptions) (client.ContainerListResult, error) {
	var result client.ContainerListResult
	if o.Filters["status"]["created"] {
		result.Items = append(result.Items, f.strays...)
	}
	for lease, id := range f.containers {
		if o.Filters["label"][LeaseLabel+"="+lease] {
			c := leasedContainer(id, lease, 0)
			if name := f.renamed[id]; name != "" {
				c.Names = []string{"/" + name}
			}
			result.Items = append(result.Items, c)
		}
	}
	return result, f.fail
}

func (f *fakeLeftovers) ContainerRename(_ context.Context, id string, o client.ContainerRenameOptions) (client.ContainerRenameResult, error) {
	f.renamed[id] = o.NewName
	return client.ContainerRenameResult{}, nil
}

func (f *fakeLeftovers) ContainerRemove(_ context.Context, id string, _ client.ContainerRemoveOptions) (client.ContainerRemoveResult, error) {
	f.removed = append(f.removed, id)
	for lease, other := range f.containers {
		if other == id {
			delete(f.containers, lease)
		}
	}
	return client.ContainerRemoveResult{}, nil
}

func (f *fakeLeftovers) ImageRemove(_ context.Context, ref string, _ client.ImageRemoveOptions) (client.ImageRemoveResult, error) {
	if !f.images[ref] {
		return client.ImageRemoveResult{}, cerrdefs.ErrNotFound
	}
	delete(f.images, ref)
	return client.ImageRemoveResult{}, nil
}

func (f *fakeLeftovers) ImageInspect(_ context.Context, ref string, _ ...client.ImageInspectOption) (client.ImageInspectResult, error) {
	if !f.images[ref] {
		return client.ImageInspectResult{}, cerrdefs.ErrNotFound
	}
	result := client.ImageInspectResult{InspectResponse: apiimage.InspectResponse{ID: ref}}
	if ref == "sha256:named" {
		result.RepoTags = []string{"name:1"}
	}
	return result, nil
}

// leasedContainer is a container as create makes them.
func leasedContainer(id, lease string, created int64) container.Summary {
	return container.Summary{ID: id, Names: []string{"/" + containerName + lease}, Labels: map[string]string{LeaseLabel: lease}, Created: created}
}

// leave makes a lease over one of each thing. Killed means that its process is
// gone.
func (f *fakeLeftovers) leave(t *testing.T, e *Engine, killed bool) *state.Lease {
	t.Helper()
	l := e.Lease()
	folder, err := l.Folder()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "Dockerfile"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	part, err := l.Part(filepath.Join(t.TempDir(), "app.tar"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(part, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.parts[l.ID] = part
	for _, id := range []string{"sha256:nameless-" + l.ID, "sha256:named", "sha256:never loaded"} {
		if err := l.Image(id); err != nil {
			t.Fatal(err)
		}
	}
	f.containers[l.ID] = "container of " + l.ID
	f.images["sha256:nameless-"+l.ID], f.images[LeaseName+l.ID] = true, true
	if killed {
		abandon(t, l)
	}
	return l
}

// leaseFile is where a lease is.
func leaseFile(t *testing.T, l *state.Lease) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "docker-openhands", "leases", "*", l.ID))
	if err != nil || len(found) != 1 {
		t.Fatalf("the lease is %q, %v", found, err)
	}
	return found[0]
}

// abandon leaves a lease as a process that was killed does.
func abandon(t *testing.T, l *state.Lease) {
	t.Helper()
	file := leaseFile(t, l)
	notes, err := os.ReadFile(file)
	if err == nil {
		err = os.Rename(file+".d", file+".kept")
	}
	if err = errors.Join(err, l.End()); err == nil {
		err = errors.Join(os.Rename(file+".kept", file+".d"), os.WriteFile(file, notes, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSweep(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	f := &fakeLeftovers{containers: map[string]string{"": "of the user"}, images: map[string]bool{"sha256:named": true}, parts: map[string]string{}, renamed: map[string]string{}}
	e, other := &Engine{API: f, ID: "one"}, &Engine{API: f, ID: "two"}
	if err := e.Sweep(t.Context()); err != nil {
		t.Errorf("without a cache folder: %v", err)
	}
	alive := f.leave(t, e, false)
	elsewhere := f.leave(t, other, true)
	killed := f.leave(t, e, true)
	gone := leaseFile(t, killed)
	f.fail = os.ErrDeadlineExceeded
	if err := e.Sweep(t.Context()); err == nil {
		t.Error("it does not tell that the engine failed")
	}
	f.fail = nil
	earlier := time.Now().Add(-time.Hour).Unix()
	f.strays = []container.Summary{
		leasedContainer("young", strings.Repeat("a", 26), time.Now().Unix()),
		leasedContainer("stray", strings.Repeat("b", 26), earlier),
		// Labels that the user's own containers have of their image.
		{ID: "of an image with the label", Names: []string{"/mine"}, Labels: map[string]string{LeaseLabel: "anything"}, Created: earlier},
		{ID: "with a lease's ID", Names: []string{"/mine"}, Labels: map[string]string{LeaseLabel: alive.ID}, Created: earlier},
		{ID: "with the name, no ID", Names: []string{"/" + containerName}, Labels: map[string]string{LeaseLabel: ""}, Created: earlier},
		{ID: "with another's name", Names: []string{"/" + containerName + alive.ID}, Labels: map[string]string{LeaseLabel: killed.ID}, Created: earlier},
		{ID: "linked to", Names: []string{"/mine/" + containerName + alive.ID}, Labels: map[string]string{LeaseLabel: alive.ID}, Created: earlier},
	}
	if err := e.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"container of " + killed.ID, "stray"}, f.removed); diff != "" {
		t.Errorf("removed containers: %s", diff)
	}
	wantContainers := map[string]string{"": "of the user"}
	wantImages := map[string]bool{"sha256:named": true}
	for _, l := range []*state.Lease{alive, elsewhere} {
		wantContainers[l.ID] = "container of " + l.ID
		wantImages["sha256:nameless-"+l.ID], wantImages[LeaseName+l.ID] = true, true
		leaseFile(t, l)
	}
	for _, name := range []string{filepath.Join(leaseFile(t, alive)+".d", "Dockerfile"), f.parts[alive.ID]} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(wantContainers, f.containers); diff != "" {
		t.Errorf("containers: %s", diff)
	}
	if diff := cmp.Diff(wantImages, f.images); diff != "" {
		t.Errorf("images: %s", diff)
	}
	// Of another engine's, that is what is on this machine.
	for _, name := range []string{gone + ".d", gone, f.parts[killed.ID], leaseFile(t, elsewhere) + ".d", f.parts[elsewhere.ID]} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s is left", name)
		}
	}

	dir := filepath.Dir(leaseFile(t, alive))
	if err := alive.End(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v %v are left", err, entries)
	}
}

// A container with a name for people is known by its ID.
func TestSweepRenamed(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	f := &fakeLeftovers{containers: map[string]string{}, images: map[string]bool{}, parts: map[string]string{}, renamed: map[string]string{}}
	e := &Engine{API: f, ID: "one"}
	for _, name := range []string{"openhands-alpine", ""} {
		l := e.Lease()
		if _, err := l.Folder(); err != nil {
			t.Fatal(err)
		}
		id := "container of " + l.ID
		f.containers[l.ID] = id
		if name != "" {
			if err := (Container{ID: id, Lease: l, engine: e}).Rename(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		} else { // somebody's own, of an image that was made from the other
			f.renamed[id] = "mine"
		}
		abandon(t, l)
	}
	if err := e.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(f.removed) != 1 || f.renamed[f.removed[0]] != "openhands-alpine" {
		t.Errorf("%q are removed", f.removed)
	}
}

// A process that is killed leaves files, which a command on any engine removes.
func TestKilledProcess(t *testing.T) {
	const dest = "OPENHANDS_TEST_ARCHIVE"
	if name := os.Getenv(dest); name != "" {
		t.Fatal(leaveFiles(name))
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv(dest, filepath.Join(t.TempDir(), "a \"new\" app.tar"))
	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledProcess$")
	victim.Stderr = os.Stderr
	said, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := victim.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	var left []string
	if err := json.NewDecoder(said).Decode(&left); err != nil {
		t.Error(err)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = victim.Wait() // it was killed
	parts, err := filepath.Glob(filepath.Join(filepath.Dir(os.Getenv(dest)), ".*"))
	if left = append(left, parts...); err != nil || len(left) != 3 {
		t.Fatalf("it leaves %q, %v", left, err)
	}
	for _, name := range left {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	if err := NoEngine("amd64", errors.New("none")).Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	for _, name := range left {
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// leaveFiles is killed before it ends.
func leaveFiles(archive string) error {
	folder, _, err := state.WorkFolder()
	if err != nil {
		return err
	}
	l := state.NewLease("some engine")
	layers, err := l.Folder()
	if err != nil {
		return err
	}
	part, err := l.Part(archive)
	if err != nil {
		return err
	}
	err = errors.Join(os.WriteFile(part, []byte("half"), 0o644), json.NewEncoder(os.Stdout).Encode([]string{folder, layers}))
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed, or who would is gone
	return err
}
