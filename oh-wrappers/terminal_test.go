package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// roles are the programs of the tests of terminals, each by the name that the
// test binary has there.
func roles() map[string]func() {
	return map[string]func(){"shell": shell, "typist": typist, "reader": reader, "su-outside": callSu}
}

// shell leads a session: it runs its arguments as a child, as user 1000 unless
// the first one is "root", and tells what was put into its terminal meanwhile.
func shell() {
	fail := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	fail(os.MkdirAll("/dev/pts", 0o755))
	fail(unix.Mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=666"))
	fail(os.Symlink("pts/ptmx", "/dev/ptmx"))
	fail(unix.Mknod("/dev/tty", unix.S_IFCHR|0o666, int(unix.Mkdev(5, 0))))
	fail(os.Chmod("/dev/tty", 0o666))
	args := os.Args[1:]
	credential := &syscall.Credential{Uid: 1000, Gid: 1000}
	if args[0] == "root" {
		credential, args = nil, args[1:]
	}
	input := os.Stdin
	if args[0] == "piped" {
		input, args = nil, args[1:]
	}
	command := &exec.Cmd{
		Path: args[0], Args: args, Stdout: os.Stdout, Stderr: os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Credential: credential},
	}
	if input != nil {
		command.Stdin = input
	}
	_ = command.Run()
	settings, err := unix.IoctlGetTermios(0, unix.TCGETS)
	fail(err)
	waiting, err := unix.IoctlGetInt(0, unix.TIOCINQ)
	fail(err)
	fmt.Printf("status %d, %d bytes typed, canonical %v\n", command.ProcessState.ExitCode(), waiting, settings.Lflag&unix.ICANON != 0)
}

// typist puts a line into every terminal that it can reach.
func typist() {
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	own, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err == nil {
		files = append(files, own)
	}
	for _, f := range files {
		for _, key := range []byte("typed\n") {
			_, _, _ = unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.TIOCSTI, uintptr(unsafe.Pointer(&key)))
		}
	}
	fmt.Printf("typist %d has a terminal: %v\n", os.Getuid(), own != nil)
}

// reader tells the size of its terminal and the line that it reads, waits for
// the interrupt key and ends with status 7.
func reader() {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil {
		panic(err)
	}
	fmt.Printf("reader sees %d x %d\n", size.Col, size.Row)
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Printf("reader got %s", line)
	<-interrupted
	fmt.Println("reader is interrupted")
	os.Exit(7)
}

// terminal is the one of a person at a shell in root.
type terminal struct {
	*testing.T
	keys  *os.File
	lines *bufio.Scanner
}

func newTerminal(t *testing.T, root string, args ...string) *terminal {
	t.Helper()
	master, slave, err := openTerminal()
	must(t, err)
	t.Cleanup(func() { master.Close() })
	must(t, unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 97, Row: 31}))
	command := &exec.Cmd{
		Path: "/bin/shell", Args: append([]string{"/bin/shell"}, args...), Env: []string{"PATH=/bin", "AS_BASH=typist"}, Dir: "/",
		Stdin: slave, Stdout: slave, Stderr: slave,
		SysProcAttr: &syscall.SysProcAttr{Chroot: root, Setsid: true, Setctty: true, Unshareflags: unix.CLONE_NEWNS},
	}
	must(t, command.Start())
	must(t, slave.Close()) // else reading would not end with the programs
	t.Cleanup(func() { _ = command.Wait() })
	return &terminal{t, master, bufio.NewScanner(master)}
}

// shows waits for a line with text in it.
func (t *terminal) shows(text string) string {
	t.Helper()
	var all []string
	for t.lines.Scan() {
		line := strings.TrimSpace(t.lines.Text())
		if strings.Contains(line, text) {
			return line
		}
		all = append(all, line)
	}
	t.Fatalf("%q is not in %q: %v", text, all, t.lines.Err())
	return ""
}

func (t *terminal) types(keys string) {
	t.Helper()
	_, err := t.keys.WriteString(keys)
	must(t.T, err)
}

func terminalRoot(t *testing.T) string {
	return sudoRoot(t, map[string]string{
		"/etc/sudoers": grant, payload.Sudo: "wrappers", payload.CompatBin + "/su": "wrappers",
		"/bin/shell": "probe", "/bin/typist": "probe", "/bin/reader": "probe", payload.FallbackBin + "/bash": "probe",
	})
}

// A program of another user cannot type into the terminal of the caller.
func TestProgramCannotType(t *testing.T) {
	const clean = "status 0, 0 bytes typed, canonical true"
	for line, want := range map[string]string{
		sudoPath + " -u guest typist":             "typist 405 has a terminal: true",
		"piped " + sudoPath + " -u guest typist":  "typist 405 has a terminal: false",
		"root " + sudoPath + " -u guest typist":   "typist 405 has a terminal: true",
		"root " + payload.CompatBin + "/su guest": "typist 405 has a terminal: true",
	} {
		t.Run(line, func(t *testing.T) {
			terminal := newTerminal(t, terminalRoot(t), strings.Fields(line)...)
			terminal.shows(want)
			if got := terminal.shows("status"); got != clean {
				t.Errorf("%s, want %s", got, clean)
			}
		})
	}
}

// The terminal of its own works like the caller's.
func TestTerminalOfItsOwn(t *testing.T) {
	terminal := newTerminal(t, terminalRoot(t), sudoPath, "-u", "guest", "reader")
	terminal.shows("reader sees 97 x 31")
	terminal.types("a line\r")
	terminal.shows("reader got a line")
	terminal.types("\x03")
	terminal.shows("reader is interrupted")
	terminal.shows("status 7, 0 bytes typed, canonical true")
}
