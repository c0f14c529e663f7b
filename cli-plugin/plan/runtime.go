package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
)

// Where the server and the VS Code that it starts listen in a container.
const (
	Port       = 8000
	EditorPort = 8001
)

// Server is the profile that the image is made for.
func (r Runtime) Server() payload.Server {
	return payload.ServerNamed(r.Labels[payload.LabelServer])
}

// Entrypoint is the payload's own PID 1, with the launcher of a server that
// takes the container's command as its options.
func (r Runtime) Entrypoint() []string {
	argv := []string{payload.Init, "--"}
	if r.User != payload.User {
		argv = []string{payload.Init, "--user", r.User, "--"}
	}
	if server := r.Server(); server.OwnArguments {
		argv = append(argv, server.Launcher())
	}
	return argv
}

// Cmd is the launcher of a server that changes to its user by itself. The
// other kind has no default: its arguments choose the address it listens on.
func (r Runtime) Cmd() []string {
	if server := r.Server(); !server.OwnArguments {
		return []string{server.Launcher()}
	}
	return []string{}
}

// rootID is root by number: an engine looks a name up in the image, and what
// it finds there need not be a file that it can read.
const rootID = "0"

// Account is whom the image starts as.
func (r Runtime) Account() string {
	if r.Server().OwnArguments {
		return r.User
	}
	return rootID
}

// Defaults returns the variables that the image sets where its base does not,
// beside PATH. Of a payload that the plan does not know, further labels say what
// it has.
func (r Runtime) Defaults(further map[string]string) []payload.Var {
	vars := payload.Environ()
	components := strings.Split(cmp.Or(further[payload.LabelComponents], r.Labels[payload.LabelComponents]), ",")
	if r.Server().Name == payload.AgentServer && slices.Contains(components, "browser") {
		for _, name := range []string{"CHROME_BIN", "PUPPETEER_EXECUTABLE_PATH"} {
			vars = append(vars, payload.Var{Name: name, Value: payload.Chromium})
		}
	}
	return vars
}

// Healthcheck is how an engine finds out whether a container's server is alive.
// Engines from 25 on ask every five seconds during the start, others at the
// interval. Where the other server listens, its clients alone know.
func (r Runtime) Healthcheck() dockerspec.HealthcheckConfig {
	if r.Server().Name != payload.AgentServer {
		return dockerspec.HealthcheckConfig{Test: []string{NoHealthcheck}}
	}
	return dockerspec.HealthcheckConfig{
		Test:     []string{"CMD", payload.Init, "health"},
		Interval: 30 * time.Second, Timeout: 10 * time.Second, StartPeriod: 2 * time.Minute, Retries: 3,
	}
}

// NoHealthcheck is in the place of a command where an image has none, and
// inherits none from its base.
const NoHealthcheck = "NONE"

// healthcheckStep is the instruction for it without its name.
func (r Runtime) healthcheckStep() string {
	h := r.Healthcheck()
	if h.Test[0] == NoHealthcheck {
		return NoHealthcheck
	}
	command, _ := json.Marshal(h.Test[1:]) // strings always encode
	return fmt.Sprintf("--interval=%s --timeout=%s --start-period=%s --retries=%d %s %s", h.Interval, h.Timeout, h.StartPeriod, h.Retries, h.Test[0], command)
}

// Overrides returns the variables that the image sets whatever its base says,
// beside PATH.
func (r Runtime) Overrides() (vars []payload.Var) {
	if !r.Sudo {
		vars = append(vars, payload.Var{Name: payload.NoSudoVariable, Value: "true"})
	}
	if r.Tools == payload.PayloadFirst {
		vars = append(vars, payload.Var{Name: payload.ToolsVariable, Value: string(r.Tools)})
	}
	// Who starts one of the server's entrances names no user.
	if server := r.Server(); len(server.Entrances) > 0 && r.User != payload.User {
		vars = append(vars, payload.Var{Name: payload.UserVariable, Value: r.User})
	}
	if r.ExportLibraryPath {
		vars = append(vars, payload.Var{Name: "LD_LIBRARY_PATH", Value: payload.Lib})
	}
	return vars
}

