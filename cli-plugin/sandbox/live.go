package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// live starts the image's server twice, as the image's own user and as one that
// it does not know, and has the components proven there.
func (c Client) live(ctx context.Context, found *image.Image, components []payload.Component) (findings []payload.Finding, servers []verify.Server, err error) {
	user := accountName(found.Labels())
	for _, l := range []liveStart{
		{"user " + user, func(ctx context.Context) (*Server, error) { return c.Start(ctx, found, Options{}) }, user, "'docker openhands run IMAGE' shows its log"},
		{"user ID " + anyUser, func(ctx context.Context) (*Server, error) { return c.startAnyUser(ctx, found) }, anyUser, "run the image as root or as " + user + " until then"},
	} {
		more, alive, err := l.prove(ctx, c, components)
		if err != nil {
			return findings, servers, err
		}
		findings, servers = append(findings, more...), append(servers, alive...)
	}
	return findings, servers, nil
}

// LiveTraditional starts the server of a traditional image as OpenHands does, and
// returns the seconds until it was alive, 0 where it was not. The image has no
// payload that could be looked at.
func (c Client) LiveTraditional(ctx context.Context, found *image.Image) (f payload.Finding, seconds float64, err error) {
	server, f, seconds, err := liveStart{
		account: "old image",
		start:   func(ctx context.Context) (*Server, error) { return c.StartTraditional(ctx, found, Options{}) },
		cure:    "'docker openhands run " + found.Ref + "' shows its log; compare with an image that works",
	}.alive(ctx)
	if server != nil {
		err = errors.Join(err, server.Stop(context.WithoutCancel(ctx)))
	}
	return f, seconds, err
}

// liveStart is a way to start the server of an image, and who then proves that
// the components work.
type liveStart struct {
	account string // for people
	start   func(context.Context) (*Server, error)
	user    string // of the proofs
	cure    string // where the server does not start
}

// Limits of what a live check waits for.
const (
	aliveLimit = 5 * time.Minute
	proofLimit = 2 * time.Minute
)

// alive returns the server when it is alive, which the caller stops. It is nil
// where the finding says why it is not.
func (l liveStart) alive(ctx context.Context) (_ *Server, f payload.Finding, seconds float64, err error) {
	f = payload.Finding{Check: "server, " + l.account, Status: payload.StatusFailed, Cure: l.cure}
	begin := time.Now()
	server, err := l.start(ctx)
	if err == nil {
		limited, cancel := context.WithTimeoutCause(ctx, aliveLimit, fmt.Errorf("not alive after %s", aliveLimit))
		defer cancel()
		if err = server.WaitAlive(limited); err == nil {
			seconds = time.Since(begin).Seconds()
			return server, payload.Finding{Check: f.Check, Status: payload.StatusOK, Detail: fmt.Sprintf("alive after %.1f s", seconds)}, seconds, nil
		}
		if cause := context.Cause(limited); cause != nil && ctx.Err() == nil {
			err = cause
		}
		if stopErr := server.Stop(context.WithoutCancel(ctx)); stopErr != nil {
			return nil, f, 0, errors.Join(err, stopErr)
		}
	}
	if ctx.Err() != nil {
		return nil, f, 0, ctx.Err()
	}
	f.Detail = verify.OneLine(err)
	return nil, f, 0, nil
}

// prove has the components proven in the live server, and tells of each finding
// when it is there.
func (l liveStart) prove(ctx context.Context, c Client, components []payload.Component) (findings []payload.Finding, servers []verify.Server, err error) {
	found := func(f payload.Finding) {
		c.found(f)
		findings = append(findings, f)
	}
	server, alive, seconds, err := l.alive(ctx)
	if err != nil {
		return nil, nil, err
	}
	found(alive)
	if server == nil {
		return findings, nil, nil
	}
	defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
	try := func(what string, p verify.Proof) verify.Proof {
		step := c.View.Wait(fmt.Sprintf("trying %s, %s", what, l.account))
		p.Status, p.Output, p.Err = server.exec(ctx, l.user, p.Argv, proofLimit)
		step.End(p.Err)
		return p
	}
	files := try("the start-up files of shells", verify.Proof{Argv: []string{payload.Wrappers, payload.StartUpFiles}})
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	found(files.StartUpFiles(l.account))
	for _, component := range components {
		if len(component.Proof) == 0 {
			continue
		}
		proof := try(component.Name, verify.Proof{Component: component.Name, Argv: component.Proof})
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		found(proof.Finding(l.account))
	}
	return findings, []verify.Server{{Account: l.account, Seconds: seconds}}, nil
}
