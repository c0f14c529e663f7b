package sandbox

import (
	"cmp"
	"strconv"
	"strings"

	clients "github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// serverOf is the profile of an image.
func serverOf(found *image.Image) payload.Server {
	return payload.ServerNamed(found.Labels()[payload.LabelServer])
}

// listen is what is put behind the image's entry point: OpenHands' clients say
// where a server of its own arguments listens. Empty is the image's own.
func listen(server payload.Server) []string {
	if !server.OwnArguments {
		return nil
	}
	return []string{"--host", "0.0.0.0", "--port", strconv.Itoa(plan.Port)}
}

// imageUser is the account that an image was made for, in the form NAME[:UID].
func imageUser(labels map[string]string) string {
	return cmp.Or(labels[payload.LabelUser], payload.User)
}

// accountName is the name of that account.
func accountName(labels map[string]string) string {
	name, _, _ := strings.Cut(imageUser(labels), ":")
	return name
}

// asOpenHands is the process that OpenHands itself starts in a container, for
// the account that the image was made for.
func asOpenHands(found *image.Image, o Options) engine.Process {
	workspace := cmp.Or(o.WorkingDir, payload.Workspace)
	return engine.Process{
		Entrypoint: []string{}, // not nil: the image's is not wanted
		Cmd:        append(clients.V0Command(imageUser(found.Labels()), workspace, plan.Port, "agent_skills", "jupyter"), o.Arguments...),
		WorkingDir: payload.Code,
	}
}
