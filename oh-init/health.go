package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// patience is how long health waits for each step of an answer.
const patience = 5 * time.Second

// health is the command health: it asks the agent server of this container once
// whether it is alive. It costs an engine some milliseconds where a client in
// Python would cost a second.
func health(args []string, stdout, _ io.Writer) (int, error) {
	f := flags("oh-init health", stdout)
	if err := parse(f, args); err != nil {
		return 0, err
	}
	if err := noArguments(f); err != nil {
		return 0, err
	}
	// Whichever way a container is started, its first process has the server's
	// options; behind the init of an engine, too.
	line, err := os.ReadFile("/proc/1/cmdline")
	if err != nil {
		return 1, fmt.Errorf("finding out where the server listens: %w", err)
	}
	server, path := listens(strings.Split(string(line), "\x00")), payload.ServerNamed(payload.AgentServer).Health
	answer, err := get(server, path)
	if err != nil {
		return 1, fmt.Errorf("asking http://%s%s: %w", server, path, err)
	}
	if code := strings.Fields(answer); len(code) < 2 || code[1] != "200" {
		return 1, fmt.Errorf("asking http://%s%s: the answer is %q", server, path, answer)
	}
	return 0, nil
}

// listens returns where an agent server that is started by a command line can be
// asked from within its container.
func listens(argv []string) netip.AddrPort {
	value := func(option string) string {
		for i, argument := range slices.Backward(argv) { // as argparse does
			if value, ok := strings.CutPrefix(argument, option+"="); ok {
				return value
			}
			if argument == option && i+1 < len(argv) {
				return argv[i+1]
			}
		}
		return ""
	}
	address, err := netip.ParseAddr(value("--host"))
	if err != nil || address.IsUnspecified() {
		address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	port, err := strconv.ParseUint(value("--port"), 10, 16)
	if err != nil {
		port = 8000
	}
	return netip.AddrPortFrom(address.WithZone(""), uint16(port))
}

// get sends a GET request and returns the first line of what is answered. The
// packages of the standard library for it would double this program.
func get(server netip.AddrPort, path string) (string, error) {
	family, to := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(server.Port()), Addr: [4]byte(server.Addr().AsSlice()[:4])})
	if server.Addr().Is6() {
		family, to = unix.AF_INET6, &unix.SockaddrInet6{Port: int(server.Port()), Addr: server.Addr().As16()}
	}
	socket, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(socket)
	timeout := unix.NsecToTimeval(patience.Nanoseconds())
	for _, option := range []int{unix.SO_SNDTIMEO, unix.SO_RCVTIMEO} {
		if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, option, &timeout); err != nil {
			return "", err
		}
	}
	if err := again(func() error { return unix.Connect(socket, to) }); err != nil {
		return "", err
	}
	request := fmt.Appendf(nil, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, server)
	if err := again(func() error { return unix.Sendto(socket, request, unix.MSG_NOSIGNAL, nil) }); err != nil {
		return "", err
	}
	var line []byte
	for part := make([]byte, 128); len(line) < 4*len(part); {
		var n int
		if err := again(func() (err error) { n, err = unix.Read(socket, part); return err }); err != nil {
			return "", err
		}
		line = append(line, part[:n]...)
		if first, _, whole := bytes.Cut(line, []byte("\r\n")); whole {
			return string(first), nil
		}
		if n == 0 {
			break
		}
	}
	return "", fmt.Errorf("%q is no answer of HTTP", line)
}

// again does what a signal has interrupted once more. A time that is over is
// said as such.
func again(do func() error) error {
	for {
		switch err := do(); {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINPROGRESS):
			return fmt.Errorf("no answer in %s", patience)
		default:
			return err
		}
	}
}
