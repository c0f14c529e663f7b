package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// dialInside connects to an address inside a container that no network leads
// to: the payload's bash hands on what it reads.
func dialInside(container string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		// It ends with the server's side: a server closes what is idle.
		relay := fmt.Sprintf("exec 3<>/dev/tcp/%s/%s 4<&0 && { cat <&4 >&3 & cat <&3; kill $!; }", host, port)
		// Not ctx: the connection outlives the request that it was made for.
		cmd := lab.Engine{}.Command(context.WithoutCancel(ctx), "exec", "--interactive", container, payload.FallbackBin+"/bash", "-c", relay)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, fmt.Errorf("connecting to %s in %s: %w", address, container, err)
		}
		return &processConn{cmd, stdin, stdout}, nil
	}
}

// processConn is a connection through the standard streams of a process.
type processConn struct {
	cmd *exec.Cmd
	io.WriteCloser
	out io.Reader
}

func (c *processConn) Read(p []byte) (int, error) { return c.out.Read(p) }

func (c *processConn) Close() error {
	err := c.WriteCloser.Close()
	if killErr := c.cmd.Process.Kill(); killErr != nil {
		err = errors.Join(err, killErr)
	}
	_ = c.cmd.Wait() // it was killed
	return err
}

func (c *processConn) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "process", Net: "unix"} }
func (c *processConn) RemoteAddr() net.Addr             { return c.LocalAddr() }
func (c *processConn) SetDeadline(time.Time) error      { return nil }
func (c *processConn) SetReadDeadline(time.Time) error  { return nil }
func (c *processConn) SetWriteDeadline(time.Time) error { return nil }
