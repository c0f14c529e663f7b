// Package progress shows people what takes long, as BuildKit shows its builds:
// live where there is a terminal, in lines elsewhere.
package progress

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/containerd/console"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
)

// patience is how long a step takes that is not worth a look.
const patience = time.Second

// View shows what goes on: lines, builds of buildx and steps of this program. It
// may be used by several goroutines at once. What it is told of others need not be
// fit for a terminal, but for the statuses of builds.
type View struct {
	out      *lines
	terminal console.File // that is drawn on; nil: none
	mode     progressui.DisplayMode
	patience time.Duration

	lock  sync.Mutex
	busy  int      // streams under way
	below []string // lines that wait for the end of a live view
	stays bool     // something of what is drawn is to be seen when it has ended
	paper *paper   // that it is drawn on; nil: lines
	feed  chan *client.SolveStatus
	drawn chan struct{}
}

// New returns a view on a writer. A terminal is drawn on, unless the mode says
// otherwise; where there is none, every mode but quiet and rawjson is plain.
func New(out io.Writer, mode progressui.DisplayMode) *View {
	v := &View{out: &lines{to: out}, mode: mode, patience: patience}
	switch mode {
	case progressui.QuietMode, progressui.PlainMode:
	case progressui.RawJSONMode: // programs wait for nothing
		v.patience = 0
	default:
		v.mode = progressui.PlainMode
		if file, ok := out.(console.File); ok {
			if _, err := console.ConsoleFromFile(file); err == nil {
				v.terminal, v.mode = file, progressui.TtyMode
			}
		}
	}
	return v
}

// Logf says a line. Where something is drawn, it comes below that.
func (v *View) Logf(format string, args ...any) {
	if v.mode == progressui.QuietMode || v.mode == progressui.RawJSONMode {
		return
	}
	line := terminal.Line(fmt.Sprintf(format, args...)) + "\n"
	v.lock.Lock()
	defer v.lock.Unlock()
	if v.terminal != nil && v.feed != nil {
		v.below = append(v.below, line)
		return
	}
	v.out.line(line)
}

// Live reports whether a terminal is drawn on.
func (v *View) Live() bool { return v.terminal != nil }

// Raw reports whether programs read what is shown, as it was said.
func (v *View) Raw() bool { return v.mode == progressui.RawJSONMode }

// Stream shows the statuses of a build, whose words are fit for a terminal, until
// end is called. What it is said to do is one word, as in "Building".
func (v *View) Stream(doing string) (send func(*client.SolveStatus), end func()) {
	v.begin(doing, true)
	return v.send, sync.OnceFunc(v.finish)
}

func (v *View) begin(doing string, stays bool) {
	v.lock.Lock()
	defer v.lock.Unlock()
	if v.busy++; v.feed != nil {
		v.stays = v.stays || stays
		return
	}
	var out io.Writer = v.out
	v.stays, v.paper = stays, nil
	if v.terminal != nil {
		v.paper = &paper{File: v.terminal}
		out = v.paper
	}
	display, err := progressui.NewDisplay(out, v.mode, progressui.WithPhase(doing))
	if err != nil { // the terminal is gone
		return
	}
	feed, drawn := make(chan *client.SolveStatus), make(chan struct{})
	go func() {
		defer close(drawn)
		// It ends with feed: what is interrupted is shown up to its end as well.
		_, _ = display.UpdateFrom(context.Background(), feed)
	}()
	v.feed, v.drawn = feed, drawn
}

func (v *View) send(status *client.SolveStatus) {
	v.lock.Lock()
	defer v.lock.Unlock()
	if v.feed != nil {
		v.feed <- status
	}
}

// finish ends one stream. With the last one ends what is drawn, so that whatever
// comes next comes below it.
func (v *View) finish() {
	v.lock.Lock()
	defer v.lock.Unlock()
	if v.busy--; v.busy > 0 || v.feed == nil {
		return
	}
	close(v.feed)
	<-v.drawn
	v.feed = nil
	if v.paper != nil && !v.stays {
		v.paper.erase()
	}
	v.out.end()
	for _, line := range v.below {
		v.out.line(line)
	}
	v.below = nil
}

// lines lets several write to one writer, each whole lines.
type lines struct {
	lock sync.Mutex
	to   io.Writer
	rest []byte // of a line that has not ended
}

// Write implements io.Writer. There is one caller.
func (l *lines) Write(p []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.rest = append(l.rest, p...)
	end := strings.LastIndexByte(string(l.rest), '\n') + 1
	_, err := l.to.Write(l.rest[:end])
	l.rest = append(l.rest[:0], l.rest[end:]...)
	return len(p), err
}

// end ends a line that has not ended.
func (l *lines) end() {
	if len(l.rest) > 0 {
		_, _ = l.Write([]byte("\n"))
	}
}

func (l *lines) line(text string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	_, _ = l.to.Write([]byte(text)) // nobody is there to be told
}
