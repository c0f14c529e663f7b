package bundler

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/u-root/u-root/pkg/strace"
	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/pack"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// testimony is what u-root's tracer sees of a process: the files that it opens,
// in order, as the kernel names them, and the programs that it becomes, those
// that become themselves once.
type testimony struct {
	Opened   []string
	Programs []string
	Status   int
}

// witnessVariable makes the test program trace its arguments in the root
// directory that it names, and print a testimony. Package strace takes one trace
// a process and waits for every child of it.
const witnessVariable = "OH_TEST_WITNESS_ROOT"

func TestMain(m *testing.M) {
	root := os.Getenv(witnessVariable)
	if root == "" {
		os.Exit(m.Run())
	}
	if err := witness(root, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func witness(root string, argv []string) error {
	seen := testimony{Programs: []string{argv[0]}} // the first execve is not reported
	record := func(_ strace.Task, r *strace.TraceRecord) error {
		if r.Event == strace.Exit {
			seen.Status = r.Exit.WaitStatus.ExitStatus()
		}
		if r.Event != strace.SyscallExit || r.Syscall.Errno != 0 {
			return nil
		}
		link, list := fmt.Sprintf("/proc/%d/exe", r.PID), &seen.Programs
		switch {
		case opening(r.Syscall.Sysno):
			link, list = fmt.Sprintf("/proc/%d/fd/%d", r.PID, r.Syscall.Ret[0].Int()), &seen.Opened
		case r.Syscall.Sysno != unix.SYS_EXECVE:
			return nil
		}
		name, err := os.Readlink(link)
		if err != nil {
			return err
		}
		*list = append(*list, strings.TrimPrefix(name, root))
		return nil
	}
	cmd := &exec.Cmd{Path: argv[0], Args: argv, Env: hostile, Dir: "/", SysProcAttr: &syscall.SysProcAttr{Chroot: root}}
	if err := strace.Trace(cmd, record); err != nil {
		return fmt.Errorf("tracing %q: %w", argv, err)
	}
	return json.NewEncoder(os.Stdout).Encode(seen)
}

// Trace reports what a tracer of other people sees. The programs start no
// process and no thread: the other one loses a child that stops before its
// parent's event arrives, and then waits for it for ever.
func TestTraceAgreesWithAnotherTracer(t *testing.T) {
	system, err := lab.DebianPackages(t.Context(), "trixie", runtime.GOARCH, t.Output(), "libc6", "libc-bin", "bash", "libtinfo6")
	if err != nil {
		t.Fatal(err)
	}
	tree := t.TempDir()
	recipe := &pack.Recipe{Name: "test"}
	for _, name := range []string{"bash", "getent", "locale", "iconv"} {
		recipe.Programs = append(recipe.Programs, pack.Copy{From: "/usr/bin/" + name, To: prefix + "/bin/" + name})
	}
	if _, err := pack.Build(t.Context(), recipe, pack.Options{Prefix: prefix, Root: system, Out: tree, Libs: tree, Machine: machine(t, runtime.GOARCH)}); err != nil {
		t.Fatal(err)
	}
	write(t, tree+"/etc/passwd", "someone:x:4242:4242::/:/bin/false\n")
	write(t, tree+"/usr/share/data", "data\n")
	write(t, tree+"/usr/share/more", "more\n")
	jail := bareRoot(t, tree)
	bash := func(script string) []string { return []string{prefix + "/bin/bash", "-c", script} }
	for _, argv := range [][]string{
		bash(""),
		{prefix + "/bin/getent", "passwd", "4242"},
		{prefix + "/bin/locale", "-a"},
		{prefix + "/bin/iconv", "-f", "KOI8-R", "-t", "UTF-16", "/usr/share/data"},
		bash("while read x; do :; done </usr/share/data; for i in 1 2 3 4 5 6 7; do read x </usr/share/more; done"),
		bash("for f in /openhands/bin/*; do read x <$f; done; cd /usr/share; read x <more"),
		bash("read x </usr/share/none; exec 7</usr/share/data; exec /openhands/bin/bash -c 'exec /openhands/bin/getent passwd nobody'"),
	} {
		t.Run(strings.Join(argv, " "), func(t *testing.T) {
			report, err := bundler.Trace(t.Context(), argv, bundler.TraceOptions{Prefix: prefix, Root: jail, Env: hostile})
			if err != nil {
				t.Fatal(err)
			}
			got := testimony{Programs: report.Programs, Status: report.Status, Opened: []string{}}
			for _, f := range report.Offenders {
				if f.Rule != bundler.RuleOpened {
					t.Errorf("%+v", f)
				}
				got.Opened = append(got.Opened, f.Path)
			}
			want := testify(t, jail, argv)
			if n := len(want.Opened); n < 3 {
				t.Errorf("the witness has seen %d files", n)
			}
			inside := func(name string) bool { return strings.HasPrefix(name, prefix+"/") }
			all := want.Opened
			want.Opened = slices.DeleteFunc(slices.Clone(all), func(name string) bool { return inside(name) || !strings.HasPrefix(name, "/usr/") })
			slices.Sort(want.Opened)
			want.Opened = slices.Compact(want.Opened)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if n := len(slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !inside(name) })); n != report.Opened {
				t.Errorf("opened files of the tree %d times, the witness has seen %d", report.Opened, n)
			}
			t.Logf("%d files, %d of the tree, outside %v", len(all), report.Opened, got.Opened)
		})
	}
}

// opening are the system calls with which the C library opens files.
func opening(number int) bool { return number == unix.SYS_OPENAT || number == unix.SYS_OPENAT2 }

// testify runs the witness.
func testify(t *testing.T, root string, argv []string) testimony {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", argv...)
	cmd.Env = append(os.Environ(), witnessVariable+"="+root)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := testimony{}
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	seen.Programs = slices.Compact(seen.Programs)
	return seen
}
