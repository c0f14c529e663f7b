package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// sessionShell is how a session's bash is started.
type sessionShell struct {
	path   string
	argv   []string // argv[0] and the options that come before arguments
	env    environ
	remark string // what it does without, for the log; empty: nothing
	talks  bool   // its start-up files print something, of a login without a terminal
}

// shellUse says which of its start-up files a bash reads.
type shellUse struct {
	login       bool // /etc/profile and the profile in the home
	interactive bool // before a terminal: inputrc and, unless it is a login, bashrc
	keepSHELL   bool // the variable SHELL does not become the shell's path
}

// bash returns the first of the shells that is a bash and works in env, else
// the payload's. It is tried as it will be used, with the start-up files of base
// and user: they may start another shell in its place, end it, or set it so that
// nobody can drive it who types and reads as the server does. What can be set
// back behind them is set back; else the shell does without them.
func (c *call) bash(env environ, use shellUse, shells ...string) sessionShell {
	own := payload.FallbackBin + "/bash"
	shells = append(shells, own)
	for i, path := range shells {
		if filepath.Base(path) != "bash" || !c.executable(path) || slices.Contains(shells[:i], path) {
			continue
		}
		for s := range use.ways(path, env) {
			works, talks := use.works(c.path(path), s)
			if s.talks = talks; works {
				return s
			}
		}
	}
	return use.way(own, env, "")
}

func (u shellUse) way(path string, env environ, remark string, options ...string) sessionShell {
	name := filepath.Base(path)
	if u.login {
		name = "-" + name
	}
	return sessionShell{path: path, argv: append([]string{name}, options...), env: env, remark: remark}
}

// setBack is what a shell runs behind its start-up files, before its first
// prompt: the keys are those of Emacs, an idle shell stays, and so does one
// whose command fails. bind reads inputrc first, so that it has the last word.
const setBack = `set +e; bind "set editing-mode emacs"; unset TMOUT INPUTRC PROMPT_COMMAND`

// ways are those to start a bash, the best one first.
func (u shellUse) ways(path string, env environ) iter.Seq[sessionShell] {
	return func(yield func(sessionShell) bool) {
		env := slices.Clone(env)
		if !u.keepSHELL {
			env.set("SHELL", path)
		}
		if !yield(u.way(path, env, "")) || !u.login && !u.interactive {
			return
		}
		behind := slices.Clone(env)
		if u.interactive {
			commands := setBack
			for _, name := range []string{"INPUTRC", "PROMPT_COMMAND"} {
				if value := env.get(name); value != "" {
					commands += "; export " + name + "=" + quote([]string{value})
				}
			}
			behind.set("INPUTRC", os.DevNull)
			behind.set("PROMPT_COMMAND", commands)
			if !yield(u.way(path, behind, "without vi's keys, inputrc, TMOUT and set -e")) {
				return
			}
		}
		if u.login {
			yield(u.way(path, behind, "without the files of a login", "--noprofile"))
		} else {
			yield(u.way(path, behind, "without bashrc and inputrc", "--norc"))
		}
	}
}

// shellLimit is how long a shell may take to show that it works.
const shellLimit = 10 * time.Second

// works reports whether a shell does what it is told in this use, and whether
// it prints anything else where there is no terminal.
func (u shellUse) works(path string, s sessionShell) (works, talks bool) {
	ctx, cancel := context.WithTimeout(context.Background(), shellLimit)
	defer cancel()
	probe := exec.CommandContext(ctx, path)
	probe.Args, probe.Env, probe.WaitDelay = s.argv, slices.Clone(s.env), time.Second
	if u.interactive {
		if terminal, err := newPty(); err == nil {
			defer terminal.close()
			return terminal.answers(ctx, probe), false
		}
	}
	if !u.login { // BASH_ENV is for scripts, not for what a session runs in them
		environ := environ(probe.Env)
		environ.unset("BASH_ENV")
		probe.Env = environ
	}
	probe.Stdin = strings.NewReader(`printf '\n%s\n' "$BASH_VERSION"` + "\n")
	var answer, errors lastBytes
	probe.Stdout, probe.Stderr = &answer, &errors
	err := probe.Run()
	found := version.FindIndex(answer.last)
	return err == nil && found != nil, found == nil || answer.n > int64(found[1]-found[0]) || errors.n > 0
}

// lastBytes keeps the end of what is written, however much that is.
type lastBytes struct {
	n    int64 // of all bytes
	last []byte
}

func (b *lastBytes) Write(p []byte) (int, error) {
	const kept = 4 << 10
	b.n += int64(len(p))
	b.last = append(b.last, p...)
	b.last = b.last[max(0, len(b.last)-kept):]
	return len(p), nil
}

