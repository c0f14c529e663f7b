package problem

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
)

func TestErrorIsOneParagraph(t *testing.T) {
	err := New(NotFound, "the base image \"x\" could not be pulled", errors.New("denied."), "Log in")
	want := `OH-003: the base image "x" could not be pulled: denied. Log in.`
	if got := err.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestClassify(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, test := range map[string]struct {
		ctx    context.Context
		err    error
		code   Code
		status int
	}{
		"nil":            {context.Background(), nil, "", 0},
		"plain":          {context.Background(), errors.New("x"), "", 1},
		"cancelled":      {cancelled, errors.New("exit status 1"), Interrupted, 130},
		"wrapped":        {context.Background(), fmt.Errorf("loading: %w", context.Canceled), Interrupted, 130},
		"errno":          {context.Background(), fmt.Errorf("writing: %w", syscall.ENOSPC), DiskFull, 1},
		"text":           {context.Background(), errors.New("write /var/lib/x: no space left on device"), DiskFull, 1},
		"usage":          {context.Background(), New(Usage, "x", nil, ""), Usage, 2},
		"full, in build": {context.Background(), New(BuildFailed, "x", errors.New("No space left on device"), ""), DiskFull, 1},
	} {
		t.Run(name, func(t *testing.T) {
			err := Classify(test.ctx, test.err)
			var p *Error
			if errors.As(err, &p); (p == nil && test.code != "") || (p != nil && p.Code != test.code) {
				t.Errorf("got %v, want code %q", err, test.code)
			}
			if got := ExitStatus(err); got != test.status {
				t.Errorf("status %d, want %d", got, test.status)
			}
		})
	}
}
