package command

import (
	"encoding/binary"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/system"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"
)

// shelf is an engine behind Docker's HTTP interface that has images, which hold
// next to nothing, and removes them by their names.
type shelf struct {
	mu         sync.Mutex
	images     []apiimage.InspectResponse
	containers []container.Summary // that are listed
	port       string              // of the servers in its containers
}

// put adds an image of ours that got its name so many hours ago. Its layers
// have 1000 bytes each.
func (s *shelf) put(id, name, base, deps string, hours int, layers ...string) {
	labels := map[string]string{
		payload.LabelKind: payload.KindRuntime, payload.LabelDepsTag: deps, payload.LabelBaseName: base,
		payload.LabelServer: payload.AgentServer, payload.LabelVersion: "1.58.2",
	}
	if base == "" {
		labels[payload.LabelKind] = payload.KindDeps
	}
	img := apiimage.InspectResponse{
		ID: "sha256:" + strings.Repeat(id, 32), RootFS: apiimage.RootFS{Layers: layers}, Os: "linux", Architecture: "amd64",
		Metadata: apiimage.Metadata{LastTagTime: time.Now().Add(-time.Duration(hours) * time.Hour)},
		Config:   &dockerspec.DockerOCIImageConfig{ImageConfig: ocispec.ImageConfig{Labels: labels}},
	}
	if name != "" {
		img.RepoTags = []string{name}
	}
	s.images = append(s.images, img)
}

// base adds an image that is not ours.
func (s *shelf) base(id, name string) {
	s.images = append(s.images, apiimage.InspectResponse{
		ID: "sha256:" + strings.Repeat(id, 32), RepoTags: []string{name}, RootFS: apiimage.RootFS{Layers: []string{name}}, Os: "linux", Architecture: "amd64",
		Config: &dockerspec.DockerOCIImageConfig{},
	})
}

// stocked is a shelf with an image over alpine of an older payload and one of a
// newer, one over debian under a name of the user's, and one without a name.
// There is alpine itself, too.
func stocked() *shelf {
	const older, newer = "oh_deps_v1.58.2_0000000000000000", "oh_deps_v1.58.2_1111111111111111"
	s := &shelf{}
	s.put("01", "repo/rt:"+older, "", older, 9, "p1")
	s.put("02", "repo/rt:oh_v1.58.2_alpine_t_3.20_0000000000000000", "alpine:3.20", older, 8, "p1", "alpine", "s1")
	s.put("03", "repo/rt:"+newer, "", newer, 5, "p2")
	s.put("04", "repo/rt:oh_v1.58.2_alpine_t_3.20_1111111111111111", "alpine:3.20", newer, 4, "p2", "alpine", "s2")
	s.put("05", "team/app:1", "debian:12", newer, 3, "p2", "debian", "s3")
	s.put("06", "", "debian:12", newer, 3, "p2", "debian", "s4")
	s.base("07", "alpine:3.20")
	return s
}

// putForV0 adds images that OpenHands V0 may be told to use: one of its server
// without a browser, and one that no build of ours made.
func (s *shelf) putForV0() {
	s.put("0a", "team/v0:1", "debian:12", "oh_deps_v1.6.0_0000000000000000", 2, "p3", "debian", "s5")
	labels := s.images[len(s.images)-1].Config.Labels
	labels[payload.LabelServer], labels[payload.LabelComponents] = payload.ActionExecutionServer, "python,tmux"
	s.put("0b", "team/own:1", "debian:12", "", 2, "debian")
	s.images[len(s.images)-1].Config.Labels = nil
}

// putServers adds containers: two that run has started, one of which has ended, and
// one of somebody else that was made of such an image.
func (s *shelf) putServers() {
	for _, c := range []struct {
		id, name, server string
		state            container.ContainerState
	}{
		{"aa", "openhands-alpine-3.20", payload.AgentServer, container.StateRunning},
		{"bb", "openhands-debian-12", payload.ActionExecutionServer, container.StateExited},
		{"cc", "mine", "", container.StateRunning},
	} {
		s.containers = append(s.containers, container.Summary{
			ID: strings.Repeat(c.id, 32), Names: []string{"/" + c.name}, Image: "team/" + c.id + ":1", Created: time.Now().Add(-time.Hour).Unix(),
			State: c.state, Status: "is " + string(c.state), Labels: map[string]string{engine.ServerLabel: c.server},
			Ports: []container.PortSummary{{IP: netip.MustParseAddr("127.0.0.1"), PrivatePort: 8000, PublicPort: 5000, Type: "tcp"}},
		})
	}
}

