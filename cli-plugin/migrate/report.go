package migrate

import (
	"fmt"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Report is all that was found out about a move, and what was done.
type Report struct {
	Base      string           `json:"base"`
	BaseFrom  string           `json:"baseFrom"`
	Rows      []Row            `json:"comparison"`
	ExtraDeps []Row            `json:"extraDeps"`
	Old       *Measured        `json:"old,omitempty"`
	New       *Measured        `json:"new,omitempty"`
	Verified  *verify.Report   `json:"verified,omitempty"` // of the new image
	OldHealth *payload.Finding `json:"oldHealth,omitempty"`
	Switched  string           `json:"switched,omitempty"` // file
	Backup    string           `json:"backup,omitempty"`
}

// Obstacle is what makes building pointless, a *problem.Error; nil without any.
func (r Report) Obstacle() error {
	for _, row := range r.Rows {
		if row.Effect == Fails {
			return problem.New(problem.NotMigrated, fmt.Sprintf("the %s %s cannot be kept: %s", row.Subject, row.Before, row.Why), nil,
				"Say otherwise with the flag of that name, or stay with the traditional mode")
		}
	}
	for _, row := range r.ExtraDeps {
		if row.Effect == Fails {
			return problem.New(problem.NotMigrated, fmt.Sprintf("the extra dependency %q would fail: %s", row.Subject, row.Why), nil,
				"Say what to run instead with --extra-deps, or choose another base with --base; every line that fails is in the table")
		}
	}
	return nil
}

// Verdict is a *problem.Error where the new image should not be switched to. An
// old one that fails is no reason to stay with it.
func (r Report) Verdict() error {
	if r.Verified == nil || r.Verified.Passed {
		return nil
	}
	return problem.New(problem.NotMigrated, fmt.Sprintf("the new image %s does not pass (%d findings)", r.New.Image, r.Verified.Failures()), nil,
		"The old one is untouched; each finding says what to do")
}
