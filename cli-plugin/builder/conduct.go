package builder

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
	"golang.org/x/sync/errgroup"
)

// Build makes every image of the plan, the deps image first, and then as many at
// a time as Jobs says. An image that is there already and was made from the same
// inputs is reused. One that cannot be made keeps no other from being made, unless
// none of the others could be either. Results are those of all images that were
// tried, in the order of the plan, also where it ends with an error.
func (b *Builder) Build(ctx context.Context, p plan.Plan) (results []Result, err error) {
	var to target
	err = b.patiently(ctx, "the registry", func() (err error) {
		to, err = b.target(ctx, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.end()) }()
	// Layers are read with the context in which their image was found, so that all
	// of a plan have one.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return newConductor(b, to, p, stop).conduct(ctx)
}

// Check makes the checks of Build that come before anything is done, and says what
// Build says of the names that go over from other images.
func (b *Builder) Check(ctx context.Context, p plan.Plan) (err error) {
	to, err := b.target(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.end()) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c := newConductor(b, to, p, stop)
	if err := c.checkNames(ctx); err != nil {
		return err
	}
	return c.failed().err(len(c.orders))
}

func newConductor(b *Builder, to target, p plan.Plan, stop context.CancelFunc) *conductor {
	c := &conductor{Builder: b, to: to, plan: p, orders: make([]order, len(p.Runtimes)), stop: stop}
	for i, r := range p.Runtimes {
		c.orders[i].runtime = r
	}
	return c
}

// conductor has the images of one plan made.
type conductor struct {
	*Builder
	to     target
	plan   plan.Plan
	orders []order
	stop   context.CancelFunc // ends the context of all
	lock   sync.Mutex         // held while Each is called
}

// order is one runtime image of a plan and how far it is.
type order struct {
	runtime plan.Runtime
	base    *image.Image // nil: scratch, or not found yet
	found   bool         // its base was looked for and can be built over
	result  Result
	err     error // why there is no image
	done    bool  // nothing more comes of it
	total   registry.Total
	ends    time.Time // by when its image has to be there; zero: it was not begun
}

func (c *conductor) conduct(ctx context.Context) ([]Result, error) {
	// Names and bases that cannot be had are found out before minutes go into
	// stage 1.
	if err := c.checkNames(ctx); err != nil {
		return nil, err
	}
	early, err := c.to.early(ctx, c.plan)
	if err == nil && early {
		err = c.each(ctx, c.find)
	}
	if err != nil {
		return nil, err
	}
	if failed := c.failed(); len(failed) > 0 && len(failed) == len(c.orders) {
		return nil, failed.err(len(c.orders))
	}
	var deps *image.Image
	var result Result
	err = c.patiently(ctx, "the payload", func() (err error) {
		deps, result, err = c.to.payload(ctx, c.plan)
		return err
	})
	if err != nil {
		return nil, err
	}
	result.describe(c.plan)
	result.remember(deps.Size)
	c.tell(result)
	err = c.each(ctx, c.timely(func(ctx context.Context, o *order) (err error) {
		if err := c.find(ctx, o); err != nil {
			return err
		}
		if o.result, err = c.to.runtime(ctx, c.plan.Deps, deps, o.base, o.runtime); err == nil {
			c.finish(o)
		}
		return err
	}))
	results := []Result{result}
	for i := range c.orders {
		if o := &c.orders[i]; o.done && (o.err == nil || len(c.orders) > 1) { // of one alone the error tells all
			results = append(results, o.result)
		}
	}
	if err == nil {
		err = c.failed().err(len(c.orders))
	}
	return results, err
}

// checkNames refuses names that images would take from others.
func (c *conductor) checkNames(ctx context.Context) error {
	return c.each(ctx, func(ctx context.Context, o *order) error { return c.to.names(ctx, o.runtime) })
}

// find finds the base of an order, once.
func (c *conductor) find(ctx context.Context, o *order) (err error) {
	if !o.found {
		o.base, err = c.to.base(ctx, o.runtime.Base)
		o.found = err == nil
	}
	return err
}

// each does something for all orders that have not failed. Its own error is one
// after which nothing else can be made.
func (c *conductor) each(ctx context.Context, do func(context.Context, *order) error) error {
	var group errgroup.Group
	group.SetLimit(max(c.Jobs, 1))
	for i := range c.orders {
		o := &c.orders[i]
		if o.err != nil {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			ctx := registry.Counted(ctx, &o.total)
			err := c.patiently(ctx, "the image over "+o.runtime.Base, func() error { return do(ctx, o) })
			if err == nil {
				return nil
			}
			if stops(ctx, err) {
				c.stop()
				return err
			}
			o.err = err
			if len(c.orders) > 1 {
				c.Logf("going on without the image over %s: %v", o.runtime.Base, err)
			}
			o.result = Result{Base: o.runtime.Base, References: c.names(o.runtime), Failure: problemOf(ctx, err)}
			c.finish(o)
			return nil
		})
	}
	return cmp.Or(group.Wait(), ctx.Err())
}

// finish says of an order that nothing more comes of it.
func (c *conductor) finish(o *order) {
	o.result.describe(c.plan)
	o.result.remember(0)
	o.result.Up, o.result.Down = o.total.Up.Load(), o.total.Down.Load()
	if o.base != nil {
		o.result.BaseDigest = o.base.DistributionDigest()
	}
	o.done = true
	c.tell(o.result)
}

// tell tells of a result.
func (c *conductor) tell(r Result) {
	if c.Each == nil {
		return
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	c.Each(r)
}

// failed are the orders that have failed by now.
func (c *conductor) failed() (all failures) {
	for i := range c.orders {
		if o := &c.orders[i]; o.err != nil {
			all.add(o.runtime, o.err)
		}
	}
	return all
}
