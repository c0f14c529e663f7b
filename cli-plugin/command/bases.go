package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const basesFlag = "bases"

// The budget of a list of bases: its lines, and the bytes of one of them.
const (
	maxBases    = 10_000
	maxBaseLine = 1 << 10
)

// severalBases has a command take bases as arguments, as values of its flag
// --base and from a file. A base that is named more than once is one.
func severalBases(cmd *cobra.Command, dockerCLI command.Cli) {
	file := cmd.Flags().String(basesFlag, "", "File with a base on each line, - for the standard input; # starts a comment")
	annotate(cmd.Flags(), map[string]facts{basesFlag: {group: groupFrom, call: true, suggests: suggestFiles}})
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if *file != "" {
			listed, err := readBases(cmd.Context(), *file, dockerCLI.In())
			if err != nil {
				return err
			}
			args = slices.Concat(args, listed)
		}
		if err := basesOf(cmd, args); err != nil {
			return err
		}
		bases, _ := cmd.Flags().Lookup("base").Value.(pflag.SliceValue)
		return bases.Replace(unique(bases.GetSlice()))
	}
}

// unique returns each of the texts once, where it stands first.
func unique(texts []string) []string {
	seen := make(map[string]bool, len(texts))
	return slices.DeleteFunc(texts, func(text string) bool {
		was := seen[text]
		seen[text] = true
		return was
	})
}

// readBases reads the file of the flag, or in.
func readBases(ctx context.Context, file string, in io.Reader) ([]string, error) {
	if file == "-" {
		return bases(ctx, "the standard input", in)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, problem.New(problem.Usage, "the list of bases cannot be read", err, "Correct --"+basesFlag)
	}
	defer f.Close()
	return bases(ctx, file, f)
}

// bases reads a base a line. Name is that of the list for people. Reading ends
// with ctx, whatever the list comes from.
func bases(ctx context.Context, name string, list io.Reader) ([]string, error) {
	type outcome struct {
		bases []string
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		found, err := parseBases(name, list)
		done <- outcome{found, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case o := <-done:
		return o.bases, o.err
	}
}

func parseBases(name string, list io.Reader) (found []string, err error) {
	lines := bufio.NewScanner(list)
	lines.Buffer(nil, maxBaseLine)
	number := 0
	wrong := func(cause error) error {
		return problem.New(problem.Usage, fmt.Sprintf("line %d of %s is no base", number, name), problem.Cause(cause),
			"Have one image on each line, such as alpine:3.20, or scratch; # starts a comment")
	}
	for lines.Scan() {
		number++
		if number > maxBases {
			return nil, problem.New(problem.Usage, fmt.Sprintf("%s has more than %d lines", name, maxBases), nil, "Build the images in several calls")
		}
		text := lines.Text()
		if number == 1 {
			text = strings.TrimPrefix(text, "\ufeff") // which some editors begin a file with
		}
		text, _, _ = strings.Cut(text, "#") // which no reference has
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if text != plan.Scratch {
			if err := problem.CheckReference("base image", text); err != nil {
				return nil, wrong(fmt.Errorf("%q: %w", text, problem.Cause(err)))
			}
		}
		found = append(found, text)
	}
	number++
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, wrong(fmt.Errorf("it has more than %d bytes", maxBaseLine))
	case err != nil:
		return nil, problem.New(problem.Usage, "the list of bases cannot be read", fmt.Errorf("%s: %w", name, err), "Correct --"+basesFlag)
	case len(found) == 0:
		return nil, problem.New(problem.Usage, "there is no base in "+name, nil, "Have one image on each line, such as alpine:3.20, or scratch")
	}
	return found, nil
}
