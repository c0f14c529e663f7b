package terminal

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker/cli/cli/command/formatter/tabwriter"
	"github.com/mattn/go-runewidth"
)

// Table writes columns for people. The words in its cells may be those of an
// image, a registry or a file: none makes a cell, a line or more than that.
type Table struct {
	to       io.Writer
	rows     [][]string
	width    int      // of a line, in columns of a terminal; 0: as wide as the cells are
	whole    []string // headings of what no line shortens
	optional []string // headings of what a line that is too narrow goes without, the first one first
}

// NewTable returns an empty table, which is written to w.
func NewTable(w io.Writer) *Table { return &Table{to: w} }

// Fit makes the table as narrow as the terminal that it is written to, if it is
// written to one: without optional columns, then with shorter cells.
func (t *Table) Fit(optional ...string) {
	if screen, ok := t.to.(interface{ GetTtySize() (height, width uint) }); ok {
		_, width := screen.GetTtySize() // 0 without a terminal
		t.width, t.optional = int(width), optional
	}
}

// Keep says under which headings there is what people copy, which no line shortens.
func (t *Table) Keep(headings ...string) { t.whole = headings }

// Fits reports whether the table is made as narrow as a terminal.
func (t *Table) Fits() bool { return t.width > 0 }

// Row adds a line, without cells an empty one, after which the columns may have
// other widths, headings and all.
func (t *Table) Row(cells ...string) {
	shown := make([]string, len(cells))
	for i, cell := range cells {
		shown[i] = Line(cell)
	}
	t.rows = append(t.rows, shown)
}

const (
	columnGap   = 2
	legibleCell = 24 // columns of a terminal that a cell keeps while there is an optional one

	// LeastCell is how many columns of a terminal a cell keeps in any case.
	LeastCell = 8
)

// Flush writes the rows since the last one.
func (t *Table) Flush() error {
	columns := tabwriter.NewWriter(t.to, 0, 0, columnGap, ' ', 0)
	for start := 0; start < len(t.rows); {
		end := start
		for end < len(t.rows) && len(t.rows[end]) > 0 {
			end++
		}
		t.narrow(t.rows[start:end])
		start = end + 1
	}
	for _, row := range t.rows {
		fmt.Fprintln(columns, strings.Join(row, "\t")) // Flush returns what goes wrong
	}
	t.rows = nil
	return columns.Flush()
}

// narrow makes the rows fit. The first has the headings.
func (t *Table) narrow(rows [][]string) {
	if t.width == 0 || len(rows) == 0 {
		return
	}
	for _, heading := range t.optional {
		at := slices.Index(rows[0], heading)
		if at < 0 || lineWidth(widths(rows), legibleCell) <= t.width {
			continue
		}
		for i := range rows {
			if at < len(rows[i]) {
				rows[i] = slices.Delete(rows[i], at, at+1)
			}
		}
	}
	room := widths(rows)
	for lineWidth(room, t.width) > t.width {
		widest := -1
		for i, width := range room {
			kept := i < len(rows[0]) && slices.Contains(t.whole, rows[0][i])
			if !kept && (widest < 0 || width > room[widest]) {
				widest = i
			}
		}
		if widest < 0 || room[widest] <= LeastCell {
			break
		}
		room[widest]--
	}
	for _, row := range rows {
		for i := range row {
			row[i] = Shortened(row[i], room[i])
		}
	}
}

// widths are those of the columns, in columns of a terminal.
func widths(rows [][]string) []int {
	var all []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(all) {
				all = append(all, 0)
			}
			all[i] = max(all[i], runewidth.StringWidth(cell))
		}
	}
	return all
}

// lineWidth is the width of a line, of whose columns none counts for more than
// limit.
func lineWidth(widths []int, limit int) int {
	sum := columnGap * (len(widths) - 1)
	for _, width := range widths {
		sum += min(width, limit)
	}
	return sum
}

// Shortened is text of at most width columns. Names lose their middle, since
// both ends tell them apart; words lose their end.
func Shortened(text string, width int) string {
	const mark = "…"
	whole := runewidth.StringWidth(text)
	if whole <= width {
		return text
	}
	if strings.Contains(strings.TrimLeft(text, " "), " ") {
		return runewidth.Truncate(text, width, mark)
	}
	tail := (width - 1) / 2
	return runewidth.Truncate(text, width-tail, mark) + runewidth.TruncateLeft(text, whole-tail, "")
}

// Beside returns text as far as a line of the terminal w has room for it, of which
// so many columns are taken. Where w is no terminal, it is the whole text.
func Beside(w io.Writer, taken int, text string) string {
	table := NewTable(w)
	if table.Fit(); !table.Fits() {
		return text
	}
	return Shortened(text, max(table.width-taken, LeastCell))
}
