package progress

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/opencontainers/go-digest"
)

// tick is how often the parts of a step are looked at.
const tick = 200 * time.Millisecond

// sayInterval is how often a line of what a step waits for is shown where there is
// no live view, in which it takes the place of the one before.
const sayInterval = 10 * time.Second

// maxParts is how many parts of a step are shown: others may name them.
const maxParts = 1000

// Step is something that this program does. It is shown when it has taken a
// second; a quick one is not shown at all.
type Step struct {
	view  *View
	stays bool // shown when it is over
	wait  *time.Timer
	stop  chan struct{} // ends the ticker; nil: it is not shown
	done  chan struct{}

	lock   sync.Mutex
	vertex client.Vertex
	ended  bool
	parts  []*Part

	said   string // last, by what the step waits for
	told   string // of that, what is shown
	toldAt time.Time
}

// Step begins a step. Its name starts with what is done, as in "pulling alpine:3.20".
func (v *View) Step(name string) *Step { return v.step(name, true) }

// Wait begins a step whose outcome is told by others: at a terminal nothing of it
// is left in the end.
func (v *View) Wait(name string) *Step { return v.step(name, false) }

func (v *View) step(name string, stays bool) *Step {
	now := time.Now()
	s := &Step{view: v, stays: stays, toldAt: now, vertex: client.Vertex{Digest: digest.FromString(rand.Text()), Name: terminal.Line(name), Started: &now}}
	if v.patience == 0 {
		s.show()
	} else {
		s.wait = time.AfterFunc(v.patience, s.show)
	}
	return s
}

// Part begins a part of the step: of so many bytes, or 0 where nobody knows. One
// that has the name of another begins that one anew.
func (s *Step) Part(name string, bytes int64) *Part {
	name = terminal.Line(name)
	s.lock.Lock()
	defer s.lock.Unlock()
	i := slices.IndexFunc(s.parts, func(p *Part) bool { return p.name == name })
	if i < 0 && len(s.parts) == maxParts {
		return new(Part) // which nobody sees
	}
	if i < 0 {
		i = len(s.parts)
		s.parts = append(s.parts, &Part{name: name, started: time.Now()})
	}
	s.parts[i].Set(0, bytes)
	return s.parts[i]
}

// Done says of a part that it is done: what it came to, and when it began.
func (s *Step) Done(name string, bytes int64, began time.Time) {
	p := s.Part(name, 0)
	s.lock.Lock()
	p.started = began
	s.lock.Unlock()
	p.Set(bytes, 0)
	p.End()
}

// Layer says how far a layer is, as engines tell it of a pull: "Downloading" is
// one part of it and "Extracting" another.
func (s *Step) Layer(id, doing string, done, total int64) {
	s.Part(strings.ToLower(doing)+" "+id, total).Set(done, total)
}

// Say notes a line of what the step waits for, as a server's log. The last one is
// shown: live soon, elsewhere every sayInterval.
func (s *Step) Say(line string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.said = terminal.Line(line)
}

// log is the last line that was said, where it is time to show it.
func (s *Step) log(now time.Time) []*client.VertexLog {
	if s.said == s.told || s.view.mode == progressui.PlainMode && now.Sub(s.toldAt) < sayInterval {
		return nil
	}
	s.told, s.toldAt = s.said, now
	return []*client.VertexLog{{Vertex: s.vertex.Digest, Data: []byte(s.said + "\n"), Timestamp: now}}
}

// End ends the step and all of its parts. One that fails is shown as cancelled:
// what is wrong is told where the command ends.
func (s *Step) End(err error) {
	if s.wait != nil {
		s.wait.Stop()
	}
	s.lock.Lock()
	s.ended = true
	shown := s.stop != nil
	s.lock.Unlock()
	if !shown {
		return
	}
	close(s.stop)
	<-s.done
	now := time.Now()
	for _, p := range s.parts {
		if err == nil {
			p.end(now)
		}
	}
	s.tell()
	last := s.vertex
	last.Completed = &now
	if err != nil {
		last.Error = context.Canceled.Error()
	}
	s.view.send(&client.SolveStatus{Vertexes: []*client.Vertex{&last}})
	s.view.finish()
}

// show begins to show the step.
func (s *Step) show() {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.ended {
		return
	}
	doing, _, _ := strings.Cut(s.vertex.Name, " ")
	s.view.begin(strings.ToUpper(doing[:min(1, len(doing))])+doing[min(1, len(doing)):], s.stays)
	first := s.vertex
	if s.view.terminal != nil {
		s.view.send(clock())
	}
	s.view.send(&client.SolveStatus{Vertexes: []*client.Vertex{&first}})
	s.stop, s.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(s.done)
		for ticker := time.NewTicker(tick); ; {
			select {
			case <-s.stop:
				ticker.Stop()
				return
			case <-ticker.C:
				s.tell()
			}
		}
	}()
}

// clock says that this machine has the right time, in a vertex that is not drawn.
// A live view takes the age of the first vertex for the difference between clocks,
// and the first vertex of a step is old when it is shown.
func clock() *client.SolveStatus {
	now := time.Now()
	return &client.SolveStatus{Vertexes: []*client.Vertex{{
		Digest: digest.FromString("clock"), Started: &now, Completed: &now, ProgressGroup: &pb.ProgressGroup{Id: "clock", Weak: true},
	}}}
}

// tell shows what has changed.
func (s *Step) tell() {
	now := time.Now()
	var changed client.SolveStatus
	s.lock.Lock()
	changed.Logs = s.log(now)
	for _, p := range s.parts {
		if status := p.status(now); status != nil {
			status.Vertex = s.vertex.Digest
			changed.Statuses = append(changed.Statuses, status)
		}
	}
	s.lock.Unlock()
	if len(changed.Logs)+len(changed.Statuses) > 0 {
		s.view.send(&changed)
	}
}

// Part is a part of a step, a layer for example. It counts what is written to it.
type Part struct {
	name    string
	started time.Time
	total   atomic.Int64
	count   atomic.Int64
	ended   atomic.Pointer[time.Time]

	told     bool // with what follows
	toldAt   int64
	toldDone bool
}

// Write implements io.Writer: it counts bytes.
func (p *Part) Write(b []byte) (int, error) {
	p.count.Add(int64(len(b)))
	return len(b), nil
}

// Set says how much is done of how much, in bytes.
func (p *Part) Set(done, total int64) {
	p.count.Store(done)
	p.total.Store(total)
}

// End ends the part.
func (p *Part) End() { p.end(time.Now()) }

func (p *Part) end(now time.Time) { p.ended.CompareAndSwap(nil, &now) }

// status is nil where it is what was told before.
func (p *Part) status(now time.Time) *client.VertexStatus {
	count, total := p.count.Load(), p.total.Load()
	if total > 0 && count >= total { // of an estimate, some more may come
		count = total
		p.end(now)
	}
	ended := p.ended.Load()
	if p.told && p.toldAt == count && p.toldDone == (ended != nil) {
		return nil
	}
	p.told, p.toldAt, p.toldDone = true, count, ended != nil
	return &client.VertexStatus{ID: p.name, Name: p.name, Total: total, Current: count, Timestamp: now, Started: &p.started, Completed: ended}
}
