package sandbox

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	clients "github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/moby/client"
)

// pageProgram serves a page that has pageText when its script has run.
//
//go:embed page.py
var pageProgram string

const (
	pageText = "seen 42"
	pageFile = payload.Workspace + "/.docker-openhands-page.py"
)

// as starts an image in one way after another and drives it.
func (c Client) as(ctx context.Context, found *image.Image, starts []clients.Start) (findings []payload.Finding, all []verify.Client, err error) {
	for _, start := range starts {
		d := drive{client: c, found: found, start: start, outcome: verify.Client{
			Name: start.Client, Way: start.Way, Passed: true, Steps: map[verify.Step]payload.Status{},
		}}
		err := d.run(ctx)
		if findings = append(findings, d.findings...); err != nil {
			return findings, all, err
		}
		all = append(all, d.outcome)
	}
	return findings, all, nil
}

// drive is one start of an image, and what came of it so far.
type drive struct {
	client   Client
	found    *image.Image
	start    clients.Start
	findings []payload.Finding
	outcome  verify.Client
}

// tell notes a finding.
func (d *drive) tell(f payload.Finding) {
	d.findings = append(d.findings, f)
	d.client.found(f)
}

// judge notes what came of a step.
func (d *drive) judge(o verify.Outcome) {
	f := o.Finding(d.start.Name())
	d.outcome.Steps[o.Step] = f.Status
	d.outcome.Passed = d.outcome.Passed && f.Status != payload.StatusFailed
	d.tell(f)
}

// run starts the server and goes through the steps. An error is that of the engine
// or of ctx; what is wrong with the image is a finding.
func (d *drive) run(ctx context.Context) (err error) {
	begin := time.Now()
	server, err := d.begin(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		d.judge(verify.Outcome{Step: verify.StepHealth, Err: err, NotStarted: true})
		return nil
	}
	defer func() { err = errors.Join(err, server.container.Remove(ctx)) }()
	alive := d.health(ctx, server, begin)
	if alive {
		d.use(ctx, server)
	}
	if ctx.Err() != nil || !alive {
		return ctx.Err()
	}
	return d.stop(ctx, server)
}

// begin starts the server, without the client's limit of open files where the
// engine cannot raise its own: that is the engine's fault, and not the image's.
func (d *drive) begin(ctx context.Context) (*Server, error) {
	server, err := d.client.startAs(ctx, d.found, d.start)
	if err == nil || d.start.OpenFiles == 0 || !strings.Contains(err.Error(), "rlimit") {
		return server, err
	}
	d.tell(verify.TooFewFiles(d.start.Name(), d.start.OpenFiles))
	d.start.OpenFiles = 0
	return d.client.startAs(ctx, d.found, d.start)
}

// health waits until the server is alive, longer than the client would to tell
// how long it takes, and reports whether it is.
func (d *drive) health(ctx context.Context, server *Server, begin time.Time) bool {
	limited, cancel := context.WithTimeoutCause(ctx, aliveLimit, fmt.Errorf("not alive after %s", aliveLimit))
	defer cancel()
	o := verify.Outcome{Step: verify.StepHealth, Longer: d.start.Longer}
	err := server.WaitAlive(limited)
	took := time.Since(begin)
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil && limited.Err() != nil:
		o.Err = context.Cause(limited)
	case err != nil:
		o.Err, o.Longer = err, ""
	default:
		d.outcome.Seconds = took.Seconds()
		if o.Detail = fmt.Sprintf("alive after %.1f s", took.Seconds()); took > d.start.Grace {
			o.Detail, o.Err = "", verify.Late(took, d.start.Grace)
		}
	}
	if d.start.StandsFor != "" && o.Err == nil {
		o.Detail += "; a container stands for " + d.start.StandsFor
	}
	d.judge(o)
	return err == nil
}

