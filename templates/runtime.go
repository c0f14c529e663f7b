package templates

import (
	"bytes"
	"fmt"
	"text/template"

	_ "embed"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Runtime are the values of a runtime image's Dockerfile.
type Runtime struct {
	DepsImage   string
	Base        string   // reference, or "scratch"
	SetupArgs   []string // of oh-init setup
	Env         []payload.Var
	Account     string // that the image starts as
	WorkingDir  string
	Port        int
	Healthcheck string // what follows the name of the instruction
	Entrypoint  []string
	Cmd         []string
	Labels      map[string]string
}

//go:embed runtime.Dockerfile.tmpl
var runtimeText string

var runtimeTemplate = template.Must(stage1Template.New("runtime").Parse(runtimeText))

// Dockerfile returns the Dockerfile that is equivalent to the assembly.
func (r Runtime) Dockerfile() (string, error) {
	var text bytes.Buffer
	if err := runtimeTemplate.Execute(&text, r); err != nil {
		return "", fmt.Errorf("rendering the Dockerfile of the runtime image: %w", err)
	}
	return text.String(), nil
}
