package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Registry is a real registry on this machine: Debian's docker-registry,
// unpacked into the user's cache folder and not installed.
type Registry struct {
	Host string // HOST:PORT, as in a reference
	cmd  *exec.Cmd
}

// StartRegistry starts a registry that keeps all that it has in the folder
// dir, and waits until it answers. Settings are further lines of its
// configuration.
func StartRegistry(ctx context.Context, dir string, log io.Writer, settings ...string) (*Registry, error) {
	program, err := registryProgram(ctx, log)
	if err != nil {
		return nil, fmt.Errorf("unpacking docker-registry: %w", err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("finding a free port: %w", err)
	}
	host := free.Addr().String()
	if err := free.Close(); err != nil {
		return nil, fmt.Errorf("finding a free port: %w", err)
	}
	config := filepath.Join(dir, "config.yml")
	// Locations are relative, so that clients can come through a proxy.
	text := fmt.Sprintf("version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q, relativeurls: true}\n%s\n",
		filepath.Join(dir, "data"), host, strings.Join(settings, "\n"))
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, fmt.Errorf("configuring the registry: %w", err)
	}
	logName := filepath.Join(dir, "registry.log")
	logFile, err := os.Create(logName)
	if err != nil {
		return nil, fmt.Errorf("making the registry's log: %w", err)
	}
	defer logFile.Close()
	r := &Registry{Host: host, cmd: exec.Command(program, "serve", config)}
	r.cmd.Stdout, r.cmd.Stderr = logFile, logFile
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the registry: %w", err)
	}
	err = WaitFor(ctx, 20*time.Second, "the registry", func(ctx context.Context) bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/v2/", nil)
		if err != nil {
			return false
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK || response.StatusCode == http.StatusUnauthorized
	})
	if err != nil {
		r.Stop()
		return nil, fmt.Errorf("%w; the last lines of its log:\n%s", err, tail(logName, 2000))
	}
	return r, nil
}

// PID is the registry's process.
func (r *Registry) PID() int { return r.cmd.Process.Pid }

// Stop ends the registry.
func (r *Registry) Stop() {
	_ = r.cmd.Process.Kill() // fails only where it has ended
	_ = r.cmd.Wait()
}

// registryProgram unpacks the program where that has not been done.
func registryProgram(ctx context.Context, log io.Writer) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache folder: %w", err)
	}
	unpacked := filepath.Join(cache, "oh-lab", "docker-registry")
	program := filepath.Join(unpacked, "usr", "bin", "docker-registry")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(filepath.Dir(unpacked), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(unpacked), "apt-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	fmt.Fprintln(log, "registry: downloading docker-registry")
	download := func() error {
		cmd := apt(ctx, "-o", "APT::Sandbox::User=root", "download", "docker-registry")
		cmd.Dir = work
		_, err := output(cmd)
		return err
	}
	if err := download(); err != nil { // the package lists may be missing or too old
		if _, err := output(apt(ctx, "update")); err != nil {
			return "", err
		}
		if err := download(); err != nil {
			return "", err
		}
	}
	packages, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil {
		return "", err
	}
	if len(packages) != 1 {
		return "", fmt.Errorf("apt-get downloaded %q instead of one package", packages)
	}
	root := filepath.Join(work, "root")
	if _, err := output(exec.CommandContext(ctx, "dpkg-deb", "--extract", packages[0], root)); err != nil {
		return "", err
	}
	if err := os.RemoveAll(unpacked); err != nil {
		return "", err
	}
	return program, os.Rename(root, unpacked)
}
