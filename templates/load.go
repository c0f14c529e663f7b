package templates

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/pack"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// defaultOrder puts a layer above all of the built-in components' but that of
// OpenHands' sources.
const defaultOrder = 85

// Components returns the built-in components in layer order.
func Components() ([]Component, error) {
	entries, err := fs.ReadDir(embedded, "components")
	if err != nil {
		return nil, fmt.Errorf("listing components: %w", err)
	}
	var components []Component
	for _, entry := range entries {
		where := path.Join("components", entry.Name())
		folder, err := fs.Sub(embedded, where)
		if err != nil {
			return nil, fmt.Errorf("opening component %s: %w", entry.Name(), err)
		}
		component, err := load(entry.Name(), folder, where)
		if err != nil {
			return nil, err
		}
		components = append(components, component)
	}
	inLayerOrder(components)
	return components, nil
}

// AddFrom returns the components with those that users have in folders of
// their own, in layer order. The name of each is that of its folder, and none
// may have it already.
func AddFrom(components []Component, dirs ...string) ([]Component, error) {
	all := slices.Clone(components)
	for _, dir := range dirs {
		absolute, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("finding the component %s: %w", dir, err)
		}
		c, err := loadFrom(absolute, dir)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o Component) bool { return o.Name == c.Name }) {
			return nil, fmt.Errorf("%s: there is a component %q already: rename the folder", dir, c.Name)
		}
		if c.Server != "" && !slices.Contains(Servers(components), c.Server) {
			return nil, fmt.Errorf("%s: there is no server %q", c.at(dir, "", "server"), c.Server)
		}
		if c.Releases != nil {
			return nil, fmt.Errorf("%s: the releases are those of the server's own component: remove the key", c.at(dir, "", "releases"))
		}
		all = append(all, c)
	}
	inLayerOrder(all)
	return all, nil
}

// loadFrom reads the component in a folder. Its links may lead anywhere in it,
// and nowhere else.
func loadFrom(absolute, where string) (Component, error) {
	folder, err := os.OpenRoot(absolute)
	if err != nil {
		return Component{}, fmt.Errorf("opening the component %s: %w", where, err)
	}
	defer folder.Close()
	return load(filepath.Base(absolute), folder.FS(), where)
}

func inLayerOrder(components []Component) {
	slices.SortFunc(components, func(a, b Component) int {
		if a.Order != b.Order {
			return a.Order - b.Order
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// load reads the component name from its folder, which messages call where.
// Unknown keys are errors: a misspelled one would otherwise leave something out
// of the payload silently.
func load(name string, folder fs.FS, where string) (Component, error) {
	c := Component{Name: name, Files: map[string][]byte{}}
	if err := c.read(folder); err != nil {
		return c, fmt.Errorf("reading the component %s: %w", where, err)
	}
	text, ok := c.Files[componentFile]
	if !ok {
		return c, fmt.Errorf("%s has no %s", where, componentFile)
	}
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&c); err != nil {
		return c, decodeError(path.Join(where, componentFile), err)
	}
	if c.Order == 0 {
		c.Order = defaultOrder
	}
	return c, c.check(where)
}

// read takes in the files of the component's folder. Hidden ones stay out: they
// are of editors and version control, or hold secrets.
func (c Component) read(folder fs.FS) error {
	return fs.WalkDir(folder, ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil, file == ".":
			return err
		case strings.HasPrefix(entry.Name(), ".") && entry.IsDir():
			return fs.SkipDir
		case strings.HasPrefix(entry.Name(), "."):
			return nil
		case file == recipeFile, file == leanFile:
			return fmt.Errorf("%s: the build writes a file of this name: rename it", file)
		case entry.IsDir():
			return nil
		}
		info, err := fs.Stat(folder, file)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s: neither a file, nor a link to one, nor a folder: take it out", file)
		}
		c.Files[file], err = fs.ReadFile(folder, file)
		return err
	})
}

// decodeError names the place of an error in a TOML file.
func decodeError(file string, err error) error {
	if unknown, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(unknown.Errors) > 0 {
		first := &unknown.Errors[0]
		line, _ := first.Position()
		return fmt.Errorf("%s:%d: unknown key %s", file, line, strings.Join(first.Key(), "."))
	}
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := wrong.Position()
		return fmt.Errorf("%s:%d: %s", file, line, strings.TrimPrefix(wrong.Error(), "toml: "))
	}
	return fmt.Errorf("%s: %w", file, err)
}

