// Package plan decides what is to be built and under which names: options to
// a Plan, a pure value. Nothing here talks to an engine, a network or a disk,
// so the same options give the same plan on every machine.
package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/fingerprint"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
)

// Scratch is the base that has no file at all.
const Scratch = "scratch"

// The defaults of the options.
const (
	DefaultRepository  = "ghcr.io/openhands/runtime"
	DefaultServer      = payload.ActionExecutionServer
	DefaultBuilderBase = "debian:trixie-slim"
)

// LayerOrder says whether the payload's layers lie below the base's, which
// lets all runtime images of an engine share one unpacked payload, or above.
type LayerOrder string

// The layer orders. Auto is payload first unless the base forbids it.
const (
	OrderAuto         LayerOrder = "auto"
	OrderPayloadFirst LayerOrder = "payload-first"
	OrderBaseFirst    LayerOrder = "base-first"
)

// Assemble says how stage 2 is carried out.
type Assemble string

// AssembleNever builds the equivalent Dockerfile instead.
const (
	AssembleAuto  Assemble = "auto"
	AssembleNever Assemble = "never"
)

// PythonEnv says how much of the server's virtual environment is put in.
type PythonEnv string

// Full is all that the server's lock says; Lean is without what only the
// OpenHands application needs, which runs outside of the sandbox.
const (
	PythonEnvFull PythonEnv = "full"
	PythonEnvLean PythonEnv = "lean"
)

// Options are what a user can choose.
type Options struct {
	Bases       []string
	Repository  string // of all images made
	Version     string // of OpenHands; empty: the newest that the server has
	Server      string
	Arch        string // GOARCH form
	BuilderArch string // that stage 1 runs as where it makes a payload for another; empty: Arch
	BuilderBase string
	With        []string // optional components put in
	Without     []string // components left out
	PythonEnv   PythonEnv
	Deps        *DepsImage
	Tags        []string            // further names of each runtime image, see Placeholders
	OwnTags     map[string][]string // those of the images over these bases, in the place of Tags

	// DepsRepository is that of the payload; empty: Repository, and with a push
	// the first repository of each registry that images go to.
	DepsRepository string

	User              string // NAME[:UID]
	NoSudo            bool
	Tools             payload.Tools // empty: base first
	ExtraDeps         string        // shell command run on top
	ExportLibraryPath bool
	LayerOrder        LayerOrder
	Assemble          Assemble
}

// DepsImage is a deps image that exists already and was chosen by name.
type DepsImage struct {
	Ref     string
	Tag     string // label LabelDepsTag, empty where unknown
	Version string
	Server  string
}

// Plan is all that one command builds.
type Plan struct {
	Deps      Deps      `json:"deps"`
	Runtimes  []Runtime `json:"runtimes"`
	Platforms []Part    `json:"platforms,omitempty"` // of several platforms, what the indexes above are made of
}

// Part is what a plan for several platforms makes for one of them. There are as many
// runtimes as in the plan, over the same bases.
type Part struct {
	Deps     Deps      `json:"deps"`
	Runtimes []Runtime `json:"runtimes"`
}

// Plan is the plan that makes the part alone.
func (p Part) Plan() Plan { return Plan{Deps: p.Deps, Runtimes: p.Runtimes} }

// Deps is the plan of stage 1.
type Deps struct {
	Image       string            `json:"image"` // reference
	Tag         string            `json:"tag"`
	Repository  string            `json:"repository,omitempty"` // that it is pushed to; empty: the first of each registry that images go to
	Given       bool              `json:"given"`                // chosen by name, never built
	Version     string            `json:"version"`
	Server      string            `json:"server"`
	Arch        string            `json:"architecture"`                  // empty: of several platforms
	BuilderArch string            `json:"builderArchitecture,omitempty"` // that it is made by, for another
	BuilderBase string            `json:"builderBase,omitempty"`
	Components  []string          `json:"components,omitempty"`
	LeftOut     []string          `json:"leftOut,omitempty"` // of a lean virtual environment
	Labels      map[string]string `json:"labels,omitempty"`
	Dockerfile  string            `json:"dockerfile,omitempty"`
	Context     map[string]File   `json:"-"` // build context by path, the Dockerfile apart
	Layers      []string          `json:"-"` // what its layers hold, lowest first; nil where it is given
}

// File is a file of a build context.
type File = templates.File

