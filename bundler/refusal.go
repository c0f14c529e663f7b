package bundler

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Refusal is the error for a file that cannot be sealed. The file is as it was.
type Refusal struct {
	Path   string `json:"path"` // inside the tree
	Reason string `json:"reason"`
	Remedy string `json:"remedy,omitempty"` // what to do

	cause error
}

func (r *Refusal) Error() string {
	text := fmt.Sprintf("sealing %s: %s", r.Path, r.Reason)
	if r.Remedy != "" {
		text += " (" + r.Remedy + ")"
	}
	return text
}

// Unwrap returns the error behind the reason.
func (r *Refusal) Unwrap() error { return r.cause }

// remedied is an error that comes with what to do.
type remedied struct {
	error
	remedy string
}

func (r *remedied) Unwrap() error { return r.error }

func refusal(path string, err error) *Refusal {
	r := &Refusal{Path: path, Reason: err.Error(), cause: err}
	var known *remedied
	switch {
	case errors.As(err, &known):
		r.Remedy = known.remedy
	case errors.Is(err, errChanged):
		r.Remedy = "seal when nothing else writes to the tree"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		r.Remedy = "free space on its file system: the file is replaced by an edited copy"
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		r.Remedy = "make the file and its folder readable and writable, or seal a copy of the tree"
	}
	return r
}
