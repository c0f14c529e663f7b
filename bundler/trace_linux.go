package bundler

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// systemFiles are what every system is asked about itself: accounts, network,
// time zone and the certificates that it trusts.
var systemFiles = []string{
	"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow",
	"/etc/hosts", "/etc/host.conf", "/etc/hostname", "/etc/resolv.conf", "/etc/gai.conf",
	"/etc/networks", "/etc/protocols", "/etc/services", "/etc/ethers", "/etc/rpc",
	"/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo/**",
	"/etc/ssl/**", "/etc/pki/**", "/usr/share/ca-certificates/**",
	"/etc/os-release", "/usr/lib/os-release", "/etc/machine-id",
}

// privateDirs hold nothing of a system: the kernel's file systems, what is
// temporary, and homes.
var privateDirs = []string{"/proc", "/sys", "/dev", "/run", "/var/run", "/tmp", "/var/tmp", "/home", "/root"}

// Trace runs a program of the tree until it ends and reports every regular
// file of the system that it, or a program that it starts, opens for reading
// or is mapped from. A file of the system is one outside Prefix that is older
// than the program's start, except for what every system is asked about itself
// (accounts, network, time zone, certificates) and what lies in temporary
// folders, in homes and in the working directory.
//
// Starting a program of the system is a finding too; the files that such a
// program opens are not reported. The mechanism is ptrace(2) with
// PTRACE_GET_SYSCALL_INFO, which Linux has since 5.3. Opening through io_uring
// cannot be seen, and is a finding. Processes that outlive the program are
// killed.
func Trace(ctx context.Context, argv []string, opt TraceOptions) (*TraceReport, error) {
	name := argv[0]
	var err error
	if opt.Prefix, err = CleanPrefix(opt.Prefix); err != nil {
		return nil, fmt.Errorf("tracing %s: %w", name, err)
	}
	if opt.Root == "" && !strings.Contains(name, "/") {
		found, err := exec.LookPath(name)
		if err != nil {
			return nil, err
		}
		name = found
	}
	if err := opt.resolve(); err != nil {
		return nil, fmt.Errorf("tracing %s: %w", name, err)
	}
	o := &observer{
		opt: opt, findings: findings{allow: opt.Allow}, seen: map[Finding]bool{}, outside: map[int]bool{},
		report: &TraceReport{Programs: []string{}}, private: privateDirs,
	}
	for _, pattern := range systemFiles {
		o.system = append(o.system, Allow(pattern, ""))
	}
	if opt.Dir != "/" {
		o.private = append(slices.Clone(o.private), opt.Dir)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	attr := &os.ProcAttr{Dir: opt.Dir, Env: opt.Env, Sys: &syscall.SysProcAttr{Chroot: opt.Root}}
	for _, f := range []*os.File{opt.Stdin, opt.Stdout, opt.Stderr} {
		attr.Files = append(attr.Files, cmp.Or(f, null))
	}
	// The clock of file systems' time stamps.
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &o.start); err != nil {
		return nil, err
	}
	t := tracer{started: o.started, ended: o.ended, executed: o.executed, opened: o.opened, blind: o.blind}
	status, err := t.run(ctx, name, argv, attr)
	if err != nil {
		return nil, fmt.Errorf("tracing %s: %w", name, err)
	}
	r := o.report
	r.Status = status.ExitStatus()
	if status.Signaled() {
		r.Status = 128 + int(status.Signal())
	}
	r.Offenders, r.Excused, r.Unused = o.findings.sorted()
	return r, nil
}

// resolve makes Root and Dir the paths that the kernel has for them, as it has
// for what is opened. Root becomes empty where it is this process's.
func (opt *TraceOptions) resolve() error {
	if opt.Root != "" {
		root, err := realDir(opt.Root)
		if err != nil {
			return fmt.Errorf("the root directory: %w", err)
		}
		opt.Root = strings.TrimSuffix(root, "/")
	}
	if opt.Root != "" {
		e, err := NewView(opt.Root).Lookup("/" + opt.Dir)
		if err != nil {
			return fmt.Errorf("the working directory: %w", err)
		}
		opt.Dir = e.Real
		return nil
	}
	dir, err := realDir(opt.Dir)
	if err != nil {
		return fmt.Errorf("the working directory: %w", err)
	}
	opt.Dir = dir
	return nil
}

func realDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// observer judges what a tracer sees.
type observer struct {
	opt     TraceOptions
	private []string
	system  []Allowance
	start   unix.Timespec

	report   *TraceReport
	findings findings
	seen     map[Finding]bool
	outside  map[int]bool // processes that run a program of the system
}

// inside returns the path that a link of /proc has in the program's root
// directory.
func (o *observer) inside(link string) string {
	if rest, ok := strings.CutPrefix(link, o.opt.Root+"/"); ok {
		return "/" + rest
	}
	return link
}

func (o *observer) program(pid int) string {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return "a program that ended"
	}
	return o.inside(exe)
}

// started passes on to a new process what its parent is. Threads are judged by
// their process.
func (o *observer) started(parent, pid int) {
	if o.outside[threadGroup(parent)] && threadGroup(pid) == pid {
		o.outside[pid] = true
	}
}

func (o *observer) ended(pid int) { delete(o.outside, pid) }

func (o *observer) executed(pid int) {
	exe := o.program(pid)
	if !slices.Contains(o.report.Programs, exe) {
		o.report.Programs = append(o.report.Programs, exe)
	}
	delete(o.outside, pid)
	if !tree.Within(exe, o.opt.Prefix) {
		o.outside[pid] = true
		o.add(Finding{Path: exe, Rule: RuleProgram, Detail: "was started"})
		return
	}
	// The kernel maps the program and its loader without opening them for it.
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return
	}
	for line := range bytes.Lines(maps) {
		if _, file, ok := strings.Cut(string(line), "/"); ok {
			if p := o.inside("/" + strings.TrimSuffix(file, "\n")); !tree.Within(p, o.opt.Prefix) {
				o.add(Finding{Path: p, Rule: RuleOpened, Detail: "as the loader of " + exe})
			}
		}
	}
}

func (o *observer) opened(pid, fd int) {
	group := threadGroup(pid)
	if o.outside[group] {
		return
	}
	proc := fmt.Sprintf("/proc/%d/fd/%d", pid, fd)
	link, err := os.Readlink(proc)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			o.add(Finding{Path: o.program(pid), Rule: RuleUnseen, Detail: "closed a file before it could be seen"})
		}
		return
	}
	name := o.inside(link)
	switch {
	case !path.IsAbs(name): // a pipe, a socket
		return
	case tree.Within(name, o.opt.Prefix):
		o.report.Opened++
		return
	case slices.ContainsFunc(o.private, func(dir string) bool { return tree.Within(name, dir) }),
		slices.ContainsFunc(o.system, func(a Allowance) bool { return a.match.MatchString(name) }):
		return
	}
	var st unix.Stat_t
	if err := unix.Stat(proc, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || !earlier(st.Ctim, o.start) {
		return
	}
	if flags := openFlags(pid, fd); flags&unix.O_PATH != 0 || flags&unix.O_ACCMODE == unix.O_WRONLY {
		return
	}
	o.add(Finding{Path: name, Rule: RuleOpened, Detail: "by " + o.program(pid)})
}

func (o *observer) blind(pid int, how string) {
	if !o.outside[threadGroup(pid)] {
		o.add(Finding{Path: o.program(pid), Rule: RuleUnseen, Detail: how})
	}
}

func (o *observer) add(f Finding) {
	if !o.seen[f] {
		o.seen[f] = true
		o.findings.add(f)
	}
}

func earlier(a, b unix.Timespec) bool { return a.Sec < b.Sec || a.Sec == b.Sec && a.Nsec < b.Nsec }

// threadGroup returns the process that a thread belongs to.
func threadGroup(tid int) int {
	if n, err := strconv.Atoi(procField(fmt.Sprintf("/proc/%d/status", tid), "Tgid:")); err == nil {
		return n
	}
	return tid
}

// parentOf returns the process that a process is a child of.
func parentOf(pid int) int {
	n, _ := strconv.Atoi(procField(fmt.Sprintf("/proc/%d/status", pid), "PPid:"))
	return n
}

// openFlags returns the flags of open(2) of a descriptor of another process.
func openFlags(pid, fd int) int {
	flags, err := strconv.ParseInt(procField(fmt.Sprintf("/proc/%d/fdinfo/%d", pid, fd), "flags:"), 8, 64)
	if err != nil {
		return 0
	}
	return int(flags)
}

// procField returns the first field after a label at the start of a line.
func procField(file, label string) string {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), label); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
