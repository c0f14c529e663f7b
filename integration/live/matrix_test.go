package live

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// results is filled by TestBases. Its table is printed when all tests have
// run and kept among the artifacts.
var results matrix

// matrix keeps what came of each check on each base.
type matrix struct {
	mu     sync.Mutex
	checks []string
	bases  []string
	passed map[[2]string]bool // by check and base; absent: not run
}

// declare fixes the order of a table's lines and columns.
func (m *matrix) declare(checks, bases []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks, m.bases, m.passed = checks, bases, map[[2]string]bool{}
}

func (m *matrix) record(check, base string, passed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.passed[[2]string{check, base}] = passed
}

// table is a Markdown table with a line a check and a column a base; empty
// where nothing was declared.
func (m *matrix) table() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.checks) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| check | %s |\n|---|%s\n", strings.Join(m.bases, " | "), strings.Repeat(":-:|", len(m.bases)))
	for _, check := range m.checks {
		fmt.Fprintf(&b, "| %s |", check)
		for _, base := range m.bases {
			mark := "·"
			if passed, ran := m.passed[[2]string{check, base}]; ran {
				mark = map[bool]string{true: "✓", false: "✗"}[passed]
			}
			fmt.Fprintf(&b, " %s |", mark)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

const matrixHead = `# What works on which base

` + "Each image was made by `docker openhands build --base BASE`; the real server ran in it and answered every check.\n" +
	"✓ passed, ✗ failed, · not applicable or not run. `make matrix-docs` writes this file anew.\n\n"

func (m *matrix) save(t *testing.T) {
	if err := os.WriteFile(artifacts(t, "matrix.md"), []byte(matrixHead+m.table()), 0o644); err != nil {
		t.Error(err)
	}
}
