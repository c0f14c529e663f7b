package command

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompleteList(t *testing.T) {
	complete := completeList([]string{"browser", "python", "uv"})
	for typed, want := range map[string][]string{
		"":                  {"browser", "python", "uv"},
		"br":                {"browser", "python", "uv"}, // the shell filters
		"browser,":          {"browser,python", "browser,uv"},
		"uv,browser,p":      {"uv,browser,python"},
		"uv,browser,python": {"uv,browser,python"},
	} {
		got, _ := complete(nil, nil, typed)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", typed, diff)
		}
	}
}

// A folder of any size is read in part.
func TestCompleteFileOfMany(t *testing.T) {
	dir := t.TempDir()
	for n := range manyFiles + 10 {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := completePrefixed("ca=")(nil, nil, "ca="+dir+"/")
	if len(got) != manyFiles || !strings.HasPrefix(got[0], "ca="+dir+"/") {
		t.Errorf("%d names, the first %q", len(got), got[:min(1, len(got))])
	}
}

func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "Yes\n": true, "y": true, "n\n": false, "\n": false, "": false, "yes, no\n": false} {
		var asked bytes.Buffer
		got, err := confirm(t.Context(), strings.NewReader(answer), &asked, "Well? ")
		if got != want || err != nil || asked.String() != "Well? " {
			t.Errorf("%q is %v, %v, asked %q", answer, got, err, &asked)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	nobody := make(waiting)
	defer close(nobody)
	if _, err := confirm(ctx, nobody, &bytes.Buffer{}, ""); err == nil {
		t.Error("it waits for an answer after an interrupt")
	}
}

// waiting is a terminal that nobody types at.
type waiting chan struct{}

func (w waiting) Read([]byte) (int, error) {
	<-w
	return 0, context.Canceled
}