// Runtime is the plan of stage 2 for one base.
type Runtime struct {
	Base              string            `json:"base"`
	Image             string            `json:"image"`          // reference
	Tags              []string          `json:"tags,omitempty"` // further references
	User              string            `json:"user"`
	UID               int               `json:"uid,omitempty"` // 0: the default
	Sudo              bool              `json:"sudo"`
	Tools             payload.Tools     `json:"tools"`
	ExtraDeps         string            `json:"extraDeps,omitempty"`
	ExportLibraryPath bool              `json:"exportLibraryPath,omitempty"`
	LayerOrder        LayerOrder        `json:"layerOrder"`
	Assemble          Assemble          `json:"assemble"`
	Labels            map[string]string `json:"labels"` // those that do not depend on what the engine has
	Dockerfile        string            `json:"dockerfile"`
}

// References returns every name of the image.
func (r Runtime) References() []string { return append([]string{r.Image}, r.Tags...) }

// Inputs are the parts of the project that shape a payload.
type Inputs struct {
	Components []templates.Component // all there are, in layer order; nil: any version will do
	Helpers    map[string][]byte     // helper binaries by name; nil with Options.Deps
	Tools      map[string][]byte     // those that run in the builder, with Options.BuilderArch
	Source     *Source               // instead of a release
}

// Source is a checkout of OpenHands.
type Source struct {
	Version string
	Files   map[string]File // by slash-separated path
}

// New makes the plan. Errors are *problem.Error.
func New(o Options, in Inputs) (Plan, error) {
	if err := o.check(in); err != nil {
		return Plan{}, err
	}
	p := Plan{Runtimes: []Runtime{}} // none is no null in JSON
	var err error
	if o.Deps != nil {
		p.Deps = o.givenDeps()
	} else if p.Deps, err = o.deps(in); err != nil {
		return Plan{}, err
	}
	mark, err := fingerprint.Mark(o.ExtraDeps)
	if err != nil {
		return Plan{}, err
	}
	for _, base := range o.Bases {
		runtime, err := o.runtime(base, p.Deps, p.Platform(), mark)
		if err != nil {
			return Plan{}, err
		}
		p.Runtimes = append(p.Runtimes, runtime)
	}
	return p, p.checkNames()
}

func (o *Options) check(in Inputs) error {
	if servers := templates.Servers(in.Components); len(servers) > 0 && !slices.Contains(servers, o.Server) {
		return problem.New(problem.Usage, fmt.Sprintf("--server is %q, not %s", o.Server, strings.Join(servers, " or ")), nil,
			problem.Meant(problem.Similar(servers, o.Server), "%s"))
	}
	if in.Source != nil {
		if o.Version != "" {
			return problem.Usagef("--source and --openhands-version exclude each other")
		}
		if o.Deps != nil {
			return problem.Usagef("--source and --deps-image exclude each other")
		}
		o.Version = in.Source.Version
	} else if err := o.chooseVersion(in.Components); err != nil {
		return err
	}
	switch o.PythonEnv {
	case "", PythonEnvFull, PythonEnvLean:
	default:
		return problem.Usagef("--python-env is %q, not full or lean", o.PythonEnv)
	}
	switch o.Tools {
	case "", payload.BaseFirst, payload.PayloadFirst:
	default:
		return problem.Usagef("--tools is %q, not base-first or payload-first", o.Tools)
	}
	switch o.LayerOrder {
	case OrderAuto, OrderPayloadFirst, OrderBaseFirst:
	default:
		return problem.Usagef("--layer-order is %q, not auto, payload-first or base-first", o.LayerOrder)
	}
	switch o.Assemble {
	case AssembleAuto, AssembleNever:
	default:
		return problem.Usagef("--assemble is %q, not auto or never", o.Assemble)
	}
	if o.Assemble == AssembleNever && o.LayerOrder == OrderPayloadFirst {
		return problem.Usagef("--assemble never cannot put the payload first: a Dockerfile starts with its base")
	}
	seen := map[string]bool{}
	for _, base := range o.Bases {
		if seen[base] {
			return problem.Usagef("--base %s is given twice", base)
		}
		seen[base] = true
		if base != Scratch {
			if err := problem.CheckReference("base image", base); err != nil {
				return err
			}
		}
	}
	if err := o.CheckPatterns(); err != nil {
		return err
	}
	what, from := "builder base", o.BuilderBase
	if o.Deps != nil {
		what, from = "deps image", o.Deps.Ref
	}
	if err := problem.CheckReference(what, from); err != nil {
		return err
	}
	if len(o.ExtraDeps) > maxExtraDeps {
		return problem.Usagef("--extra-deps has %d bytes, more than %d", len(o.ExtraDeps), maxExtraDeps)
	}
	if o.DepsRepository != "" {
		if err := problem.CheckRepository(o.DepsRepository); err != nil {
			return err
		}
	}
	return problem.CheckRepository(o.Repository)
}

