package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// aliveInterval is how often a server is asked.
const aliveInterval = 250 * time.Millisecond

// WaitAlive returns when the server says that it is alive, or the container has
// ended, or ctx is done.
func (s *Server) WaitAlive(ctx context.Context) (err error) {
	step := s.view.Wait(fmt.Sprintf("waiting for the server of %s, %s", s.Image, s.as))
	defer func() { step.End(err) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = s.Wait(ctx) // why it ended is told by its log
	}()
	go s.follow(ctx, step)
	ticker := time.NewTicker(aliveInterval)
	defer ticker.Stop()
	for {
		if s.alive(ctx) {
			return nil
		}
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

// follow shows the lines of the container's log in a step, until ctx is done or the
// container ends.
func (s *Server) follow(ctx context.Context, step *progress.Step) {
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
		if text := lastLine(string(line)); text != "" {
			step.Say(text)
		}
		for long && err == nil { // the rest of it
			_, long, err = lines.ReadLine()
		}
	}
}

// maxLine is how much is kept of a line, in bytes.
const maxLine = 4 << 10

// lastLine is what a terminal shows in the end of a line of a log, in which a
// progress may be drawn over.
func lastLine(text string) string {
	text = strings.TrimSpace(terminal.Log(text))
	if at := strings.LastIndexByte(text, '\n'); at >= 0 {
		text = strings.TrimSpace(text[at:])
	}
	return terminal.Line(text)
}
