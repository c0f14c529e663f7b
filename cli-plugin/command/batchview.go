package command

import (
	"fmt"
	"sync"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/docker/go-units"
)

// How often a view of many images tells how far it is.
const (
	liveTick  = time.Second
	plainTick = 10 * time.Second
)

// batchView shows how far many images are.
type batchView struct {
	view *progress.View
	step *progress.Step // nil: lines are all there is
	stop chan struct{}
	done sync.WaitGroup

	lock                 sync.Mutex
	images               int
	made, reused, failed int
	up, down             int64 // bytes
	started              time.Time
}

// watch begins to show the making of so many images.
func watch(view *progress.View, images int) *batchView {
	v := &batchView{view: view, images: images, started: time.Now(), stop: make(chan struct{})}
	tick := plainTick
	if view.Live() {
		tick = liveTick
		v.step = view.Step(fmt.Sprintf("making %s", count(images, "image")))
	}
	v.done.Go(func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-v.stop:
				return
			case <-ticker.C:
				v.tell()
			}
		}
	})
	return v
}

// tell says how far it is.
func (v *batchView) tell() {
	line := v.state()
	if v.step != nil {
		v.step.Say(line)
	} else {
		v.view.Logf("%s", line)
	}
}

// end ends the view.
func (v *batchView) end() {
	close(v.stop)
	v.done.Wait()
	if v.step != nil {
		v.step.Say(v.state())
		v.step.End(nil)
	}
}

// add adds an image of which nothing more comes. In lines each has one; where there
// is a live view, only those that failed have.
func (v *batchView) add(r builder.Result) {
	v.lock.Lock()
	v.up, v.down = v.up+r.Up, v.down+r.Down
	if r.Kind == builder.KindDeps {
		if r.Traffic != nil {
			v.up += r.Traffic.Bytes
		}
		v.lock.Unlock()
		return
	}
	what := fmt.Sprintf("made in %.2f s", r.Seconds)
	switch {
	case r.Failure != nil:
		v.failed++
		what = "failed: " + r.Failure.Error()
	case r.Reused:
		v.reused++
		what = "there before"
	default:
		v.made++
		if r.Up > 0 {
			what += ", " + bytesOf(r.Up) + " sent"
		}
	}
	number := v.made + v.reused + v.failed
	v.lock.Unlock()
	if v.step == nil || r.Failure != nil {
		v.view.Logf("%d of %d: the image over %s: %s", number, v.images, r.Base, what)
	}
}

// state is how far it is, with what is likely left of it.
func (v *batchView) state() string {
	v.lock.Lock()
	defer v.lock.Unlock()
	done := v.made + v.reused + v.failed
	took := time.Since(v.started).Seconds()
	line := fmt.Sprintf("%d of %d done, %d failed", done, v.images, v.failed)
	if done > 0 && took > 0 {
		rate := float64(done) / took
		left := time.Duration(float64(v.images-done)/rate*float64(time.Second)) + time.Second/2
		line += fmt.Sprintf("; %.1f a second, %s left", rate, left.Truncate(time.Second))
	}
	return line + fmt.Sprintf("; %s sent, %s received", bytesOf(v.up), bytesOf(v.down))
}

// summary is what all of it came to.
func (v *batchView) summary() string {
	v.lock.Lock()
	defer v.lock.Unlock()
	return fmt.Sprintf("%s: %d made, %d there before, %d failed, in %.1f s; %s sent, %s received",
		count(v.images, "image"), v.made, v.reused, v.failed, time.Since(v.started).Seconds(), bytesOf(v.up), bytesOf(v.down))
}

func bytesOf(n int64) string { return units.HumanSize(float64(n)) }
