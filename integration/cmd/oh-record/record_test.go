package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// event is a line of a recording.
type event struct {
	seconds float64
	kind    string
	output  string
}

func (e *event) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&e.seconds, &e.kind, &e.output})
}

// read returns what version 2 of asciinema's format says.
func read(t *testing.T, file string) (header struct{ Version, Width, Height int }, events []event) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Scan()
	if err := json.Unmarshal(lines.Bytes(), &header); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		events = append(events, e)
	}
	return header, events
}

// Commands run at a terminal, what they print comes in order and whole, and
// nobody waits long.
func TestRecord(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.cast")
	err := record(t.Context(), file, []string{`sh -c 'test -t 1 && stty size && sleep 1.5 && printf "gr\303"; sleep 0.1; printf "\266\303\237e $X\n"'`, "echo two"}, "X=there")
	if err != nil {
		t.Fatal(err)
	}
	header, events := read(t, file)
	if header.Version != 2 || header.Width != columns || header.Height != rows {
		t.Errorf("the header is %+v", header)
	}
	var all strings.Builder
	last := 0.0
	for _, e := range events {
		if e.kind != "o" || e.seconds < last || e.seconds-last > (longest+reading).Seconds() {
			t.Errorf("%+v after %v s", e, last)
		}
		last = e.seconds
		all.WriteString(e.output)
	}
	if got, want := all.String(), "\r\n26 112\r\ngröße there\r\n$ echo two\r\ntwo\r\n$ "; !strings.HasSuffix(got, want) || !strings.HasPrefix(got, "$ sh -c ") {
		t.Errorf("it shows %q", got)
	}
	for _, failing := range []string{"false", "none-such-program"} {
		if err := record(t.Context(), file, []string{failing}); err == nil || !strings.Contains(err.Error(), failing) {
			t.Errorf("%s: %v", failing, err)
		}
	}
}

func TestLongest(t *testing.T) {
	var b bytes.Buffer
	tape, err := newTape(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := tape.show(time.Hour, nil); err != nil || tape.clock != longest {
		t.Errorf("%v, %v", tape.clock, err)
	}
}

// The animation shows these commands, and the README has them to be copied.
func TestRecorded(t *testing.T) {
	const top = "../../.."
	readme, err := os.ReadFile(top + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(top + "/docs/quickstart.svg")
	if err != nil {
		t.Fatal(err)
	}
	words := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(svg), "")
	words = strings.ReplaceAll(words, "\u00a0", " ")
	for _, line := range lines() {
		if !strings.Contains(string(readme), "\n    "+line+"\n") {
			t.Errorf("the README has no line %q", line)
		}
		if !strings.Contains(words, "$ "+line) {
			t.Errorf("the animation does not show %q: make recording", line)
		}
	}
}
