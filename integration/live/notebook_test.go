package live

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestCells counts on a busy machine how many cells of a notebook are answered
// with anything else than what they print: every one after another, and every
// one sent at once after a cell that fails. The variable OH_CELLS says how many
// of each are tried.
func TestCells(t *testing.T) {
	cells := 100
	if chosen := os.Getenv("OH_CELLS"); chosen != "" {
		var err error
		if cells, err = strconv.Atoi(chosen); err != nil {
			t.Fatalf("OH_CELLS: %v", err)
		}
	}
	s := asUser("openhands", "1000")(t, "alpine:3.20", build(t, "alpine:3.20"))
	for range 2 {
		docker(t, "exec", "--detach", s.container, "sh", "-c", "while :; do :; done")
	}
	run := func(code string) string {
		out, err := s.RunCell(t.Context(), code)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	count := func(what, before string) {
		var dropped, silent int
		for n := range cells {
			if before != "" {
				contains(t, run(before), "ZeroDivisionError")
			}
			cell := fmt.Sprintf("%s %d", what, n)
			if run(fmt.Sprintf("cell = %q; print(cell)", cell)) == cell {
				continue
			}
			// What is late has come by the second answer.
			if answers := run("print(cell)") + run("print(cell)"); strings.Contains(answers, cell) {
				silent++
			} else {
				dropped++
			}
		}
		t.Logf("%s: of %d, %d were not run, the output of %d was lost", what, cells, dropped, silent)
		if dropped+silent > 0 {
			t.Error("the answers were not true")
		}
	}
	count("cells", "")
	count("cells after a failed one", "1/0")
}