// LastStep is the instruction that the Dockerfile of a runtime image ends
// with. It is the newest entry of the image's history until somebody builds on
// it.
const LastStep = "LABEL " + payload.LabelKind + "=" + payload.KindRuntime

// RenderDockerfile returns the Dockerfile form of stage 2, which copies the
// payload out of the image deps over the image base and sets labels beside
// those of the plan.
func (r Runtime) RenderDockerfile(deps, base string, labels map[string]string) (string, error) {
	all := maps.Clone(r.Labels)
	maps.Copy(all, labels)
	delete(all, payload.LabelKind) // see LastStep
	env := []payload.Var{{Name: "PATH", Value: r.Tools.Path("$PATH")}}
	for _, v := range r.Defaults(labels) {
		env = append(env, payload.Var{Name: v.Name, Value: unlessSet(v)})
	}
	env = append(env, r.Overrides()...)
	text, err := templates.Runtime{
		DepsImage: deps, Base: base, SetupArgs: r.setupArgs(), Env: env,
		Account: r.Account(), WorkingDir: r.Server().WorkingDir, Port: Port, Healthcheck: r.healthcheckStep(), Entrypoint: r.Entrypoint(), Cmd: r.Cmd(), Labels: all,
	}.Dockerfile()
	return text + r.ExtraDepsStep() + LastStep + "\n", err
}

// unlessSet is the value of a variable as a Dockerfile says it whose base may
// have made the choice.
func unlessSet(v payload.Var) string {
	value := v.Value
	for _, name := range slices.Backward(append([]string{v.Name}, payload.Instead(v.Name)...)) {
		value = "${" + name + ":-" + value + "}"
	}
	return value
}

// The IDs of the build secrets that extra dependencies get: the host's root
// certificates, and the command itself.
const (
	CertificatesSecret = "ca"
	ExtraDepsSecret    = "extra-deps"
)

// ExtraDepsStep returns the instructions that run the user's command as root
// in the base's own shell, or the one that set-up provides; empty without a
// command. The command is a secret, because it may hold a password and the text
// of a step stays in the image's history. So BuildKit's cache, which goes by
// that text, must not be used for it. Root certificates are there while it
// runs, too. Both are mounted in a tmpfs, so that no mount point stays behind.
func (r Runtime) ExtraDepsStep() string {
	if r.ExtraDeps == "" {
		return ""
	}
	const bundle, command = "/dev/openhands-ca", "/dev/openhands-extra-deps"
	script := "if [ -s " + bundle + " ]; then export"
	for _, name := range []string{"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO"} {
		script += " " + name + "=" + bundle
	}
	script += "; fi\n. " + command

	var argv bytes.Buffer
	encoder := json.NewEncoder(&argv) // ends the line
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode([]string{"/bin/sh", "-c", script}) // strings always encode
	back := ""
	if r.Account() != rootID {
		back = "USER " + r.Account() + "\n"
	}
	return "USER " + rootID + "\n" +
		"# The command is a secret: --secret id=" + ExtraDepsSecret + ",src=FILE, and --no-cache where it has changed.\n" +
		"RUN --mount=type=secret,id=" + CertificatesSecret + ",target=" + bundle +
		" --mount=type=secret,id=" + ExtraDepsSecret + ",target=" + command + ",required " + argv.String() + back
}

// setupArgs are the flags of oh-init setup.
func (r Runtime) setupArgs() []string {
	args := []string{"--user", r.User}
	if r.UID != 0 {
		args = append(args, "--uid", strconv.Itoa(r.UID))
	}
	if r.Sudo {
		args = append(args, "--sudo")
	}
	if r.Tools == payload.PayloadFirst {
		args = append(args, "--tools", string(r.Tools))
	}
	if server := r.Server(); server.Name != payload.ActionExecutionServer {
		args = append(args, "--server", server.Name)
	}
	return args
}
