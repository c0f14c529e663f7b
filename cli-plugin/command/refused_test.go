package command

import (
	"errors"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/rogpeppe/go-internal/testscript"
)

// paragraph is what an error has to look like: one code, one paragraph, a full
// stop at its end, and where to read more.
var paragraph = regexp.MustCompile(`(?s)\A(OH-\d{3}): (.+)\.\n(?:More: docker openhands explain (OH-\d{3})\n)?\z`)

// help finds the name of the command whose help an error names.
var help = regexp.MustCompile(`See 'docker openhands (.*)--help'`)

// refused is a command of scripts: "refused CODE TEXT ARGUMENT...". The
// program with the arguments has to end with the one paragraph of the code,
// in which the regular expression TEXT is found, and with the status of it. Where
// help is named, it is that of the command that was called. It leaves the
// temporary folder as it was.
func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: refused CODE TEXT ARGUMENT...")
	}
	code, text := args[0], regexp.MustCompile(args[1])
	err := ts.Exec("docker-openhands", args[2:]...)
	stderr := ts.ReadFile("stderr")
	found := paragraph.FindStringSubmatch(stderr)
	if found == nil || strings.Contains(stderr, "\n\n") || found[3] != "" && found[3] != found[1] || strings.Contains(found[2], "\nOH-") {
		ts.Fatalf("no single paragraph with a code: %q", stderr)
	}
	if found[1] != code || !text.MatchString(found[2]) || !strings.Contains(found[2], ". ") {
		ts.Fatalf("want the code %s, %q and what to do, got: %s", code, text, stderr)
	}
	if help := help.FindStringSubmatch(stderr); help != nil && !strings.HasPrefix(strings.Join(args[2:], " ")+" ", help[1]) {
		ts.Fatalf("called as %q, it names the help of another command: %s", args[2:], stderr)
	}
	want := problem.Code(code).Status()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != want {
		ts.Fatalf("it ended with %v, and not with status %s", err, strconv.Itoa(want))
	}
}
