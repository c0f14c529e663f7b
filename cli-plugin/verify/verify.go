// Package verify judges an image from what was gathered about it: each check is
// a value, and none of them talks to an engine.
package verify

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/opencontainers/go-digest"
)

// Report is all that was found about an image.
type Report struct {
	Image    string            `json:"image"` // as the user wrote it
	ID       string            `json:"id"`
	Live     bool              `json:"live"` // the image was started, too
	Passed   bool              `json:"passed"`
	Findings []payload.Finding `json:"findings"`
	Servers  []Server          `json:"servers,omitempty"`
	Clients  []Client          `json:"clients,omitempty"` // as which the image was started
}

// Server is a start of the server.
type Server struct {
	Account string  `json:"account"`
	Seconds float64 `json:"secondsToAlive"`
}

// NewReport makes a report, which has passed if no finding failed.
func NewReport(image, id string, findings []payload.Finding) Report {
	r := Report{Image: image, ID: id, Passed: true, Findings: findings}
	for _, f := range findings {
		r.Passed = r.Passed && f.Status != payload.StatusFailed
	}
	return r
}

// Failures counts the findings that failed.
func (r Report) Failures() int {
	n := 0
	for _, f := range r.Findings {
		if f.Status == payload.StatusFailed {
			n++
		}
	}
	return n
}

// Facts are what is known about an image without starting its server.
type Facts struct {
	Live         bool   // a server is started next, in which every component is proven
	Architecture string // GOARCH form
	Labels       map[string]string
	Env          []string
	Entrypoint   []string
	WorkingDir   string
	Layers       []digest.Digest // uncompressed digests, lowest first
	DepsLayers   []digest.Digest // of the deps image that it was made of; nil: the engine lacks it

	Paths    map[string]bool // those of Paths(Manifest) that are there
	Manifest []byte          // nil: there is none
	Seal     *bundler.VerifyReport
	SealErr  error // why Seal is nil
}

// Check is one thing that must be so. It returns what is right about it, or
// what is not.
type Check struct {
	Name string
	Run  func(Facts) (right string, wrong []payload.Finding)
}

// Static runs the checks that need no running server.
func Static(f Facts) []payload.Finding {
	checks := staticChecks()
	if !f.isOurs() {
		checks = checks[:1] // the labels
	}
	return run(checks, f)
}

func run(checks []Check, f Facts) []payload.Finding {
	var findings []payload.Finding
	for _, c := range checks {
		right, wrong := c.Run(f)
		if len(wrong) == 0 {
			wrong = []payload.Finding{{Status: payload.StatusOK, Detail: right}}
		}
		for _, finding := range shorten(wrong) {
			finding.Check = c.Name
			findings = append(findings, finding)
		}
	}
	return findings
}

// most is how many failures of one check are told one by one.
const most = 20

func shorten(findings []payload.Finding) []payload.Finding {
	if len(findings) <= most {
		return findings
	}
	last := findings[most-1]
	last.Detail = fmt.Sprintf("and %d more of the kind", len(findings)-most+1)
	return append(findings[:most-1:most-1], last)
}

func failed(cure, format string, args ...any) payload.Finding {
	return payload.Finding{Status: payload.StatusFailed, Detail: fmt.Sprintf(format, args...), Cure: cure}
}

// Proof is the outcome of a component's proof.
type Proof struct {
	Component string
	Argv      []string
	Status    int    // of exit; -1: it did not start or did not end in time
	Output    string // what it printed
	Err       error  // why Status is -1
}

// Finding judges a proof that ran for an account.
func (p Proof) Finding(account string) payload.Finding {
	f := payload.Finding{Check: "proof of " + p.Component + ", " + account, Status: payload.StatusOK, Detail: strings.Join(p.Argv, " ")}
	if runes := []rune(f.Detail); len(runes) > 60 {
		f.Detail = string(runes[:57]) + "..."
	}
	if p.Status == 0 && p.Err == nil {
		return f
	}
	said := lastLine(p.Output)
	switch {
	case p.Err != nil:
		said = p.Err.Error()
	case said == "":
		said = "it printed nothing"
	}
	f.Status = payload.StatusFailed
	f.Detail = fmt.Sprintf("%s: exit status %d: %s", f.Detail, p.Status, said)
	f.Cure = fmt.Sprintf("see what 'docker run --rm --entrypoint %s IMAGE' with the rest of the proof prints; an unchanged image of this project has passed it, so look for what was changed in /openhands or its environment", p.Argv[0])
	return f
}

// StartUpFiles judges what payload.StartUpFiles printed for an account.
func (p Proof) StartUpFiles(account string) payload.Finding {
	f := payload.Finding{Check: "start-up files, " + account, Status: payload.StatusOK, Detail: "sessions have all of them"}
	without := strings.TrimSpace(p.Output)
	switch {
	case p.Err != nil || p.Status != 0:
		f.Status, f.Detail = payload.StatusWarning, "the shells of sessions cannot be tried: "+cmp.Or(lastLine(without), "it printed nothing")
		if p.Err != nil {
			f.Detail = "the shells of sessions cannot be tried: " + p.Err.Error()
		}
		f.Cure = "build the image again: its payload is older than this check, or was changed"
	case without != "":
		f.Status, f.Detail, f.Cure = payload.StatusWarning, strings.ReplaceAll(without, "\n", "; "), payload.StartUpFilesCure
	}
	return f
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
