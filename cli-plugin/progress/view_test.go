package progress

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/progress/progresstest"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/opencontainers/go-digest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// shown waits until a step is shown.
func (s *Step) shown() {
	for done := false; !done; time.Sleep(time.Millisecond) {
		s.lock.Lock()
		done = s.stop != nil
		s.lock.Unlock()
	}
}

// story is a push with a long step, a line in its middle and a quick step.
func story(v *View) {
	v.Logf("the payload goes to registry.example/team/payloads:oh_deps_v1.58.2_w3ixabcdefgh, where the next image finds it")
	s := v.Step("compressing 3 of the 3 layers of registry.example/team/runtime:oh_deps_v1.58.2_w3ixabcdefgh by gzip")
	all := s.Part("read", 210<<20)
	s.shown()
	for i, name := range []string{"python", "vscode", "set-up"} {
		all.Set(int64(i+1)*70<<20, 210<<20)
		p := s.Part(name, 0)
		fmt.Fprint(p, strings.Repeat("x", 30<<20>>i))
		p.End()
		if i == 0 {
			v.Logf("a line in between, which is long enough to be cut off by whatever draws over it: %s", strings.Repeat("z", 35))
		}
	}
	s.End(nil)
	v.Step("looking").End(nil)
	v.Logf("pushed registry.example/team/app:1")
}

// What a person sees at two widths, and what stands in a log.
func TestWhatIsSeen(t *testing.T) {
	t.Setenv("TTY_DISPLAY_RATE", "5")
	check := func(t *testing.T, name, got string) {
		t.Helper()
		name = filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, width := range []int{80, 120} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			s := progresstest.NewScreen(t, width)
			v := New(s, progressui.AutoMode)
			v.patience = time.Millisecond
			story(v)
			check(t, fmt.Sprintf("seen%d.txt", width), s.Text(t))
		})
	}
}

// Without a terminal there are lines, each whole, with the time that a step took.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		v := New(&out, progressui.AutoMode)
		v.Step("looking").End(nil)
		s := v.Step("pulling \x1b[2Jalpine:3.20")
		time.Sleep(3 * time.Second)
		s.Layer("a1b2", "Downloading", 1<<20, 2<<20)
		time.Sleep(time.Second)
		v.Logf("a line\nin between")
		s.Layer("a1b2", "Downloading", 2<<20, 2<<20)
		time.Sleep(time.Second)
		s.End(nil)
		v.Logf("pulled")
		v.Step("pushing").End(errors.New("failed at once"))
		got := out.String()
		for _, want := range []string{
			"#1 pulling \\x1b[2Jalpine:3.20\n", "#1 downloading a1b2 1.05MB / 2.10MB", "#1 downloading a1b2 2.10MB / 2.10MB", " done\n#1 DONE 5.0s\npulled\n",
			"a line\\x0ain between\n",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is missing in\n%s", want, got)
			}
		}
		if strings.Contains(got, "looking") || strings.Contains(got, "pushing") || strings.Contains(got, "\x1b") {
			t.Errorf("it says\n%s", got)
		}
	})
}

// What a step waits for is heard now and then.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		v := New(&out, progressui.PlainMode)
		s := v.Step("starting the server")
		s.Say("first")
		time.Sleep(2 * time.Second)
		s.Say("second \x1b[2J")
		time.Sleep(9 * time.Second)
		s.Say("third")
		time.Sleep(2 * time.Second)
		s.Say("fourth")
		time.Sleep(20 * time.Second)
		s.End(nil)
		s.Say("too late")
		if want := "#1 starting the server\n#1 10.00 second \\x1b[2J\n#1 20.00 fourth\n#1 DONE 33.0s\n"; out.String() != want {
			t.Errorf("it says\n%s\nwant\n%s", &out, want)
		}
	})
}

