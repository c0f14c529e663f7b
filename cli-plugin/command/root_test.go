package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/spf13/cobra"
)

// Whatever a command has to do when it is interrupted or a disk is full, it says
// that.
func TestErrorsHaveKinds(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		want problem.Code // empty: the error as it is
	}{
		"interrupted":                 {interrupted, errors.New("signal: killed"), problem.Interrupted},
		"interrupted with a code":     {interrupted, problem.New(problem.BuildFailed, "the build failed", nil, ""), problem.Interrupted},
		"interrupted elsewhere":       {t.Context(), fmt.Errorf("inspecting: %w", context.Canceled), problem.Interrupted},
		"no space here":               {t.Context(), fmt.Errorf("writing: %w", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}), problem.DiskFull},
		"no space in the engine":      {t.Context(), errors.New("Error response: write /x: no space left on device"), problem.DiskFull},
		"another error with its code": {t.Context(), problem.New(problem.Usage, "no", nil, ""), problem.Usage},
		"no error":                    {t.Context(), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := &cobra.Command{Use: "root", SilenceErrors: true, SilenceUsage: true}
			group := &cobra.Command{Use: "group"}
			group.AddCommand(&cobra.Command{Use: "fails", RunE: func(*cobra.Command, []string) error { return test.err }})
			root.AddCommand(group)
			finishErrors(root)
			root.SetArgs([]string{"group", "fails"})
			err := root.ExecuteContext(test.ctx)
			var p *problem.Error
			switch {
			case test.want == "":
				if err != nil {
					t.Error(err)
				}
			case !errors.As(err, &p) || p.Code != test.want:
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
