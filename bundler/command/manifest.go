package command

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func manifestCommand(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
	version := flags.String("version", "", "`version` of OpenHands")
	server := flags.String("server", "", "server `profile`")
	components := flags.String("components", "", "`names` of the components, comma-separated, in layer order")
	arch := flags.String("arch", runtime.GOARCH, "`architecture` of the tree, as GOARCH spells it")
	unproven := flags.String("unproven", "", "a `file` with the names of the components whose proofs could not be run, one a line")
	out := flags.String("out", "", "`directory` that gets manifest and SBOM, as a tree of its own; empty: DIR")
	return func(_ context.Context, _ io.Writer, args []string) error {
		dir, err := one(args)
		if err != nil {
			return err
		}
		if *version == "" || *server == "" || *components == "" {
			return usagef("manifest takes --version, --server and --components")
		}
		release, err := bundler.ReadGlibcVersion(filepath.Join(dir, payload.Lib, "libc.so.6"))
		if err != nil {
			return fmt.Errorf("the C library: %w", err)
		}
		m := payload.Manifest{
			SchemaVersion: payload.SchemaVersion, OpenHandsVersion: *version, Server: *server,
			Architecture: *arch, Libc: "glibc " + release, Components: []payload.Component{},
		}
		for name := range strings.SplitSeq(*components, ",") {
			file := filepath.Join(dir, payload.ComponentsDir, name+".json")
			data, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("component %s: %w", name, err)
			}
			var c payload.Component
			if err := json.Unmarshal(data, &c); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if c.Name != name {
				return fmt.Errorf("%s describes component %q", file, c.Name)
			}
			m.Components = append(m.Components, c)
		}
		if *unproven != "" {
			names, err := os.ReadFile(*unproven)
			if err != nil {
				return err
			}
			m.Unproven = strings.Fields(string(names))
		}
		if *out == "" {
			*out = dir
		}
		m.SBOM = payload.SBOMFile
		if err := writeJSON(filepath.Join(*out, payload.SBOMFile), bill(m)); err != nil {
			return err
		}
		return writeJSON(filepath.Join(*out, payload.ManifestFile), m)
	}
}
