package state

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The last logs are kept, for their user only.
func TestLogs(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var last string
	for i := range maxLogs + 3 {
		l, err := NewLog()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(l, "log %d", i)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		last = l.Name()
	}
	if text, err := os.ReadFile(last); err != nil || string(text) != fmt.Sprintf("log %d", maxLogs+2) {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Stat(last); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if all, err := filepath.Glob(filepath.Join(filepath.Dir(last), "*")); err != nil || len(all) != maxLogs {
		t.Errorf("%d logs are kept, %v", len(all), err)
	}
}

// Of a long text the beginning and the end are kept.
func TestLongLog(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	l, err := NewLog()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(l, "the beginning")
	line := strings.Repeat("x", 1023) + "\n"
	for range 3 * (logHead + logTail) / len(line) {
		fmt.Fprint(l, line)
	}
	fmt.Fprintln(l, "the end")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(l.Name())
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > logHead+2*logTail+100 || !strings.HasPrefix(string(text), "the beginning\n") || !strings.HasSuffix(string(text), "\nthe end\n") ||
		!strings.Contains(string(text), " bytes are left out]\n") {
		t.Errorf("%d bytes are kept: %.20q ... %.20q", len(text), text, text[len(text)-20:])
	}
}
