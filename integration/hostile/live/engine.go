package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/hostile"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// engine is one that cases are tried in.
type engine struct {
	lab.Engine
	store string
}

// outcome is what came of a case in an engine.
type outcome struct {
	Text string
	Well bool // a server, a reason before it, or nothing that the engine takes
}

// aliveLimit is how long a server may take to start on a busy machine.
const aliveLimit = 10 * time.Minute

// command is how OpenHands starts a server; a browser takes longest and has
// nothing of the base.
var command = strings.Fields("/openhands/micromamba/bin/micromamba run -n openhands poetry run" +
	" python -u -m openhands.runtime.action_execution_server 8000 --working-dir /workspace" +
	" --plugins agent_skills jupyter --username openhands --user-id 1000 --no-enable-browser")

// code is that of an error of the plugin.
var code = regexp.MustCompile(`OH-\d{3}: .*`)

// try builds over an image and starts what comes of it. An error is one of this
// program.
func (e engine) try(ctx context.Context, image *hostile.Image, base, deps string) (outcome, error) {
	made := base + "-made"
	defer e.remove(context.WithoutCancel(ctx), base, made)
	var archive bytes.Buffer
	if err := image.WriteDockerArchive(&archive, base); err != nil {
		return outcome{}, err
	}
	load := e.Command(ctx, "load")
	load.Stdin = &archive
	if said, err := load.CombinedOutput(); err != nil || !e.HasImage(ctx, base) {
		return outcome{"not loaded: " + lastLine(said), true}, ctx.Err()
	}
	start := time.Now()
	said, err := e.Command(ctx, "openhands", "build", "--base", base, "--deps-image", deps, "--tag", made, "--pull", "never", "--progress", "plain").CombinedOutput()
	if err != nil {
		told := code.FindString(string(said))
		return outcome{fmt.Sprintf("no image: %s", told), told != "" && !strings.HasPrefix(told, "OH-099") && !strings.HasPrefix(told, "OH-011")}, ctx.Err()
	}
	built := time.Since(start)
	container, err := e.Docker(ctx, append([]string{"run", "--detach", "--env", "SESSION_API_KEY=key", "--entrypoint", "", "--workdir", "/openhands/code/", made}, command...)...)
	if err != nil {
		return outcome{"not started: " + lastLine([]byte(err.Error())), false}, ctx.Err()
	}
	defer func() { _, _ = e.Docker(context.WithoutCancel(ctx), "rm", "--force", "--volumes", container) }()
	start = time.Now()
	if e.alive(ctx, container) {
		return outcome{fmt.Sprintf("alive (image in %.0f s, server in %.0f s)", built.Seconds(), time.Since(start).Seconds()), true}, nil
	}
	if ctx.Err() != nil {
		return outcome{}, ctx.Err()
	}
	log, _ := e.Command(ctx, "logs", "--tail", "3", container).CombinedOutput()
	return outcome{fmt.Sprintf("no server after %.0f s: %s", time.Since(start).Seconds(), lastLine(log)), false}, nil
}

// alive waits for the server's answer, or for the container's end. It asks from
// inside of the container: an engine can be in a network of its own.
func (e engine) alive(ctx context.Context, container string) bool {
	limit := strconv.Itoa(int(aliveLimit.Seconds()))
	_, err := e.Docker(ctx, "exec", "--env", "NO_PROXY=*", container, "/openhands/fallback/bin/curl", "--silent", "--fail", "--max-time", "5",
		"--retry", limit, "--retry-delay", "1", "--retry-connrefused", "--retry-max-time", limit, "http://127.0.0.1:8000/alive")
	return err == nil
}

// remove takes away what try has made. Names that the build has given go with
// their image.
func (e engine) remove(ctx context.Context, refs ...string) {
	for _, ref := range refs {
		if id, err := e.Docker(ctx, "image", "inspect", "--format", "{{.Id}}", ref); err == nil {
			_, _ = e.Docker(ctx, "rmi", "--force", id)
		}
	}
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// newestPayload is the deps image that the default engine got last.
func newestPayload(ctx context.Context) (string, error) {
	names, err := lab.Engine{}.Docker(ctx, "images", "--filter", "label=dev.openhands.kind=deps", "--filter", "label=dev.openhands.server=action-execution-server", "--format", "{{.Repository}}:{{.Tag}}")
	if err != nil {
		return "", err
	}
	if name, _, _ := strings.Cut(names, "\n"); name != "" {
		return name, nil
	}
	return "", errors.New("the engine has no payload: run 'make deps'")
}

// secondEngine starts an engine with containerd's store, which nothing else
// uses and end removes, and hands it a payload.
func secondEngine(ctx context.Context, deps string) (_ lab.Engine, end func() error, err error) {
	dir, err := os.MkdirTemp("", "oh-hostile-")
	if err != nil {
		return lab.Engine{}, nil, err
	}
	second, err := lab.NewSecondEngine(dir)
	if err != nil {
		return lab.Engine{}, nil, err
	}
	end = func() error { return second.Remove(context.WithoutCancel(ctx)) }
	if err := second.Start(ctx, os.Stderr); err != nil {
		return lab.Engine{}, nil, errors.Join(err, end())
	}
	if err := hand(ctx, second.Engine, deps); err != nil {
		return lab.Engine{}, nil, errors.Join(err, end())
	}
	return second.Engine, end, nil
}

// hand copies an image of the default engine to another.
func hand(ctx context.Context, to lab.Engine, image string) error {
	save := lab.Engine{}.Command(ctx, "save", image)
	load := to.Command(ctx, "load")
	var err error
	if load.Stdin, err = save.StdoutPipe(); err != nil {
		return err
	}
	if err := save.Start(); err != nil {
		return err
	}
	said, err := load.CombinedOutput()
	if err = errors.Join(err, save.Wait()); err != nil {
		return fmt.Errorf("copying %s: %w: %s", image, err, said)
	}
	return nil
}

// layersOf reads the layers of an image of the default engine.
func layersOf(ctx context.Context, ref string) ([]hostile.Layer, error) {
	image, err := tarball.Image(func() (io.ReadCloser, error) {
		save := lab.Engine{}.Command(ctx, "save", ref)
		pipe, err := save.StdoutPipe()
		if err != nil {
			return nil, err
		}
		return saving{pipe, save}, save.Start()
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	var all []hostile.Layer
	for _, l := range layers {
		content, err := l.Uncompressed()
		if err != nil {
			return nil, err
		}
		read, err := hostile.ReadLayer(content)
		if err = errors.Join(err, content.Close()); err != nil {
			return nil, fmt.Errorf("reading %s: %w", ref, err)
		}
		all = append(all, read)
	}
	return all, nil
}

// saving is the output of docker save, which may be closed before its end.
type saving struct {
	io.ReadCloser
	cmd *exec.Cmd
}

// Close implements io.Closer.
func (s saving) Close() error {
	err := s.ReadCloser.Close()
	_ = s.cmd.Wait() // it fails where not all was read
	return err
}
