package settings

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/shlex"
	"github.com/spf13/pflag"
)

// A config.toml that lies in the working directory was perhaps written by
// somebody else, and nobody has named it. It may choose among values; whatever
// reaches beyond the image that is made, the user has to say, or to allow that
// file with its content.

// within is the reach of a setting that only chooses what an image is made of,
// or how it is made.
const within = ""

// Reach tells of every setting what it can do beside that, in words that follow
// "may not"; empty where there is nothing. A setting that it lacks counts as one
// that can do anything.
func Reach() map[string]string {
	return map[string]string{
		"assemble":            within,
		"base":                within, // nothing of it runs here but in containers
		"builder-base":        "choose the programs that build the payload",
		"component-dir":       "name folders that build the payload",
		"compression":         within,
		"deps-image":          "choose where the payload comes from",
		"deps-repository":     "choose where the payload comes from and goes to",
		"detach":              within,
		"export-library-path": within,
		"extra-build-args":    "give the build these arguments", // but for those that harmlessArguments knows
		"extra-deps":          within,                           // a command by design: it runs in the image, with nothing of this machine
		"force-rebuild":       within,
		"image":               within,
		"layer-order":         within,
		"metadata-file":       "name a file that is written",
		"mode":                within,
		"no-browser":          within,
		"no-cache":            within,
		"no-sudo":             within,
		"offline":             within,
		"openhands-version":   within,
		"package-config":      "hand files of this machine to a build",
		"platform":            within,
		"port":                within,
		"progress":            within,
		"pull":                within,
		"python-env":          within,
		"repository":          "choose where images come from and go to",
		"server":              within,
		"source":              "name a folder to build from",
		"strict-tags":         within,
		"tag":                 "give images names, which others may have",
		"tools":               within,
		"user":                within,
		"with":                within,
		"without":             within,
	}
}

// beyond says what a value does that a found file may not do; empty where
// there is nothing.
func (v Value) beyond() string {
	what, known := Reach()[v.Name]
	switch {
	case !known:
		return "choose " + v.Name
	case v.Name == "extra-build-args" && harmlessArguments(v.Texts):
		return within
	}
	return what
}

// harmlessArguments reports whether arguments of "docker buildx build" are only
// those that name neither files of this machine, nor where an image goes, nor
// what BuildKit or the builder may do.
func harmlessArguments(texts []string) bool {
	args, err := SplitArguments(texts)
	if err != nil {
		return false
	}
	var values, networks []string
	known := pflag.NewFlagSet("", pflag.ContinueOnError)
	known.SetOutput(io.Discard)
	known.StringArrayVar(&values, "build-arg", nil, "")
	known.StringArrayVar(&networks, "network", nil, "")
	for _, name := range []string{"add-host", "label", "no-cache-filter", "platform", "progress", "shm-size", "target", "ulimit"} {
		known.StringArray(name, nil, "")
	}
	for _, name := range []string{"no-cache", "pull"} {
		known.Bool(name, false, "")
	}
	known.BoolP("help", "h", false, "") // pflag's own would end the parsing
	if known.Parse(args) != nil || known.NArg() > 0 || known.Changed("help") {
		return false
	}
	for _, value := range values {
		// Without a value it is that of this process's environment. Names with
		// BUILDKIT_ steer BuildKit, up to the program that reads the Dockerfile.
		if name, _, given := strings.Cut(value, "="); !given || strings.HasPrefix(name, "BUILDKIT_") {
			return false
		}
	}
	return !slices.ContainsFunc(networks, func(name string) bool { return name != "default" && name != "none" })
}

// SplitArguments takes texts apart as a shell does.
func SplitArguments(texts []string) (args []string, err error) {
	for _, text := range texts {
		words, err := shlex.Split(text)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		args = append(args, words...)
	}
	return args, nil
}
