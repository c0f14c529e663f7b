package verify

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Each step that failed has a cure of its own, and one that did not has none.
func TestOutcome(t *testing.T) {
	cures := map[string]Step{}
	for _, step := range Steps() {
		f := Outcome{Step: step, Err: errors.New("first\n\nsecond\nthird\nlast\n"), Detail: "d"}.Finding("app")
		if f.Check != "app: "+string(step) || f.Status != payload.StatusFailed || f.Detail != "first | third | last; d" {
			t.Errorf("%+v", f)
		}
		if other, twice := cures[f.Cure]; twice || f.Cure == "" {
			t.Errorf("%s has the cure of %q: %q", step, other, f.Cure)
		}
		cures[f.Cure] = step
		if f := (Outcome{Step: step, Detail: "d"}).Finding("app"); f.Status != payload.StatusOK || f.Detail != "d" || f.Cure != "" {
			t.Errorf("%+v", f)
		}
	}
	for want, o := range map[string]Outcome{
		"SANDBOX_STARTUP_GRACE_SECONDS": {Step: StepHealth, Err: Late(18200*time.Millisecond, 15*time.Second), Longer: "SANDBOX_STARTUP_GRACE_SECONDS"},
		"build it again":                {Step: StepHealth, Err: errors.New("no such file"), NotStarted: true},
	} {
		if f := o.Finding("app"); !strings.Contains(f.Cure, want) {
			t.Errorf("%+v, want %q", f, want)
		}
	}
	if got := Late(18200*time.Millisecond, 15*time.Second).Error(); got != "alive after 18.2 s, and the client waits for 15 s" {
		t.Error(got)
	}
}
