// live builds runtime images over hostile images in real engines, starts them,
// and writes what came of each into a table:
//
//	go run ./integration/hostile/live -o docs/hostile.md
//
// It needs the default engine with the bases of `make bases`, the plugin and a
// payload. The second engine has containerd's image store. Each image is
// removed when it has been looked at. What came of each is also added to a
// record, with which a run that was cut goes on, or one engine after the other
// is tried. The status is 1 if one of them came to neither a server nor a reason.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/docker-openhands/docker-openhands/integration/hostile"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"golang.org/x/sync/errgroup"
)

// options are the flags.
type options struct {
	out, record, deps string
	first, count      uint64
	stores            []string
}

func main() {
	var o options
	var names string
	flag.StringVar(&o.out, "o", "", "`file` to write the table to; empty: standard output")
	flag.StringVar(&o.record, "record", "", "`file` of what came of the cases that were tried; those are not tried again")
	flag.Uint64Var(&o.first, "first", 0, "first seed")
	flag.Uint64Var(&o.count, "count", 50, "how many seeds")
	flag.StringVar(&o.deps, "deps", "", "deps image to take the payload from; empty: the newest that the engine has")
	flag.StringVar(&names, "stores", strings.Join(stores, " "), "image stores of the engines to try the cases in")
	flag.Parse()
	o.stores = strings.Fields(names)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

// bases are real images that stand for the honest root of a case.
var bases = []string{"alpine:3.20", "busybox:glibc", "debian:trixie-slim"}

// stores are the image stores of engines, that of the default engine first.
var stores = []string{"overlay2", "containerd"}

func run(ctx context.Context, o options) (err error) {
	if o.deps == "" {
		if o.deps, err = newestPayload(ctx); err != nil {
			return err
		}
	}
	done, err := openRecord(o.record)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done.Close()) }()
	var engines []engine
	if slices.Contains(o.stores, stores[0]) {
		engines = append(engines, engine{Engine: lab.Engine{}, store: stores[0]})
	}
	if slices.Contains(o.stores, stores[1]) {
		second, end, err := secondEngine(ctx, o.deps)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
		engines = append(engines, engine{Engine: second, store: stores[1]})
	}
	roots := map[string][]hostile.Layer{}
	for _, base := range bases {
		if roots[base], err = layersOf(ctx, base); err != nil {
			return err
		}
	}
	var cases []row
	for seed := o.first; seed < o.first+o.count; seed++ {
		cases = append(cases, row{bases[seed%uint64(len(bases))], hostile.Draw(seed)})
	}
	all, inner := errgroup.WithContext(ctx)
	for _, e := range engines {
		all.Go(func() error { return e.tryAll(inner, cases, roots, o.deps, done) })
	}
	if err := all.Wait(); err != nil {
		return err
	}
	if err := write(o.out, cases, done); err != nil {
		return err
	}
	return done.failures(cases)
}

// row is a case over a base.
type row struct {
	base string
	c    hostile.Case
}

// tryAll tries the cases that the record does not know.
func (e engine) tryAll(ctx context.Context, cases []row, roots map[string][]hostile.Layer, deps string, done *record) error {
	for _, r := range cases {
		if _, known := done.get(r.c.Seed, e.store); known {
			continue
		}
		image, err := r.c.Over(roots[r.base]...)
		if err != nil {
			return err
		}
		o, err := e.try(ctx, image, fmt.Sprintf("roots-hostile:%d", r.c.Seed), deps)
		if err != nil {
			return fmt.Errorf("the seed %d in the engine with %s: %w", r.c.Seed, e.store, err)
		}
		fmt.Fprintf(os.Stderr, "%d over %s, %s: %s\n", r.c.Seed, r.base, e.store, o.Text)
		if err := done.put(r.c.Seed, e.store, o); err != nil {
			return err
		}
	}
	return nil
}

// write writes the table.
func write(out string, cases []row, done *record) error {
	var b strings.Builder
	b.WriteString("# Hostile bases in real engines\n\nMade by `make hostile`. A case is drawn by its seed, see [integration/hostile](../integration/hostile); here its mutations are laid over a real base. " +
		"A base comes to a server that is alive, or to a reason before anything is started; an engine can also refuse to load it. A case that was not tried was left out of the run. The times are those of a busy machine.\n\n| seed | base | mutations |")
	for _, store := range stores {
		fmt.Fprintf(&b, " engine with %s |", store)
	}
	b.WriteString("\n|--:|---|---|" + strings.Repeat("---|", len(stores)) + "\n")
	for _, r := range cases {
		fmt.Fprintf(&b, "| %d | %s | %s |", r.c.Seed, r.base, strings.Join(r.c.Mutations, "; "))
		for _, store := range stores {
			o, tried := done.get(r.c.Seed, store)
			if !tried {
				o.Text = "not tried"
			}
			fmt.Fprintf(&b, " %s |", cell(o.Text))
		}
		b.WriteString("\n")
	}
	if out == "" {
		_, err := os.Stdout.WriteString(b.String())
		return err
	}
	return os.WriteFile(out, []byte(b.String()), 0o644)
}

// cell makes text of an engine fit for a table.
func cell(text string) string {
	printable := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(printable) > 200 {
		printable = strings.ToValidUTF8(printable[:200], "") + "…"
	}
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`).Replace(printable)
}
