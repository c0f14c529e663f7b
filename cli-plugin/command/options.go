package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/request"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/pflag"
)

// payloadOptions choose the payload.
type payloadOptions struct {
	server         string
	version        string
	source         string
	builderBase    string
	with           []string
	without        []string
	dirs           []string // of the user's own components
	pythonEnv      string
	platform       string
	repository     string
	depsRepository string
}

func (o *payloadOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.server, "server", plan.DefaultServer, "Server profile of the payload")
	f.Var((*release)(&o.version), "openhands-version", "Version of OpenHands, or of its agent server, or latest (default: the newest with the server)")
	f.StringVar(&o.source, "source", "", "Folder with OpenHands' sources, instead of a release")
	f.StringVar(&o.builderBase, "builder-base", plan.DefaultBuilderBase, "Debian image that the payload is built in")
	f.StringSliceVar(&o.with, "with", nil, "Optional components to put in")
	f.StringSliceVar(&o.without, "without", nil, "Components to leave out")
	f.StringArrayVar(&o.dirs, "component-dir", nil, "Folder with a component of your own; repeat it for several")
	f.StringVar(&o.pythonEnv, "python-env", string(plan.PythonEnvFull), "Virtual environment of the server: full or lean; --dry-run lists what lean is without")
	f.StringVar(&o.platform, "platform", "", "Platform of the images, with --push and --output several with commas; an engine is loaded with its own, by deps build with any (default: the engine's)")
	f.StringVar(&o.repository, "repository", plan.DefaultRepository, "Repository of the images; also OH_RUNTIME_RUNTIME_IMAGE_REPO")
	f.StringVar(&o.depsRepository, "deps-repository", "", "Repository of the payload (default: --repository; with --push the first one of each registry that images go to)")
	annotate(f, map[string]facts{
		"deps-repository":   {group: groupTo, modes: onlyTwoStage()},
		"server":            {group: groupWhat, modes: onlyTwoStage(), suggests: suggestServers},
		"openhands-version": {group: groupWhat, modes: bothModes(), suggests: suggestReleases, yieldsTo: "source"},
		"source":            {group: groupWhat, modes: bothModes(), suggests: suggestFolders},
		"builder-base":      {group: groupWhat, modes: onlyTwoStage(), suggests: suggestBases},
		"with":              {group: groupWhat, modes: onlyTwoStage(), suggests: suggestOptional},
		"without":           {group: groupWhat, modes: onlyTwoStage(), suggests: suggestStandard},
		"component-dir":     {group: groupWhat, modes: onlyTwoStage(), suggests: suggestFolders},
		"python-env":        {group: groupWhat, modes: onlyTwoStage(), choices: []string{string(plan.PythonEnvFull), string(plan.PythonEnvLean)}},
		"platform":          {group: groupTo, modes: bothModes(), suggests: suggestPlatforms},
		"repository":        {group: groupTo, modes: bothModes()},
	})
}

// runtimeOptions choose the images over bases.
type runtimeOptions struct {
	payloadOptions
	bases             []string
	depsImage         string
	serverChosen      bool // by the user: a payload of another one is a mistake
	tags              []string
	ownTags           map[string][]string // by bases, in the place of tags
	extraDeps         string
	user              string
	noSudo            bool
	tools             string
	layerOrder        string
	assemble          string
	exportLibraryPath bool
}

func (o *runtimeOptions) flags(f *pflag.FlagSet) {
	o.payloadOptions.flags(f)
	f.StringArrayVar(&o.bases, "base", nil, "Base image, or scratch; repeat it for several images")
	f.StringVar(&o.depsImage, "deps-image", "", "Deps image to take the payload from, instead of building one")
	f.StringArrayVarP(&o.tags, "tag", "t", nil, "Further name of each image; a pattern such as team/app:{base} for several")
	f.StringVar(&o.extraDeps, "extra-deps", "", "Shell command that is run as root on top of the image; the command stays out of the image, what it writes does not")
	f.StringVar(&o.user, "user", "", "Account of the agent, NAME[:UID] (default openhands:1000)")
	f.BoolVar(&o.noSudo, "no-sudo", false, "Do not let the account become root, nor run the server as root")
	f.StringVar(&o.tools, "tools", string(payload.BaseFirst), "Whose programs sessions find first where both have them: base-first, payload-first")
	f.StringVar(&o.layerOrder, "layer-order", string(plan.OrderAuto), "Order of layers: auto, payload-first, base-first")
	f.StringVar(&o.assemble, "assemble", string(plan.AssembleAuto), "auto puts layers together, never builds the Dockerfile form")
	f.BoolVar(&o.exportLibraryPath, "export-library-path", false, "Set LD_LIBRARY_PATH to the payload's libraries; breaks programs of many bases")
	annotate(f, map[string]facts{
		"base":                {group: groupFrom, modes: bothModes(), suggests: suggestBases, yieldsTo: "image", spellings: []string{"base-image"}},
		"deps-image":          {group: groupFrom, modes: onlyTwoStage(), suggests: suggestPayloads},
		"tag":                 {group: groupTo, modes: bothModes()},
		"extra-deps":          {group: groupWhat, modes: bothModes()},
		"user":                {group: groupWhat, modes: onlyTwoStage()},
		"no-sudo":             {group: groupWhat, modes: onlyTwoStage()},
		"tools":               {group: groupWhat, modes: onlyTwoStage(), choices: []string{string(payload.BaseFirst), string(payload.PayloadFirst)}},
		"layer-order":         {group: groupHow, modes: onlyTwoStage(), choices: []string{string(plan.OrderAuto), string(plan.OrderPayloadFirst), string(plan.OrderBaseFirst)}},
		"assemble":            {group: groupHow, modes: onlyTwoStage(), choices: []string{string(plan.AssembleAuto), string(plan.AssembleNever)}},
		"export-library-path": {group: groupWhat, modes: onlyTwoStage()},
	})
}

