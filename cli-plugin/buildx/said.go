package buildx

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
)

// saying is what buildx said of a build.
type saying struct {
	text  string // beside statuses: its error message, where it failed
	steps outputs
	log   string // file with all of it; empty: there is none
}

// errorPrefix starts the message with which buildx fails.
const errorPrefix = "ERROR: "

// show draws the status stream of buildx until its end, and keeps it in a log.
func (c *Client) show(stream io.Reader) (said saying) {
	send, end := c.View.Stream("Building")
	defer end()
	keep := func(*bkclient.SolveStatus) {}
	if log, err := state.NewLog(); err == nil { // else there is none
		said.log = log.Name()
		all := progress.New(log, progressui.PlainMode)
		var ended func()
		keep, ended = all.Stream("Building")
		defer func() {
			ended()
			if log.Close() != nil {
				said.log = ""
			}
		}()
	}
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadBytes('\n')
		status := new(bkclient.SolveStatus)
		if text := bytes.TrimSpace(line); len(text) == 0 {
		} else if text[0] == '{' && json.Unmarshal(text, status) == nil {
			if c.View.Raw() {
				send(status)
				status = new(bkclient.SolveStatus)
				_ = json.Unmarshal(text, status) // it could be read a moment ago
			}
			harmless(status)
			if !c.View.Raw() {
				send(status)
			}
			keep(status)
			said.steps.note(status)
		} else if said.text == "" || bytes.HasPrefix(text, []byte(errorPrefix)) {
			said.text = string(text)
		} else {
			said.text += " " + string(text)
		}
		if err != nil {
			return said // the end, or the process is gone; its exit status tells
		}
	}
}
