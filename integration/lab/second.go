package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// SecondEngine is a newer Docker Engine beside the machine's own, with
// containerd's image store. It is unpacked, not installed, and shares nothing
// with the first engine: it has its own files, socket and network namespace.
// Its containers reach each other, but neither this machine nor the world.
type SecondEngine struct {
	Engine
	programs string // the unpacked packages, kept
	dir      string // all that a running engine makes
}

// NewSecondEngine returns the engine that keeps everything in the folder dir,
// its images in the subfolder data; an empty dir means the one in the user's
// cache folder. Nothing is started yet.
func NewSecondEngine(dir string) (*SecondEngine, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("finding the cache folder: %w", err)
	}
	cache = filepath.Join(cache, "oh-lab")
	if dir == "" {
		dir = filepath.Join(cache, "second-engine")
	}
	return &SecondEngine{
		Engine:   Engine{Host: "unix://" + filepath.Join(dir, "docker.sock")},
		programs: filepath.Join(cache, "docker-sid"),
		dir:      dir,
	}, nil
}

func (s *SecondEngine) path(name string) string { return filepath.Join(s.dir, name) }

// Start unpacks the engine where that has not been done, starts it and waits
// until it answers. An engine that runs already is left alone.
func (s *SecondEngine) Start(ctx context.Context, log io.Writer) error {
	if s.Up(ctx) {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("making the second engine's folder: %w", err)
	}
	if err := s.unpack(ctx, log); err != nil {
		return fmt.Errorf("unpacking the second engine: %w", err)
	}
	if err := s.makeNamespace(ctx); err != nil {
		return err
	}
	config := s.path("daemon.json")
	if err := os.WriteFile(config, []byte(`{"features":{"containerd-snapshotter":true}}`), 0o644); err != nil {
		return fmt.Errorf("configuring the second engine: %w", err)
	}
	daemon, err := startDaemon(s.path("dockerd.log"),
		"nsenter", "--net="+s.path("netns"),
		"env", "PATH="+s.programs+"/usr/sbin:"+s.programs+"/usr/bin:"+os.Getenv("PATH")+":/usr/sbin:/sbin",
		"dockerd", "--config-file", config, "--data-root", s.path("data"), "--exec-root", s.path("exec"),
		"--pidfile", s.path("pid"), "--host", s.Host)
	if err != nil {
		return err
	}
	return daemon.wait(ctx, s.Engine)
}

