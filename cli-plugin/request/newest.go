package request

import (
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Newest returns the tag of the payload that a build of today makes in the place
// of one with the labels: of the same server and components, and the newest
// release. It is empty where the labels do not tell the choices that the payload
// was made by, as with sources of the user's own.
func Newest(of payload.Labels) (string, error) {
	_, arch, _ := strings.Cut(of.Platform, "/")
	r := Request{Options: plan.Options{
		Repository: plan.DefaultRepository, Server: of.Server, BuilderBase: plan.DefaultBuilderBase, LayerOrder: plan.OrderAuto, Assemble: plan.AssembleAuto,
	}}
	switch of.Variant {
	case "":
	case "python-env=" + string(plan.PythonEnvLean):
		r.Options.PythonEnv = plan.PythonEnvLean
	default:
		return "", nil
	}
	usual, err := r.plan([]string{arch}, "", nil)
	if err != nil {
		return "", err
	}
	has := of.ComponentNames()
	for _, name := range has {
		if !slices.Contains(usual.Deps.Components, name) {
			r.Options.With = append(r.Options.With, name)
		}
	}
	for _, name := range usual.Deps.Components {
		if !slices.Contains(has, name) {
			r.Options.Without = append(r.Options.Without, name)
		}
	}
	p, err := r.plan([]string{arch}, "", nil)
	if err != nil || !slices.Equal(p.Deps.Components, has) {
		return "", nil // of components that are the user's own, or are no more
	}
	return p.Deps.Tag, nil
}
