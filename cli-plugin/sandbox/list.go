package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// Listed is a server that "run" has started, running or not.
type Listed struct {
	ID      string    `json:"id"` // of the container
	Name    string    `json:"name"`
	Image   string    `json:"image"`
	Server  string    `json:"server"`
	Created time.Time `json:"created"`
	State   string    `json:"state"`             // as engines call it: running, exited and so on
	Status  string    `json:"status"`            // for people
	Address string    `json:"address,omitempty"` // URL; empty: it is not reached from the host
	Ports   []string  `json:"ports"`             // ADDRESS:PORT->PORT/PROTOCOL
}

// List lists servers, the newest first, with all also those that have ended. The
// filters are docker's own.
func List(ctx context.Context, e *engine.Engine, all bool, filters client.Filters) ([]Listed, error) {
	containers, err := e.ServerContainers(ctx, all, filters)
	if err != nil {
		return nil, err
	}
	found := []Listed{}
	for _, c := range containers {
		found = append(found, listed(c))
	}
	return found, nil
}

func listed(c container.Summary) Listed {
	l := Listed{
		ID: c.ID, Name: engine.ContainerName(c), Image: c.Image, Server: c.Labels[engine.ServerLabel], Created: time.Unix(c.Created, 0).UTC(),
		State: string(c.State), Status: c.Status, Ports: []string{},
	}
	var bindings []network.PortBinding
	for _, p := range c.Ports {
		if p.PublicPort == 0 {
			continue
		}
		l.Ports = append(l.Ports, fmt.Sprintf("%s->%d/%s", netip.AddrPortFrom(p.IP, p.PublicPort), p.PrivatePort, p.Type))
		if p.PrivatePort == serverPort.Num() && p.Type == string(serverPort.Proto()) {
			bindings = append(bindings, network.PortBinding{HostIP: p.IP, HostPort: strconv.Itoa(int(p.PublicPort))})
		}
	}
	slices.Sort(l.Ports)
	if len(bindings) > 0 || c.HostConfig.NetworkMode == networkHost && c.State == container.StateRunning {
		l.Address = Address(bindings, serverPort)
	}
	return l
}

// Named reports whether a word is the server's name or the start of its ID.
func (l Listed) Named(word string) bool {
	return l.Name == strings.TrimPrefix(word, "/") || len(word) >= shortestID && strings.HasPrefix(l.ID, word)
}

// shortestID is how much of an ID is taken for one.
const shortestID = 4

// LogOptions choose lines of a log, as docker's own options do.
type LogOptions struct {
	Follow     bool
	Tail       string // number of lines, or all
	Since      string
	Timestamps bool
}

// Log copies a server's log until it ends or ctx is done.
func (l Listed) Log(ctx context.Context, e *engine.Engine, o LogOptions, out, errOut io.Writer) error {
	logs, err := e.API.ContainerLogs(ctx, l.ID, client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: o.Follow, Tail: o.Tail, Since: o.Since, Timestamps: o.Timestamps,
	})
	if err != nil {
		return fmt.Errorf("reading the log of %s: %w", l.Name, err)
	}
	defer logs.Close()
	if _, err := stdcopy.StdCopy(out, errOut, logs); err != nil && ctx.Err() == nil {
		return fmt.Errorf("reading the log of %s: %w", l.Name, err)
	}
	return nil
}

// Stop ends the server, SIGTERM first, and unless keep, removes its container with
// the volumes that have no name.
func (l Listed) Stop(ctx context.Context, e *engine.Engine, keep bool) error {
	timeout := stopTimeout
	_, err := e.API.ContainerStop(ctx, l.ID, client.ContainerStopOptions{Timeout: &timeout})
	if err == nil && !keep {
		err = errors.Join(err, e.RemoveContainer(ctx, l.ID))
	}
	if err != nil {
		return fmt.Errorf("stopping %s: %w", l.Name, err)
	}
	return nil
}
