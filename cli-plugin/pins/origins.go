package pins

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/templates"
)

// A component says which packages it needs, never where they come from or what
// runs on this machine: that is for its user's own settings of uv and npm.

// ofUV are the settings that a component's pyproject.toml may choose for uv.
var ofUV = []string{
	"override-dependencies", "exclude-dependencies", "constraint-dependencies",
	"environments", "required-environments", "prerelease", "resolution", "exclude-newer", "pip",
}

// ofUVPip are those of them for its command pip.
var ofUVPip = []string{"python-version", "prerelease", "resolution", "exclude-newer"}

// builderPython is the version of Python that packages are chosen for where a
// component names none: that of the builder base. Uv would take this machine's.
const builderPython = "3.13"

// pyproject is what is read of a pyproject.toml. With dependencies that the
// project computes, uv would run its code.
type pyproject struct {
	Project struct {
		Name           string   `toml:"name"`
		Version        string   `toml:"version"`
		RequiresPython string   `toml:"requires-python,omitempty"`
		Dependencies   []string `toml:"dependencies"`
	} `toml:"project"`
	Tool struct {
		UV map[string]any `toml:"uv"`
		// Releases are, by a release, further constraints of those before it.
		Releases map[string][]string `toml:"releases-before,omitempty"`
	} `toml:"tool"`
}

// confinePython writes the pyproject.toml in dir anew, with what a component may
// choose and no more, for a release, if it is for one, and with further
// constraints. Its table tool.uv, be it empty, keeps uv from looking for settings
// in the folders above.
func confinePython(dir, release string, constraints []string) error {
	file := filepath.Join(dir, "pyproject.toml")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var p pyproject
	if err := toml.Unmarshal(text, &p); err != nil {
		return problem.New(problem.BadComponent, "pyproject.toml cannot be read", err, "Correct it")
	}
	for _, key := range slices.Sorted(maps.Keys(p.Tool.UV)) {
		if !slices.Contains(ofUV, key) {
			return notForComponents("pyproject.toml", "tool.uv."+key)
		}
	}
	pip, _ := p.Tool.UV["pip"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(pip)) {
		if !slices.Contains(ofUVPip, key) {
			return notForComponents("pyproject.toml", "tool.uv.pip."+key)
		}
	}
	for _, before := range slices.Sorted(maps.Keys(p.Tool.Releases)) {
		if release != "" && templates.CompareReleases(release, before) < 0 {
			constraints = slices.Concat(constraints, p.Tool.Releases[before])
		}
	}
	p.Tool.Releases = nil
	requirements := slices.Concat(p.Project.Dependencies, constraints)
	for _, key := range ofUV {
		list, _ := p.Tool.UV[key].([]any)
		for _, entry := range list {
			requirements = append(requirements, fmt.Sprint(entry))
		}
	}
	for _, requirement := range requirements {
		// NAME @ ADDRESS, see PEP 508
		if strings.Contains(requirement, "@") {
			return notForComponents("pyproject.toml", requirement)
		}
	}
	all := map[string]any{"pip": map[string]any{"python-version": builderPython}}
	maps.Copy(all, p.Tool.UV)
	if pip != nil && pip["python-version"] == nil {
		pip["python-version"] = builderPython
	}
	p.Tool.UV = all
	if len(constraints) > 0 {
		const key = "constraint-dependencies"
		all, _ := p.Tool.UV[key].([]any)
		for _, constraint := range constraints {
			all = append(all, constraint)
		}
		p.Tool.UV[key] = all
	}
	if text, err = toml.Marshal(p); err != nil {
		return fmt.Errorf("writing pyproject.toml: %w", err)
	}
	return os.WriteFile(file, text, 0o644)
}

// ofNode are the tables of a package.json that name packages. Those of overrides
// lie in each other.
var ofNode = []string{"dependencies", "optionalDependencies", "devDependencies", "peerDependencies", "overrides"}

// fromRegistry is a version, a range or a tag of a package of the registry, or
// another name for one.
var fromRegistry = regexp.MustCompile(`^(npm:(@[a-z0-9._~-]+/)?[A-Za-z0-9._~-]+@)?[^:/@]*$`)

// confineNode refuses a package.json in dir that names packages from elsewhere
// than the registry, or folders.
func confineNode(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return err
	}
	var all map[string]json.RawMessage // whose keys are exact, as npm's are
	err = json.Unmarshal(text, &all)
	versions := map[string]string{}
	for _, name := range ofNode {
		var table map[string]any
		if all[name] != nil && err == nil {
			err = json.Unmarshal(all[name], &table)
		}
		flatten(versions, name, table)
	}
	if err != nil {
		return problem.New(problem.BadComponent, "package.json cannot be read", err, "Correct it")
	}
	if all["workspaces"] != nil {
		return notForComponents("package.json", "workspaces")
	}
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		if version := versions[name]; !fromRegistry.MatchString(version) {
			return notForComponents("package.json", name+": "+version)
		}
	}
	return nil
}

// flatten puts the versions in a table of package.json into flat.
func flatten(flat map[string]string, prefix string, table map[string]any) {
	for name, value := range table {
		if inner, ok := value.(map[string]any); ok {
			flatten(flat, prefix+"."+name, inner)
		} else {
			flat[prefix+"."+name] = fmt.Sprint(value)
		}
	}
}

func notForComponents(file, setting string) error {
	return problem.New(problem.BadComponent, fmt.Sprintf("%s has %q: where packages come from is not a component's to say", file, setting), nil,
		"Take it out; an index, a registry or a mirror belongs into your own settings of uv and npm")
}
