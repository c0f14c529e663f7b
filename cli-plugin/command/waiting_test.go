package command

import (
	"bytes"
	"testing"
	"time"
)

// The line of a wait is drawn over itself when there is something new, and is gone
// in the end.
func TestWaitLine(t *testing.T) {
	var b bytes.Buffer
	l := &waitLine{to: &b, width: 42}
	for _, step := range []struct {
		elapsed time.Duration
		said    string
	}{
		{0, ""}, {500 * time.Millisecond, ""}, {time.Second, ""}, {1900 * time.Millisecond, "loading größe of the world"}, {2 * time.Second, ""},
	} {
		l.Waiting(step.elapsed, step.said)
	}
	l.Done()
	l.Done()
	const drawn = "\rwaiting for the server, 0 s\x1b[K" + "\rwaiting for the server, 1 s\x1b[K" +
		"\rwaiting for the server, 1 s  loading grö…\x1b[K" + "\rwaiting for the server, 2 s\x1b[K" + "\r\x1b[K"
	if b.String() != drawn {
		t.Errorf("%q", b.String())
	}
}
