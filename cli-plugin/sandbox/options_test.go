package sandbox

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine/enginetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// Without options a container can do nothing that containers cannot, and is
// reached from this machine alone. With all of them it is as they say, and no
// more.
func TestContainer(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	yes, further := true, network.MustParsePort("3000/udp")
	for name, test := range map[string]struct {
		options Options
		key     string
		process engine.Process
		host    container.HostConfig
	}{
		"nothing": {
			process: engine.Process{Ports: network.PortSet{serverPort: {}, editorPort: {}}},
			host:    container.HostConfig{PortBindings: network.PortMap{serverPort: {{HostIP: local}}, editorPort: {{HostIP: local}}}},
		},
		"everything": {
			options: Options{
				Listed: true, Name: "n", Port: 9000, Publish: []string{"0.0.0.0:3001:3000/udp", "8002:8001"}, Network: "net", Hosts: []string{"h:192.0.2.1"},
				Env: []string{"A=b"}, User: "12:0", Volumes: []string{"./x:/x:ro", "name:/y", "/anonymous", "/a:/b"},
				Mounts: []mount.Mount{{Type: mount.TypeTmpfs, Target: "/t"}}, Labels: map[string]string{"l": "m", engine.ServerLabel: "forged"},
				GPUs: []container.DeviceRequest{{Count: -1}}, Memory: 7, NanoCPUs: 8, Init: &yes,
				Restart: container.RestartPolicy{Name: container.RestartPolicyAlways}, Remove: true,
			},
			key: "k",
			process: engine.Process{
				User: "12:0", Env: []string{"A=b", "OH_SESSION_API_KEYS_0=k"}, Ports: network.PortSet{serverPort: {}, editorPort: {}, further: {}},
				Volumes: map[string]struct{}{"/anonymous": {}}, Labels: map[string]string{"l": "m", engine.ServerLabel: payload.AgentServer},
			},
			host: container.HostConfig{
				PortBindings: network.PortMap{
					serverPort: {{HostIP: local, HostPort: "9000"}}, editorPort: {{HostIP: local, HostPort: "8002"}},
					further: {{HostIP: netip.IPv4Unspecified(), HostPort: "3001"}},
				},
				Binds: []string{filepath.Join(here, "x") + ":/x:ro", "name:/y", "/a:/b"}, Mounts: []mount.Mount{{Type: mount.TypeTmpfs, Target: "/t"}},
				NetworkMode: "net", ExtraHosts: []string{"h:192.0.2.1"}, Init: &yes, AutoRemove: true,
				RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyAlways},
				Resources:     container.Resources{Memory: 7, NanoCPUs: 8, DeviceRequests: []container.DeviceRequest{{Count: -1}}},
			},
		},
		"the server's own port": {
			options: Options{Publish: []string{"192.0.2.7:9000:8000"}},
			process: engine.Process{Ports: network.PortSet{serverPort: {}, editorPort: {}}},
			host: container.HostConfig{PortBindings: network.PortMap{
				serverPort: {{HostIP: netip.MustParseAddr("192.0.2.7"), HostPort: "9000"}}, editorPort: {{HostIP: local}},
			}},
		},
		"the network of the host": {
			options: Options{Network: "host"},
			host:    container.HostConfig{NetworkMode: "host"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var process engine.Process
			host, err := test.options.container(payload.ServerNamed(payload.AgentServer), test.key, &process)
			if err != nil {
				t.Fatal(err)
			}
			same := cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateComparable(network.Port{}, netip.Addr{})}
			if diff := cmp.Diff(test.process, process, same); diff != "" {
				t.Error("process:", diff)
			}
			if diff := cmp.Diff(&test.host, host, same); diff != "" {
				t.Error("host:", diff)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	always := container.RestartPolicy{Name: container.RestartPolicyAlways}
	for want, o := range map[string]Options{
		"":                                    {Name: "a-b_c.1", Port: 1, Publish: []string{"3000", "127.0.0.1::3001-3002", "[::1]:5:6/udp"}},
		"nothing at which the server":         {Network: "none"},
		"--network container:x leaves":        {Network: "container:x"},
		"not the name of one network":         {Network: "name=x,alias=y"},
		"no ports of its own":                 {Network: "host", Port: 80},
		"--name is \"-a\"":                    {Name: "-a"},
		"--rm and --restart":                  {Remove: true, Restart: always},
		"--port and --publish":                {Port: 80, Publish: []string{"81:8000"}},
		"each port a number from 1 to 65535":  {Publish: []string{"80000:80"}},
		"--publish cannot be understood":      {Publish: []string{"a:b:c"}},
		"--publish cannot be understood: inv": {Publish: []string{"host.example:80:80"}},
	} {
		err := o.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	for _, volume := range []string{"", "x", ":/x", "x:"} {
		if _, _, err := (Options{Volumes: []string{volume}}).binds(); err == nil || !strings.Contains(err.Error(), "SOURCE:PATH") {
			t.Errorf("--volume %q: %v", volume, err)
		}
	}
}

func TestKey(t *testing.T) {
	agent, action := payload.ServerNamed(payload.AgentServer), payload.ServerNamed(payload.ActionExecutionServer)
	for name, test := range map[string]struct {
		server  payload.Server
		options Options
		want    string // *: a new one, !: an error
	}{
		"none":                   {agent, Options{}, ""},
		"new":                    {agent, Options{MakeKey: true}, "*"},
		"not of the other":       {action, Options{MakeKey: true}, ""},
		"chosen":                 {agent, Options{MakeKey: true, Key: "k"}, "k"},
		"chosen for the other":   {action, Options{Key: "k"}, "k"},
		"by a variable":          {agent, Options{MakeKey: true, Env: []string{"OH_SESSION_API_KEYS_0=e"}}, "e"},
		"by the other's":         {action, Options{MakeKey: true, Env: []string{"SESSION_API_KEY=e"}}, "e"},
		"by the last of several": {agent, Options{Env: []string{"OH_SESSION_API_KEYS_0=a", "OH_SESSION_API_KEYS_0=b"}}, "b"},
		"in two ways":            {agent, Options{Key: "k", Env: []string{"OH_SESSION_API_KEYS_0=e"}}, "!"},
	} {
		got, err := test.options.key(test.server)
		switch test.want {
		case "*":
			if again, _ := test.options.key(test.server); len(got) < 20 || got == again {
				t.Errorf("%s: %q and %q", name, got, again)
			}
		case "!":
			if err == nil {
				t.Errorf("%s: %q", name, got)
			}
		default:
			if got != test.want || err != nil {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
}

// registrar is an engine where other containers have names.
type registrar struct {
	enginetest.Cabinet
	taken []string
	named string
}

func (r *registrar) ContainerRename(_ context.Context, _ string, o client.ContainerRenameOptions) (client.ContainerRenameResult, error) {
	if slices.Contains(r.taken, o.NewName) {
		return client.ContainerRenameResult{}, cerrdefs.ErrConflict
	}
	r.named = o.NewName
	return client.ContainerRenameResult{}, nil
}

func TestGiveName(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for name, test := range map[string]struct {
		ref, base, chosen string
		want              string // empty: an error
	}{
		"base":                  {"x", "alpine:3.19", "", "openhands-alpine-3.19"},
		"taken":                 {"x", "alpine:3.20", "", "openhands-alpine-3.20-3"},
		"scratch":               {"x", "scratch", "", "openhands-scratch"},
		"registry":              {"x", "registry.example:5000/team/app:1", "", "openhands-team-app-1"},
		"digest":                {"x", "debian@sha256:" + strings.Repeat("0", 64), "", "openhands-debian"},
		"no base":               {"my/image:v1", "", "", "openhands-my-image-v1"},
		"an ID":                 {"sha256:0123", "", "", "openhands-sha256-0123"},
		"a label of a stranger": {"x", "\x1b]0;a b/../" + strings.Repeat("y", 100), "", "openhands-0-a-b-..-" + strings.Repeat("y", 51)},
		"chosen":                {"x", "alpine:3.20", "mine", "mine"},
		"chosen and taken":      {"x", "alpine:3.20", "openhands-alpine-3.20", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := &registrar{taken: []string{"openhands-alpine-3.20", "openhands-alpine-3.20-2"}}
			made, err := (&engine.Engine{API: r, ID: "e"}).Create(t.Context(), engine.Nothing("i"), nil)
			if err != nil {
				t.Fatal(err)
			}
			found := &image.Image{Ref: test.ref}
			found.Config.Config.Labels = map[string]string{payload.LabelBaseName: test.base}
			got, err := giveName(t.Context(), made, test.chosen, found)
			if (err == nil) != (test.want != "") || got != test.want || r.named != test.want {
				t.Errorf("%q, the engine has %q, %v; want %q", got, r.named, err, test.want)
			}
			if err := made.Remove(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	at := func(address, port string) network.PortBinding {
		return network.PortBinding{HostIP: netip.MustParseAddr(address), HostPort: port}
	}
	for want, bindings := range map[string][]network.PortBinding{
		"http://127.0.0.1:8000": nil,
		"http://127.0.0.1:5":    {at("0.0.0.0", "5")},
		"http://192.0.2.7:5":    {at("192.0.2.7", "5")},
		"http://[::1]:7":        {at("192.0.2.7", "5"), at("::1", "7")},
	} {
		if got := Address(bindings, serverPort); got != want {
			t.Errorf("%v: %s, want %s", bindings, got, want)
		}
	}
}

func TestListed(t *testing.T) {
	got := listed(container.Summary{
		ID: "0123456789abcdef", Names: []string{"/other/link", "/mine"}, Image: "my/image:1", Created: 1000, State: "running", Status: "Up 2 minutes",
		Labels: map[string]string{engine.ServerLabel: "agent-server"},
		Ports: []container.PortSummary{
			{IP: local, PrivatePort: 8001, PublicPort: 5001, Type: "tcp"},
			{IP: local, PrivatePort: 8000, PublicPort: 5000, Type: "tcp"},
			{PrivatePort: 9000, Type: "tcp"},
		},
	})
	want := Listed{
		ID: "0123456789abcdef", Name: "mine", Image: "my/image:1", Server: "agent-server", Created: got.Created, State: "running", Status: "Up 2 minutes",
		Address: "http://127.0.0.1:5000", Ports: []string{"127.0.0.1:5000->8000/tcp", "127.0.0.1:5001->8001/tcp"},
	}
	if diff := cmp.Diff(want, got); diff != "" || got.Created.Unix() != 1000 {
		t.Error(diff, got.Created)
	}
	for word, want := range map[string]bool{"mine": true, "/mine": true, "0123": true, "012": false, "min": false, "": false} {
		if got.Named(word) != want {
			t.Errorf("%q names it: %v", word, !want)
		}
	}
}
