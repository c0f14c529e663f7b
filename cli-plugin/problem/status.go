package problem

import "errors"

// The statuses that commands end with, beside 0.
const (
	StatusFailed      = 1
	StatusUsage       = 2
	StatusCheck       = 3
	StatusInterrupted = 130
)

// Status is an exit status and what it stands for.
type Status struct {
	Number  int
	Meaning string
}

// Statuses are all that commands end with.
func Statuses() []Status {
	return []Status{
		{0, "It was done, or it is as it should be."},
		{StatusFailed, "Something broke or is missing: no engine, no image, no access, a build that failed."},
		{StatusUsage, "A command line, a setting on it or an image reference that makes no sense. Nothing was done."},
		{StatusCheck, "A check was made and says no: `verify` found faults, `deps lock --check` newer pins, `bundle verify` what is not sealed, `bundle tree` what is not there."},
		{StatusInterrupted, "SIGINT or SIGTERM, as Ctrl-C sends it. `run` ends with 0 when its server had answered: that is how it is meant to end."},
	}
}

// Status is the exit status of a problem of the kind.
func (c Code) Status() int {
	switch c {
	case Usage, Reference:
		return StatusUsage
	case NotVerified, NotSealed, Outdated:
		return StatusCheck
	case Interrupted:
		return StatusInterrupted
	}
	return StatusFailed
}

// ExitStatus is the status that a command ends with.
func ExitStatus(err error) int {
	var p *Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &p):
		return p.Code.Status()
	}
	return StatusFailed
}
