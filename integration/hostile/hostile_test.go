//go:build linux

package hostile

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The budget of one case.
const (
	maxSeconds  = 60        // far more than any takes, for a busy machine
	maxResident = 256 << 20 // of a process that also holds the registry and its images
)

// workerFolder names the folder of a process that judges cases.
const workerFolder = "OH_HOSTILE_WORKER"

// TestMain lets the test program be a worker: a case that never ends, or ends
// the process, is then known by its seed.
func TestMain(m *testing.M) {
	if folder := os.Getenv(workerFolder); folder != "" {
		if err := work(folder, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work judges each case of a line and answers with a line.
func work(folder string, in io.Reader, out io.Writer) error {
	debug.SetMemoryLimit(maxResident / 2)
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: 4 * maxResident, Max: 4 * maxResident}); err != nil {
		return err
	}
	w, err := newWorkshop()
	if err != nil {
		return err
	}
	defer w.close()
	cases := bufio.NewScanner(in)
	cases.Buffer(nil, 1<<20)
	answers := json.NewEncoder(out)
	for cases.Scan() {
		c, err := Parse(cases.Text())
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), maxSeconds*time.Second)
		v, err := w.judge(ctx, c, folder)
		cancel()
		if err != nil {
			v.Failures = append(v.Failures, "the test itself failed: "+err.Error())
		}
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			return err
		}
		v.Resident = usage.Maxrss << 10
		if err := answers.Encode(v); err != nil {
			return err
		}
	}
	return cases.Err()
}

// worker is such a process. It is started when it is needed and ended when a
// case was too much for it.
type worker struct {
	folder string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *bytes.Buffer
}

func (w *worker) start() error {
	w.cmd = exec.Command(os.Args[0])
	w.cmd.Env = append(os.Environ(), workerFolder+"="+w.folder, "XDG_CACHE_HOME="+w.folder, "TMPDIR="+w.folder, "GOMAXPROCS=2")
	w.stderr = &bytes.Buffer{}
	w.cmd.Stderr = w.stderr
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	w.out = bufio.NewReaderSize(out, 1<<20)
	return w.cmd.Start()
}

// end ends the process, at once if it is at work.
func (w *worker) end() {
	if w.cmd == nil {
		return
	}
	_ = w.in.Close()
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait() // how it ends is known
	w.cmd = nil
}

// judge has the process judge a case.
func (w *worker) judge(c Case) (verdict, error) {
	if w.cmd == nil {
		if err := w.start(); err != nil {
			return verdict{}, err
		}
	}
	cmd := w.cmd
	overdue := time.AfterFunc((maxSeconds+5)*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
	defer overdue.Stop()
	_, err := fmt.Fprintln(w.in, c)
	var line []byte
	if err == nil {
		line, err = w.out.ReadBytes('\n')
	}
	if err != nil {
		_ = w.cmd.Wait()
		w.cmd = nil
		return verdict{Outcome: "none", Failures: []string{"the process ended: " + trace(w.stderr.String())}}, nil
	}
	var v verdict
	if err := json.Unmarshal(line, &v); err != nil {
		return verdict{}, err
	}
	if v.Resident > maxResident {
		v.Failures = append(v.Failures, fmt.Sprintf("it took %d MiB", v.Resident>>20))
		w.end() // the next case begins anew
	}
	return v, nil
}

// trace shortens what a Go program says at its end to the reason and the
// project's own functions.
func trace(text string) string {
	reason, rest, _ := strings.Cut(text, "\n")
	var short []string
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "github.com/docker-openhands/") && len(short) < 8 {
			name, _, _ := strings.Cut(path.Base(line), "({")
			short = append(short, strings.TrimSpace(name))
		}
	}
	return reason + " in " + strings.Join(short, ", ")
}

// workers of the test.
const workers = 2