// version is the last line of what a bash answers.
var version = regexp.MustCompile(`\n[0-9]+\.[^\n]*\n$`)

// hushed has the start-up files of a login print to nowhere. The shell reads its
// commands when they are done, and has the output of this process then.
func (s sessionShell) hushed() (sessionShell, error) {
	const above = 100 // descriptors that the files hardly use themselves
	var kept [2]int
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return s, err
	}
	defer null.Close()
	for i, descriptor := range []int{unix.Stdout, unix.Stderr} {
		if kept[i], err = unix.FcntlInt(uintptr(descriptor), unix.F_DUPFD, above); err != nil {
			return s, fmt.Errorf("keeping the output: %w", err)
		}
		if err := unix.Dup3(int(null.Fd()), descriptor, 0); err != nil {
			return s, fmt.Errorf("silencing the output: %w", err)
		}
	}
	s.argv = append(slices.Clone(s.argv), "-c",
		fmt.Sprintf(`exec >&%[1]d 2>&%[2]d %[1]d>&- %[2]d>&-; IFS= read -r -d '' OH_COMMANDS || :; eval "unset OH_COMMANDS; $OH_COMMANDS"`, kept[0], kept[1]))
	return s, nil
}

// What the server types into a new shell, in short: a command that has the
// prompt set, Ctrl-L, commands. The keyboard's end of a line is a return.
const typed = `export PROMPT_COMMAND='export PS1="<$((6*7))${BASH_VERSION:+bash}>"'` + "\r" +
	"\f" + `(exit 3)` + "\r" + `echo "<$?:${TMOUT:-0}>"` + "\r"

// typedAnswer is what a shell shows of it that works: the prompt of a bash, and
// the status of a command that failed, with no limit on idle time.
var typedAnswer = regexp.MustCompile(`(?s)<42bash>.*<3:0>`)

// answers types into a shell, with the terminal as its own, and reports whether
// it answers. A shell that has read everything and is silent then will not.
func (p *pty) answers(ctx context.Context, command *exec.Cmd) bool {
	const (
		glance = 20 * time.Millisecond
		silent = 2 * time.Second
		kept   = 64 << 10 // bytes of what is shown
	)
	if err := p.start(command); err != nil {
		return false
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	defer func() {
		_ = unix.Kill(-command.Process.Pid, unix.SIGKILL) // it leads a group of its own; it may have ended
		<-ended
	}()
	if _, err := p.master.WriteString(typed); err != nil {
		return false
	}
	var shown []byte
	last := time.Now()
	for buffer := make([]byte, 4<<10); ctx.Err() == nil; {
		n, err := p.read(buffer, glance)
		if n > 0 {
			shown = append(shown[max(0, len(shown)-kept):], buffer[:n]...)
			last = time.Now()
			if typedAnswer.Match(shown) {
				return true
			}
			continue
		}
		if err != nil {
			return false
		}
		select {
		case err := <-ended:
			ended <- err
			return false
		default:
		}
		if p.unread() > 0 {
			last = time.Now()
		} else if time.Since(last) > silent {
			return false
		}
	}
	return false
}

// isTerminal reports whether the process stands before a terminal, as bash asks
// before it is interactive.
func isTerminal() bool {
	for _, descriptor := range []int{0, 2} {
		if _, err := unix.IoctlGetTermios(descriptor, unix.TCGETS); err != nil {
			return false
		}
	}
	return true
}

// containerLog opens the log of the container, which holds nothing that sessions
// print. Where it cannot be opened, standard error takes its place. It stays
// open until the process becomes another program.
func (c *call) containerLog() io.Writer {
	log, err := os.OpenFile("/proc/1/fd/2", os.O_WRONLY|os.O_APPEND|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return c.stderr
	}
	return log
}

// report says in one line what a shell does without. A log that cannot be
// written to keeps nobody from working.
func (c *call) report(log io.Writer, s sessionShell) {
	if s.remark != "" {
		_, _ = fmt.Fprintf(log, "%s: %s starts for %s %s; with them, a server could not work in it\n",
			c.name, s.path, s.env.get("HOME"), s.remark)
	}
}

// ownShell is what the server's windows run where it asks for /bin/bash, see
// inWindow.
func (c *call) ownShell() error {
	c.env.unset("TMOUT")
	s := c.bash(c.env, shellUse{interactive: isTerminal(), keepSHELL: true}, "/bin/bash")
	c.report(c.containerLog(), s)
	return c.start(s.path, append(s.argv, c.args...), s.env)
}