// unpack downloads Docker Engine and containerd from Debian's development
// release through a configuration of apt that is the engine's own. The
// machine's runc serves both engines, because a newer one needs a newer C
// library.
func (s *SecondEngine) unpack(ctx context.Context, log io.Writer) error {
	if _, err := os.Stat(s.programs); err == nil {
		return nil
	}
	mirrors, err := aptMirrors(os.DirFS("/etc/apt"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.programs), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(s.programs), "apt-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	config := filepath.Join(work, "apt.conf")
	if err := writePrivateApt(work, config, "deb "+mirrors[0]+" sid main\n"); err != nil {
		return err
	}
	fmt.Fprintln(log, "second engine: downloading docker.io and containerd of Debian sid")
	for _, args := range [][]string{{"update"}, {"download", "docker.io", "containerd"}} {
		cmd := apt(ctx, args...)
		cmd.Dir = work
		cmd.Env = append(cmd.Env, "APT_CONFIG="+config)
		if _, err := output(cmd); err != nil {
			return err
		}
	}
	packages, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil {
		return err
	}
	tree := filepath.Join(work, "root")
	for _, pkg := range packages {
		if _, err := output(exec.CommandContext(ctx, "dpkg-deb", "--extract", pkg, tree)); err != nil {
			return err
		}
	}
	return os.Rename(tree, s.programs)
}

// writePrivateApt makes a folder and a configuration with which apt neither
// reads nor writes anything of the machine's own package state. The index of
// a mirror's frozen copy counts as valid.
func writePrivateApt(dir, config, sources string) error {
	for _, name := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	files := map[string]string{
		filepath.Join(dir, "status"):       "",
		filepath.Join(dir, "sources.list"): sources,
		config: fmt.Sprintf("Dir::State::lists %q;\nDir::State::status %q;\nDir::Cache %q;\n"+
			"Dir::Etc::sourcelist %q;\nDir::Etc::sourceparts \"/dev/null\";\n"+
			"Acquire::Check-Valid-Until \"false\";\nAPT::Sandbox::User \"root\";\n",
			filepath.Join(dir, "lists"), filepath.Join(dir, "status"), filepath.Join(dir, "cache"),
			filepath.Join(dir, "sources.list")),
	}
	for name, content := range files {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// makeNamespace makes the engine's network namespace and keeps it alive by a
// mount, see unshare(1).
func (s *SecondEngine) makeNamespace(ctx context.Context) error {
	file := s.path("netns")
	if mounted(file) {
		return nil
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		return fmt.Errorf("making a network namespace: %w", err)
	}
	if _, err := output(exec.CommandContext(ctx, "unshare", "--net="+file, "true")); err != nil {
		return fmt.Errorf("making a network namespace: %w", err)
	}
	return nil
}

// Listen listens at an address of the engine's own loopback, for which the
// rest of this machine is out of reach.
func (s *SecondEngine) Listen(address string) (net.Listener, error) {
	type result struct {
		listener net.Listener
		err      error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // the thread ends with this function, and its namespace with it
		var r result
		namespace, err := os.Open(s.path("netns"))
		if err == nil {
			err = errors.Join(unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET), namespace.Close())
		}
		if err == nil {
			err = bringUp("lo")
		}
		if err == nil {
			r.listener, err = net.Listen("tcp", address)
		}
		if err != nil {
			r.err = fmt.Errorf("listening in the second engine's namespace: %w", err)
		}
		done <- r
	}()
	r := <-done
	return r.listener, r.err
}

// bringUp enables a network device of this thread's namespace, see
// netdevice(7).
func bringUp(device string) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	request, err := unix.NewIfreq(device)
	if err == nil {
		request.SetUint16(unix.IFF_UP)
		err = unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
	}
	return errors.Join(err, unix.Close(socket))
}

// Remove stops the engine and removes all that it made: its images and
// containers, its namespace and its sockets. What was downloaded stays for the
// next start.
func (s *SecondEngine) Remove(ctx context.Context) error {
	if err := s.stop(ctx); err != nil {
		return err
	}
	if err := unmountBelow(s.dir); err != nil {
		return err
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("removing the second engine: %w", err)
	}
	return nil
}

func (s *SecondEngine) stop(ctx context.Context) error {
	text, err := os.ReadFile(s.path("pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stopping the second engine: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("stopping the second engine: %w", err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stopping the second engine: %w", err)
	}
	return WaitFor(ctx, time.Minute, "the second engine's end", func(context.Context) bool {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, rest, _ := strings.Cut(string(state), ") ")
		return err != nil || strings.HasPrefix(rest, "Z")
	})
}

func mounted(path string) bool {
	for _, point := range mountPoints() {
		if point == path {
			return true
		}
	}
	return false
}

// unmountBelow unmounts everything in a folder, the last mount first.
func unmountBelow(dir string) error {
	points := mountPoints()
	for i := len(points) - 1; i >= 0; i-- {
		if strings.HasPrefix(points[i], dir+"/") {
			if err := syscall.Unmount(points[i], syscall.MNT_DETACH); err != nil {
				return fmt.Errorf("unmounting %s: %w", points[i], err)
			}
		}
	}
	return nil
}

// mountPoints lists this process's mounts, the oldest first, see proc(5).
func mountPoints() []string {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var points []string
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 4 {
			points = append(points, fields[4])
		}
	}
	return points
}
