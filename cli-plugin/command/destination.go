package command

import (
	"context"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// destinationOptions say where the images of a build go.
type destinationOptions struct {
	load        bool
	push        bool
	output      string
	compression string
}

func (o *destinationOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.load, "load", true, "Load the images into the engine, which is where they go by default")
	f.BoolVar(&o.push, "push", false, "Push to registries instead: to the tags that are given, else to those of --repository")
	f.StringVar(&o.output, "output", "", "Write an archive instead: type=docker,dest=FILE or type=oci,dest=FILE; FILE - is the standard output")
	f.StringVar(&o.compression, "compression", string(image.Gzip), "Compression of pushed and written layers: gzip, or zstd, which engines before Docker 23 cannot read")
	annotate(f, map[string]facts{
		"load":        {group: groupTo, call: true},
		"push":        {group: groupTo, call: true, modes: onlyTwoStage()},
		"output":      {group: groupTo, call: true, modes: onlyTwoStage(), suggests: suggestArchives},
		"compression": {group: groupTo, modes: onlyTwoStage(), choices: []string{string(image.Gzip), string(image.Zstd)}},
	})
}

// destination checks the flags; nil is the engine. Images is how many images
// with a name of their own there will be.
func (o *destinationOptions) destination(cmd *cobra.Command, dockerCLI command.Cli, asJSON bool, images int) (*builder.Output, error) {
	given := 0
	for _, chosen := range []bool{o.push, o.output != "", o.load && cmd.Flags().Changed("load")} {
		if chosen {
			given++
		}
	}
	form := image.Compression(o.compression)
	switch {
	case given > 1:
		return nil, problem.Usagef("--load, --push and --output exclude each other: an image goes to one place")
	case form != image.Gzip && form != image.Zstd:
		return nil, problem.Usagef("--compression is %q, not gzip or zstd", o.compression)
	case o.push:
		return &builder.Output{Push: true, Compression: form}, nil
	case o.output != "":
		out, err := parseOutput(o.output)
		if err != nil {
			return nil, err
		}
		out.Compression, out.Stdout = form, dockerCLI.Out()
		switch {
		case images > 1:
			return nil, problem.Usagef("--output names one archive, but there are %d bases", images)
		case out.File == "-" && asJSON:
			return nil, problem.Usagef("--json and --output with dest=- both want the standard output; --metadata-file writes the same")
		case out.File == "-" && dockerCLI.Out().IsTerminal():
			return nil, problem.Usagef("--output with dest=- would write an archive to a terminal")
		}
		return out, checkPlace(out.File)
	case !o.load:
		return nil, problem.Usagef("--load=false leaves nothing to build for without --push or --output")
	case cmd.Flags().Changed("compression"):
		return nil, problem.Usagef("--compression has no meaning without --push or --output: an engine compresses as it likes")
	}
	return nil, nil
}

// parseOutput reads the value of --output, as buildx writes it.
func parseOutput(text string) (*builder.Output, error) {
	reader := csv.NewReader(strings.NewReader(text))
	fields, err := reader.Read()
	if err != nil {
		return nil, problem.Usagef("--output %q cannot be read: %v", text, err)
	}
	var out builder.Output
	for _, field := range fields {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "type":
			out.Format = image.ArchiveFormat(value)
		case "dest":
			out.File = value
		default:
			return nil, problem.Usagef("--output %q has %q, not only type and dest", text, field)
		}
	}
	if !slices.Contains([]image.ArchiveFormat{image.FormatOCI, image.FormatDocker}, out.Format) {
		return nil, problem.Usagef("--output %q has not the type oci or docker", text)
	}
	if out.File == "" {
		return nil, problem.Usagef("--output %q names no dest", text)
	}
	return &out, nil
}

// checkPlace finds out, before there is something to write, whether an archive
// can be: it replaces the file that has its name.
func checkPlace(name string) error {
	if name == "-" {
		return nil
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return notWritable("--output", name, errors.New("it is there and no regular file"))
	}
	return checkWritable("--output", filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".new"))
}

// engineFor returns the engine, or, for work that can do without, what stands
// for none of an architecture.
func engineFor(ctx context.Context, dockerCLI command.Cli, out *builder.Output, arch string) (*engine.Engine, error) {
	e, err := connect(ctx, dockerCLI)
	var p *problem.Error
	if out == nil || !errors.As(err, &p) || p.Code != problem.NoEngine {
		return e, err
	}
	return engine.NoEngine(arch, err), nil
}
