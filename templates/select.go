package templates

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Choice says which components a payload is made of.
type Choice struct {
	Server  string   // profile
	Version string   // release of the server
	With    []string // optional components to put in
	Without []string // components to leave out
	Lean    bool     // the lean form of those that have one
}

// Select returns the chosen ones of all components, in the same order. In what
// it returns Needs and Runs name components and no roles. It fails on a name that no
// component has or that belongs to another server, and on a need that nothing
// fulfils or that leads back to the component that has it.
func Select(all []Component, choice Choice) ([]Component, error) {
	if err := choice.check(all); err != nil {
		return nil, err
	}
	var selected, absent []Component
	with := withNeeded(all, choice.With)
	for _, c := range all {
		switch {
		case !c.serves(choice.Server):
		case slices.Contains(choice.Without, c.Name), c.Optional && !slices.Contains(with, c.Name):
			absent = append(absent, c)
		default:
			selected = append(selected, c.of(choice.Version))
		}
	}
	for i, c := range selected {
		var err error
		if selected[i].Needs, err = c.named(c.Needs, selected, absent, choice.Server); err != nil {
			return nil, err
		}
		if selected[i].Runs, err = c.named(c.Runs, selected, absent, choice.Server); err != nil {
			return nil, err
		}
	}
	if err := buildable(selected); err != nil {
		return nil, err
	}
	if choice.Lean {
		return lean(selected)
	}
	return selected, nil
}

// withNeeded returns the names and those of the components that they need by
// name, directly or through others.
func withNeeded(all []Component, names []string) []string {
	with := slices.Clone(names)
	for i := 0; i < len(with); i++ {
		for _, c := range all {
			if c.Name != with[i] {
				continue
			}
			for _, need := range c.Others() {
				if !slices.Contains(with, need) {
					with = append(with, need)
				}
			}
		}
	}
	return with
}

// named returns needs of the component with names of components for roles.
func (c Component) named(needs map[string][]string, selected, absent []Component, server string) (map[string][]string, error) {
	named := map[string][]string{}
	for _, need := range slices.Sorted(maps.Keys(needs)) {
		found := fulfilling(selected, need)
		switch missing := fulfilling(absent, need); {
		case len(found) == 1:
			named[found[0].Name] = append(named[found[0].Name], needs[need]...)
		case len(found) > 1:
			return nil, fmt.Errorf("component %q needs one %q, but there are several: %s", c.Name, need, names(found))
		case len(missing) > 0:
			return nil, fmt.Errorf("component %q needs %q, which is left out: take both or none", c.Name, missing[0].Name)
		default:
			return nil, fmt.Errorf("component %q needs %q, which the server %s has not", c.Name, need, server)
		}
	}
	return named, nil
}

// buildable refuses components that would have to be built before each other.
func buildable(components []Component) error {
	built := map[string]bool{}
	for _, c := range (Stage1{Components: components}).Stages() {
		for _, need := range c.Others() {
			if !built[need] {
				return fmt.Errorf("components %q and %q need each other, directly or through others: remove one of the needs", c.Name, need)
			}
		}
		built[c.Name] = true
	}
	return nil
}

// UnknownError is the error for a component that is not there.
type UnknownError struct {
	Name  string
	Known []string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("there is no component %q; the components are %s", e.Name, strings.Join(e.Known, ", "))
}

func (choice Choice) check(all []Component) error {
	for _, name := range slices.Concat(choice.With, choice.Without) {
		i := slices.IndexFunc(all, func(c Component) bool { return c.Name == name })
		switch {
		case i < 0:
			unknown := &UnknownError{Name: name}
			for _, c := range all {
				unknown.Known = append(unknown.Known, c.Name)
			}
			return unknown
		case !slices.Contains(choice.With, name):
		case slices.Contains(choice.Without, name):
			return fmt.Errorf("component %q is both asked for and left out", name)
		case !all[i].serves(choice.Server):
			return fmt.Errorf("component %q belongs to the server %s, not to %s", name, all[i].Server, choice.Server)
		}
	}
	return nil
}

// serves reports whether the payload of a server can hold the component.
func (c Component) serves(server string) bool { return c.Server == "" || c.Server == server }

// fulfilling returns the components whose name or role is need.
func fulfilling(components []Component, need string) []Component {
	var found []Component
	for _, c := range components {
		if c.Name == need || c.Provides == need {
			found = append(found, c)
		}
	}
	return found
}

// Servers are the profiles that components belong to.
func Servers(components []Component) []string {
	var all []string
	for _, c := range components {
		if c.Server != "" && !slices.Contains(all, c.Server) {
			all = append(all, c.Server)
		}
	}
	return all
}
