package migrate

import (
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func TestReportsErrors(t *testing.T) {
	report := func(findings ...payload.Finding) *verify.Report {
		r := verify.NewReport("new", "", findings)
		return &r
	}
	failed := payload.Finding{Check: "a", Status: payload.StatusFailed}
	for name, test := range map[string]struct {
		report   Report
		obstacle string // empty: none
		verdict  string
	}{
		"nothing":                      {Report{}, "", ""},
		"what differs":                 {Report{Rows: []Row{{Subject: "x", Effect: Different}, {Effect: Unknown}}, ExtraDeps: []Row{{Effect: Unknown}}}, "", ""},
		"what fails":                   {Report{Rows: []Row{{Subject: "platform", Effect: Fails, Before: "linux/arm64", Why: "why"}}}, "the platform linux/arm64 cannot be kept: why", ""},
		"a dependency that fails":      {Report{ExtraDeps: []Row{{Subject: "apt", Effect: Fails, Why: "why"}}}, `the extra dependency "apt" would fail: why`, ""},
		"an image that passes":         {Report{New: &Measured{Image: "new"}, Verified: report(payload.Finding{Status: payload.StatusOK})}, "", ""},
		"an image that fails":          {Report{New: &Measured{Image: "new"}, Verified: report(failed, failed)}, "", "the new image new does not pass (2 findings)"},
		"an old image that fails only": {Report{New: &Measured{Image: "new"}, Verified: report(), OldHealth: &failed}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for what, check := range map[string]struct {
				got  error
				want string
			}{"obstacle": {test.report.Obstacle(), test.obstacle}, "verdict": {test.report.Verdict(), test.verdict}} {
				if (check.got != nil) != (check.want != "") || check.got != nil && !strings.HasPrefix(check.got.Error(), "OH-027: "+check.want) {
					t.Errorf("the %s is %v, not %q", what, check.got, check.want)
				}
			}
		})
	}
}
