package command

import (
	"bytes"
	"strings"
	"testing"
)

// TestVerifyPermissions knows the flag that the plugin's verify command uses.
func TestVerifyPermissions(t *testing.T) {
	var out, complaint bytes.Buffer
	status := Main(t.Context(), "oh-bundle", &out, &complaint, []string{"verify", "--permissions", "--json", t.TempDir()})
	if status != 1 || !strings.Contains(complaint.String(), "openhands") {
		t.Errorf("status %d, %s", status, &complaint)
	}
}
