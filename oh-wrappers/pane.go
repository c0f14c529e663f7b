package main

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// The servers type into a shell of tmux and look at once. Where the shell has
// not yet shown what was typed, its old prompt is taken for the end of the new
// command: an answer with no output and the status of the command before. So
// tmux is as slow as the shell where they do not wait for it themselves.
const (
	windowLimit = 30 * time.Second // for a shell to read what is typed
	textLimit   = 3 * time.Second  // for a program to show, or to read, what is typed
	paneGlance  = 10 * time.Millisecond
)

// keyName matches the arguments of send-keys that are no text.
var keyName = regexp.MustCompile(`^(C-.|Enter|Tab|BSpace|Escape|Up|Down|Left|Right|Home|End|PPage|NPage)$`)

// inStep are the commands of tmux that wait.
var inStep = []string{"new-window", "send-keys", "clear-history"}

// launchInStep carries out a call of tmux as libtmux writes it:
//
//	tmux [OPTION...] COMMAND [-t TARGET] [ARGUMENT...]
//
// A new window is there when its shell reads what is typed, text is sent when
// it is shown, and history is cleared when all that was typed has been read.
func (c *call) launchInStep() error {
	i := slices.IndexFunc(c.args, func(arg string) bool { return slices.Contains(inStep, arg) })
	if i < 0 || i == len(c.args)-1 {
		return c.launch()
	}
	p := &pane{call: c, options: c.args[:i]}
	if c.args[i+1] == "-t" && len(c.args) > i+2 {
		p.target = c.args[i+2]
	}
	last := c.args[len(c.args)-1]
	switch c.args[i] {
	case "new-window":
		c.args[len(c.args)-1] = inWindow(last)
		id, err := p.tmux(c.args...)
		if err != nil {
			return c.launch() // it fails again and says why
		}
		if p.target = strings.TrimSpace(id); p.target != "" {
			p.wait(windowLimit, func(s paneState) bool { return s.reads })
		}
		_, err = io.WriteString(c.stdout, id)
		return err
	case "send-keys":
		before, ok := p.state()
		if !ok || !before.reads || keyName.MatchString(last) {
			return c.launch()
		}
		if _, err := p.tmux(c.args...); err != nil {
			return c.launch()
		}
		p.wait(textLimit, func(s paneState) bool { return !s.reads || s.shown != before.shown })
		return nil
	case "clear-history":
		p.wait(textLimit, func(s paneState) bool { return s.reads && s.unread == 0 })
	}
	return c.launch()
}

// inWindow is what a window runs for a command line. In the place of /bin/bash
// it is the first bash that works.
func inWindow(line string) string {
	if before, ok := strings.CutSuffix(line, "/bin/bash"); ok && (before == "" || strings.HasSuffix(before, " ")) {
		return before + payload.Wrappers + " oh-shell"
	}
	return line
}

// pane is the one in which a call of tmux does something.
type pane struct {
	*call
	options []string // that name tmux's server
	target  string
}

// paneState is what is known of a pane.
type paneState struct {
	shown  string // where the cursor stands and how much there is above
	reads  bool   // the program takes keys one by one, as a shell at its prompt does
	unread int    // bytes that were typed and that no program has read
}

// wait returns when a state of the pane is the one wanted, when there is no such
// pane, or at the limit.
func (p *pane) wait(limit time.Duration, wanted func(paneState) bool) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(paneGlance) {
		if s, ok := p.state(); !ok || wanted(s) {
			return
		}
	}
}

// state looks at the pane, which tmux may not have any more.
func (p *pane) state() (s paneState, ok bool) {
	told, err := p.tmux(append(slices.Clone(p.options), "display-message", "-p", "-t", p.target,
		"#{pane_tty} #{cursor_x},#{cursor_y},#{history_size}")...)
	if err != nil {
		return s, false
	}
	path, shown, _ := strings.Cut(strings.TrimSpace(told), " ")
	tty, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return s, false
	}
	defer tty.Close()
	s.shown = shown
	err = control(tty, func(fd int) error {
		mode, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		s.reads = mode.Lflag&unix.ICANON == 0
		s.unread, err = unix.IoctlGetInt(fd, unix.TIOCINQ)
		return err
	})
	return s, err == nil
}

// tmux runs tmux and returns what it prints. An error of its own goes unsaid.
func (p *pane) tmux(args ...string) (string, error) {
	var out []byte
	c := *p.call
	c.args, c.env = args, slices.Clone(p.env)
	c.exec = func(path string, argv, env []string) (err error) {
		program := exec.Cmd{Path: c.path(path), Args: argv, Env: env}
		out, err = program.Output()
		return err
	}
	err := c.launch()
	return string(out), err
}
