package sandbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/go-connections/nat"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
)

// Options are what a user says about the container of a server. Each value is one
// that they named: an image chooses none. Without any, the server is published at
// a free port of 127.0.0.1, and nobody but its starter knows of the container.
type Options struct {
	Listed bool   // "ps" shows the container, docker a name of it and its image's
	Name   string // of a listed container; empty: one that tells the image, with a number where that is taken

	Port    uint16   // of 127.0.0.1; 0: a free one, unless Publish has one for the server
	Publish []string // further ports, as docker's --publish, but on 127.0.0.1 where no address is said
	Network string   // as docker's --network, one name; empty: the engine's default
	Hosts   []string // HOST:IP

	MakeKey bool   // of a server that has its own arguments, unless Env has one
	Key     string // that callers have to send; empty: Env's or, by MakeKey, a new one
	Env     []string

	User       string // as docker's --user; empty: the image's
	WorkingDir string // of sessions
	Volumes    []string
	Mounts     []mount.Mount
	Labels     map[string]string

	GPUs     []container.DeviceRequest
	Memory   int64 // bytes; 0: no limit
	NanoCPUs int64 // 0: no limit
	Init     *bool // nil: the engine's default
	Restart  container.RestartPolicy
	Remove   bool // the engine removes the container when it ends

	Arguments []string // of the server, after those that OpenHands gives it
}

const (
	networkHost = "host"
	networkNone = "none"
)

// Check refuses what no server can be reached with or no engine understands, before
// anything is made.
func (o Options) Check() error {
	switch {
	case o.Network == networkNone, strings.HasPrefix(o.Network, "container:"):
		return problem.New(problem.Usage, "--network "+o.Network+" leaves nothing at which the server can be reached from here", nil,
			"Leave it out, or start the container with 'docker run'")
	case strings.ContainsAny(o.Network, "=,"):
		return problem.New(problem.Usage, fmt.Sprintf("--network is %q, not the name of one network", o.Network), nil,
			"Join further ones with 'docker network connect'")
	case o.Network == networkHost && (o.Port != 0 || len(o.Publish) > 0):
		return problem.Usagef("--network host has no ports of its own to publish")
	case o.Name != "" && !containerName.MatchString(o.Name):
		return problem.Usagef("--name is %q, not two or more letters, digits and _.-, of which the first is a letter or a digit", o.Name)
	case o.NanoCPUs < 0:
		return problem.Usagef("--cpus is less than nothing")
	case o.Remove && !o.Restart.IsNone():
		return problem.Usagef("--rm and --restart exclude each other")
	}
	ports, err := o.published()
	if err == nil && o.Port != 0 && len(ports[serverPort]) > 0 {
		err = problem.Usagef("--port and --publish both say where the server is published")
	}
	return err
}

// containerName is what engines take for the name of a container.
var containerName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

// choosesPorts reports whether a port of the host was named.
func (o Options) choosesPorts() bool { return o.Port != 0 || len(o.Publish) > 0 }

// ports are those of the host that were named, for people.
func (o Options) ports() string {
	var all []string
	if o.Port != 0 {
		all = append(all, fmt.Sprintf("port %d of this machine", o.Port))
	}
	return strings.Join(append(all, o.Publish...), ", ")
}

// local is where ports are published unless the user says otherwise.
var local = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// published reads Publish, in docker's syntax.
func (o Options) published() (network.PortMap, error) {
	bad := func(err error) error {
		return problem.New(problem.Usage, "--publish cannot be understood", err,
			"Write it as docker has it, [[ADDRESS:]PORT:]PORT-OF-CONTAINER[/PROTOCOL], each port a number from 1 to 65535")
	}
	_, parsed, err := nat.ParsePortSpecs(o.Publish)
	if err != nil {
		return nil, bad(err)
	}
	ports := network.PortMap{}
	for spec, bindings := range parsed {
		port, err := network.ParsePort(string(spec))
		if err != nil {
			return nil, bad(err)
		}
		for _, b := range bindings {
			address := local
			if b.HostIP != "" {
				if address, err = netip.ParseAddr(b.HostIP); err != nil {
					return nil, bad(err)
				}
			}
			ports[port] = append(ports[port], network.PortBinding{HostIP: address, HostPort: b.HostPort})
		}
	}
	return ports, nil
}

// key is the one that callers have to send; empty: the server answers everybody.
func (o Options) key(server payload.Server) (string, error) {
	for _, variable := range slices.Backward(o.Env) {
		if name, value, _ := strings.Cut(variable, "="); name == server.Key {
			if o.Key != "" {
				return "", problem.Usagef("--session-key and the variable %s both name a key", server.Key)
			}
			return value, nil
		}
	}
	if o.Key == "" && o.MakeKey && server.OwnArguments {
		return rand.Text(), nil
	}
	return o.Key, nil
}

