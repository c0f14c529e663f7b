// Package progresstest has terminals for tests.
package progresstest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/tonistiigi/vt100"
)

// Screen is a terminal and what a person sees on it.
type Screen struct {
	*os.File // the program's side
	seen     *vt100.VT100
	drawn    strings.Builder // all that was ever written to it
	read     chan struct{}
}

// NewScreen has so many columns, and rows enough for most.
func NewScreen(t testing.TB, width int) *Screen {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	const height = 40
	if err := pty.Setsize(slave, &pty.Winsize{Rows: height, Cols: uint16(width)}); err != nil {
		t.Fatal(err)
	}
	// One column more: a terminal goes to the next row when something comes after
	// the last column, the emulator when that is full.
	s := &Screen{File: slave, seen: vt100.NewVT100(height, width+1), read: make(chan struct{})}
	go func() {
		defer close(s.read)
		_, _ = io.Copy(atOnce{s.seen}, io.TeeReader(master, &s.drawn)) // it ends with an error when the other side is closed
		_ = master.Close()
	}()
	return s
}

// Drawn is all that was ever written to the terminal. It may be called after Text.
func (s *Screen) Drawn() string { return s.drawn.String() }

// atOnce is an emulator that goes to the next row with the end of a line, and not
// with what is written after it.
type atOnce struct{ *vt100.VT100 }

func (a atOnce) Write(p []byte) (int, error) {
	_, err := a.VT100.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\n \b")))
	return len(p), err
}

// Text is what is seen when nothing more comes. Times, which differ, are zero.
func (s *Screen) Text(t testing.TB) string {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	<-s.read
	var b strings.Builder
	for _, row := range s.seen.Content {
		b.WriteString(strings.TrimRight(string(row), " ") + "\n")
	}
	// On a busy machine a time has a digit more, and less room before it.
	text := regexp.MustCompile(`(?m) +\d+\.\ds$`).ReplaceAllStringFunc(b.String(), func(time string) string {
		return fmt.Sprintf("%*s", len(time), "0.0s")
	})
	text = regexp.MustCompile(`\d+\.\ds`).ReplaceAllString(text, "0.0s")
	return strings.TrimRight(text, "\n") + "\n"
}
