package live

import (
	"slices"
	"testing"
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
	on     []string // bases that it is tried on; empty: all of the suite
	start  func(t *testing.T, base, image string) S
	checks []check[S]
}

func (m mode[S]) runsOn(base string) bool { return len(m.on) == 0 || slices.Contains(m.on, base) }

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
	out := &table{title: s.title, about: s.about, bases: s.bases}
	for _, m := range s.modes {
		out.checks = append(out.checks, m.name+": alive")
		for _, c := range m.checks {
			out.checks = append(out.checks, m.name+": "+c.name)
		}
	}
	results.add(out)
	t.Cleanup(func() { results.save(t) })

	images := map[string]string{}
	for _, base := range s.bases {
		images[base] = build(t, base, s.flags...)
	}
	t.Run("on", func(t *testing.T) {
		for _, base := range s.bases {
			t.Run(base, func(t *testing.T) {
				t.Parallel()
				for _, m := range s.modes {
					if m.runsOn(base) {
						t.Run(m.name, func(t *testing.T) { m.run(t, out, base, images[base]) })
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