// buildOptions say how a plan is carried out.
type buildOptions struct {
	forceRebuild  bool
	noCache       bool
	progress      string
	pull          string
	offline       bool
	packageConfig []string
	metadataFile  string
	json          bool
	quiet         bool            // only the IDs of the images are printed
	output        *builder.Output // nil: the engine
}

func (o *buildOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.forceRebuild, "force-rebuild", false, "Do not reuse a runtime image that exists; 'deps build' takes it for the payload")
	f.BoolVar(&o.noCache, "no-cache", false, "Do not use the build cache")
	f.StringVar(&o.pull, "pull", string(builder.PullMissing), "When to ask registries for images: always, missing, never")
	f.BoolVar(&o.offline, "offline", false, "Work from the images that the engine has")
	f.StringVar(&o.progress, "progress", "auto", "Progress output: auto, plain, tty, quiet, rawjson")
	f.StringArrayVar(&o.packageConfig, "package-config", nil, "Settings handed to the build, NAME=FILE; NAME is apt, ca, npm, pip or uv")
	f.StringVar(&o.metadataFile, "metadata-file", "", "Write the results to this file as JSON")
	f.BoolVar(&o.json, "json", false, "Print JSON")
	annotate(f, map[string]facts{
		"force-rebuild":  {group: groupHow, modes: bothModes()},
		"no-cache":       {group: groupHow, modes: bothModes()},
		"pull":           {group: groupFrom, modes: onlyTwoStage(), choices: pullChoices()},
		"offline":        {group: groupFrom, modes: onlyTwoStage()},
		"progress":       {group: groupHow, modes: bothModes(), choices: progressChoices()},
		"package-config": {group: groupFrom, modes: onlyTwoStage(), suggests: suggestConfigs},
		"metadata-file":  {group: groupTo, modes: bothModes(), suggests: suggestFiles},
		"json":           {group: groupHow, call: true},
	})
}

// quietFlag is for commands that make images and nothing else.
func (o *buildOptions) quietFlag(f *pflag.FlagSet) {
	f.BoolFuncP("quiet", "q", "Show no progress, and print only the IDs of the images", func(text string) error {
		on, err := strconv.ParseBool(text)
		if o.quiet = on; err != nil || !on {
			return err
		}
		return f.Set("progress", "quiet")
	})
	annotate(f, map[string]facts{"quiet": {group: groupHow, modes: bothModes(), call: true}})
}

func pullChoices() []string {
	return []string{string(builder.PullMissing), string(builder.PullAlways), string(builder.PullNever)}
}

func progressChoices() []string { return []string{"auto", "plain", "tty", "quiet", "rawjson"} }

// request is what the options ask for.
func (o *runtimeOptions) request() request.Request {
	return request.Request{
		Options: plan.Options{
			Bases: o.bases, Repository: o.repository, DepsRepository: o.depsRepository,
			Version: o.version, Server: o.server, BuilderBase: o.builderBase, With: o.with, Without: o.without, PythonEnv: plan.PythonEnv(o.pythonEnv),
			Tags: o.tags, OwnTags: o.ownTags, User: o.user, NoSudo: o.noSudo, Tools: payload.Tools(o.tools), ExtraDeps: o.extraDeps,
			ExportLibraryPath: o.exportLibraryPath, LayerOrder: plan.LayerOrder(o.layerOrder), Assemble: plan.Assemble(o.assemble),
		},
		Source: o.source, ComponentDirs: o.dirs, DepsImage: o.depsImage, ServerChosen: o.serverChosen || o.server != plan.DefaultServer, Platform: o.platform,
	}
}

