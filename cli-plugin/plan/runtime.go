package plan

import (
	"maps"
	"strconv"

	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
)

// Port is where the server listens in a container.
const Port = 8000

// Entrypoint and Cmd start the server of the payload under its own PID 1.
func (r Runtime) Entrypoint() []string { return []string{payload.Init, "--"} }

// Cmd is the server's launcher.
func (r Runtime) Cmd() []string {
	return []string{payload.Bin + "/oh-" + r.Labels[payload.LabelServer]}
}

// Environ returns what the image sets beside PATH, in a fixed order.
func (r Runtime) Environ() []payload.Var {
	environ := payload.Environ()
	if r.ExportLibraryPath {
		environ = append(environ, payload.Var{Name: "LD_LIBRARY_PATH", Value: payload.Lib})
	}
	return environ
}

// RenderDockerfile returns the Dockerfile form of stage 2, which copies the
// payload out of the image deps over the image base and sets labels beside
// those of the plan.
func (r Runtime) RenderDockerfile(deps, base string, labels map[string]string) (string, error) {
	all := maps.Clone(r.Labels)
	maps.Copy(all, labels)
	env := append([]payload.Var{{Name: "PATH", Value: payload.Path("$PATH")}}, r.Environ()...)
	return templates.Runtime{
		DepsImage: deps, Base: base, SetupArgs: r.setupArgs(), Env: env,
		WorkingDir: payload.Workspace, Port: Port, Entrypoint: r.Entrypoint(), Cmd: r.Cmd(), Labels: all,
	}.Dockerfile()
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
	return args
}