// container puts the options into the process of a container of the server, and
// returns what the engine is to do around it.
func (o Options) container(server payload.Server, key string, p *engine.Process) (*container.HostConfig, error) {
	binds, volumes, err := o.binds()
	if err != nil {
		return nil, err
	}
	ports, err := o.published()
	if err != nil {
		return nil, err
	}
	if o.Network != networkHost {
		if len(ports[serverPort]) == 0 {
			ports[serverPort] = []network.PortBinding{{HostIP: local, HostPort: hostPort(o.Port)}}
		}
		if server.Editor != "" && len(ports[editorPort]) == 0 {
			ports[editorPort] = []network.PortBinding{{HostIP: local}}
		}
	}
	p.User, p.Volumes, p.Labels, p.Ports = o.User, volumes, map[string]string{}, network.PortSet{}
	for port := range ports {
		p.Ports[port] = struct{}{}
	}
	for name, value := range o.Labels {
		p.Labels[name] = value
	}
	if o.Listed {
		p.Labels[engine.ServerLabel] = server.Name
	}
	p.Env = slices.Clone(o.Env)
	if key != "" {
		p.Env = append(p.Env, server.Key+"="+key)
	}
	return &container.HostConfig{
		Binds: binds, Mounts: o.Mounts, PortBindings: ports, NetworkMode: container.NetworkMode(o.Network), ExtraHosts: o.Hosts,
		RestartPolicy: o.Restart, AutoRemove: o.Remove, Init: o.Init,
		Resources: container.Resources{Memory: o.Memory, NanoCPUs: o.NanoCPUs, DeviceRequests: o.GPUs},
	}, nil
}

func hostPort(port uint16) string {
	if port == 0 {
		return "" // a free one
	}
	return strconv.Itoa(int(port))
}

// binds tells volumes with a source from those that are only a path of the
// container. A source that begins with a dot is a path from the working
// directory, as for docker; the engine checks the rest.
func (o Options) binds() (binds []string, volumes map[string]struct{}, err error) {
	for _, volume := range o.Volumes {
		source, rest, found := strings.Cut(volume, ":")
		switch {
		case !found && path.IsAbs(volume):
			if volumes == nil {
				volumes = map[string]struct{}{}
			}
			volumes[volume] = struct{}{}
			continue
		case !found || source == "" || rest == "":
			return nil, nil, problem.New(problem.Usage, fmt.Sprintf("--volume %q cannot be understood", volume), nil,
				"Write it as docker has it, SOURCE:PATH[:OPTIONS] or PATH, where PATH is one of the container and begins with /")
		case strings.HasPrefix(source, "."):
			if source, err = filepath.Abs(source); err != nil {
				return nil, nil, fmt.Errorf("finding the folder of --volume %s: %w", volume, err)
			}
		}
		binds = append(binds, source+":"+rest)
	}
	return binds, volumes, nil
}

// Address is the URL at which a published port is reached from the host; without
// bindings the port is the host's own.
func Address(bindings []network.PortBinding, port network.Port) string {
	if len(bindings) == 0 {
		return "http://" + netip.AddrPortFrom(local, port.Num()).String()
	}
	chosen := bindings[0]
	for _, b := range bindings {
		if b.HostIP.IsLoopback() || b.HostIP.IsUnspecified() {
			chosen = b
			break
		}
	}
	host := chosen.HostIP
	if !host.IsValid() || host.IsUnspecified() {
		host = local
	}
	number, _ := strconv.ParseUint(chosen.HostPort, 10, 16) // an engine's own
	return "http://" + netip.AddrPortFrom(host, uint16(number)).String()
}

// manyNames is how many containers of one name there can be.
const manyNames = 1000

// giveName gives a container the name that was chosen, or one of its image with a
// number where others have that.
func giveName(ctx context.Context, made engine.Container, chosen string, found *image.Image) (string, error) {
	first := cmp.Or(chosen, speakingName(found))
	name := first
	for n := 2; ; n++ {
		err := made.Rename(ctx, name)
		switch {
		case err == nil:
			return name, nil
		case !cerrdefs.IsConflict(err):
			return "", err
		case chosen != "" || n > manyNames:
			return "", problem.New(problem.Usage, "a container is called "+name+" already", nil,
				"Choose another --name, or remove that one with 'docker rm "+name+"'")
		}
		name = first + "-" + strconv.Itoa(n)
	}
}

// noName is what the name of a container has not.
var noName = regexp.MustCompile(`[^a-zA-Z0-9_.]+`)

// maxName is the length of the longest name of a container that is made of that of
// an image.
const maxName = 60

// speakingName is a name for a container: that of the base or, where the image
// tells none, the image's own, without the registry.
func speakingName(found *image.Image) string {
	ref := cmp.Or(found.Labels()[payload.LabelBaseName], found.Ref)
	if named, err := reference.ParseNormalizedNamed(ref); err == nil {
		ref = strings.TrimPrefix(reference.Path(named), "library/")
		if tagged, ok := named.(reference.Tagged); ok {
			ref += "-" + tagged.Tag()
		}
	}
	ref = strings.Trim(noName.ReplaceAllString(ref, "-"), "-.")
	return "openhands-" + ref[:min(maxName, len(ref))]
}
