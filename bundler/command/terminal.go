package command

import (
	"io"
	"os"

	"golang.org/x/term"
)

// isTerminal reports whether text for w may be styled.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	return term.IsTerminal(int(f.Fd()))
}