// serveContainers answers requests about containers, and reports whether the
// path is one of those.
func (s *shelf) serveContainers(w http.ResponseWriter, r *http.Request, path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, what, _ := strings.Cut(strings.TrimPrefix(path, "containers/"), "/")
	at := slices.IndexFunc(s.containers, func(c container.Summary) bool { return c.ID == id })
	switch {
	case path == "containers/json":
		all := []container.Summary{}
		for _, c := range s.containers {
			if c.State == container.StateRunning || r.URL.Query().Get("all") == "1" {
				all = append(all, c)
			}
		}
		answer(w, all)
	case at < 0:
		return false
	case what == "logs":
		for stream, line := range []string{stdcopy.Stdout: "started\n", stdcopy.Stderr: "\x1b[2Jwarned\n"} {
			if line != "" {
				_, _ = w.Write(append(binary.BigEndian.AppendUint32([]byte{byte(stream), 0, 0, 0}, uint32(len(line))), line...))
			}
		}
	case what == "stop":
		s.containers[at].State = container.StateExited
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodDelete:
		s.containers = slices.Delete(s.containers, at, at+1)
		w.WriteHeader(http.StatusNoContent)
	}
	return true
}

// find returns where the image of a name or an ID is, else -1.
func (s *shelf) find(ref string) int {
	return slices.IndexFunc(s.images, func(img apiimage.InspectResponse) bool { return img.ID == ref || slices.Contains(img.RepoTags, ref) })
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, path, versioned := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !versioned {
		w.Header().Set("Api-Version", "1.44")
		return
	}
	if s.serveContainers(w, r, path) {
		return
	}
	if rest, ok := strings.CutPrefix(path, "containers/"); ok {
		s.serveContainer(w, r, strings.TrimPrefix(strings.TrimPrefix(rest, theContainer), "/"))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := func(v any) { answer(w, v) }
	switch path {
	case "version":
		answer(system.VersionResponse{Version: "28.5.2", Os: "linux", Arch: "amd64"})
		return
	case "info":
		answer(system.Info{ID: "shelf", Architecture: "x86_64", OSType: "linux"})
		return
	case "images/json":
		var all []apiimage.Summary
		for _, img := range s.images {
			all = append(all, apiimage.Summary{ID: img.ID, RepoTags: img.RepoTags, Labels: img.Config.Labels})
		}
		answer(all)
		return
	}
	ref, known := strings.CutPrefix(path, "images/")
	what := ""
	if !known {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodGet {
		at := strings.LastIndexByte(ref, '/')
		ref, what = ref[:at], ref[at+1:]
	}
	at := s.find(ref)
	switch {
	case at < 0:
		w.WriteHeader(http.StatusNotFound)
		answer(map[string]string{"message": "No such image: " + ref})
	case r.Method == http.MethodDelete:
		answer([]apiimage.DeleteResponse{{Deleted: s.images[at].ID}})
		s.images = slices.Delete(s.images, at, at+1)
	case what == "json":
		answer(s.images[at])
	case what == "history":
		steps := []apiimage.HistoryResponseItem{{CreatedBy: s.last(at)}}
		for _, layer := range slices.Backward(s.images[at].RootFS.Layers) {
			steps = append(steps, apiimage.HistoryResponseItem{Size: 1000, CreatedBy: layer})
		}
		answer(steps)
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that has gone
}

// last is the newest step of an image's history, as builds end.
func (s *shelf) last(at int) string {
	if s.images[at].Config.Labels[payload.LabelKind] == payload.KindDeps {
		return "LABEL org.opencontainers.image.version="
	}
	return plan.LastStep
}

// startShelf is the script command "shelf": it starts a stocked engine and
// points DOCKER_HOST at it. "shelf v0" is one with images for OpenHands V0, too, "shelf servers" one with
// containers.
func startShelf(ts *testscript.TestScript, _ bool, args []string) {
	stock := stocked()
	if slices.Contains(args, "v0") {
		stock.putForV0()
	}
	if slices.Contains(args, "servers") {
		stock.putServers()
	}
	socket := ts.MkAbs("shelf.sock")
	listener, err := net.Listen("unix", socket)
	ts.Check(err)
	alive, err := stock.listen()
	ts.Check(err)
	ts.Defer(func() { ts.Check(alive.Close()) })
	server := &http.Server{Handler: stock}
	go func() { _ = server.Serve(listener) }() // until it is closed
	ts.Defer(func() { ts.Check(server.Close()) })
	ts.Setenv("DOCKER_HOST", "unix://"+socket)
}
