package verify

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Client is what came of an image that was started as a client of OpenHands does.
type Client struct {
	Name    string                  `json:"client"`
	Way     string                  `json:"way,omitempty"` // of a client that has several
	Passed  bool                    `json:"passed"`
	Seconds float64                 `json:"secondsToAlive,omitempty"`
	Steps   map[Step]payload.Status `json:"steps"` // that were tried
}

// Step is something that clients do with a server.
type Step string

// The steps, of which the names are those of checks.
const (
	StepHealth  Step = "health"  // it answers in time
	StepCommand Step = "bash"    // a command of the shell
	StepFile    Step = "file"    // one is written and read
	StepPage    Step = "browser" // opens a page
	StepEditor  Step = "VS Code" // its address is told and answered
	StepStop    Step = "stop"    // the server ends after SIGTERM
)

// Steps are all, in their order.
func Steps() []Step {
	return []Step{StepHealth, StepCommand, StepFile, StepPage, StepEditor, StepStop}
}

// Outcome is what came of a step.
type Outcome struct {
	Step   Step
	Detail string // what was seen
	Err    error  // why it failed

	// Of StepHealth.
	NotStarted bool   // the engine refuses the container
	Longer     string // the client's setting for a longer wait
}

// Finding judges an outcome as a client, by its name, has it.
func (o Outcome) Finding(client string) payload.Finding {
	f := payload.Finding{Check: client + ": " + string(o.Step), Status: payload.StatusOK, Detail: o.Detail}
	if o.Err != nil {
		f.Status, f.Detail, f.Cure = payload.StatusFailed, OneLine(o.Err), o.cure()
		if o.Detail != "" {
			f.Detail += "; " + o.Detail
		}
	}
	return f
}

// cure says what to do where the step has failed.
func (o Outcome) cure() string {
	switch o.Step {
	case StepHealth:
		if o.NotStarted {
			return "the engine's words say what it lacks; an image of an older version of this program has not every program that clients start, so build it again"
		}
		if o.Longer != "" {
			return "give it longer by the client's setting " + o.Longer + ", or run fewer of them at once; 'docker openhands run IMAGE' shows the server's log"
		}
		return "'docker openhands run IMAGE' shows the server's log"
	case StepCommand:
		return "look at what 'docker openhands verify --live IMAGE' says of start-up files and shell tools, and for a step on top of the image that changed the base's shell"
	case StepFile:
		return "the folder " + payload.Workspace + " must be one that the client's user can write to: mount it with that owner"
	case StepPage:
		return "look at the proof of browser in 'docker openhands verify --live IMAGE'; a browser wants a /tmp that can be written to and some 64 MiB of /dev/shm"
	case StepEditor:
		return "look at the proof of vscode in 'docker openhands verify --live IMAGE', and for OH_ENABLE_VSCODE in the image's variables"
	default:
		return "look for programs of the image that do not end after SIGTERM: the engine has killed the container, and what was not saved is lost"
	}
}

// TooFewFiles warns of an engine that starts no container with the limit of open
// files that a client asks for.
func TooFewFiles(client string, limit int64) payload.Finding {
	return payload.Finding{
		Check: client + ": limits", Status: payload.StatusWarning,
		Detail: fmt.Sprintf("the engine refuses %d open files, with which the client starts containers: none of them starts here", limit),
		Cure:   "run the engine with a higher limit of open files (LimitNOFILE of its service)",
	}
}

// Late is the error for a server that was alive only after the time that its
// client gives it.
func Late(took, grace time.Duration) error {
	return fmt.Errorf("alive after %.1f s, and the client waits for %s s", took.Seconds(), strings.TrimSuffix(fmt.Sprintf("%.1f", grace.Seconds()), ".0"))
}

// most of an error that is shown, in lines.
const mostLines = 3

// OneLine is an error without its lines' ends: the first, which says what it is
// about, and the last ones.
func OneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > mostLines {
		lines = append(lines[:1], lines[len(lines)-mostLines+1:]...)
	}
	return cmp.Or(strings.Join(lines, " | "), "it says nothing")
}
