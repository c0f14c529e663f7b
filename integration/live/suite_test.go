package live

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// check is one thing that must work in a running S.
type check[S any] struct {
	name string
	run  func(*testing.T, S)
}

// mode is one way of starting a container, with the checks that make sense
// there, in their order.
type mode[S any] struct {
	name   string
	on     []string                               // bases that it is tried on; empty: all of the suite
	over   func(t *testing.T, base string) string // makes of a base of the suite the one to build on; nil: that one
	flags  []string                               // of docker openhands build, beside those of the suite
	start  func(t *testing.T, base, image string) S
	checks []check[S]
}

func (m mode[S]) runsOn(base string) bool {
	return len(m.on) == 0 || slices.Contains(m.on, base) || len(chosenBases()) > 0
}

// chosenBases are images to run every suite over in place of its own bases,
// see `make matrix`.
func chosenBases() []string { return strings.Fields(os.Getenv("OH_BASES")) }

// sampled are those bases of a suite that its run is cut down to, see `make live`.
func sampled(bases []string) []string {
	sample := strings.Fields(os.Getenv("OH_SAMPLE"))
	if len(sample) == 0 {
		return bases
	}
	return slices.DeleteFunc(slices.Clone(bases), func(base string) bool { return !slices.Contains(sample, base) })
}

// obtain reports whether the engine has a base or can pull it.
func obtain(t *testing.T, base string) bool {
	t.Helper()
	if base == "scratch" || (lab.Engine{}).HasImage(t.Context(), base) {
		return true
	}
	_, err := lab.Engine{}.Docker(t.Context(), "pull", "--quiet", base)
	if err != nil {
		t.Errorf("the base %s is not in the engine and cannot be pulled: %v", base, err)
	}
	return err == nil
}

// suite makes one table of the matrix: an image for each base, started in each
// mode. S is what a check gets to talk to.
type suite[S any] struct {
	title string
	about string // a sentence or two for readers of the table
	bases []string
	flags []string // of docker openhands build
	modes []mode[S]
}

// run fills the suite's table. Images are built one after the other; bases are
// then tested side by side, as many as -parallel allows.
func (s suite[S]) run(t *testing.T) {
	bases := sampled(s.bases)
	if chosen := chosenBases(); len(chosen) > 0 {
		bases = chosen
	}
	out := &table{title: s.title, about: s.about, bases: bases}
	for _, m := range s.modes {
		out.checks = append(out.checks, m.name+": alive")
		for _, c := range m.checks {
			out.checks = append(out.checks, m.name+": "+c.name)
		}
	}
	results.add(out)
	t.Cleanup(func() { results.save(t) })

	images := map[string]string{} // by what is built
	image := map[[2]string]string{}
	for _, base := range bases {
		if !obtain(t, base) {
			for _, m := range s.modes {
				out.record(m.name+": alive", base, false)
			}
			continue
		}
		for _, m := range s.modes {
			if !m.runsOn(base) {
				continue
			}
			on := base
			if m.over != nil {
				on = m.over(t, base)
			}
			flags := slices.Concat(s.flags, m.flags)
			what := strings.Join(append([]string{on}, flags...), " ")
			if images[what] == "" {
				images[what] = build(t, on, flags...)
			}
			image[[2]string{base, m.name}] = images[what]
		}
	}
	t.Run("on", func(t *testing.T) {
		for _, base := range bases {
			t.Run(base, func(t *testing.T) {
				t.Parallel()
				for _, m := range s.modes {
					if image := image[[2]string{base, m.name}]; image != "" {
						t.Run(m.name, func(t *testing.T) { m.run(t, out, base, image) })
					}
				}
			})
		}
	})
}

func (m mode[S]) run(t *testing.T, out *table, base, image string) {
	alive := false
	defer func() { out.record(m.name+": alive", base, alive) }()
	s := m.start(t, base, image)
	alive = true
	for _, c := range m.checks {
		passed := t.Run(c.name, func(t *testing.T) { c.run(t, s) })
		out.record(m.name+": "+c.name, base, passed)
	}
}
