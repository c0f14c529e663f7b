package templates

import (
	"maps"
	"slices"
	"strings"
)

// stage is a stage of the Dockerfile that makes a component.
type stage struct {
	Name      string // of the stage
	Component Component
	Recipe    string   // folder of the context
	Arch      string   // that it is made for, where the builder is of another one; else empty
	Installed []string // Debian packages for the builder
	Unpacked  []string // and for Arch
	Mounts    []mount  // of other stages
}

// mount is what a stage sees of another one.
type mount struct{ From, Source, Target string }

const (
	// componentStage begins the name of a component's stage.
	componentStage = "component-"
	// builderStage begins the name of a stage that makes a component for the
	// builder itself, where the payload is for another architecture.
	builderStage = "builder-"
	// builderFolder holds the recipes of those stages.
	builderFolder = "builder"
	// toolsFolder holds the helper binaries that run in the builder.
	toolsFolder = "tools"
)

// Stages returns the components so that each comes after those it needs: a
// Dockerfile cannot refer to a later stage.
func (s Stage1) Stages() []Component {
	var sorted []Component
	done := map[string]bool{}
	var visit func(c Component)
	visit = func(c Component) {
		if done[c.Name] {
			return
		}
		done[c.Name] = true
		others := c.Others()
		for _, o := range s.Components {
			if slices.Contains(others, o.Name) {
				visit(o)
			}
		}
		sorted = append(sorted, c)
	}
	for _, c := range s.Components {
		visit(c)
	}
	return sorted
}

// run returns the components that others run while they are built, with all
// that these need.
func (s Stage1) run() []Component {
	wanted := map[string]bool{}
	sorted := s.Stages()
	for _, c := range sorted {
		for name := range c.Runs {
			wanted[name] = true
		}
	}
	var run []Component
	for _, c := range slices.Backward(sorted) {
		if wanted[c.Name] {
			run = append(run, c)
			for _, name := range c.Others() {
				wanted[name] = true
			}
		}
	}
	slices.Reverse(run)
	return run
}

// Made returns the stages of all components, each after those that it refers to.
func (s Stage1) Made() []stage {
	var all []stage
	if !s.Foreign() {
		for _, c := range s.Stages() {
			all = append(all, c.native(componentStage, "components", s.Arch))
		}
		return all
	}
	for _, c := range s.run() {
		all = append(all, c.native(builderStage, builderFolder, s.BuilderArch))
	}
	for _, c := range s.Stages() {
		made := stage{
			Name: componentStage + c.Name, Component: c, Recipe: "components/" + c.Name, Arch: s.Arch,
			Installed: c.tools(s.Arch), Unpacked: c.Packages,
		}
		for _, name := range c.Others() {
			if _, run := c.Runs[name]; run {
				made.Mounts = append(made.Mounts, mount{builderStage + name, "/libs", "/needs/" + name})
			}
			made.Mounts = append(made.Mounts, mounts(builderStage+name, c.Runs[name])...)
			made.Mounts = append(made.Mounts, mounts(componentStage+name, c.Needs[name])...)
		}
		all = append(all, made)
	}
	return all
}

// native is the stage that makes the component for its builder.
func (c Component) native(prefix, folder, arch string) stage {
	made := stage{Name: prefix + c.Name, Component: c, Recipe: folder + "/" + c.Name, Installed: slices.Clone(c.Packages)}
	for _, name := range c.tools(arch) {
		if !slices.Contains(made.Installed, name) {
			made.Installed = append(made.Installed, name)
		}
	}
	for _, name := range c.Others() {
		made.Mounts = append(made.Mounts, mount{prefix + name, "/libs", "/needs/" + name})
		made.Mounts = append(made.Mounts, mounts(prefix+name, slices.Concat(c.Needs[name], c.Runs[name]))...)
	}
	return made
}

func mounts(from string, paths []string) []mount {
	var all []mount
	for _, p := range paths {
		all = append(all, mount{from, "/out" + p, p})
	}
	return all
}

// Others returns the components that one needs or runs, by name or role.
func (c Component) Others() []string {
	others := slices.AppendSeq(slices.Collect(maps.Keys(c.Needs)), maps.Keys(c.Runs))
	slices.Sort(others)
	return slices.Compact(others)
}

// tools are the Debian packages that are installed in the builder of a payload
// for an architecture. Names of packages have a dash where triplets have _.
func (c Component) tools(arch string) []string {
	var names []string
	for _, name := range c.Tools {
		names = append(names, strings.ReplaceAll(name, "{multiarch}", strings.ReplaceAll(multiarch[arch], "_", "-")))
	}
	return names
}
