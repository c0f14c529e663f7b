package command

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
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

// reach tells of every setting what it can do beside that, in words that follow
// "may not". A setting without a line here counts as one that can do anything.
var reach = map[string]string{
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

// beyond says what a value does that a found file may not do; empty where
// there is nothing.
func beyond(v settings.Value) string {
	what, known := reach[v.Name]
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
	args, err := splitArguments(texts)
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

// splitArguments takes texts apart as a shell does.
func splitArguments(texts []string) (args []string, err error) {
	for _, text := range texts {
		words, err := shlex.Split(text)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		args = append(args, words...)
	}
	return args, nil
}

// maxTOML is the size in bytes of the largest config.toml that is read without
// having been named.
const maxTOML = 1 << 20

// readFound reads the config.toml of the working directory; nil without one.
// It may be a link, but not one that leads elsewhere.
func readFound() (*settings.TOML, error) {
	text, err := func() ([]byte, error) {
		folder, err := os.OpenRoot(".")
		if err != nil {
			return nil, err
		}
		defer folder.Close()
		info, err := folder.Stat(defaultTOML)
		switch {
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, errors.New("it is no regular file")
		case info.Size() > maxTOML:
			return nil, fmt.Errorf("it has %d bytes, more than %d", info.Size(), maxTOML)
		}
		return folder.ReadFile(defaultTOML)
	}()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, problem.New(problem.BadSetting, "the "+defaultTOML+" of this folder cannot be read", err,
			"Name a file with --config; --config /dev/null reads none")
	}
	file, err := settings.ParseTOML(defaultTOML, text)
	if err != nil {
		return nil, err
	}
	file.Found = true
	return file, nil
}

// judge marks the values that a found file may not choose, and returns the names
// of all that it chooses. Settings in unused are not looked at.
func judge(values settings.Values, file *settings.TOML, unused []string) (chosen []string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		if !v.Origin.Found || slices.Contains(unused, name) {
			continue
		}
		chosen = append(chosen, name)
		v.Refused = beyond(v) != within && !trusted(file)
		values[name] = v
	}
	return chosen
}

// heed refuses what a found file chooses and may not, and says in one line what
// it chooses. Settings in unused are not looked at.
func heed(values settings.Values, file *settings.TOML, unused []string, note func(format string, args ...any)) error {
	chosen := judge(values, file, unused)
	var what, flags []string
	for _, name := range chosen {
		if v := values[name]; v.Refused {
			what = append(what, fmt.Sprintf("%s may not %s", v.Origin, beyond(v)))
			flags = append(flags, asFlags(v))
		}
	}
	if len(what) > 0 {
		return problem.New(problem.BadSetting, fmt.Sprintf("%s was only found in this folder: %s", file.Name, strings.Join(what, ", and ")), nil,
			fmt.Sprintf("If you want it, say so yourself: %s. Or allow this folder's file as it is now: docker openhands config --trust", strings.Join(flags, " ")))
	}
	if len(chosen) > 0 {
		note("using %s of this folder: %s", file.Name, strings.Join(chosen, ", "))
	}
	return nil
}

var plainWord = regexp.MustCompile(`^[0-9A-Za-z_./:=@%+,-]+$`)

// asFlags is a value as it is written on the command line.
func asFlags(v settings.Value) string {
	texts := v.Texts
	if v.Kind != settings.List {
		texts = []string{v.String()}
	}
	var flags []string
	for _, text := range texts {
		if !plainWord.MatchString(text) {
			text = "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
		}
		flags = append(flags, "--"+v.Name+" "+text)
	}
	return strings.Join(flags, " ")
}

// The user's yes to a found file is a file of its own in the user's folder of
// configurations, one for each folder, with a line as sha256sum prints it: it
// holds as long as the content does.

// yes returns where the yes to the file is kept, and the line that says it.
func yes(file *settings.TOML) (name, line string, err error) {
	folder, err := filepath.Abs(filepath.Dir(file.Name))
	if err == nil {
		folder, err = filepath.EvalSymlinks(folder)
	}
	if err != nil {
		return "", "", fmt.Errorf("finding the folder of %s: %w", file.Name, err)
	}
	own, err := os.UserConfigDir()
	if err != nil {
		return "", "", fmt.Errorf("finding the folder of configurations: %w", err)
	}
	path := filepath.Join(folder, filepath.Base(file.Name))
	at, content := sha256.Sum256([]byte(path)), sha256.Sum256(file.Bytes())
	return filepath.Join(own, "docker-openhands", "trusted", hex.EncodeToString(at[:])),
		fmt.Sprintf("%x  %s\n", content, path), nil
}

// trusted reports whether the user has allowed the file with its content.
func trusted(file *settings.TOML) bool {
	name, line, err := yes(file)
	if err != nil {
		return false
	}
	said, err := os.ReadFile(name)
	return err == nil && string(said) == line
}

// trust keeps the user's yes to the found file, or takes it back, and prints
// what it means.
func trust(out io.Writer, all []settings.Setting, give bool) error {
	file, err := readFound()
	if err != nil {
		return err
	}
	if file == nil {
		return problem.New(problem.Usage, "there is no "+defaultTOML+" in this folder", nil, "Change to its folder first")
	}
	name, line, err := yes(file)
	if err != nil {
		return err
	}
	if !give {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("taking back the yes to %s: %w", file.Name, err)
		}
		_, err := fmt.Fprintf(out, "%s of this folder may choose values only\n", file.Name)
		return err
	}
	values, err := settings.Resolve(all, settings.Sources{TOML: file})
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, setting := range all {
		if v := values[setting.Name]; v.Origin.Found && beyond(v) != within {
			fmt.Fprintf(&text, "  %s: %s, %s\n", v.Origin, beyond(v), asFlags(v))
		}
	}
	if text.Len() == 0 {
		_, err := fmt.Fprintf(out, "%s of this folder chooses values only: it needs no yes\n", file.Name)
		return err
	}
	if err := settings.WriteFile(name, []byte(line), 0o600); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "As long as it stays as it is, %s of this folder may\n%s", file.Name, text.String())
	return err
}
