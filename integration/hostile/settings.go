package hostile

import (
	"math/rand/v2"
	"strings"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// settingMutations are about an image's configuration.
func settingMutations() []Mutation {
	set := func(name string, change func(c *dockerspec.DockerOCIImageConfig)) Mutation {
		return Mutation{name, func(_ *rand.Rand, i *Image) { change(&i.Config.Config) }}
	}
	env := func(name string, variables ...string) Mutation {
		return set(name, func(c *dockerspec.DockerOCIImageConfig) { c.Env = append(c.Env, variables...) })
	}
	either := func(name string, values []string, change func(c *dockerspec.DockerOCIImageConfig, value string)) Mutation {
		return Mutation{name, func(r *rand.Rand, i *Image) { change(&i.Config.Config, pick(r, values)) }}
	}
	type config = dockerspec.DockerOCIImageConfig
	return []Mutation{
		env("ENV has line feeds", "A=1\n2\n3", "B=\n"),
		env("ENV has quotes and dollars", `A="x'y"$Z\`, "B=`id`", "C=$(id)", "D=${D}"),
		env("ENV has 100 kB", "LARGE="+strings.Repeat("x", 100_000)),
		env("ENV has a thousand variables", numbered(0, 1000, "V%d=x")...),
		env("ENV has no names and no values", "=x", "NOTHING", "", "=", "A==="),
		env("ENV is no UTF-8 and holds zeros", "A=\xff\xfe", "B=\x00x"),
		env("ENV has names twice", "A=1", "A=2", "PATH=/second"),
		env("ENV has our own names", "SU_TO_USER=false", "OH_PORT=1", "_OPENHANDS_PARKED_LD_PRELOAD=x", "OPENVSCODE_SERVER_ROOT=/x", "MAMBA_ROOT_PREFIX=/opt/conda", "PLAYWRIGHT_BROWSERS_PATH=/ms-playwright", "LC_ALL=ja_JP.UTF-8", "EDITOR=vim"),
		env("ENV steers interpreters", "LD_PRELOAD=/none.so", "PYTHONHOME=/none", "PYTHONSAFEPATH=1", "NODE_OPTIONS=--bad", "BASH_ENV=/none", "OPENSSL_CONF=/none", "no_proxy=fd00::/8", "ALL_PROXY=socks5://127.0.0.1:1080", "SSL_CERT_FILE=/none.pem"),
		either("PATH is odd", []string{"", ":", "/nowhere", "bin:.:", "relative", strings.Repeat("/d:", 10_000), "/a b:/c\nd", "/nix/store/aaaa-env/bin"},
			func(c *config, v string) { c.Env = []string{"PATH=" + v} }),
		set("there is no ENV", func(c *config) { c.Env = nil }),
		either("USER is odd", []string{"nobody", "1000", "1000:1000", "4294967295", "-1", ":", "none:none", "a b", "root\nroot", "0:0", strings.Repeat("u", 5000), "$USER"},
			func(c *config, v string) { c.User = v }),
		either("WORKDIR is odd", []string{"relative", "/no/such/folder", "/etc/passwd", "/a b/\"c\"", "//", "/../..", "/tmp/\n", strings.Repeat("/d", 3000), "C:\\", "$HOME"},
			func(c *config, v string) { c.WorkingDir = v }),
		either("VOLUME is ours", []string{"/openhands", "/etc", "/", "/workspace", "/tmp", "/home", "/home/openhands", "/root", "/var", "/usr/bin"},
			func(c *config, v string) { c.Volumes = map[string]struct{}{v: {}} }),
		either("VOLUME is odd", []string{"", "relative", "/a:/b", "/a b", "/..", "/x\ny", "[\"/json\"]"},
			func(c *config, v string) { c.Volumes = map[string]struct{}{v: {}, "/v": {}} }),
		either("ENTRYPOINT is odd", []string{"", "/no/such", "a b\nc", strings.Repeat("e", 50_000), "\xff", "sh -c"},
			func(c *config, v string) { c.Entrypoint, c.Cmd = []string{v, "", v}, []string{""} }),
		set("ENTRYPOINT and CMD are empty", func(c *config) { c.Entrypoint, c.Cmd = []string{}, nil }),
		either("HEALTHCHECK is there", []string{"NONE", "CMD", "CMD-SHELL", "", "OTHER"}, func(c *config, v string) {
			c.Healthcheck = &dockerspec.HealthcheckConfig{Test: []string{v, "exit 1"}, Interval: time.Second, Timeout: -1, Retries: 1}
		}),
		set("HEALTHCHECK is empty", func(c *config) { c.Healthcheck = &dockerspec.HealthcheckConfig{Retries: -5} }),
		either("STOPSIGNAL is odd", []string{"SIGWINCH", "SIGQUIT", "SIGRTMIN+3", "9", "0", "-1", "65", "none", "sigterm", "\n"},
			func(c *config, v string) { c.StopSignal = v }),
		set("ONBUILD is there", func(c *config) { c.OnBuild = []string{"RUN exit 1", "FROM x", "", "\n"} }),
		set("SHELL is odd", func(c *config) { c.Shell = []string{"", "-c"} }),
		either("EXPOSE is odd", []string{"8000/tcp", "8000", "x", "", "99999/tcp", "1-65535/udp", "80/xyz"},
			func(c *config, v string) { c.ExposedPorts = map[string]struct{}{v: {}} }),
		set("labels are ours", func(c *config) {
			c.Labels = map[string]string{"dev.openhands.lease": "anything", "dev.openhands.variant": "x", "dev.openhands.user": "root", "dev.openhands.base.name": "x"}
		}),
		set("labels say that it is a payload", func(c *config) { c.Labels = map[string]string{"dev.openhands.kind": "deps"} }),
		set("labels say that it is a runtime image", func(c *config) { c.Labels = map[string]string{"dev.openhands.kind": "runtime"} }),
		set("labels are odd", func(c *config) {
			c.Labels = map[string]string{"": "", "a\nb": "c\nd", "\x1b[2J": "\x1b]0;x\a", "large": strings.Repeat("l", 100_000)}
		}),
		{"the history has another length", func(r *rand.Rand, i *Image) {
			for range 1 + r.IntN(5) {
				i.Config.History = append(i.Config.History, ocispec.History{CreatedBy: "x", EmptyLayer: r.IntN(2) == 0})
			}
		}},
		{"the history has strange texts", func(_ *rand.Rand, i *Image) {
			i.Config.History = nil
			for range i.Layers {
				i.Config.History = append(i.Config.History, ocispec.History{CreatedBy: "\x1b[2J\n" + strings.Repeat("h", 20_000), Comment: "\xff"})
			}
		}},
		{"it was made in the year 1", func(_ *rand.Rand, i *Image) {
			t := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
			i.Config.Created = &t
		}},
		{"it was made in the year 9999", func(_ *rand.Rand, i *Image) {
			t := time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
			i.Config.Created = &t
		}},
		{"it is for another machine", func(_ *rand.Rand, i *Image) { i.Config.Architecture, i.Config.Variant = "s390x", "v9" }},
		{"it is for another system", func(_ *rand.Rand, i *Image) { i.Config.OS, i.Config.OSVersion = "windows", "10.0" }},
		{"it is for nothing", func(_ *rand.Rand, i *Image) { i.Config.OS, i.Config.Architecture = "", "" }},
		{"the root file system is of another type", func(_ *rand.Rand, i *Image) { i.Config.RootFS.Type = "other" }},
	}
}
