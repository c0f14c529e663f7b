package sandbox

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// Watcher is told of the wait for a server.
type Watcher interface {
	// Waiting is called several times a second, with the last line that the
	// server wrote, if any.
	Waiting(elapsed time.Duration, said string)
	// Done is called once, when the wait is over.
	Done()
}

const (
	aliveInterval = 250 * time.Millisecond
	aliveReport   = 10 * time.Second
)

// nowAndThen is the watcher that writes a line every aliveReport.
type nowAndThen struct {
	logf func(format string, args ...any)
	told time.Duration
}

func (n *nowAndThen) Waiting(elapsed time.Duration, said string) {
	if elapsed-n.told < aliveReport {
		return
	}
	n.told = elapsed
	if said != "" {
		said = "; it says: " + said
	}
	n.logf("waiting for the server, %d s so far%s", int(elapsed.Seconds()), said)
}

func (n *nowAndThen) Done() {}

// WaitAlive returns when the server says that it is alive, or the container has
// ended, or ctx is done.
func (s *Server) WaitAlive(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = s.Wait(ctx) // why it ended is told by its log
	}()
	var said lastLine
	go s.follow(ctx, &said)
	watch := s.watch
	if watch == nil {
		watch = &nowAndThen{logf: s.logf}
	}
	finish := sync.OnceFunc(watch.Done)
	defer finish()
	start := time.Now()
	ticker := time.NewTicker(aliveInterval)
	defer ticker.Stop()
	for {
		if s.alive(ctx) {
			finish()
			s.logf("alive after %.1f s", time.Since(start).Seconds())
			return nil
		}
		watch.Waiting(time.Since(start), said.get())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return s.died(ctx)
		case <-ticker.C:
		}
	}
}

// follow keeps the last line of the container's log until ctx is done or the
// container ends.
func (s *Server) follow(ctx context.Context, said *lastLine) {
	logs, err := s.engine.API.ContainerLogs(ctx, s.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		return // it is only told while one waits
	}
	defer logs.Close()
	read, write := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(write, write, logs)
		write.CloseWithError(err)
	}()
	defer read.Close()
	lines := bufio.NewReaderSize(read, maxLine)
	for {
		line, long, err := lines.ReadLine()
		if err != nil {
			return
		}
		said.set(string(line))
		for long && err == nil { // the rest of it
			_, long, err = lines.ReadLine()
		}
	}
}

// maxLine is how much is kept of a line, in bytes.
const maxLine = 4 << 10

// lastLine is a line of a log, fit for a terminal.
type lastLine struct {
	mu   sync.Mutex
	text string
}

// set replaces the line, unless there is nothing to see in it.
func (l *lastLine) set(text string) {
	text = strings.TrimSpace(terminal.Log(text))
	if at := strings.LastIndexByte(text, '\n'); at >= 0 { // of a progress that is drawn over
		text = strings.TrimSpace(text[at:])
	}
	if text = terminal.Line(text); text == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = text
}

func (l *lastLine) get() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text
}
