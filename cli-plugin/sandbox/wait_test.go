package sandbox

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestLastLine(t *testing.T) {
	var l lastLine
	for _, step := range []struct{ line, want string }{
		{"", ""},
		{"first", "first"},
		{"  \t", "first"},
		{"\x1b[32mgreen\x1b[0m \x1b]0;title\a", `green \x1b]0;title\x07`},
		{"10 %\r20 %\r30 %", "30 %"},
	} {
		l.set(step.line)
		if got := l.get(); got != step.want {
			t.Errorf("after %q it is %q, want %q", step.line, got, step.want)
		}
	}
}

func TestNowAndThen(t *testing.T) {
	var lines []string
	n := &nowAndThen{logf: func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }}
	for elapsed := time.Duration(0); elapsed <= 21*time.Second; elapsed += aliveInterval {
		said := ""
		if elapsed > 15*time.Second {
			said = "loading"
		}
		n.Waiting(elapsed, said)
	}
	n.Done()
	want := []string{"waiting for the server, 10 s so far", "waiting for the server, 20 s so far; it says: loading"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
}
