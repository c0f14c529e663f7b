package problem

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"syscall"
	"testing"
)

// What a person reads names no system call and no function of Go.
func TestPlain(t *testing.T) {
	_, number := strconv.ParseUint("x", 10, 16)
	for want, err := range map[string]error{
		"looking: /x does not exist":    fmt.Errorf("looking: %w", &fs.PathError{Op: "lstat", Path: "/x", Err: syscall.ENOENT}),
		"/x: permission denied":         &fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES},
		`the port: "x": invalid syntax`: fmt.Errorf("the port: %w", number),
		"as it is":                      errors.New("as it is"),
	} {
		if got := plain(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestQuestionsNeedNoStop(t *testing.T) {
	err := New(NoEngine, "no engine answers", errors.New("is it running?"), "Start it")
	if want := "OH-005: no engine answers: is it running? Start it."; err.Error() != want {
		t.Errorf("%s, want %s", err, want)
	}
}
