package plan

import (
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Recover returns the plan of an image that has the labels, over base and with
// the payload deps in the place of its own. The choices that no label tells are
// those whose hash its label of set-up has: ok reports whether there are any.
// What this version makes of the plan is then what the image was made of.
//
// The command for extra dependencies is not known. In the plan of an image that
// has one, some text stands for it.
func Recover(have payload.Labels, base string, deps DepsImage) (r Runtime, ok bool, err error) {
	o := Options{
		Repository: DefaultRepository, Server: have.Server, User: have.User, Tools: payload.Tools(have.Tools), Deps: &deps,
		LayerOrder: OrderAuto, Assemble: AssembleAuto,
	}
	if _, o.Arch, ok = strings.Cut(have.Platform, "/"); !ok {
		return Runtime{}, false, nil
	}
	if !strings.Contains(o.User, ":") { // else the server's own number would be meant
		o.User += ":" + strconv.Itoa(payload.DefaultID)
	}
	if have.ExtraDeps != "" {
		o.ExtraDeps = "true"
	}
	if _, _, err := splitUser(o.User); err != nil {
		return Runtime{}, false, nil
	}
	r, err = o.runtime(base, o.givenDeps(), "linux/"+o.Arch, nil)
	if err != nil {
		return Runtime{}, false, err
	}
	for _, choice := range choicesWithoutLabel() {
		r.Sudo, r.LayerOrder, r.Assemble, r.ExportLibraryPath = choice.Sudo, choice.LayerOrder, choice.Assemble, choice.ExportLibraryPath
		if r.setupHash() == have.Setup {
			r.Labels[payload.LabelSetup] = have.Setup
			r.Dockerfile = "" // of other choices
			return r, true, nil
		}
	}
	return Runtime{}, false, nil
}

// choicesWithoutLabel are all that a label tells by its hash alone.
func choicesWithoutLabel() (all []Runtime) {
	for _, order := range []LayerOrder{OrderAuto, OrderPayloadFirst, OrderBaseFirst} {
		for _, assemble := range []Assemble{AssembleAuto, AssembleNever} {
			for _, sudo := range []bool{true, false} {
				for _, export := range []bool{false, true} {
					all = append(all, Runtime{LayerOrder: order, Assemble: assemble, Sudo: sudo, ExportLibraryPath: export})
				}
			}
		}
	}
	return all
}

// Renamed returns the name of the image ref over base and with the payload deps,
// where ref is a name that builds give by the labels of the image. A name that
// somebody chose is returned as it is.
func Renamed(ref string, have payload.Labels, base string, deps DepsImage) string {
	before, choices, ok := tag.RuntimeOf(ref, have.DepsTag)
	hash, known := tag.HashOf(deps.Tag)
	if !ok || !known {
		return ref
	}
	return before + ":" + tag.Runtime(deps.Version, base, hash, choices)
}
