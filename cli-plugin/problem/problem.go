// Package problem holds the errors that a person is meant to act on: each has
// a code that never changes its meaning, says in one paragraph what is wrong,
// why, and what to do next, and decides the exit status.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Code names a kind of problem. Codes are never reused; OH-013 was one.
type Code string

// The codes.
const (
	Usage        Code = "OH-001" // flags or arguments that make no sense
	Reference    Code = "OH-002" // malformed image reference
	NotFound     Code = "OH-003" // image neither in the engine nor pullable
	Platform     Code = "OH-004" // image or request of another architecture
	NoEngine     Code = "OH-005" // the engine does not answer
	NoBuildx     Code = "OH-006" // buildx plugin missing
	DiskFull     Code = "OH-007" // no space left on a device
	Interrupted  Code = "OH-008" // cancelled by the user
	NotDeps      Code = "OH-009" // image without the contract's label or manifest
	NoHelpers    Code = "OH-010" // plugin built without the helper binaries
	BuildFailed  Code = "OH-011" // buildx reported a failure
	BaseConflict Code = "OH-012" // the base occupies what the payload or set-up needs
	ServerDied   Code = "OH-014" // the server ended before it was alive
	BadSource    Code = "OH-015" // a folder that does not hold OpenHands' sources
	BadTemplate  Code = "OH-016" // the template inside the sources cannot be rendered
	NoRelease    Code = "OH-017" // a release of OpenHands cannot be fetched
	TagReused    Code = "OH-018" // an image has the tag, but was made from something else

	RegistryDenied Code = "OH-019" // the registry wants another login
	RegistryLimit  Code = "OH-020" // the registry wants fewer requests
	RegistryFailed Code = "OH-021" // the registry fails, cuts the connection or says nothing
	BadCertificate Code = "OH-022" // TLS does not trust the other side
	NotWritable    Code = "OH-023" // a file cannot be written
	PortTaken      Code = "OH-024" // a port that is to be published is in use
	BadSetting     Code = "OH-025" // a variable or a file with settings cannot be understood
	NotVerified    Code = "OH-026" // an image is not as it should be
	NotMigrated    Code = "OH-027" // a switch to another image, or back, cannot be made
	BundleFailed   Code = "OH-028" // a command of the bundler failed
	NoLock         Code = "OH-029" // newer versions of what components pin cannot be found
	Outdated       Code = "OH-030" // what components pin is not the newest
	BadComponent   Code = "OH-031" // a component cannot be understood
	TooLarge       Code = "OH-032" // an input is larger than what this program works with
	NotForClient   Code = "OH-033" // a client of OpenHands cannot take an image
	NameTaken      Code = "OH-034" // a name that an image is to get belongs to one of somebody else's
	NotLocked      Code = "OH-035" // a release of a server has no lock
	NotSealed      Code = "OH-036" // a tree is not sealed, or a file needs what is not there
	TookTooLong    Code = "OH-037" // an image was not finished in the time that it had
	NotRebased     Code = "OH-039" // an image cannot be put over another base or payload
	Unforeseen     Code = "OH-099" // every other error
)

// Error is a problem with its way out. Summary says what could not be done,
// Cause why (may be nil), Next what to do; Summary and Next are sentences
// without a full stop at the end.
type Error struct {
	Code    Code
	Summary string
	Cause   error
	Next    string
}

// Object is an Error in JSON.
type Object struct {
	Code    Code   `json:"code"`            // OH-001 to OH-099, see docs/errors.md
	Message string `json:"message"`         // what could not be done
	Cause   string `json:"cause,omitempty"` // why
	Next    string `json:"next,omitempty"`  // what to do
}

// MarshalJSON writes an Object.
func (e *Error) MarshalJSON() ([]byte, error) {
	object := Object{Code: e.Code, Message: e.Summary, Next: e.Next}
	if e.Cause != nil {
		object.Cause = plain(e.Cause)
	}
	return json.Marshal(object)
}

// Error is the whole paragraph on one line.
func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Summary
	if e.Cause != nil {
		text += ": " + strings.TrimRight(plain(e.Cause), ". \n")
	}
	text = stop(text)
	if e.Next != "" {
		text += " " + stop(e.Next)
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New returns an Error.
func New(code Code, summary string, cause error, next string) *Error {
	return &Error{Code: code, Summary: summary, Cause: cause, Next: strings.TrimSpace(next)}
}

// Usagef returns an Error of bad usage. Its next step is left to WithHelp: what
// looks at options does not know which command was called with them.
func Usagef(format string, args ...any) *Error {
	return New(Usage, fmt.Sprintf(format, args...), nil, "")
}

// WithHelp names the help of the command that was called as the next step of
// bad usage that has none, or no more than a question what was meant. Other errors are returned unchanged.
func WithHelp(command string, err error) error {
	var p *Error
	if errors.As(err, &p) && p.Code == Usage && (p.Next == "" || strings.HasSuffix(p.Next, "?")) {
		p.Next = strings.TrimSpace(p.Next + " See '" + command + " --help'")
	}
	return err
}

// Classify turns err into an *Error where its kind can be told from any place
// that it may come from: cancellation and full disks. Other errors, and those
// that tell which disk is full, are returned unchanged.
func Classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var told *Error
	if errors.As(err, &told) && told.Code == Interrupted {
		return err // who says so knows what it comes to
	}
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return New(Interrupted, "interrupted", nil, "Run the same command again: finished images stay, and finished steps are kept in the build cache")
	}
	var p *Error
	if errors.As(err, &p) && p.Code == DiskFull {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return New(DiskFull, "no space left on a disk of this machine", Cause(err),
			"Free some, or let TMPDIR or XDG_CACHE_HOME name a folder of another disk, and run the same command again")
	}
	// An engine or a builder hands its errno over as text only.
	if strings.Contains(strings.ToLower(err.Error()), "no space left on device") {
		return New(DiskFull, "no space left on a disk of the engine or of this machine", Cause(err),
			"Free some, for example with 'docker system df' and 'docker builder prune', and run the same command again")
	}
	return err
}

// Final turns any error into one that has a code: that of its kind, or
// Unforeseen.
func Final(ctx context.Context, err error) error {
	err = Classify(ctx, err)
	var p *Error
	if err == nil || errors.As(err, &p) {
		return err
	}
	if path := refusedPath(err); path != "" {
		return New(NotWritable, "the file or folder "+path+" of this machine cannot be used", err,
			"Correct its permissions, or let TMPDIR and XDG_CACHE_HOME name folders that can be written to")
	}
	return New(Unforeseen, "the command failed", err,
		"Run it again; if it fails the same way, report it with this text and the output of 'docker openhands version' and 'docker info'")
}

// refusedPath returns the file of this machine that err is about, where it may
// not be used or is one of the temporary files; empty for other errors.
func refusedPath(err error) string {
	var path *fs.PathError
	if !errors.As(err, &path) {
		return ""
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || strings.HasPrefix(path.Path, os.TempDir()) {
		return path.Path
	}
	return ""
}

// Cause is what is behind a problem, without an advice that does not fit where
// err is told.
func Cause(err error) error {
	var p *Error
	if errors.As(err, &p) && p.Cause != nil {
		return p.Cause
	}
	return err
}
