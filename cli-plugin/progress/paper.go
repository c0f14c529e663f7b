package progress

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/containerd/console"
)

// paper is a terminal that is drawn on, and can be erased down from where the
// drawing began. It follows the control sequences of ISO 6429 by which a cursor
// changes its row; drawings have no line that is wider than the terminal.
type paper struct {
	console.File
	row int // of the cursor, from where it was
}

// moves are what takes a cursor to another row.
var moves = regexp.MustCompile(`\n|\x1b\[([0-9]*)([AB])`)

// Write implements io.Writer. No sequence is in two writes.
func (p *paper) Write(text []byte) (int, error) {
	for _, move := range moves.FindAllSubmatch(text, -1) {
		rows, err := strconv.Atoi(string(move[1]))
		if err != nil {
			rows = 1 // none is given
		}
		if string(move[2]) == "A" {
			rows = -rows
		}
		p.row += rows
	}
	return p.File.Write(text)
}

// erase takes the cursor back, and what has been drawn away.
func (p *paper) erase() {
	if p.row > 0 {
		fmt.Fprintf(p.File, "\x1b[%dA", p.row)
	}
	fmt.Fprint(p.File, "\r\x1b[J")
}