// sketch makes a plan without needing an engine: where none answers, it is for
// --platform, or this machine's architecture. The engine is then one that is
// absent. With loads, what is left out of the plan because an engine is not loaded
// with it is noted.
func (o *runtimeOptions) sketch(ctx context.Context, dockerCLI command.Cli, loads bool) (plan.Plan, *engine.Engine, error) {
	asked := o.request()
	architectures, err := request.Architectures(o.platform)
	if err != nil {
		return plan.Plan{}, nil, err
	}
	e, absent := connect(ctx, dockerCLI)
	if ctx.Err() != nil {
		return plan.Plan{}, nil, ctx.Err()
	}
	arch := likelyArch(architectures)
	if absent == nil {
		arch = e.Arch
	}
	if loads {
		loaded, note, err := asked.ForEngine(arch)
		if err != nil {
			return plan.Plan{}, nil, err
		}
		if asked = loaded; note != "" {
			notes(dockerCLI)("%s", note)
		}
	}
	p, err := asked.Sketch(ctx, e, arch)
	if absent != nil {
		e = engine.NoEngine(arch, absent)
	}
	return p, e, err
}

// likelyArch is the architecture that an engine would have which there is not: this
// machine's, unless others are asked for.
func likelyArch(asked []string) string {
	if len(asked) == 0 || slices.Contains(asked, runtime.GOARCH) {
		return runtime.GOARCH
	}
	return asked[0]
}

// settled refuses options that make no sense, and returns what builds by the
// others, without an engine yet.
func (o *buildOptions) settled(dockerCLI command.Cli) (*builder.Builder, error) {
	mode, err := displayMode(dockerCLI, o.progress)
	if err != nil {
		return nil, err
	}
	pull := builder.PullPolicy(o.pull)
	switch pull {
	case builder.PullMissing, builder.PullAlways, builder.PullNever:
	default:
		return nil, problem.Usagef("--pull is %q, not always, missing or never", o.pull)
	}
	if o.offline {
		if pull == builder.PullAlways {
			return nil, problem.New(problem.Usage, "--offline and --pull always exclude each other", nil, "Leave one of them out")
		}
		pull = builder.PullNever
	}
	packageConfig := map[string]string{}
	for _, setting := range o.packageConfig {
		name, file, ok := strings.Cut(setting, "=")
		if !ok {
			return nil, problem.Usagef("--package-config %q is not NAME=FILE", setting)
		}
		packageConfig[name] = file
	}
	if _, err := buildx.HostSecrets(packageConfig); err != nil {
		return nil, err
	}
	if err := checkWritable("--metadata-file", o.metadataFile); err != nil {
		return nil, err
	}
	return &builder.Builder{
		Progress: mode, NoCache: o.noCache, ForceRebuild: o.forceRebuild, Pull: pull, Offline: o.offline, PackageConfig: packageConfig, Output: o.output,
	}, nil
}

// session is an engine and what builds into it. Where images are loaded into the
// engine, one of the platforms is its own.
func (o *buildOptions) session(ctx context.Context, dockerCLI command.Cli, platform string) (*builder.Builder, error) {
	b, err := o.sessionFor(ctx, dockerCLI, platform)
	if err == nil && o.output == nil {
		err = request.CheckEngine(platform, b.Engine.Arch)
	}
	return b, err
}

// sessionFor is a session for what an engine of any platform is loaded with.
func (o *buildOptions) sessionFor(ctx context.Context, dockerCLI command.Cli, platform string) (*builder.Builder, error) {
	b, err := o.settled(dockerCLI)
	if err != nil {
		return nil, err
	}
	architectures, err := request.Architectures(platform)
	if err != nil {
		return nil, err
	}
	e, err := engineFor(ctx, dockerCLI, o.output, likelyArch(architectures))
	if err != nil {
		return nil, err
	}
	// Progress goes to the standard error, a terminal of which is drawn on.
	var log io.Writer = os.Stderr
	if err := e.Sweep(ctx); err != nil {
		fmt.Fprintln(log, terminal.Line("note: "+err.Error()))
	}
	b.Engine, b.CLI, b.Log = e, dockerCLI, log
	return b, nil
}

// build makes all images that the options name, and writes down what came of it.
// Results are those of the images that are finished, also where it ends with an
// error.
func (o *buildOptions) build(ctx context.Context, b *builder.Builder, r *runtimeOptions) ([]builder.Result, error) {
	results, err := r.request().Build(ctx, b)
	return results, errors.Join(err, o.writeMetadata(ctx, b, results))
}

// writeMetadata writes the results, if there are any, where the user wants them.
func (o *buildOptions) writeMetadata(ctx context.Context, b *builder.Builder, results []builder.Result) error {
	if o.metadataFile == "" || len(results) == 0 {
		return nil
	}
	var text bytes.Buffer
	if err := document.Write(&text, imagesOf(ctx, b, results)); err != nil {
		return fmt.Errorf("encoding the results: %w", err)
	}
	if err := os.WriteFile(o.metadataFile, text.Bytes(), 0o644); err != nil {
		return notWritable("--metadata-file", o.metadataFile, err)
	}
	return nil
}