// maxExtraDeps is the length in bytes of the longest command for extra
// dependencies: it comes to buildx as a variable, and Linux allows 128 KiB.
const maxExtraDeps = 100 << 10

func (o *Options) deps(in Inputs) (Deps, error) {
	components, err := templates.Select(in.Components, templates.Choice{
		Server: o.Server, Version: o.Version, With: o.With, Without: o.Without, Lean: o.PythonEnv == PythonEnvLean,
	})
	if err != nil {
		next := ""
		var unknown *templates.UnknownError
		if errors.As(err, &unknown) {
			next = problem.Meant(problem.Similar(unknown.Known, unknown.Name), "%s")
		}
		return Deps{}, problem.New(problem.Usage, "the components cannot be chosen", err, next)
	}
	d := Deps{Repository: o.DepsRepository, Version: o.Version, Server: o.Server, Arch: o.Arch, BuilderBase: o.BuilderBase}
	for _, component := range components {
		d.Components = append(d.Components, component.Name)
		if component.Lean != nil && o.PythonEnv == PythonEnvLean {
			d.LeftOut = append(d.LeftOut, component.Lean.Report()...)
		}
	}
	stage := templates.Stage1{
		Version: o.Version, Server: o.Server, BuilderBase: o.BuilderBase, Arch: o.Arch, Components: components,
	}
	if in.Source != nil {
		if !slices.ContainsFunc(components, func(c templates.Component) bool { return c.Sources }) {
			return Deps{}, problem.Usagef("--source is for a payload with OpenHands' sources, and this one of %s is without", o.Server)
		}
		stage.Source = in.Source.Files
	}
	// The tag is over the Dockerfile without the labels, which hold the tag.
	text, err := stage.Dockerfile()
	if err != nil {
		return Deps{}, fmt.Errorf("rendering the stage 1 Dockerfile: %w", err)
	}
	context, err := stage.Context()
	if err != nil {
		return Deps{}, fmt.Errorf("gathering the build context: %w", err)
	}
	hash := newDigest()
	for _, field := range [][2]string{
		{"version", o.Version}, {"server", o.Server}, {"architecture", o.Arch}, {"builder", o.BuilderBase}, {"dockerfile", text},
	} {
		hash.add(field[0], []byte(field[1]))
	}
	told := []string{"version=" + o.Version, "server=" + o.Server, "architecture=" + o.Arch, "builder=" + o.BuilderBase, "dockerfile=" + part([]byte(text))}
	for _, component := range components {
		hash.add("component", []byte(component.Name))
		files := newDigest()
		files.addAll("file", component.Files)
		told = append(told, "component/"+component.Name+"="+hex.EncodeToString(files.Sum(nil)[:partLength]))
	}
	files := newDigest()
	for _, path := range slices.Sorted(maps.Keys(context)) {
		for _, digest := range []digest{hash, files} {
			digest.add("context", []byte(path))
			digest.add(strconv.FormatInt(int64(context[path].Mode), 8), context[path].Data)
		}
	}
	told = append(told, "context="+hex.EncodeToString(files.Sum(nil)[:partLength]))
	for _, name := range slices.Sorted(maps.Keys(in.Helpers)) {
		sum := sha256.Sum256(in.Helpers[name])
		hash.add("helper", []byte(name))
		hash.add("sha256", sum[:])
		told = append(told, "helper/"+name+"="+hex.EncodeToString(sum[:partLength]))
		context["helpers/"+name] = File{Mode: 0o755, Data: in.Helpers[name]}
	}
	d.Tag = tag.Deps(o.Version, hash.tag())
	d.Image = cmp.Or(o.DepsRepository, o.Repository) + ":" + d.Tag
	d.Labels = payload.Labels{
		Kind: payload.KindDeps, Version: o.Version, Server: o.Server, Components: strings.Join(d.Components, ","),
		Variant: strings.Join(o.variant(in), " "), DepsTag: d.Tag, Layers: strings.Join(stage.Contents(), ","), Inputs: strings.Join(told, " "),
	}.Map()
	d.Labels["org.opencontainers.image.title"] = "OpenHands payload"
	d.Labels["org.opencontainers.image.version"] = o.Version
	d.Labels["org.opencontainers.image.ref.name"] = d.Tag
	stage.Labels = d.Labels
	if stage.BuilderArch = o.BuilderArch; stage.Foreign() {
		d.BuilderArch = o.BuilderArch
		further, err := stage.BuilderContext()
		if err != nil {
			return Deps{}, fmt.Errorf("gathering the build context: %w", err)
		}
		maps.Copy(context, further)
		for name, data := range in.Tools {
			context[stage.ToolsFolder()+"/"+name] = File{Mode: 0o755, Data: data}
		}
	}
	if d.Dockerfile, err = stage.Dockerfile(); err != nil {
		return Deps{}, fmt.Errorf("rendering the stage 1 Dockerfile: %w", err)
	}
	d.Context, d.Layers = context, stage.Contents()
	return d, nil
}