// quickFolder returns a folder in memory where there is one.
func quickFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "hostile-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// judgeAll judges cases and calls report, one at a time.
func judgeAll(t *testing.T, cases []Case, report func(*worker, Case, verdict)) {
	queue := make(chan Case)
	var group sync.WaitGroup
	var mu sync.Mutex
	for range workers {
		folder := quickFolder(t)
		group.Go(func() {
			w := &worker{folder: folder}
			defer w.end()
			for c := range queue {
				v, err := w.judge(c)
				mu.Lock()
				if err != nil {
					t.Errorf("%s: %v", c, err)
				} else {
					report(w, c, v)
				}
				mu.Unlock()
			}
		})
	}
	for _, c := range cases {
		queue <- c
	}
	close(queue)
	group.Wait()
}

// TestRoots holds what comes of thousands of images to what is promised.
func TestRoots(t *testing.T) {
	from, to := 0, 2000
	if text := os.Getenv("OH_HOSTILE_SEEDS"); text != "" { // FROM-TO
		if _, err := fmt.Sscanf(text, "%d-%d", &from, &to); err != nil {
			t.Fatalf("OH_HOSTILE_SEEDS=%s: %v", text, err)
		}
	}
	var all []Case
	for seed := from; seed < to; seed++ {
		all = append(all, Draw(uint64(seed)))
	}
	hold(t, all)
}

//go:embed testdata/cases
var kept string

// TestCases does the same with those images that failed once.
func TestCases(t *testing.T) {
	var all []Case
	for line := range strings.Lines(kept) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		c, err := Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	hold(t, all)
}

// maxShrunk failures of a run are shrunk.
const maxShrunk = 10

func hold(t *testing.T, all []Case) {
	outcomes := map[string]int{}
	unpacked, failed := 0, 0
	judgeAll(t, all, func(w *worker, c Case, v verdict) {
		outcomes[v.Outcome]++
		if v.Unpacked {
			unpacked++
		}
		if len(v.Failures) == 0 {
			return
		}
		if failed++; failed <= maxShrunk {
			c = Shrink(c, func(less Case) bool {
				again, err := w.judge(less)
				if err != nil || len(again.Failures) == 0 {
					return false
				}
				v = again
				return true
			})
		}
		t.Errorf("%s\n\t%.5000s", c, strings.Join(v.Failures, "\n\t"))
	})
	t.Logf("%v; %d of %d were compared with their root file system; %d failed", outcomes, unpacked, len(all), failed)
}

// Equal cases are equal bytes, and a case's line stands for it.
func TestSameSeedSameBytes(t *testing.T) {
	for seed := range uint64(50) {
		var published [2]Published
		for n := range published {
			c, err := Parse(Draw(seed).String())
			if err != nil {
				t.Fatal(err)
			}
			image, err := c.Image()
			if err != nil {
				t.Fatal(err)
			}
			if published[n], err = image.Publish(); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(published[0].Manifest, published[1].Manifest) {
			t.Errorf("two images of the seed %d differ", seed)
		}
	}
}

// Every mutation can be drawn and made, and says by its name which one it is.
func TestMutations(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Mutations() {
		if seen[m.Name] || strings.ContainsAny(m.Name, ";\n") {
			t.Errorf("the name %q is not one of its own, or cannot be written down", m.Name)
		}
		seen[m.Name] = true
		for _, base := range honest {
			c := Case{Seed: 1, Base: base.name, Mutations: []string{m.Name}}
			image, err := c.Image()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := image.Publish(); err != nil {
				t.Errorf("%s: %v", c, err)
			}
		}
	}
}

// A case shrinks to those mutations that it fails by.
func TestShrink(t *testing.T) {
	c := Case{Mutations: []string{"a", "b", "c", "d"}}
	less := Shrink(c, func(c Case) bool { return slices.Contains(c.Mutations, "b") && slices.Contains(c.Mutations, "d") })
	if !slices.Equal(less.Mutations, []string{"b", "d"}) || len(c.Mutations) != 4 {
		t.Errorf("%q of %q are left", less.Mutations, c.Mutations)
	}
}
