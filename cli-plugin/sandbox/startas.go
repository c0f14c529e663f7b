package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	clients "github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// startAs starts an image as a client of OpenHands does, but with all ports at
// free ones of 127.0.0.1, a key that nobody else knows, and volumes in memory.
func (c Client) startAs(ctx context.Context, found *image.Image, start clients.Start) (_ *Server, err error) {
	profile := serverOf(found)
	s := c.server(found, profile, "as "+start.Name()+" does")
	s.Key = rand.Text()
	process, host := containerAs(start, profile.Key+"="+s.Key)
	process.Image = found.ID
	if s.container, err = c.Engine.Create(ctx, process, host); err != nil {
		return nil, err
	}
	s.ID, s.Name = s.container.ID, engine.ShortContainerID(s.container.ID)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}()
	c.View.Logf("starting the server of %s %s", found.Ref, s.as)
	if _, err := c.Engine.API.ContainerStart(ctx, s.ID, client.ContainerStartOptions{}); err != nil {
		return nil, s.refused(err)
	}
	if err := s.locate(ctx, tcp(start.Port), tcp(start.Editor)); err != nil {
		return nil, err
	}
	return s, nil
}

// tcp is a port of a container; 0 is none.
func tcp(port uint16) network.Port {
	if port == 0 {
		return network.Port{}
	}
	return network.MustParsePort(strconv.Itoa(int(port)) + "/tcp")
}

// containerAs is the container that a client starts, with one more variable.
func containerAs(start clients.Start, key string) (engine.Process, *container.HostConfig) {
	p := engine.Process{
		Entrypoint: start.Entrypoint, Cmd: start.Command, User: start.User, WorkingDir: start.WorkingDir,
		Env: []string{key}, Ports: network.PortSet{},
	}
	for _, v := range start.Env {
		p.Env = append(p.Env, v.Name+"="+v.Value)
	}
	host := &container.HostConfig{
		PortBindings: network.PortMap{}, ExtraHosts: start.Hosts, ReadonlyRootfs: start.ReadOnly,
		Resources: container.Resources{Memory: start.Memory, NanoCPUs: int64(start.CPUs * 1e9)},
	}
	for _, port := range append([]uint16{start.Port, start.Editor}, start.Ports...) {
		if port != 0 {
			p.Ports[tcp(port)] = struct{}{}
			host.PortBindings[tcp(port)] = []network.PortBinding{{HostIP: local}}
		}
	}
	if start.Init {
		host.Init = &start.Init
	}
	if start.Group != "" {
		host.GroupAdd = []string{start.Group}
	}
	if start.NoCapabilities {
		host.CapDrop = []string{"ALL"}
	}
	if start.NoNewPrivileges {
		host.SecurityOpt = []string{"no-new-privileges"}
	}
	if start.Processes != 0 {
		host.PidsLimit = &start.Processes
	}
	if start.OpenFiles != 0 {
		host.Ulimits = append(host.Ulimits, &container.Ulimit{Name: "nofile", Soft: start.OpenFiles, Hard: start.OpenFiles})
	}
	if start.NoCores {
		host.Ulimits = append(host.Ulimits, &container.Ulimit{Name: "core"})
	}
	for _, v := range start.Volumes {
		if host.Tmpfs == nil {
			host.Tmpfs = map[string]string{}
		}
		host.Tmpfs[v.Path] = tmpfs(v)
	}
	return p, host
}

// tmpfs are the options of a mount in memory: programs of a volume can run, which
// engines forbid there otherwise.
func tmpfs(v clients.Volume) string {
	options := []string{"exec", "mode=" + v.Mode, fmt.Sprintf("uid=%d", v.UID), fmt.Sprintf("gid=%d", v.GID)}
	if v.Size != 0 {
		options = append(options, fmt.Sprintf("size=%d", v.Size))
	}
	return strings.Join(options, ",")
}
