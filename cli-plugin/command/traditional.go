package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/request"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/pflag"
)

// traditionalOptions are those of a build in the traditional mode only.
type traditionalOptions struct {
	buildFolder string
	buildArgs   []string
	strictTags  bool
}

func (o *traditionalOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.buildFolder, "build-folder", "", "Only prepare this folder for a build")
	annotate(f, map[string]facts{"build-folder": {group: groupTraditional, call: true, modes: onlyTraditional(), suggests: suggestFolders}})
	o.buildFlags(f)
}

// buildFlags are those of commands that always build.
func (o *traditionalOptions) buildFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.buildArgs, "extra-build-args", nil, "Further arguments of 'docker buildx build'")
	f.BoolVar(&o.strictTags, "strict-tags", false, "Refuse images that have the right tag, but were made from something else")
	annotate(f, map[string]facts{
		"extra-build-args": factsOfBuildArgs(),
		"strict-tags":      {group: groupTraditional, modes: onlyTraditional()},
	})
}

// factsOfBuildArgs are those of --extra-build-args: it is split as by a shell.
func factsOfBuildArgs() facts {
	return facts{group: groupTraditional, modes: onlyTraditional(), kind: settings.Words}
}

// traditionalBuild is a call of "build --mode traditional".
type traditionalBuild struct {
	runtimes *runtimeOptions
	how      *buildOptions
	mode     *modeOptions
	old      *traditionalOptions
	dry      bool
}

func buildTraditional(ctx context.Context, dockerCLI command.Cli, o traditionalBuild) error {
	return o.prepared(ctx, dockerCLI, func(b *builder.Builder, images []builder.Traditional) error {
		switch out := dockerCLI.Out(); {
		case o.dry:
			return o.dryRun(ctx, b, images, out)
		case o.old.buildFolder != "":
			p, err := b.TraditionalFolder(ctx, images[0], o.old.buildFolder)
			if err != nil {
				return err
			}
			return o.writePlans(out, []document.TraditionalImage{planned(images[0], p, nil)})
		default:
			results, err := o.build(ctx, b, images)
			return errors.Join(err, o.how.show(ctx, b, out, results))
		}
	})
}

// prepared calls do while the sources are open.
func (o traditionalBuild) prepared(ctx context.Context, dockerCLI command.Cli, do func(*builder.Builder, []builder.Traditional) error) (err error) {
	if err := o.checkFolder(); err != nil {
		return err
	}
	if strings.Contains(o.runtimes.platform, ",") {
		return problem.New(problem.Usage, "--platform is "+o.runtimes.platform+", and an image of the traditional mode is for one platform", nil, "Name one of them")
	}
	wanted := o.mode.traditional(o.runtimes)
	wanted.Tags, wanted.OwnTags = o.runtimes.tags, o.runtimes.ownTags
	wanted.Image.Platform, wanted.Image.StrictTags = o.runtimes.platform, o.old.strictTags
	if wanted.Image.BuildArgs, err = settings.SplitArguments(o.old.buildArgs); err != nil {
		return problem.New(problem.Usage, "--extra-build-args cannot be taken apart", err, "")
	}
	view, err := viewOf(dockerCLI, o.how.progress)
	if err != nil {
		return err
	}
	images, closeSource, err := wanted.Images(ctx, view)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSource()) }()
	// The platform is buildx's matter: it may be another than the engine's.
	b, err := o.how.session(ctx, dockerCLI, "")
	if err != nil {
		return err
	}
	return do(b, images)
}

// traditional are the images that the options ask for, as far as their names go.
func (o *modeOptions) traditional(runtimes *runtimeOptions) request.Traditional {
	return request.Traditional{
		Image: builder.Traditional{Browser: !o.leaveOutBrowser(), ExtraDeps: runtimes.extraDeps},
		Bases: runtimes.bases, Source: runtimes.source, Version: runtimes.version, Repository: runtimes.repository,
	}
}

// build makes the images. Results are those of the images that are finished,
// also where it ends with an error.
func (o traditionalBuild) build(ctx context.Context, b *builder.Builder, images []builder.Traditional) (results []builder.Result, err error) {
	defer func() { err = errors.Join(err, o.how.writeMetadata(ctx, b, results)) }()
	return b.Traditional(ctx, images)
}

func (o traditionalBuild) checkFolder() error {
	if o.old.buildFolder == "" {
		return nil
	}
	if n := len(o.runtimes.bases); n > 1 {
		return problem.Usagef("--build-folder is for one image, but there are %d bases", n)
	}
	if info, err := os.Stat(o.old.buildFolder); err != nil || !info.IsDir() {
		return problem.Usagef("the build folder %s does not exist", o.old.buildFolder)
	}
	return nil
}

func (o traditionalBuild) dryRun(ctx context.Context, b *builder.Builder, images []builder.Traditional, out io.Writer) error {
	if err := b.CheckTraditional(ctx, images); err != nil {
		return err
	}
	var plans []document.TraditionalImage
	for _, image := range images {
		p, err := b.PlanTraditional(ctx, image, false)
		if err != nil {
			return err
		}
		var files []string
		if p.Build {
			if files, err = image.Source.ContextFiles(p.Dockerfile); err != nil {
				return err
			}
		}
		plans = append(plans, planned(image, p, files))
	}
	return o.writePlans(out, plans)
}

// planned is what --dry-run and --build-folder print of an image.
func planned(image builder.Traditional, p builder.TraditionalPlan, files []string) document.TraditionalImage {
	return document.TraditionalImage{
		Names: traditionalTags(image.Base, image.Names), Build: p.Build, Start: p.Start, From: p.From,
		Tags: append([]string{}, p.Tags...), ContextFiles: files, Dockerfile: p.Dockerfile,
	}
}

func (o traditionalBuild) writePlans(out io.Writer, plans []document.TraditionalImage) error {
	if o.how.json {
		return document.Write(out, document.TraditionalPlan{Plans: plans})
	}
	var b strings.Builder
	for _, p := range plans {
		fmt.Fprintf(&b, "image       %s:%s\n  over %s\n", p.Repository, p.SourceTag, p.Base)
		switch {
		case !p.Build:
			b.WriteString("  is there already: nothing is built\n")
			continue
		case len(p.Tags) == 0:
			b.WriteString("  every tag is there already and stays\n")
		}
		fmt.Fprintf(&b, "  built from %s (%s)\n", p.From, p.Start)
		for _, tag := range p.Tags {
			fmt.Fprintf(&b, "  gets %s\n", tag)
		}
		if o.old.buildFolder != "" {
			fmt.Fprintf(&b, "  prepared in %s\n", o.old.buildFolder)
			continue
		}
		fmt.Fprintf(&b, "\n# ---- Dockerfile\n%s\n", p.Dockerfile)
	}
	_, err := io.WriteString(out, terminal.Text(b.String()))
	return err
}
