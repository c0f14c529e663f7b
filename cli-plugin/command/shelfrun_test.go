package command

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// theContainer is the only one that a shelf has at a time.
const theContainer = "c0c0c0c0c0c0c0c0"

// serveContainer answers what is asked about the only container. All images
// hold nothing but a manifest, and their server is alive at once.
func (s *shelf) serveContainer(w http.ResponseWriter, r *http.Request, what string) {
	switch what {
	case "create":
		w.WriteHeader(http.StatusCreated)
		answer(w, container.CreateResponse{ID: theContainer})
	case "archive":
		if of := r.URL.Query().Get("path"); r.Method == http.MethodHead && path.Dir(of) != "/" && of != "/usr/bin" && path.Base(of) != "apk" {
			w.WriteHeader(http.StatusNotFound) // of programs there is apk alone
			return
		}
		s.serveArchive(w, r.URL.Query().Get("path"))
	case "json":
		at := network.PortBinding{HostPort: s.port}
		answer(w, container.InspectResponse{
			ID: theContainer, Name: "/of-the-shelf", State: &container.State{},
			NetworkSettings: &container.NetworkSettings{Ports: network.PortMap{
				network.MustParsePort(fmt.Sprintf("%d/tcp", plan.Port)): {at},
				network.MustParsePort("60000/tcp"):                      {at}, // as pods have it
			}},
		})
	case "wait":
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // it never ends
	default: // start, stop, remove
		w.WriteHeader(http.StatusNoContent)
	}
}

// serveArchive answers with the manifest, alone or in its folder.
func (s *shelf) serveArchive(w http.ResponseWriter, of string) {
	if of == payload.Micromamba { // of a server of OpenHands V0, which no image has
		w.WriteHeader(http.StatusNotFound)
		return
	}
	manifest := payload.Manifest{
		SchemaVersion: payload.SchemaVersion, OpenHandsVersion: "1.58.2", Server: payload.AgentServer, Architecture: "amd64", Libc: "glibc 2.41",
		Components: []payload.Component{{Name: "core", Packages: []payload.Package{{Type: "deb", Name: "bash", Version: "5.2"}}}},
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		panic(err)
	}
	name := path.Base(payload.ManifestFile)
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	if of == payload.Prefix {
		name = path.Join(path.Base(of), name)
		_ = tw.WriteHeader(&tar.Header{Name: path.Base(of) + "/", Mode: 0o755, Typeflag: tar.TypeDir}) // into memory
	}
	_ = tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg})
	_, _ = tw.Write(text)
	_ = tw.Close()
	stat, err := json.Marshal(container.PathStat{Name: path.Base(of)})
	if err != nil {
		panic(err)
	}
	w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(stat))
	_, _ = io.Copy(w, &archive) // a client that has gone
}

// listen starts what answers for the servers in containers.
func (s *shelf) listen() (io.Closer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, s.port, err = net.SplitHostPort(listener.Addr().String())
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/vscode/url" {
			answer(w, map[string]string{"url": r.URL.Query().Get("base_url") + "/"})
			return
		}
		_, _ = io.WriteString(w, strings.TrimPrefix(r.URL.Path, "/")) // alive
	})}
	go func() { _ = server.Serve(listener) }() // until it is closed
	return server, err
}
