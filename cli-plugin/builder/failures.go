package builder

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// failure is a runtime image that could not be made.
type failure struct {
	base string
	err  error
}

// failures are those of one plan, in its order.
type failures []failure

func (f *failures) add(r plan.Runtime, err error) { *f = append(*f, failure{r.Base, err}) }

// maxNamed is how many failed images an error names.
const maxNamed = 10

// err returns the error of a plan with that many runtime images; nil where none
// has failed.
func (f failures) err(images int) error {
	switch len(f) {
	case 0:
		return nil
	case 1:
		return f[0].err
	}
	var names []string
	for i, one := range f {
		if i == maxNamed {
			names = append(names, fmt.Sprintf("%d more", len(f)-i))
			break
		}
		name := one.base
		if p := problemOf(context.Background(), one.err); p.Code != problem.Unforeseen {
			name += fmt.Sprintf(" (%s)", p.Code)
		}
		names = append(names, name)
	}
	return problem.New(problemOf(context.Background(), f[0].err).Code,
		fmt.Sprintf("%d of %d images cannot be made, over %s", len(f), images, strings.Join(names, ", ")), f[0].err,
		"Each of them has a line above that says what to do")
}

// stops reports whether no other image can be made after err.
func stops(ctx context.Context, err error) bool { return ctx.Err() != nil || full(err) }

// problemOf is the error as a problem, which every error becomes in the end.
func problemOf(ctx context.Context, err error) *problem.Error {
	var p *problem.Error
	errors.As(problem.Final(ctx, err), &p)
	return p
}
