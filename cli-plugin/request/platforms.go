package request

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// Architectures reads a list of platforms with commas, as --platform has it. Each
// is there once, in GOARCH form; there are none in an empty list.
func Architectures(platforms string) ([]string, error) {
	if platforms == "" {
		return nil, nil
	}
	var all []string
	for platform := range strings.SplitSeq(platforms, ",") {
		arch, ok := strings.CutPrefix(strings.TrimSpace(platform), "linux/")
		if !ok || arch != "amd64" && arch != "arm64" {
			return nil, problem.New(problem.Usage, fmt.Sprintf("--platform is %q, not linux/amd64 or linux/arm64", platform), nil,
				"Name one of them, or both as linux/amd64,linux/arm64")
		}
		if !slices.Contains(all, arch) {
			all = append(all, arch)
		}
	}
	return all, nil
}

// architectures are those that images are made for where the engine's is arch.
func (r Request) architectures(arch string) ([]string, error) {
	all, err := Architectures(r.Platform)
	if err == nil && len(all) == 0 {
		all = []string{arch}
	}
	return all, err
}

// ForEngine is the request as far as an engine of an architecture is loaded with
// what it asks for: with runtime images for its own platform alone. A note says which
// others are left out, if any. Payloads it takes for each.
func (r Request) ForEngine(arch string) (_ Request, note string, err error) {
	all, err := r.architectures(arch)
	if err != nil || len(r.Options.Bases) == 0 {
		return r, "", err
	}
	if err := CheckEngine(r.Platform, arch); err != nil {
		return r, "", err
	}
	r.Platform = ""
	if others := slices.DeleteFunc(all, func(other string) bool { return other == arch }); len(others) > 0 {
		note = fmt.Sprintf("the engine gets images for its own platform, linux/%s; those for linux/%s are for --push and --output type=oci", arch, strings.Join(others, ", linux/"))
	}
	return r, note, nil
}

// CheckEngine refuses platforms, as --platform has them, of which none is that of an
// engine of an architecture.
func CheckEngine(platforms, arch string) error {
	all, err := Architectures(platforms)
	if err == nil && len(all) > 0 && !slices.Contains(all, arch) {
		err = problem.New(problem.Platform, fmt.Sprintf("--platform is %s, but the engine runs linux/%s", platforms, arch), nil,
			"Use an engine of that platform, for example with 'docker context use', or send the images elsewhere with --push or --output")
	}
	return err
}