// A wait is seen while it lasts, with what is said meanwhile. In the end only what
// was said of it is left, wherever on the screen it was; a step beside it stays.
func TestWaitIsErased(t *testing.T) {
	t.Setenv("TTY_DISPLAY_RATE", "5")
	wait := func(v *View, lines int) {
		s := v.Wait("waiting for the server of alpine:3.20, user openhands")
		s.shown()
		for i := range lines {
			s.Say(fmt.Sprintf("line %d of the log of a server that has much to say, more than a terminal is wide", i))
			s.tell()
			time.Sleep(10 * time.Millisecond) // some of them are drawn
		}
		s.Part("proof", 0).End()
		s.End(nil)
	}
	for name, tt := range map[string]struct {
		above int
		show  func(*View)
		want  string
	}{
		"at the top":     {1, func(v *View) { wait(v, 8) }, ""},
		"at the bottom":  {60, func(v *View) { wait(v, 8) }, ""},
		"twice":          {5, func(v *View) { wait(v, 1); v.Logf("between"); wait(v, 3) }, "between\n"},
		"beside a step":  {1, func(v *View) { s := v.Step("pulling alpine:3.20"); s.shown(); wait(v, 1); s.End(nil) }, "pulling alpine:3.20"},
		"said meanwhile": {1, func(v *View) { s := v.Wait("waiting"); s.shown(); v.Logf("a line"); s.End(errors.New("x")) }, "a line\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := progresstest.NewScreen(t, 80)
			v := New(s, progressui.AutoMode)
			v.patience = time.Millisecond
			for i := range tt.above {
				v.Logf("before %d", i)
			}
			tt.show(v)
			v.Logf("after")
			got := s.Text(t)
			_, rest, _ := strings.Cut(got, fmt.Sprintf("before %d\n", tt.above-1))
			if tt.want == "pulling alpine:3.20" {
				if !strings.Contains(rest, tt.want) || !strings.HasSuffix(rest, "\nafter\n") {
					t.Errorf("it shows\n%s", got)
				}
			} else if rest != tt.want+"after\n" {
				t.Errorf("it shows\n%s", got)
			}
			if drawn := s.Drawn(); !strings.Contains(drawn, "[+] Waiting") && !strings.Contains(drawn, "[+] Pulling") {
				t.Errorf("it was never seen: %q", drawn)
			}
			if name == "at the top" && !strings.Contains(s.Drawn(), "line 7 of the log") {
				t.Error("the last line of the log was never seen")
			}
		})
	}
}

// What programs read has every step, and no line of ours; quiet has nothing.
func TestModes(t *testing.T) {
	show := func(mode progressui.DisplayMode) string {
		var out strings.Builder
		v := New(&out, mode)
		v.Logf("a line")
		s := v.Step("compressing")
		s.Part("python", 2).Set(1, 2)
		s.End(nil)
		return out.String()
	}
	if got := show(progressui.QuietMode); got != "" {
		t.Errorf("quiet is %q", got)
	}
	var steps, parts int
	for line := range strings.Lines(show(progressui.RawJSONMode)) {
		var status client.SolveStatus
		if err := json.Unmarshal([]byte(line), &status); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		steps += len(status.Vertexes)
		parts += len(status.Statuses)
	}
	if steps != 2 || parts != 1 { // it begins and ends
		t.Errorf("there are %d statuses of steps and %d of parts", steps, parts)
	}
}

// A step that is interrupted ends what is drawn, and the cursor is seen again.
func TestInterruptedStep(t *testing.T) {
	s := progresstest.NewScreen(t, 80)
	v := New(s, progressui.AutoMode)
	v.patience = time.Millisecond
	step := v.Step("pushing registry.example/app:1")
	step.Part("python", 100).Set(1, 100)
	step.shown()
	step.End(context.Canceled)
	v.Logf("the end")
	got := s.Text(t)
	if !strings.Contains(got, " => CANCELED pushing registry.example/app:1") || !strings.HasSuffix(got, "\nthe end\n") || !strings.Contains(got, "FINISHED") {
		t.Errorf("it shows\n%s", got)
	}
}

// Layers have names that strangers gave: a step shows no more than its budget.
func TestManyParts(t *testing.T) {
	v := New(io.Discard, progressui.PlainMode)
	s := v.Step("pulling")
	defer s.End(nil)
	for i := range 2 * maxParts {
		s.Layer(fmt.Sprint(i), "Downloading", 1, 2)
	}
	if len(s.parts) != maxParts {
		t.Errorf("%d parts are held", len(s.parts))
	}
}

// Several goroutines count, say lines and build at once.
func TestAtOnce(t *testing.T) {
	v := New(io.Discard, progressui.PlainMode)
	v.patience = time.Microsecond
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			s := v.Step("compressing")
			p := s.Part(fmt.Sprint(i), 1<<20)
			for range 100 {
				fmt.Fprint(p, "some bytes")
				v.Logf("line %d", i)
			}
			s.End(nil)
			send, end := v.Stream("Building")
			now := time.Now()
			send(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: digest.FromString(fmt.Sprint(i)), Name: "RUN", Started: &now, Completed: &now}}})
			end()
			end()
		})
	}
	group.Wait()
	if v.busy != 0 || v.feed != nil {
		t.Errorf("%d streams are left", v.busy)
	}
}

// BenchmarkCounting copies with and without a part that counts.
func BenchmarkCounting(b *testing.B) {
	const size = 64 << 10
	block := make([]byte, size)
	v := New(io.Discard, progressui.PlainMode)
	s := v.Step("compressing")
	defer s.End(nil)
	for name, w := range map[string]io.Writer{"without": sha256.New(), "with": io.MultiWriter(sha256.New(), s.Part("read", 1<<50))} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				_, _ = w.Write(block)
			}
		})
	}
}
