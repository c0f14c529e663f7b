package live

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// results holds a table for each suite that has run. They are printed when all
// tests have run, and kept among the artifacts.
var results matrix

type matrix struct {
	mu     sync.Mutex
	tables []*table
}

// table keeps what came of each check on each base.
type table struct {
	title  string
	about  string // a sentence or two below the title
	checks []string
	bases  []string

	mu     sync.Mutex
	passed map[[2]string]bool // by check and base; absent: not run
}

// add puts a table into the matrix, in place of an earlier one of its title.
func (m *matrix) add(t *table) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t.passed = map[[2]string]bool{}
	m.tables = slices.DeleteFunc(m.tables, func(other *table) bool { return other.title == t.title })
	m.tables = append(m.tables, t)
}

func (t *table) record(check, base string, passed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passed[[2]string{check, base}] = passed
}

// markdown has a line a check and a column a base.
func (t *table) markdown() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", t.title, t.about)
	fmt.Fprintf(&b, "| check | %s |\n|---|%s\n", strings.Join(t.bases, " | "), strings.Repeat(":-:|", len(t.bases)))
	for _, check := range t.checks {
		fmt.Fprintf(&b, "| %s |", check)
		for _, base := range t.bases {
			mark := "·"
			if passed, ran := t.passed[[2]string{check, base}]; ran {
				mark = map[bool]string{true: "✓", false: "✗"}[passed]
			}
			fmt.Fprintf(&b, " %s |", mark)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// markdown is empty where no suite has run.
func (m *matrix) markdown() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sections []string
	for _, t := range m.tables {
		sections = append(sections, t.markdown())
	}
	return strings.Join(sections, "\n")
}

const matrixHead = `# What works on which base

` + "Each image was made by `docker openhands build --base BASE`; the real server ran in it and answered every check.\n" +
	"✓ passed, ✗ failed, · not applicable or not run. `make matrix-docs` writes this file anew.\n\n" +
	"`el-like` and `ubuntu-like` are no images of those distributions: they are made of Debian's packages and laid out as\n" +
	"Enterprise Linux 9 and Ubuntu 24.04 are, where that matters to a base (`integration/lab/shapes`). The same tables over\n" +
	"any images that can be pulled, printed and written to `artifacts/matrix.md`:\n\n" +
	"    make matrix BASES=\"quay.io/centos/centos:stream9 rockylinux:9 ubuntu:24.04 fedora opensuse/leap archlinux cgr.dev/chainguard/wolfi-base gcr.io/distroless/base\"\n\n"

func (m *matrix) save(t *testing.T) {
	if err := os.WriteFile(artifacts(t, "matrix.md"), []byte(matrixHead+m.markdown()), 0o644); err != nil {
		t.Error(err)
	}
}
