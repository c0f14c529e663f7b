package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/request"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

// rebaseOptions say what is to be exchanged, and of which images.
type rebaseOptions struct {
	base           string
	deps           string
	depsRepository string
	tags           []string
	all            []string // repositories all of whose images are meant
	jobs           int
	retries        int
	how            buildOptions
	to             destinationOptions
}

func newRebase(dockerCLI command.Cli) *cobra.Command {
	var o rebaseOptions
	cmd := &cobra.Command{
		Use:   "rebase IMAGE [IMAGE...]",
		Short: "Put images over another base or payload, without a build",
		Long: `Exchanges the base or the payload below runtime images, and keeps what somebody
has put on top of them. What is exchanged is proven by the layers of the base
and the payload that an image names, and what is on top has to go with the new
base: where it writes or hides what is another file there, the image is refused
and stays as it is.

Without --base and --deps-image an image goes over what the name of its base
stands for today. With --deps-image alone only the payload's layers are
exchanged, in a registry without looking at any base.

An image keeps its name, which moves to the new one, unless --tag gives others.
A name that a build gave has the payload's hash in it and follows the payload.

--all takes every runtime image of a repository, of a registry, and brings it to
today's base and to the payload that a build of today would have, where that is
there; with --deps-image, to that one, and the bases stay.`,
		Example: `  docker openhands rebase my/image
  docker openhands rebase --base alpine:3.21 my/image
  docker openhands rebase --push --base debian:13 registry.example/team/app:1
  docker openhands rebase --push --deps-image registry.example/rt:oh_deps_v1.6.0_0123456789abcdef registry.example/team/app:1
  docker openhands rebase --push --all registry.example/team/runtime`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.how.output, err = o.to.destination(cmd, dockerCLI, o.how.json, len(args)); err != nil {
				return err
			}
			if err := o.check(args); err != nil {
				return err
			}
			return o.run(cmd.Context(), dockerCLI, args)
		},
		ValidArgsFunction: completeImages(dockerCLI, engine.RuntimeNames, -1),
	}
	f := cmd.Flags()
	f.StringVar(&o.base, "base", "", "Base to put the images over (default: what the name of their own stands for today)")
	f.StringVar(&o.deps, "deps-image", "", "Deps image with the payload to put below the images (default: their own)")
	f.StringVar(&o.depsRepository, "deps-repository", "", "Repository that has the images' payloads, where theirs has not")
	f.StringArrayVarP(&o.tags, "tag", "t", nil, "Name of the result instead of the image's own; repeat it for several")
	f.StringArrayVar(&o.all, "all", nil, "Repository of a registry all of whose runtime images are meant")
	f.IntVar(&o.jobs, "jobs", 8, "Images that are worked on at a time")
	f.IntVar(&o.retries, "retries", 4, "Further tries for an image whose registry fails for a while")
	f.StringVar(&o.how.progress, "progress", "auto", "Progress output: auto, plain, tty, quiet, rawjson")
	f.BoolVar(&o.how.json, "json", false, "Print JSON")
	o.to.flags(f)
	annotate(f, map[string]facts{
		"base":            {group: groupFrom, call: true, suggests: suggestBases},
		"deps-image":      {group: groupFrom, call: true, suggests: suggestPayloads},
		"deps-repository": {group: groupFrom, call: true},
		"all":             {group: groupFrom, call: true},
		"tag":             {group: groupTo, call: true},
		"jobs":            {group: groupHow, call: true},
		"retries":         {group: groupHow, call: true},
		"progress":        {group: groupHow, call: true, choices: progressChoices()},
		"json":            {group: groupHow, call: true},
		"compression":     {call: true}, // where build has it as a setting
	})
	return cmd
}

func (o *rebaseOptions) check(images []string) error {
	switch {
	case len(images) == 0 && len(o.all) == 0:
		return problem.New(problem.Usage, "no image is given", nil, "Name one, or with --all and --push a repository")
	case len(o.all) > 0 && (len(images) > 0 || o.base != "" || len(o.tags) > 0):
		return problem.Usagef("--all excludes images, --base and --tag")
	case len(o.all) > 0 && (o.how.output == nil || !o.how.output.Push):
		return problem.Usagef("--all is for repositories of a registry, and needs --push")
	case len(o.tags) > 0 && len(images) > 1:
		return problem.Usagef("--tag names one image, but there are %d", len(images))
	case o.jobs < 1:
		return problem.Usagef("--jobs is %d, not a number from 1 up", o.jobs)
	case o.retries < 0:
		return problem.Usagef("--retries is %d, not a number from 0 up", o.retries)
	case o.base == plan.Scratch:
		return nil
	case o.base != "":
		return problem.CheckReference("base image", o.base)
	}
	return nil
}

