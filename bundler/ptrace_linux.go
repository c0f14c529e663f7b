package bundler

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tracer runs a program and all that it starts under ptrace(2). Its functions
// are called while the thread that they speak of is stopped; pid is the
// thread's.
type tracer struct {
	started  func(parent, pid int) // a process or thread made another; twice where both ways to know work
	ended    func(pid int)
	executed func(pid int)         // a program was started
	opened   func(pid int, fd int) // a file was opened
	blind    func(pid int, how string)
}

// openCalls are the numbers of the system calls that return a new descriptor
// of a named file: open, creat, openat, openat2, open_by_handle_at.
var openCalls = map[uint32]map[uint64]bool{
	unix.AUDIT_ARCH_X86_64:  {2: true, 85: true, 257: true, 437: true, 304: true},
	unix.AUDIT_ARCH_AARCH64: {56: true, 437: true, 265: true},
}

const ioUringSetup = 425 // the same on all machines

// syscallInfo is struct ptrace_syscall_info of ptrace(2), Linux 5.3.
type syscallInfo struct {
	op   uint8
	_    [3]byte
	arch uint32
	_    [2]uint64 // instruction and stack pointer
	u    [8]uint64 // entry: number and arguments; exit: value and whether it is an error
}

const (
	ptraceGetSyscallInfo = 0x420e
	syscallEntry         = 1
	syscallExit          = 2
	wnothread            = 0x20000000 // __WNOTHREAD: children of this thread only
	syscallStop          = unix.SIGTRAP | 0x80
	traceOptions         = unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACEEXEC |
		unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE
)

// run starts the program and returns its wait status. Processes that outlive
// it are killed.
func (t *tracer) run(ctx context.Context, path string, argv []string, attr *os.ProcAttr) (unix.WaitStatus, error) {
	type result struct {
		status unix.WaitStatus
		err    error
	}
	done := make(chan result)
	go func() {
		// The thread that starts a program is the one that traces it. It is
		// not unlocked: it ends with the goroutine, and the rest with it.
		runtime.LockOSThread()
		status, err := t.loop(ctx, path, argv, attr)
		done <- result{status, err}
	}()
	r := <-done
	return r.status, r.err
}

func (t *tracer) loop(ctx context.Context, path string, argv []string, attr *os.ProcAttr) (unix.WaitStatus, error) {
	attr.Sys.Ptrace = true
	process, err := os.StartProcess(path, argv, attr)
	if err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { process.Kill() })
	defer stop()
	calls := map[int]uint64{} // by thread, the system call that it is in
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL|wnothread, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("waiting for %s: %w", path, err)
		case status.Exited(), status.Signaled():
			delete(calls, pid)
			t.ended(pid)
			if pid == process.Pid {
				return status, ctx.Err()
			}
			continue
		case !status.Stopped():
			continue
		}
		_, known := calls[pid]
		signal := 0
		switch s := status.StopSignal(); {
		case !known: // the stop of a new thread; the first program's is the one after execve
			calls[pid] = 0
			if pid == process.Pid {
				if err := unix.PtraceSetOptions(pid, traceOptions); err != nil {
					return 0, fmt.Errorf("tracing %s: %w", path, err)
				}
				t.executed(pid)
			} else {
				t.started(parentOf(pid), pid)
			}
		case s == syscallStop:
			if err := t.call(pid, calls); err != nil && !errors.Is(err, unix.ESRCH) {
				return 0, fmt.Errorf("tracing %s: %w", path, err)
			}
		case s == unix.SIGTRAP && status.TrapCause() > 0:
			switch status.TrapCause() {
			case unix.PTRACE_EVENT_EXEC:
				calls[pid] = 0
				t.executed(pid)
			case unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK, unix.PTRACE_EVENT_CLONE:
				// The new thread may have stopped before, and gone on. If not, its
				// parent may end before it does.
				child, err := unix.PtraceGetEventMsg(pid)
				if _, known := calls[int(child)]; err == nil && !known {
					t.started(pid, int(child))
				}
			}
		default:
			signal = int(s)
		}
		// A thread may have been killed while it was stopped.
		if err := unix.PtraceSyscall(pid, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return 0, fmt.Errorf("tracing %s: %w", path, err)
		}
	}
}

// call handles the entry to and the exit from a system call.
func (t *tracer) call(pid int, calls map[int]uint64) error {
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(pid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("system call of process %d: %w", pid, errno)
	}
	switch number := calls[pid]; info.op {
	case syscallEntry:
		calls[pid] = info.u[0]
		if openCalls[info.arch] == nil {
			t.blind(pid, "makes system calls of another machine")
		}
	case syscallExit:
		if info.u[1]&0xff != 0 {
			break
		}
		if number == ioUringSetup {
			t.blind(pid, "uses io_uring")
		} else if openCalls[info.arch][number] {
			t.opened(pid, int(info.u[0]))
		}
	}
	return nil
}