// variant names the choices that neither the tag nor the labels tell, and that
// make payloads which live side by side.
func (o *Options) variant(in Inputs) (chosen []string) {
	if o.PythonEnv == PythonEnvLean {
		chosen = append(chosen, "python-env="+string(o.PythonEnv))
	}
	if o.BuilderBase != DefaultBuilderBase {
		chosen = append(chosen, "builder-base="+o.BuilderBase)
	}
	if in.Source != nil {
		chosen = append(chosen, "source")
	}
	return chosen
}

// partLength is how many bytes of a hash LabelInputs tells of one part.
const partLength = 6

func part(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:partLength])
}

func (o *Options) givenDeps() Deps {
	d := Deps{Image: o.Deps.Ref, Tag: o.Deps.Tag, Repository: o.DepsRepository, Given: true, Version: o.Deps.Version, Server: o.Deps.Server, Arch: o.Arch}
	if d.Version == "" {
		d.Version = o.Version
	}
	if d.Server == "" {
		d.Server = o.Server
	}
	if _, ok := tag.HashOf(d.Tag); !ok {
		hash := newDigest()
		hash.add("deps image", []byte(o.Deps.Ref))
		d.Tag = tag.Deps(d.Version, hash.tag())
	}
	return d
}

// splitUser splits NAME[:UID]. An empty name means the payload's default account.
func splitUser(user string) (name string, uid int, err error) {
	name, id, found := strings.Cut(user, ":")
	if found {
		if uid, err = strconv.Atoi(id); err != nil || uid <= 0 || uid > 1<<31-2 {
			return "", 0, errors.New("the user ID must be a number from 1 up")
		}
	}
	if name == "" {
		name = payload.User
	}
	if !userName.MatchString(name) {
		return "", 0, errors.New("a name is a lower-case letter or _, then at most 31 of a-z 0-9 _ -")
	}
	return name, uid, nil
}

var userName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// runtime plans the image over base. The mark is that of the command for extra
// dependencies.
func (o *Options) runtime(base string, deps Deps, platform string, mark []byte) (Runtime, error) {
	user, uid, err := splitUser(o.User)
	if err != nil {
		return Runtime{}, problem.New(problem.Usage, fmt.Sprintf("--user %q is not NAME[:UID]", o.User), err, "")
	}
	hash, _ := tag.HashOf(deps.Tag)
	if uid == 0 {
		uid = defaultID(deps.Server)
	}
	if uid == payload.DefaultID {
		uid = 0
	}
	further, err := o.FurtherNames(base, deps)
	if err != nil {
		return Runtime{}, err
	}
	r := Runtime{
		Base: base, Tags: further,
		User: user, UID: uid, Sudo: !o.NoSudo, Tools: cmp.Or(o.Tools, payload.BaseFirst), ExtraDeps: o.ExtraDeps, ExportLibraryPath: o.ExportLibraryPath,
		LayerOrder: o.LayerOrder, Assemble: o.Assemble,
	}
	r.Image = o.Repository + ":" + tag.Runtime(deps.Version, base, hash, r.choices(deps.Server, mark))
	r.Labels = payload.Labels{
		Kind: payload.KindRuntime, Version: deps.Version, Server: deps.Server, Components: strings.Join(deps.Components, ","),
		DepsTag: deps.Tag, BaseName: base, Setup: r.setupHash(), Platform: platform, User: r.wantedUser(),
	}.Map()
	if r.Tools == payload.PayloadFirst {
		r.Labels[payload.LabelTools] = string(r.Tools)
	}
	r.Labels["org.opencontainers.image.title"] = "OpenHands runtime over " + base
	r.Labels["org.opencontainers.image.version"] = deps.Version
	r.Labels["org.opencontainers.image.base.name"] = base
	if r.ExtraDeps == "" { // else it is another one each time, and no part of a plan
		r.Labels[payload.LabelExtraDeps] = ""
	}
	r.Dockerfile, err = r.RenderDockerfile(deps.Image, base, nil)
	return r, err
}