func (o *rebaseOptions) run(ctx context.Context, dockerCLI command.Cli, images []string) error {
	o.how.pull = string(builder.PullMissing)
	if o.base == "" && o.deps == "" {
		o.how.pull = string(builder.PullAlways) // what a name stands for today
	}
	b, err := o.how.session(ctx, dockerCLI, "")
	if err != nil {
		return err
	}
	b.Jobs, b.Retries, b.Terse = o.jobs, o.retries, len(o.all) > 0
	further := builder.Swap{Base: o.base, Deps: o.deps, Tags: o.tags, Today: o.base == "" && o.deps == ""}
	var swaps []builder.Swap
	for _, ref := range images {
		s := further
		s.Image = ref
		swaps = append(swaps, s)
	}
	for _, repository := range o.all {
		found, err := b.Published(ctx, repository, further)
		if err != nil {
			return err
		}
		b.Logf("%d runtime images in %s", len(found), repository)
		swaps = append(swaps, found...)
	}
	if len(o.all) > 0 {
		if err := o.newest(ctx, b, swaps); err != nil {
			return err
		}
	}
	done := 0
	results, err := b.Rebase(ctx, swaps, o.depsRepository, func(r builder.Rebased) {
		done++
		if r.Failure != nil && len(swaps) > 1 {
			b.Logf("%d of %d: %v", done, len(swaps), r.Failure)
		}
	})
	return errors.Join(err, o.show(dockerCLI.Out(), results))
}

// newest gives the swaps of repositories the payload that they are to have: the
// one that is named, else the one that a build of today would have, where that is
// found beside the image or in --deps-repository.
func (o *rebaseOptions) newest(ctx context.Context, b *builder.Builder, swaps []builder.Swap) error {
	known := map[string]string{} // by what decides about them
	for i := range swaps {
		swaps[i].Lax = true
		if o.deps != "" {
			continue
		}
		of := swaps[i].Labels()
		repository := swaps[i].Image[:strings.LastIndexByte(swaps[i].Image, ':')] // it has a tag
		key := strings.Join([]string{repository, of.Platform, of.Server, of.Components, of.Variant}, "\x00")
		ref, ok := known[key]
		if !ok {
			var err error
			if ref, err = o.newestOf(ctx, b, of, repository); err != nil {
				return err
			}
			known[key] = ref
		}
		swaps[i].Deps = ref
	}
	return nil
}

// newestOf is the payload of today for images with the labels; empty where there
// is none yet.
func (o *rebaseOptions) newestOf(ctx context.Context, b *builder.Builder, of payload.Labels, repository string) (string, error) {
	tag, err := request.Newest(of)
	if err != nil || tag == "" {
		return "", err
	}
	for _, place := range []string{o.depsRepository, repository} {
		if place == "" {
			continue
		}
		if there, err := b.HasPayload(ctx, place+":"+tag); there || err != nil {
			return place + ":" + tag, err
		}
	}
	if tag != of.DepsTag {
		b.Logf("the images of %s keep their payload: %s has no %s, which 'docker openhands deps build --push' would put there", of.Server, repository, tag)
	}
	return "", nil
}

// show tells of the results.
func (o *rebaseOptions) show(w io.Writer, results []builder.Rebased) error {
	switch {
	case len(results) == 0, o.how.output != nil && o.how.output.File == "-":
		return nil
	case o.how.json:
		return document.Write(w, document.Rebase{Images: results})
	}
	table := terminal.NewTable(w)
	table.Fit()
	table.Row("IMAGE", "BASE", "PAYLOAD", "SET-UP", "OWN LAYERS", "STATUS")
	for _, r := range results {
		names := r.References
		if len(names) == 0 {
			names = []string{r.Image}
		}
		for _, name := range names {
			table.Row(name, exchanged(r.Base), exchanged(r.Payload), filesOf(r.SetUp), strconv.Itoa(r.Own), rebaseStatus(r))
		}
	}
	return table.Flush()
}

// exchanged is what became of a part.
func exchanged(e builder.Exchange) string {
	switch {
	case e.Name == "":
		return "-"
	case !e.Changed():
		return e.Name + ", the same"
	case e.FormerName != "":
		return e.Name + ", was " + e.FormerName
	}
	return e.Name + ", was " + engine.ShortID(e.Before)
}

func filesOf(paths []string) string {
	if len(paths) == 0 {
		return "the same"
	}
	return strings.Join(paths, ", ")
}

func rebaseStatus(r builder.Rebased) string {
	switch {
	case r.Failure != nil:
		return fmt.Sprintf("failed, %s", r.Failure.Code)
	case r.Unchanged:
		return "as it was"
	case r.Traffic != nil:
		return fmt.Sprintf("pushed in %.1f s, %s", r.Seconds, traffic(r.Traffic))
	case r.Digest != "":
		return fmt.Sprintf("written in %.1f s", r.Seconds)
	}
	return fmt.Sprintf("made in %.1f s", r.Seconds)
}
