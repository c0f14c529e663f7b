// live builds runtime images over hostile images in real engines, starts them,
// and writes what came of each into a table:
//
//	go run ./integration/hostile/live -o docs/hostile.md
//
// It needs the default engine with the bases of `make bases`, the plugin and a
// payload. The second engine has containerd's image store. Each image is
// removed when it has been looked at. The status is 1 if one of them came to
// neither a server nor a reason.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/docker-openhands/docker-openhands/integration/hostile"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

func main() {
	out := flag.String("o", "", "file to write the table to; empty: standard output")
	first := flag.Uint64("first", 0, "first seed")
	count := flag.Uint64("count", 50, "how many seeds")
	deps := flag.String("deps", "", "deps image to take the payload from; empty: the newest that the engine has")
	both := flag.Bool("both", true, "also build in an engine with containerd's image store")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *out, *deps, *first, *count, *both); err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

// bases are real images that stand for the honest root of a case.
var bases = []string{"alpine:3.20", "busybox:glibc", "debian:trixie-slim"}

// row is a case in all engines.
type row struct {
	base     string
	c        hostile.Case
	outcomes []outcome
}

func run(ctx context.Context, out, deps string, first, count uint64, both bool) (err error) {
	if deps == "" {
		if deps, err = newestPayload(ctx); err != nil {
			return err
		}
	}
	engines := []engine{{Engine: lab.Engine{}, name: "graph driver"}}
	if both {
		second, err := lab.NewSecondEngine("")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, second.Remove(context.WithoutCancel(ctx))) }()
		if err := second.Start(ctx, os.Stderr); err != nil {
			return err
		}
		if err := hand(ctx, second.Engine, deps); err != nil {
			return err
		}
		engines = append(engines, engine{Engine: second.Engine, name: "containerd's store"})
	}
	roots := map[string][]hostile.Layer{}
	for _, base := range bases {
		if roots[base], err = layersOf(ctx, base); err != nil {
			return err
		}
	}
	var rows []row
	for seed := first; seed < first+count && ctx.Err() == nil; seed++ {
		base := bases[seed%uint64(len(bases))]
		r := row{base: base, c: hostile.Draw(seed)}
		image, err := r.c.Over(roots[base]...)
		if err != nil {
			return err
		}
		for _, e := range engines {
			o, err := e.try(ctx, image, fmt.Sprintf("roots-hostile:%d", seed), deps)
			if err != nil {
				return fmt.Errorf("the seed %d in the engine with a %s: %w", seed, e.name, err)
			}
			fmt.Fprintf(os.Stderr, "%d over %s, %s: %s\n", seed, base, e.name, o.text)
			r.outcomes = append(r.outcomes, o)
		}
		rows = append(rows, r)
	}
	if err := write(out, engines, rows); err != nil {
		return err
	}
	for _, r := range rows {
		for _, o := range r.outcomes {
			if !o.well {
				err = errors.Join(err, fmt.Errorf("%s over %s: %s", r.c, r.base, o.text))
			}
		}
	}
	return err
}

// write writes the table.
func write(out string, engines []engine, rows []row) error {
	var b strings.Builder
	b.WriteString("# Hostile bases in real engines\n\nMade by `make hostile`. A case is drawn by its seed, see [integration/hostile](../integration/hostile); here its mutations are laid over a real base. " +
		"A base comes to a server that is alive, or to a reason before anything is started; an engine can also refuse to load it.\n\n| seed | base | mutations |")
	for _, e := range engines {
		fmt.Fprintf(&b, " %s |", e.name)
	}
	b.WriteString("\n|---|---|---|" + strings.Repeat("---|", len(engines)) + "\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %d | %s | %s |", r.c.Seed, r.base, strings.Join(r.c.Mutations, "; "))
		for _, o := range r.outcomes {
			fmt.Fprintf(&b, " %s |", cell(o.text))
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
