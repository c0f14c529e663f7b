package client

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func sdk(img Image, a *Advice) error {
	arguments := fmt.Sprintf("server_image=%q", img.Name)
	if img.Arch != "" && img.Arch != "amd64" { // which the class takes for every machine's
		arguments += fmt.Sprintf(", platform=%q", "linux/"+img.Arch)
	}
	a.text("a program that uses the SDK", Python,
		"from openhands.workspace import DockerWorkspace",
		"",
		"with DockerWorkspace("+arguments+") as workspace:",
		`    print(workspace.execute_command("cat /etc/os-release").stdout)`)
	return nil
}

// apptainer pulls the image by itself and keeps what it made of it.
func apptainer(img Image, a *Advice) error {
	a.text("a program that uses the SDK", Python,
		"from openhands.workspace import ApptainerWorkspace",
		"",
		fmt.Sprintf("with ApptainerWorkspace(server_image=%q) as workspace:", img.Name),
		`    print(workspace.execute_command("cat /etc/os-release").stdout)`)
	a.notePull(img)
	a.note("The SDK keeps what Apptainer made of an image under the image's name: give a changed image another tag.")
	return nil
}

// canvas is the agent server's own runtime of containers
// (agent_server/docker_runtime of openhands-agent-server 1.58.2).
func canvas(img Image, a *Advice) error {
	browser, known := img.Has("browser")
	a.environment("the environment of the agent server that starts the others",
		payload.Var{Name: "OH_CONVERSATION_RUNTIME", Value: "docker"},
		payload.Var{Name: "OH_CONVERSATION_IMAGE", Value: img.Name},
		payload.Var{Name: "OH_CONVERSATION_IMAGE_HAS_BROWSER", Value: fmt.Sprint(browser || !known)})
	a.note("The server wants a secret of yours, too: OH_SECRET_KEY, the same at every start.")
	return nil
}

// The end of the tags that a benchmark looks for, PREFIX-INSTANCE-TARGET, where
// it builds for the target that it takes by default.
const benchmarkTarget = "-source-minimal"

// benchmarks takes an image of this name for one that it built itself
// (benchmarks/utils/build_utils.py, ensure_local_image).
func benchmarks(img Image, a *Advice) error {
	repository, tag, err := img.tagged("a benchmark")
	if err != nil {
		return err
	}
	prefix, rest, ok := strings.Cut(tag, "-")
	if !ok || !strings.HasSuffix(rest, benchmarkTarget) || rest == benchmarkTarget {
		prefix = "v1"
		a.warn("A benchmark looks for a tag PREFIX-INSTANCE%s for each of its instances, which %s is not: "+
			"build with --tag '%s:%s-{base.slug}%[1]s', or with the name of the instance for {base.slug}.", benchmarkTarget, img.Name, repository, prefix)
	}
	a.environment("the environment of the benchmark",
		payload.Var{Name: "OPENHANDS_EVAL_AGENT_SERVER_IMAGE", Value: repository}, payload.Var{Name: "IMAGE_TAG_PREFIX", Value: prefix})
	return nil
}

// notePull warns that an image has to be where another machine finds it.
func (a *Advice) notePull(img Image) {
	if parsed, err := reference.ParseNormalizedNamed(img.Name); err == nil {
		a.note("The image is pulled from %s: push it there first, with docker openhands build --push.", reference.Domain(parsed))
	}
}
