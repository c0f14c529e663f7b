package builder

import (
	"context"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
)

// Expected is what a build would do about an image, as far as the engine alone
// tells: registries are not asked.
type Expected struct {
	Kind       string   `json:"kind"`           // deps, which is the payload, or runtime
	Base       string   `json:"base,omitempty"` // empty: the deps image
	References []string `json:"references"`
	Server     string   `json:"server,omitempty"` // profile; empty: not known of a payload that was chosen by name
	Platform   string   `json:"platform"`
	Exists     bool     `json:"exists"`            // the engine has it, made from the same, and it is not to be made again
	Asked      bool     `json:"-"`                 // its registry would be asked for it
	BaseExists bool     `json:"baseExists"`        // the engine has the base, or it is scratch
	Size       int64    `json:"size,omitempty"`    // bytes, unpacked; of an image that does not exist an estimate
	Seconds    float64  `json:"seconds,omitempty"` // that the last image of the kind took on this machine
}

// last is what is remembered of the image of a kind and server that was made
// last.
type last struct {
	Seconds float64
	Size    int64 // bytes, unpacked; 0: not known
}

const lastFolder = "last"

// remember keeps what a build came to for Expect.
func (r Result) remember(size int64) {
	if !r.Reused && r.Failure == nil && r.Seconds > 0 {
		state.Remember(lastFolder, r.Kind+"-"+r.Server, last{r.Seconds, size})
	}
}

// Expect tells what Build would do about each image of the plan, the deps image
// first; of a plan for several platforms all images of one, then those of the next.
func (b *Builder) Expect(ctx context.Context, p plan.Plan) (all []Expected, err error) {
	if len(p.Platforms) == 0 {
		return b.expect(ctx, p)
	}
	for _, one := range p.Platforms {
		expected, err := b.expect(ctx, one.Plan())
		if err != nil {
			return nil, err
		}
		if b.Output != nil {
			expected[0].References = append(expected[0].References, p.Deps.Image)
		}
		for i, r := range p.Runtimes { // what is made has its names in the index alone
			expected[i+1].References = r.References()
		}
		all = append(all, expected...)
	}
	return all, nil
}

// expect is Expect for one platform.
func (b *Builder) expect(ctx context.Context, p plan.Plan) ([]Expected, error) {
	f := finder{b, p.Deps.Arch}
	deps, err := b.expected(ctx, p.Deps.Image, depsDiffer(p.Deps), p.Deps.Given)
	if err != nil {
		return nil, err
	}
	deps = f.own(deps)
	first := Expected{References: []string{p.Deps.Image}}
	first.fill(p, KindDeps, deps)
	first.Asked = b.mayAsk(p.Deps.Image)
	all := []Expected{first}
	for _, r := range p.Runtimes {
		one := Expected{Base: r.Base, References: r.References(), BaseExists: r.Base == plan.Scratch}
		var base, made *image.Image
		if r.Base != plan.Scratch {
			if base, err = b.Engine.Image(ctx, r.Base); err != nil {
				return nil, err
			}
			base = f.own(base)
			one.BaseExists = base != nil
		}
		if deps != nil && one.BaseExists {
			if made, err = b.expected(ctx, r.Image, inputs{r, deps, base}.differs, false); err != nil {
				return nil, err
			}
		}
		one.fill(p, KindRuntime, made)
		one.Asked = b.mayAsk(r.Image)
		if made == nil && first.Size > 0 && one.BaseExists {
			one.Size = first.Size
			if base != nil {
				one.Size += base.Size
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// expected is the image of the engine that a build would use; nil where it
// would make or pull one.
func (b *Builder) expected(ctx context.Context, ref string, differs func(map[string]string, string) []string, given bool) (*image.Image, error) {
	found, err := b.Engine.Image(ctx, ref)
	if err != nil || found == nil || given {
		return found, err
	}
	if b.ForceRebuild || len(differs(found.Labels(), found.Platform())) > 0 {
		return nil, nil
	}
	return found, nil
}

// fill adds what is the same for all images, and what is known of the one that
// is there or of the last one.
func (e *Expected) fill(p plan.Plan, kind string, found *image.Image) {
	e.Kind, e.Server, e.Platform, e.Exists = kind, p.Deps.Server, p.Platform(), found != nil
	if found != nil {
		e.Size = found.Size
		return
	}
	var before last
	if state.Recall(lastFolder, kind+"-"+p.Deps.Server, &before) {
		e.Seconds, e.Size = before.Seconds, before.Size
	}
}
