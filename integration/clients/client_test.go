package clients

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestLines speaks with a driver whose client fails at one point or none.
func TestLines(t *testing.T) {
	drivers, err := filepath.Abs("drivers")
	if err != nil {
		t.Fatal(err)
	}
	start := func(t *testing.T, fails string) (*Client, *strings.Builder, error) {
		var log strings.Builder
		d := Driver{Folder: "testdata", Program: "fake", Env: []string{"PYTHONPATH=" + drivers}, Log: &log}
		c, err := d.start(t.Context(), "python3", map[string]any{"fails": fails})
		return c, &log, err
	}
	t.Run("none", func(t *testing.T) {
		c, log, err := start(t, "")
		if err != nil {
			t.Fatal(err)
		}
		if c.URL != "http://host" || c.Key != "key" {
			t.Errorf("%q, %q", c.URL, c.Key)
		}
		if out, err := c.Bash("fail"); err == nil || !strings.Contains(err.Error(), "no answer") {
			t.Errorf("%+v, %v", out, err)
		}
		out, err := c.Bash("größe")
		if err != nil || out.ExitCode != 3 || out.Stdout != "größe\n" || out.Stderr != "größe" {
			t.Errorf("%+v, %v", out, err)
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if !strings.Contains(log.String(), "what a client prints") {
			t.Errorf("log %q", log)
		}
	})
	t.Run("start", func(t *testing.T) {
		if _, _, err := start(t, "start"); err == nil || !strings.Contains(err.Error(), "no engine") {
			t.Errorf("%v", err)
		}
	})
	t.Run("stop", func(t *testing.T) {
		c, _, err := start(t, "stop")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Stop(); err == nil || !strings.Contains(err.Error(), "still there") {
			t.Errorf("%v", err)
		}
	})
}
