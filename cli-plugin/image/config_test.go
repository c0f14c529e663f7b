package image

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestEnviron(t *testing.T) {
	defaults := map[string]string{"PATH": payload.BaseFirst.Path("")}
	for _, v := range payload.Environ() {
		defaults[v.Name] = v.Value
	}
	for name, test := range map[string]struct {
		base      []string
		overrides []payload.Var
		tools     payload.Tools
		want      map[string]string // beside defaults
		first     []string          // in this order
	}{
		"none":  {},
		"place": {base: []string{"X=1", "PATH=/a"}, want: map[string]string{"X": "1", "PATH": payload.BaseFirst.Path("/a")}, first: []string{"X", "PATH"}},
		"the base's own programs": {
			base: []string{"PLAYWRIGHT_BROWSERS_PATH=/ms-playwright", "MAMBA_ROOT_PREFIX=/opt/conda", "POETRY_VIRTUALENVS_PATH=/venvs", "OPENVSCODE_SERVER_ROOT=/vs"},
			want: map[string]string{"PLAYWRIGHT_BROWSERS_PATH": "/ms-playwright", "MAMBA_ROOT_PREFIX": "/opt/conda", "POETRY_VIRTUALENVS_PATH": "/venvs", "OPENVSCODE_SERVER_ROOT": "/vs"},
		},
		// LC_ALL would count more.
		"tools":          {base: []string{"PATH=/a"}, tools: payload.PayloadFirst, want: map[string]string{"PATH": "/openhands/bin:/openhands/fallback/bin:/a"}},
		"locale":         {base: []string{"LANG=ja_JP.UTF-8"}, want: map[string]string{"LANG": "ja_JP.UTF-8"}},
		"whole locale":   {base: []string{"LC_ALL=ja_JP.UTF-8"}, want: map[string]string{"LC_ALL": "ja_JP.UTF-8"}},
		"editor":         {base: []string{"EDITOR=vim"}, want: map[string]string{"EDITOR": "vim", "VISUAL": "vim", "GIT_EDITOR": "vim"}},
		"visual editor":  {base: []string{"EDITOR=ed", "VISUAL=vim"}, want: map[string]string{"EDITOR": "ed", "VISUAL": "vim", "GIT_EDITOR": "vim"}},
		"Git's editor":   {base: []string{"GIT_EDITOR=vim"}, want: map[string]string{"GIT_EDITOR": "vim"}},
		"empty":          {base: []string{"EDITOR=", "LANG="}},
		"similar names":  {base: []string{"PATHS=1", "LANGUAGE=2"}, want: map[string]string{"PATHS": "1", "LANGUAGE": "2"}},
		"no equals sign": {base: []string{"PATH", "LANG"}, first: []string{"PATH", "LANG"}},
		"override": {
			base: []string{"LD_LIBRARY_PATH=/x"}, overrides: []payload.Var{{Name: "LD_LIBRARY_PATH", Value: payload.Lib}},
			want: map[string]string{"LD_LIBRARY_PATH": payload.Lib}, first: []string{"LD_LIBRARY_PATH"},
		},
		"line break": {base: []string{"EDITOR=a\nb \"$X\""}, want: map[string]string{"EDITOR": "a\nb \"$X\"", "VISUAL": "a\nb \"$X\"", "GIT_EDITOR": "a\nb \"$X\""}},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(test.base)
			env := environ(test.base, test.tools, payload.Environ(), test.overrides)
			if diff := cmp.Diff(before, test.base); diff != "" {
				t.Errorf("the base's own is changed: %s", diff)
			}
			want := maps.Clone(defaults)
			maps.Copy(want, test.want)
			got, order := map[string]string{}, []string{}
			for _, variable := range env {
				name, value, ok := strings.Cut(variable, "=")
				order = append(order, name)
				if _, twice := got[name]; twice {
					t.Errorf("%s stands twice in %q", name, env)
				}
				if ok {
					got[name] = value
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if !slices.Equal(order[:len(test.first)], test.first) {
				t.Errorf("the order is %q", order)
			}
		})
	}
}