// use has the server do one thing of each kind.
func (d *drive) use(ctx context.Context, server *Server) {
	of, labelled := server.driver(), clients.Image{Labels: payload.ReadLabels(d.found.Labels())}
	for _, step := range []struct {
		name  verify.Step
		needs string // component; empty: none
		do    func(context.Context, driver) (string, error)
	}{
		{verify.StepCommand, "", runCommand},
		{verify.StepFile, "", keepFile},
		{verify.StepPage, "browser", openPage},
		{verify.StepEditor, "vscode", server.openEditor},
	} {
		if has, known := labelled.Has(step.needs); step.needs != "" && known && !has {
			d.tell(payload.Finding{Check: d.start.Name() + ": " + string(step.name), Status: payload.StatusOK, Detail: "the payload has no " + step.needs})
			continue
		}
		wait := d.client.View.Wait(fmt.Sprintf("trying %s as %s does", step.name, d.start.Name()))
		detail, err := step.do(ctx, of)
		wait.End(err)
		if ctx.Err() != nil {
			return
		}
		d.judge(verify.Outcome{Step: step.name, Detail: detail, Err: err})
	}
}

// runCommand has a shell compute something.
func runCommand(ctx context.Context, d driver) (string, error) {
	out, err := d.command(ctx, `echo "$((6 * 7)) by $(id -u)"`, commandLimit)
	if err != nil {
		return "", err
	}
	if out = strings.TrimSpace(out); !strings.HasPrefix(out, "42 by ") {
		return "", fmt.Errorf("the shell wrote %q", out)
	}
	return "a command of user ID " + strings.TrimPrefix(out, "42 by "), nil
}

// keepFile writes a file and reads it.
func keepFile(ctx context.Context, d driver) (string, error) {
	const name = payload.Workspace + "/docker-openhands-file.txt"
	text := "größe " + rand.Text()
	if err := d.write(ctx, name, text); err != nil {
		return "", fmt.Errorf("writing %s: %w", name, err)
	}
	got, err := d.read(ctx, name)
	switch {
	case err != nil:
		return "", fmt.Errorf("reading %s: %w", name, err)
	case strings.TrimSpace(got) != text:
		return "", fmt.Errorf("%s has %q, and %q was written to it", name, got, text)
	}
	return name + " was written and read", nil
}

// openPage has the browser carry out a script of a page.
func openPage(ctx context.Context, d driver) (string, error) {
	text, err := d.page(ctx)
	if err != nil {
		return "", err
	}
	if !strings.Contains(text, pageText) {
		const most = 400
		return "", fmt.Errorf("the page is not what its script makes of it: %q", text[:min(most, len(text))])
	}
	return "a page served in the container, with its script", nil
}

// editorLimit is how long VS Code may take after the server.
const editorLimit = 20 * time.Second

// openEditor asks for the address of VS Code and, where the client publishes its
// port, looks whether somebody answers there.
func (s *Server) openEditor(ctx context.Context, d driver) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, editorLimit)
	defer cancel()
	var last error // that is not the end of ctx
	ticker := time.NewTicker(aliveInterval)
	defer ticker.Stop()
	for {
		detail, err := s.tryEditor(ctx, d)
		if err == nil {
			return detail, nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("not there after %s: %w", editorLimit, last)
		case <-ticker.C:
		}
	}
}

func (s *Server) tryEditor(ctx context.Context, d driver) (string, error) {
	path, err := d.editor(ctx)
	if err != nil {
		return "", err
	}
	if s.published == "" {
		return "its address is told; the client does not publish it", nil
	}
	ctx, cancel := context.WithTimeout(ctx, getLimit)
	defer cancel()
	made, err := http.NewRequestWithContext(ctx, http.MethodGet, s.published+path, nil)
	if err != nil {
		return "", err
	}
	response, err := direct().Do(made)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		return "", fmt.Errorf("VS Code answers %s", response.Status)
	}
	return "its address is told and answered with " + response.Status, nil
}

// killed is the status of a process that SIGKILL has ended.
const killed = 128 + 9

// stop ends the server as clients do.
func (d *drive) stop(ctx context.Context, server *Server) error {
	begin := time.Now()
	if err := server.Halt(ctx); err != nil {
		return err
	}
	took := time.Since(begin)
	ended, err := server.engine.API.ContainerInspect(ctx, server.ID, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("reading the exit status of the container: %w", err)
	}
	o := verify.Outcome{Step: verify.StepStop}
	if state := ended.Container.State; state == nil || state.Running {
		o.Err = errors.New("the engine says that it still runs")
	} else {
		o.Detail = fmt.Sprintf("ended with status %d after %.1f s", state.ExitCode, took.Seconds())
		if state.ExitCode == killed {
			o.Err = fmt.Errorf("it had to be killed %d s after SIGTERM", stopTimeout)
		}
	}
	d.judge(o)
	return nil
}
