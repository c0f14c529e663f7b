//go:build !linux

package bundler

import (
	"context"
	"errors"
)

// Trace needs Linux: programs of a tree run nowhere else.
func Trace(context.Context, []string, TraceOptions) (*TraceReport, error) {
	return nil, errors.New("programs can be traced on Linux only")
}
