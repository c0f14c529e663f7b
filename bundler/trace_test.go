package bundler

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

func TestTrace(t *testing.T) {
	jail, opt := sealedJail(t)
	elftest.Mkdir(t, jail+"/proc")
	if err := syscall.Mount("proc", jail+"/proc", "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(jail+"/proc", syscall.MNT_DETACH) })
	elftest.Mkdir(t, jail+"/tmp")
	elftest.Write(t, jail+"/etc/passwd", "someone:x:4242:4242::/:/bin/false\n", 0o644)
	elftest.Write(t, jail+"/usr/share/data", "data\n", 0o644)
	elftest.Symlink(t, "/usr/share/data", jail+"/openhands/data")
	elftest.Write(t, jail+"/var/lib/log", "log\n", 0o644)
	elftest.Compile(t, jail+"/usr/bin/static", "int main(){return 3;}", "-static")
	elftest.Compile(t, jail+"/usr/bin/forks", `#include <fcntl.h>
#include <unistd.h>
#include <sys/wait.h>
int main(int n, char **argv){ if (fork() == 0) { open("/usr/share/data", O_RDONLY); if (n > 1) execv(argv[1], argv + 1); _exit(0); } wait(0); return 0; }`, "-static")
	elftest.Library(t, jail+"/usr/lib/libbase.so", "int f(void){return 1;}", "-nostdlib")
	elftest.Compile(t, opt.Out+"/openhands/app/bin/threads", `#include <pthread.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/wait.h>
static void *run(void *name){ close(open(name, O_RDONLY)); return 0; }
int main(int n, char **names){ pthread_t t; if (fork() == 0) { pthread_create(&t, 0, run, names[1]); pthread_join(t, 0); _exit(0); } wait(0); return 0; }`, "-pthread")
	elftest.Compile(t, opt.Out+"/openhands/app/bin/opens", `#include <dlfcn.h>
int main(int n, char **names){ return dlopen(names[1], RTLD_NOW) == 0; }`)
	elftest.Compile(t, opt.Out+"/openhands/app/bin/ring", `#include <sys/syscall.h>
#include <unistd.h>
int main(){ char params[120] = {0}; syscall(425, 1, params); return 0; }`)
	elftest.Compile(t, opt.Out+"/openhands/app/bin/die", "#include <signal.h>\nint main(){ raise(SIGKILL); }")
	s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
	if _, err := s.Seal(t.Context(), jail); err != nil {
		t.Fatal(err)
	}
	sh := func(script string) []string { return []string{"/openhands/bin/bash", "-c", script} }
	data := []Finding{{Path: "/usr/share/data", Rule: RuleOpened, Detail: "by /openhands/bin/bash"}}
	cases := []struct {
		name   string
		argv   []string
		status int
		want   []Finding
	}{
		{"nothing", sh("exit 5"), 5, nil},
		{"accounts", []string{"/openhands/bin/getent", "passwd", "4242"}, 0, nil},
		{"a file", sh("read x </usr/share/data"), 0, data},
		{"twice", sh("read x </usr/share/data; read x </usr/share/../share/data"), 0, data},
		{"through a link of the tree", sh("read x </openhands/data"), 0, data},
		{"not there", sh("read x </usr/share/nothing; exit 0"), 0, nil},
		{"a directory", sh("exec 3</usr/share"), 0, nil},
		{"writing", sh("echo more >>/var/lib/log"), 0, nil},
		{"its own file", sh("echo x >/var/lib/new; read x </var/lib/new"), 0, nil},
		{"temporary", sh("echo x >/tmp/x; read x </tmp/x"), 0, nil},
		{"by a thread of a child", []string{"/openhands/app/bin/threads", "/usr/share/data"}, 0,
			[]Finding{{Path: "/usr/share/data", Rule: RuleOpened, Detail: "by /openhands/app/bin/threads"}}},
		{"a library", []string{"/openhands/app/bin/opens", "/usr/lib/libbase.so"}, 0,
			[]Finding{{Path: "/usr/lib/libbase.so", Rule: RuleOpened, Detail: "by /openhands/app/bin/opens"}}},
		{"a program of the system", sh("/usr/bin/static; /openhands/bin/true"), 0,
			[]Finding{{Path: "/usr/bin/static", Rule: RuleProgram, Detail: "was started"}}},
		{"a child of a program of the system", sh("/usr/bin/forks; /openhands/bin/true"), 0,
			[]Finding{{Path: "/usr/bin/forks", Rule: RuleProgram, Detail: "was started"}}},
		{"io_uring", []string{"/openhands/app/bin/ring"}, 0,
			[]Finding{{Path: "/openhands/app/bin/ring", Rule: RuleUnseen, Detail: "uses io_uring"}}},
		{"a signal", []string{"/openhands/app/bin/die"}, 128 + 9, nil},
		{"what outlives it", sh("read x <&0 & exit 0"), 0, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			endless, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer endless.Close()
			defer w.Close()
			trace := TraceOptions{Prefix: testPrefix, Root: jail, Env: []string{"PATH=/nowhere"}, Stdin: endless}
			report, err := Trace(t.Context(), c.argv, trace)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append([]Finding{}, c.want...), report.Offenders); diff != "" || report.Status != c.status {
				t.Errorf("status %d, want %d; %s", report.Status, c.status, diff)
			}
			if report.Opened < 1 || !slices.Contains(report.Programs, c.argv[0]) {
				t.Errorf("programs %v, %d files of the tree", report.Programs, report.Opened)
			}
			if len(c.want) == 0 {
				return
			}
			trace.Allow = []Allowance{Allow(c.want[0].Path, "a test"), Allow("/never", "unused")}
			report, err = Trace(t.Context(), c.argv, trace)
			if err != nil || len(report.Offenders) > 0 || len(report.Excused) != 1 || !slices.Equal(report.Unused, []string{"/never"}) {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
	t.Run("a program of the tree below one of the system", func(t *testing.T) {
		argv := []string{"/usr/bin/forks", "/openhands/app/bin/threads", "/usr/share/data"}
		report, err := Trace(t.Context(), argv, TraceOptions{Prefix: testPrefix, Root: jail})
		if err != nil {
			t.Fatal(err)
		}
		want := []Finding{
			{Path: "/usr/bin/forks", Rule: RuleProgram, Detail: "was started"},
			{Path: "/usr/share/data", Rule: RuleOpened, Detail: "by /openhands/app/bin/threads"},
		}
		if diff := cmp.Diff(want, report.Offenders); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("other names of directories", func(t *testing.T) {
		elftest.Write(t, jail+"/data/file", "file\n", 0o644)
		elftest.Symlink(t, "data", jail+"/link")
		above, name := filepath.Split(jail)
		link := t.TempDir() + "/link"
		elftest.Symlink(t, jail, link)
		t.Chdir(above)
		for _, root := range []string{name, "./" + name + "/", link} {
			report, err := Trace(t.Context(), sh("read x <file; read x </usr/share/data"), TraceOptions{Prefix: testPrefix, Root: root, Dir: "/link"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(data, report.Offenders); diff != "" || report.Opened < 1 {
				t.Errorf("root %s: %s; %d files of the tree", root, diff, report.Opened)
			}
		}
	})
	t.Run("an unsealed program", func(t *testing.T) {
		report, err := Trace(t.Context(), []string{"/usr/bin/true"}, TraceOptions{Prefix: "/usr/bin"})
		if err != nil {
			t.Fatal(err)
		}
		a := abis[opt.Machine]
		if !slices.ContainsFunc(report.Offenders, func(f Finding) bool { return strings.HasSuffix(f.Path, a.loader) || strings.Contains(f.Path, "/ld-") }) ||
			!slices.ContainsFunc(report.Offenders, func(f Finding) bool { return strings.Contains(f.Path, "/libc") }) {
			t.Errorf("loader and C library of the system are not among %v", report.Offenders)
		}
	})
	t.Run("output and input", func(t *testing.T) {
		in, feed, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		result, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(feed, "words\n")
		feed.Close()
		if _, err := Trace(t.Context(), sh("read x; echo $x"), TraceOptions{Prefix: testPrefix, Root: jail, Stdin: in, Stdout: out}); err != nil {
			t.Fatal(err)
		}
		out.Close()
		if text, err := io.ReadAll(result); err != nil || string(text) != "words\n" {
			t.Errorf("%q, %v", text, err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		in, open, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer open.Close() // else the input may end when it is collected
		ready, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			ready.Read(make([]byte, 1))
			cancel()
		}()
		_, err = Trace(ctx, sh("echo ready; read x"), TraceOptions{Prefix: testPrefix, Root: jail, Stdin: in, Stdout: out})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no such program", func(t *testing.T) {
		if _, err := Trace(t.Context(), []string{"/openhands/nothing"}, TraceOptions{Prefix: testPrefix, Root: jail}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
}
