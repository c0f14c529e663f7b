package command

import (
	"fmt"
	"io"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker/cli/cli/command"
	"github.com/mattn/go-runewidth"
)

// servers starts servers and tells of the wait for them: at a terminal on a line
// that counts, else by a line now and then.
func (o *buildOptions) servers(dockerCLI command.Cli, b *builder.Builder) sandbox.Client {
	c := sandbox.Client{Engine: b.Engine, Logf: b.Logf}
	if _, width := dockerCLI.Err().GetTtySize(); width > 0 && (o.progress == "auto" || o.progress == "tty") {
		c.Watch = &waitLine{to: dockerCLI.Err(), width: int(width)}
	}
	return c
}

// waitLine is a line of a terminal that is drawn over, with control sequences of
// ISO 6429.
type waitLine struct {
	to    io.Writer
	width int // of the terminal, in columns
	shown string
}

// Waiting implements sandbox.Watcher.
func (l *waitLine) Waiting(elapsed time.Duration, said string) {
	text := fmt.Sprintf("waiting for the server, %d s", int(elapsed.Seconds()))
	if said != "" {
		text += "  " + said
	}
	if text = runewidth.Truncate(text, l.width-1, "…"); text != l.shown {
		l.shown = text
		fmt.Fprint(l.to, "\r"+text+"\x1b[K")
	}
}

// Done implements sandbox.Watcher.
func (l *waitLine) Done() {
	if l.shown != "" {
		fmt.Fprint(l.to, "\r\x1b[K")
	}
	l.shown = ""
}
