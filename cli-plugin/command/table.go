package command

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
)

// table writes columns for people. The words in its cells may be those of an
// image, a registry or a file: none makes a cell, a line or more than that.
type table struct{ columns *tabwriter.Writer }

func newTable(w io.Writer) table { return table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

// row writes a line, without cells an empty one, after which the columns may
// have other widths. Flush returns what goes wrong.
func (t table) row(cells ...string) {
	shown := make([]string, len(cells))
	for i, cell := range cells {
		shown[i] = terminal.Line(cell)
	}
	fmt.Fprintln(t.columns, strings.Join(shown, "\t"))
}

func (t table) flush() error { return t.columns.Flush() }