var (
	componentName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`)
	// apt removes what has a name or version with a dash at its end.
	debianPackage = regexp.MustCompile(`^[a-z0-9][a-z0-9.+-]*[a-z0-9.+](:[a-z0-9]+)?(=[0-9A-Za-z.+:~-]*[0-9A-Za-z.+~])?$`)
	// Other characters would be more than a path in the options of a mount.
	neededPath    = regexp.MustCompile(`^[A-Za-z0-9._+/@-]+$`)
	plainArgument = regexp.MustCompile(`^[A-Za-z0-9=._/-]+$`)
)

// reserved are the programs that no launcher can stand in the place of.
var reserved = []string{path.Base(payload.Init), path.Base(payload.Rescue), path.Base(payload.Wrappers)}

// check refuses what a build would fail at, or do something else with.
func (c Component) check(where string) error {
	if !componentName.MatchString(c.Name) {
		return fmt.Errorf("%s: the folder of a component has a name of at most 41 characters a-z, 0-9 and -", where)
	}
	bad := func(key, text, format string, args ...any) error {
		return fmt.Errorf("%s: %s", c.at(where, text, key), fmt.Sprintf(format, args...))
	}
	switch {
	case c.Description == "":
		return bad("description", "", "a description is needed")
	case len(c.Proof) == 0:
		return bad("proof", "", "a proof is needed: the command that shows that the component works")
	case c.Releases != nil && c.Releases.File != "" && c.Files[c.Releases.File] == nil:
		return bad("releases.file", c.Releases.File, "there is no file %q", c.Releases.File)
	}
	if c.Releases != nil && c.Releases.File == "" {
		for _, name := range slices.Sorted(maps.Keys(c.Files)) {
			if !isLock(name) {
				continue
			}
			if err := c.Releases.checkLock(name, c.Files[name]); err != nil {
				return bad("releases", "", "%v", err)
			}
		}
	}
	for _, list := range []struct {
		key   string
		names []string
	}{{"packages", c.Packages}, {"tools", c.tools("amd64")}} {
		for _, name := range list.names {
			if !debianPackage.MatchString(name) {
				return bad(list.key, name, "%q is no Debian package", name)
			}
		}
	}
	for _, argument := range c.Emulated {
		if !plainArgument.MatchString(argument) {
			return bad("emulated", argument, "%q is more than letters, digits and =._/-", argument)
		}
	}
	for _, line := range c.Allow {
		if list, err := bundler.ParseAllowances(strings.NewReader(line)); err != nil || len(list) != 1 {
			return bad("allow", line, "%q is not \"/path/pattern: reason\"", line)
		}
	}
	for key, others := range map[string]map[string][]string{"needs": c.Needs, "runs": c.Runs} {
		for need, paths := range others {
			if need == c.Name || need == c.Provides {
				return bad(key+"."+need, "", "a component cannot need itself: remove %q", need)
			}
			for _, p := range paths {
				if path.Clean(p) != p || !strings.HasPrefix(p, payload.Prefix+"/") || !neededPath.MatchString(p) {
					return bad(key+"."+need, p, "%q is not a clean path below %s of letters, digits and ._+@-", p, payload.Prefix)
				}
			}
		}
	}
	for name, launcher := range c.Launchers {
		switch {
		case path.Base(name) != name || !path.IsAbs(launcher.Path):
			return bad("launchers."+name, "", "the launcher %q needs the absolute path of a program", name)
		case slices.Contains(reserved, name):
			return bad("launchers."+name, "", "%s is a program of the payload itself: rename the launcher", name)
		}
	}
	if c.Lean != nil {
		if err := c.Lean.check(); err != nil {
			return bad("lean.requirements.packages", quoted(err), "%v", err)
		}
		c.Prune = slices.Concat(c.Prune, c.Lean.Prune)
	}
	recipe, err := c.recipe(nil)
	if err != nil {
		return bad("launchers", "", "%v", err)
	}
	text, err := json.Marshal(recipe)
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	if _, err := pack.ParseRecipe(text, payload.Prefix); err != nil {
		return fmt.Errorf("%s: %w", c.at(where, quoted(err), inRecipe...), err)
	}
	return nil
}

// inRecipe are the keys whose texts the bundler's errors quote.
var inRecipe = []string{"programs", "trees", "links", "opens", "rewrites", "prune", "lean.prune", "launchers"}

// quoted is the first quoted word of an error.
func quoted(err error) string {
	_, rest, _ := strings.Cut(err.Error(), `"`)
	word, _, _ := strings.Cut(rest, `"`)
	return word
}
