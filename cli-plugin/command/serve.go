package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func writeStarted(w io.Writer, s document.Started, asJSON bool) error {
	if asJSON {
		return document.Write(w, s)
	}
	w = terminal.Writer(w)
	_, err := fmt.Fprintf(w, "OpenHands' server is alive at %s\n", s.Address)
	if err == nil && s.SessionKey != "" {
		_, err = fmt.Fprintf(w, "Its session key is %s, for the header %s\n", s.SessionKey, payload.KeyHeader)
	}
	if err == nil && s.Editor != "" {
		_, err = fmt.Fprintf(w, "VS Code is at %s\n", s.Editor)
	}
	return err
}

// serving is a server that was started and what is to become of it.
type serving struct {
	out, messages io.Writer
	server        *sandbox.Server
	begin         time.Time
	detach        bool // it goes on
	keep          bool // if it does not, its container stays
	json          bool
}

// serve waits until the server is alive and, unless it is detached, ends with it.
func (s serving) serve(ctx context.Context) (err error) {
	if err := s.server.WaitAlive(ctx); err != nil {
		stopped := s.end(ctx)
		if ctx.Err() != nil && stopped == nil {
			return problem.New(problem.Interrupted, "interrupted before the server was alive", nil, s.ended())
		}
		return errors.Join(err, stopped)
	}
	took := time.Since(s.begin)
	err = writeStarted(s.out, document.Started{
		Container: s.server.ID, Name: s.server.Name, Image: s.server.Image, ImageID: s.server.ImageID, Server: s.server.Profile,
		Address: s.server.Address, Port: s.server.Port, SessionKey: s.server.Key, Editor: s.server.Editor(ctx),
	}, s.json)
	switch {
	case err != nil:
		return errors.Join(err, s.end(ctx))
	case ctx.Err() == nil && s.detach:
		s.say("It answered after %.1f s", took.Seconds())
		return s.leave()
	}
	s.say("It answered after %.1f s. Ctrl-C %s", took.Seconds(), map[bool]string{
		false: "stops it and removes its container",
		true:  "stops it; its container stays",
	}[s.keep])
	status, err := s.server.Wait(ctx)
	switch {
	case ctx.Err() != nil:
		err = nil // Ctrl-C is how it is meant to end
	case err == nil && status != 0:
		err = problem.New(problem.ServerDied, "the server ended with status "+strconv.FormatInt(status, 10), nil, "")
	}
	if err = errors.Join(err, s.end(ctx)); err == nil {
		s.say("%s", s.ended())
	}
	return err
}

// end stops the server. It does not end with ctx.
func (s serving) end(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if s.keep {
		return errors.Join(s.server.Halt(ctx), s.server.Leave())
	}
	return s.server.Stop(ctx)
}

// ended is what end has done.
func (s serving) ended() string {
	if s.keep {
		return "The server was stopped; its container " + s.server.Name + " is still there"
	}
	return "The server was stopped and its container removed"
}

// leave lets the server go on.
func (s serving) leave() error {
	if err := s.server.Leave(); err != nil || s.json {
		return err
	}
	_, err := fmt.Fprintf(s.out, "See its log with: docker openhands logs --follow %[1]s\nStop it with: docker openhands stop %[1]s\n", s.server.Name)
	return err
}

func (s serving) say(format string, args ...any) {
	if !s.json {
		fmt.Fprintln(s.messages, terminal.Line(fmt.Sprintf(format, args...)))
	}
}