func TestInherited(t *testing.T) {
	type config = dockerspec.DockerOCIImageConfig
	r := plan.Runtime{Base: "base:1", User: payload.User}
	set := func(change func(*config)) config {
		c := config{ImageConfig: ocispec.ImageConfig{
			Env: []string{"A=b"}, Labels: map[string]string{"own": "yes"}, Volumes: map[string]struct{}{"/data": {}}, ExposedPorts: map[string]struct{}{"80/tcp": {}},
		}, DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{Shell: []string{"/bin/ash"}}}
		change(&c)
		return c
	}
	volumes := func(paths ...string) func(*config) {
		return func(c *config) {
			for _, path := range paths {
				c.Volumes[path] = struct{}{}
			}
		}
	}
	for name, test := range map[string]struct {
		change func(*config)
		want   func(*config) // nil: as without change
		tells  []string
	}{
		"nothing": {change: func(*config) {}},
		"what is said": {change: func(c *config) {
			c.StopSignal, c.Healthcheck = "SIGTERM", &dockerspec.HealthcheckConfig{Test: []string{"NONE"}}
		}},
		"for another process": {
			change: func(c *config) {
				c.StopSignal, c.Healthcheck = "SIGRTMIN+3", &dockerspec.HealthcheckConfig{Test: []string{"CMD", "true"}}
			},
			tells: []string{"HEALTHCHECK, STOPSIGNAL SIGRTMIN+3 ("},
		},
		"triggers": {change: func(c *config) { c.OnBuild = []string{"RUN b", "COPY a"} }, tells: []string{"ONBUILD COPY a, RUN b ("}},
		"volumes over ours": {
			change: volumes("/", "/openhands", "/openhands/", "openhands/code", "/x/../openhands//bin", "/etc", "/etc/sudoers.d", "/home", "/home/openhands", "/workspace"),
			tells:  []string{"VOLUME /, /etc, /etc/sudoers.d, /home, /home/openhands, /openhands, /openhands/, /workspace, /x/../openhands//bin, openhands/code ("},
		},
		"volumes beside ours": {
			change: volumes("/openhandsome", "/etc/nginx", "/home/other", "/home/openhands/.cache", "/workspace/data", "/root", "/tmp", "/var"),
			want:   volumes("/openhandsome", "/etc/nginx", "/home/other", "/home/openhands/.cache", "/workspace/data", "/root", "/tmp", "/var"),
		},
		"variables that steer the server": {
			change: func(c *config) {
				c.Env = []string{"SU_TO_USER=false", "OH_PORT=1", "A=b", "port=2", "RUNTIME_USERNAME=root", "_OPENHANDS_PARKED_PATH=/x", "SESSION_API_KEY=a", "OH_WEBHOOKS_0_BASE_URL=b", "OPENHANDS_X", "SANDBOX_GROUP_ID=0"}
			},
			tells: []string{"ENV OH_PORT, OH_WEBHOOKS_0_BASE_URL, OPENHANDS_X, RUNTIME_USERNAME, SANDBOX_GROUP_ID, SESSION_API_KEY, SU_TO_USER, _OPENHANDS_PARKED_PATH, port ("},
		},
		"variables alike": {
			change: func(c *config) { c.Env = append(c.Env, "PORT=1", "SU_TO_USERS=1", "OHIO=1") },
			want:   func(c *config) { c.Env = append(c.Env, "PORT=1", "SU_TO_USERS=1", "OHIO=1") },
		},
		"labels": {
			change: func(c *config) { c.Labels["dev.openhands.lease"], c.Labels[payload.LabelVariant] = "a", "b" },
			tells:  []string{"LABEL dev.openhands.lease, dev.openhands.variant ("},
		},
	} {
		t.Run(name, func(t *testing.T) {
			base, before, want := set(test.change), set(test.change), set(func(*config) {})
			if test.want != nil {
				test.want(&want)
			}
			got, tells := Inherited(r, base)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, base); diff != "" {
				t.Errorf("the base's own is changed: %s", diff)
			}
			if len(tells) != len(test.tells) {
				t.Fatalf("it says %q", tells)
			}
			for i := range tells {
				if !strings.HasPrefix(tells[i], test.tells[i]) {
					t.Errorf("it says %q, not %q", tells[i], test.tells[i])
				}
			}
		})
	}
	root := plan.Runtime{User: "root"}
	if got, _ := Inherited(root, set(volumes("/root", "/home/openhands"))); len(got.Volumes) != 2 {
		t.Errorf("the volumes of an image for root are %v", got.Volumes)
	}
}

func TestLayerHistory(t *testing.T) {
	now := time.Unix(1, 0)
	own := []ocispec.History{{CreatedBy: "a"}, {CreatedBy: "env", EmptyLayer: true}, {CreatedBy: "b"}}
	run := Layers{Layers: []Layer{{DiffID: "sha256:1"}, {DiffID: "sha256:2"}}, History: own, Origin: "made up"}
	if diff := cmp.Diff(own, run.history(now)); diff != "" {
		t.Error(diff)
	}
	run.History = own[:2] // fewer than there are layers
	want := []ocispec.History{{Created: &now, CreatedBy: "made up"}, {Created: &now, CreatedBy: "made up"}}
	if diff := cmp.Diff(want, run.history(now)); diff != "" {
		t.Error(diff)
	}
}

func TestCreated(t *testing.T) {
	at := func(text string) *Image {
		i := &Image{}
		if created, err := time.Parse(time.RFC3339Nano, text); err == nil {
			i.Config.Created = &created
		}
		return i
	}
	for name, test := range map[string]struct {
		images []*Image
		want   int64
	}{
		"the first":    {[]*Image{at("1970-01-01T00:00:05.9+00:00"), at("1970-01-01T00:00:07Z")}, 5},
		"scratch":      {[]*Image{nil, at("1970-01-01T00:00:07Z")}, 7},
		"not told":     {[]*Image{at(""), at("0001-01-01T00:00:00Z"), at("1970-01-01T01:00:07+01:00")}, 7},
		"nowhere told": {[]*Image{at("")}, 0},
	} {
		if got := Created(test.images...).Unix(); got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}
