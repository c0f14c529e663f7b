package command

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
)

// forPrograms reports whether a command line asks for JSON. It may be one that
// was refused, so its words are looked at and not what became of flags.
func forPrograms(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	for i, arg := range args {
		switch arg {
		case "--json", "-json", "--json=true", "--format=json": // -json: of "bundle"
			return true
		case "--format":
			if i+1 < len(args) && args[i+1] == "json" {
				return true
			}
		}
	}
	return false
}

// writeFailure tells of an error that has a code: in a paragraph, with where to
// read more, or for programs as one line of JSON.
func writeFailure(w io.Writer, err error, forPrograms bool) {
	p := whole(err)
	if forPrograms {
		_ = document.WriteLine(terminal.Writer(w), document.Failure{Error: p}) // there is nowhere else to tell it
		return
	}
	fmt.Fprintln(w, terminal.Text(err.Error()))
	switch p.Code {
	case problem.Usage, problem.Interrupted: // say all there is
	default:
		fmt.Fprintf(w, "More: docker openhands explain %s\n", p.Code)
	}
}

// whole is the problem in err with everything else that err says.
func whole(err error) *problem.Error {
	var p *problem.Error
	if !errors.As(err, &p) {
		return problem.New(problem.Unforeseen, "the command failed", err, "")
	}
	text := err.Error()
	if text == p.Error() {
		return p
	}
	rest := strings.TrimSpace(strings.Replace(text, p.Error(), "", 1))
	if p.Cause != nil {
		rest = p.Cause.Error() + "\n" + rest
	}
	return problem.New(p.Code, p.Summary, errors.New(rest), p.Next)
}
