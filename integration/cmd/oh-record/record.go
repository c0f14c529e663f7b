package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
)

// The terminal that is recorded, in columns and rows.
const (
	columns = 112
	rows    = 26
)

// How long things take in the recording.
const (
	press   = 30 * time.Millisecond   // from key to key
	breath  = 500 * time.Millisecond  // before Enter
	reading = 2500 * time.Millisecond // after a command
	longest = 300 * time.Millisecond  // in which nothing changes while a command runs
)

// tape writes a recording in version 2 of asciinema's format, "asciicast v2": a
// header, and a line for each piece of output.
type tape struct {
	to    *json.Encoder
	clock time.Duration // of the recording
	rest  []byte        // the start of a character
}

func newTape(w io.Writer) (*tape, error) {
	t := &tape{to: json.NewEncoder(w)}
	t.to.SetEscapeHTML(false)
	return t, t.to.Encode(map[string]any{"version": 2, "width": columns, "height": rows, "env": map[string]string{"TERM": terminalType}})
}

// terminalType is one that the drawing program understands.
const terminalType = "xterm-256color"

// show adds output after some time.
func (t *tape) show(after time.Duration, output []byte) error {
	t.clock += min(after, longest)
	data := append(t.rest, output...)
	whole := len(data)
	for whole > 0 && len(data)-whole < utf8.UTFMax && !utf8.Valid(data[:whole]) {
		whole--
	}
	t.rest = append([]byte(nil), data[whole:]...)
	return t.to.Encode([]any{t.clock.Seconds(), "o", string(data[:whole])})
}

// wait lets time pass, of any length.
func (t *tape) wait(d time.Duration) { t.clock += d }

// record runs commands one after the other, each in a terminal of its own, and
// writes what is seen. One that fails ends it.
func record(ctx context.Context, file string, commands []string, env ...string) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	t, err := newTape(out)
	if err != nil {
		return err
	}
	for _, line := range commands {
		if err := t.command(ctx, line, env); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	return t.show(0, []byte("$ "))
}

// command types a line and runs it.
func (t *tape) command(ctx context.Context, line string, env []string) error {
	if err := t.show(0, []byte("$ ")); err != nil {
		return err
	}
	for _, key := range line {
		if err := t.show(press, []byte(string(key))); err != nil {
			return err
		}
	}
	t.wait(breath)
	if err := t.show(0, []byte("\r\n")); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+line)
	cmd.Env = slices.Concat(os.Environ(), env, []string{"TERM=" + terminalType})
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: rows, Cols: columns})
	if err != nil {
		return err
	}
	defer screen.Close()
	last, buffer := time.Now(), make([]byte, 32<<10)
	for {
		n, err := screen.Read(buffer)
		if n > 0 {
			now := time.Now()
			if err := t.show(now.Sub(last), buffer[:n]); err != nil {
				return err
			}
			last = now
		}
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO) { // nobody has the terminal open any more
			break
		}
		if err != nil {
			return err
		}
	}
	if err := cmd.Wait(); err != nil {
		return err
	}
	t.wait(reading)
	return nil
}
