package client

import (
	"fmt"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// upstream is the repository of the agent server's own image.
const upstream = "ghcr.io/openhands/agent-server"

// The variables by which the application takes an image
// (app_server/sandbox/sandbox_spec_service.py of openhands-ai 1.11.0).
const (
	repositoryVariable = "AGENT_SERVER_IMAGE_REPOSITORY"
	tagVariable        = "AGENT_SERVER_IMAGE_TAG"
)

func application(img Image, a *Advice) error {
	repository, tag, err := img.tagged("the application")
	if err != nil {
		return err
	}
	a.environment("the environment of the application",
		payload.Var{Name: repositoryVariable, Value: repository}, payload.Var{Name: tagVariable, Value: tag})
	a.warnOfUpstream(repository)
	a.compareRelease(img.Labels.Version)
	a.note("The application gives a sandbox 15 seconds to answer. SANDBOX_STARTUP_GRACE_SECONDS is the variable for more.")
	return nil
}

// warnOfUpstream warns of the one repository of which the application changes
// tags: it puts its own version into them.
func (a *Advice) warnOfUpstream(repository string) {
	if repository == upstream {
		a.warn("Of a tag of %s the application replaces the version by that of its own: name the image in another repository.", upstream)
	}
}

// enterprise is the application in a cluster. The keys are those of the Helm
// chart openhands; the pool is an entry of runtime-api.warmRuntimes.configs,
// whose command and user are what app_server/sandbox/remote_sandbox_service.py
// asks for as well.
func enterprise(img Image, a *Advice) error {
	repository, tag, err := img.tagged("the chart")
	if err != nil {
		return err
	}
	image := fmt.Sprintf("{repository: %q, tag: %q}", repository, tag)
	a.text("a values file of the Helm chart openhands", YAML,
		"global:",
		"  agentServerImage: "+image,
		"runtime: # of charts before that key",
		"  image: "+image,
		"runtime-api:",
		"  warmRuntimes:",
		"    configs:",
		"      - name: "+fmt.Sprintf("%q", "openhands-"+img.Labels.BaseName),
		"        image: "+fmt.Sprintf("%q", img.Name),
		"        working_dir: /workspace",
		"        command: ["+payload.AgentServerEntrance+", --port, \"60000\"]",
		"        environment:",
		"          LOG_JSON: \"1\"",
		"          OH_BASH_EVENTS_DIR: /workspace/bash_events",
		"          OH_CONVERSATIONS_PATH: /workspace/conversations",
		"          OH_ENABLE_VNC: \"0\"",
		"          OH_VSCODE_PORT: \"60001\"",
		"          OPENVSCODE_SERVER_ROOT: "+payload.VSCodeServer,
		"        run_as_user: 10001",
		"        run_as_group: 10001",
		"        fs_group: 10001")
	a.warnOfUpstream(repository)
	a.compareRelease(img.Labels.Version)
	a.notePull(img)
	a.note("A list of a values file replaces the one before it: pools that are there already belong into this file, too.")
	return nil
}
