package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// engineLog is where the output of an engine goes that EnsureEngine started.
const engineLog = "/var/log/oh-lab-dockerd.log"

// EnsureEngine makes sure that the default engine answers and that
// `docker buildx` exists. On Debian and its relatives it installs what is
// missing, as root; anywhere else it says what to install.
func EnsureEngine(ctx context.Context, log io.Writer) error {
	if !(Engine{}).Up(ctx) {
		if err := installEngine(ctx, log); err != nil {
			return err
		}
		if err := startEngine(ctx, log); err != nil {
			return err
		}
	}
	version, err := Engine{}.Docker(ctx, "version", "--format", "{{.Server.Version}}")
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "engine: Docker %s answers\n", version)
	return ensureBuildx(ctx, log)
}

func installEngine(ctx context.Context, log io.Writer) error {
	needs := []struct{ program, pkg string }{
		{"dockerd", "docker.io"},
		{"iptables", "iptables"},
		{"docker", "docker-cli"}, // part of docker.io until Debian 12
	}
	for _, need := range needs {
		if findProgram(need.program) {
			continue
		}
		if err := aptInstall(ctx, log, need.pkg); err != nil {
			return fmt.Errorf("installing Docker Engine: %w", err)
		}
	}
	return nil
}

// startEngine starts dockerd and waits until it answers. A service manager
// may have started it during the installation; it is then left alone.
func startEngine(ctx context.Context, log io.Writer) error {
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		if err := stream(exec.CommandContext(ctx, "systemctl", "start", "docker"), log); err == nil {
			return WaitFor(ctx, time.Minute, "the engine", Engine{}.Up)
		}
	}
	fmt.Fprintf(log, "engine: starting dockerd, log in %s\n", engineLog)
	daemon, err := startDaemon(engineLog, "dockerd")
	if err != nil {
		return err
	}
	return daemon.wait(ctx, Engine{})
}

// daemon is a process that outlives this one.
type daemon struct {
	log  string
	done chan error // receives when the process has ended
}

// startDaemon starts a program in a session of its own, its output appended
// to a log file, so that it lives on when this program ends.
func startDaemon(log string, argv ...string) (*daemon, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", argv[0], err)
	}
	defer file.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	d := &daemon{log: log, done: make(chan error, 1)}
	go func() { d.done <- cmd.Wait() }()
	return d, nil
}

// wait returns when the engine answers, or when the daemon has ended.
func (d *daemon) wait(ctx context.Context, e Engine) error {
	ended := errors.New("it is still running")
	err := WaitFor(ctx, time.Minute, "the engine", func(ctx context.Context) bool {
		select {
		case ended = <-d.done:
			return true
		default:
			return e.Up(ctx)
		}
	})
	if err == nil && e.Up(ctx) {
		return nil
	}
	return fmt.Errorf("the engine does not answer (dockerd: %w); the last lines of its log %s:\n%s", ended, d.log, tail(d.log, 2000))
}

func tail(path string, size int) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return data[max(0, len(data)-size):]
}

// findProgram looks in PATH and where Debian keeps an administrator's programs.
func findProgram(name string) bool {
	if _, err := exec.LookPath(name); err == nil {
		return true
	}
	_, err := exec.LookPath(filepath.Join("/usr/sbin", name))
	return err == nil
}

// ensureBuildx builds buildx from the module that tools/buildx pins when docker
// has no such plugin; that takes some minutes and is done once.
func ensureBuildx(ctx context.Context, log io.Writer) error {
	if _, err := (Engine{}).Docker(ctx, "buildx", "version"); err == nil {
		return nil
	}
	dir, err := pluginDir()
	if err != nil {
		return err
	}
	const module = "github.com/docker/buildx"
	ours, err := output(exec.CommandContext(ctx, "go", "env", "GOMOD"))
	if err != nil {
		return fmt.Errorf("finding the project's folder: %w", err)
	}
	pins := filepath.Join(filepath.Dir(ours), "tools", "buildx")
	version, err := output(exec.CommandContext(ctx, "go", "-C", pins, "list", "-m", "-f", "{{.Version}}", module))
	if err != nil {
		return fmt.Errorf("finding the pinned buildx: %w", err)
	}
	fmt.Fprintf(log, "engine: building buildx %s into %s (some minutes)\n", version, dir)
	build := exec.CommandContext(ctx, "go", "-C", pins, "build", "-trimpath",
		"-ldflags", "-s -w -X "+module+"/version.Version="+version,
		"-o", filepath.Join(dir, "docker-buildx"), module+"/cmd/buildx")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := stream(build, log); err != nil {
		return fmt.Errorf("building buildx: %w", err)
	}
	if _, err := (Engine{}).Docker(ctx, "buildx", "version"); err != nil {
		return fmt.Errorf("buildx is built, but docker does not find it: %w", err)
	}
	return nil
}

// pluginDir is the folder of the user's own docker plugins.
func pluginDir() (string, error) {
	config := os.Getenv("DOCKER_CONFIG")
	if config == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("finding the folder of docker plugins: %w", err)
		}
		config = filepath.Join(home, ".docker")
	}
	return filepath.Join(config, "cli-plugins"), nil
}
