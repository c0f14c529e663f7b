package command

import (
	"bufio"
	"context"
	"encoding/json"
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

// The budget of a list of bases: its lines, and the bytes of one of them.
const (
	maxBases    = 10_000
	maxBaseLine = 4 << 10
)

// listed is a base of a list, with what is said of its image alone.
type listed struct {
	base string
	tags []string // in the place of those for all images
}

// severalBases has a command take bases as arguments, as values of its flag
// --base and from a file that another flag names. A base that is named more than
// once is one.
func severalBases(cmd *cobra.Command, dockerCLI command.Cli, flag string, runtimes *runtimeOptions) {
	file := cmd.Flags().String(flag, "", "File with a base on each line, - for the standard input; # starts a comment. A line can be a JSON object with base and tag")
	annotate(cmd.Flags(), map[string]facts{flag: {group: groupFrom, call: true, suggests: suggestFiles}})
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		runtimes.ownTags = map[string][]string{}
		if *file != "" {
			lines, err := readBases(cmd.Context(), *file, dockerCLI.In(), flag)
			if err != nil {
				return err
			}
			args = slices.Clone(args)
			for _, l := range lines {
				args = append(args, l.base)
				if len(l.tags) > 0 {
					runtimes.ownTags[l.base] = append(runtimes.ownTags[l.base], l.tags...)
				}
			}
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
func readBases(ctx context.Context, file string, in io.Reader, flag string) ([]listed, error) {
	if file == "-" {
		return bases(ctx, "the standard input", in)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, problem.New(problem.Usage, "the list of bases cannot be read", err, "Correct --"+flag)
	}
	defer f.Close()
	return bases(ctx, file, f)
}

// bases reads a base a line. Name is that of the list for people. Reading ends
// with ctx, whatever the list comes from.
func bases(ctx context.Context, name string, list io.Reader) ([]listed, error) {
	type outcome struct {
		bases []listed
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

func parseBases(name string, list io.Reader) (found []listed, err error) {
	lines := bufio.NewScanner(list)
	lines.Buffer(nil, maxBaseLine)
	number := 0
	wrong := func(cause error) error {
		return problem.New(problem.Usage, fmt.Sprintf("line %d of %s is no base", number, name), problem.Cause(cause),
			`Have one image on each line, such as alpine:3.20, or scratch, or an object such as {"base": "alpine:3.20", "tag": "team/app:1"}; # starts a comment`)
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
		one, err := parseBase(text)
		if err != nil {
			return nil, wrong(err)
		}
		if one.base != "" {
			found = append(found, one)
		}
	}
	number++
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, wrong(fmt.Errorf("it has more than %d bytes", maxBaseLine))
	case err != nil:
		return nil, problem.New(problem.Usage, "the list of bases cannot be read", fmt.Errorf("%s: %w", name, err), "See what gives the list")
	case len(found) == 0:
		return nil, problem.New(problem.Usage, "there is no base in "+name, nil, "Have one image on each line, such as alpine:3.20, or scratch")
	}
	return found, nil
}

// parseBase reads one line; without a base there is nothing in it.
func parseBase(line string) (one listed, err error) {
	text := strings.TrimSpace(line)
	if strings.HasPrefix(text, "{") {
		if one, err = parseObject(text); err != nil {
			return one, err
		}
	} else {
		text, _, _ = strings.Cut(text, "#") // which no reference has
		if one.base = strings.TrimSpace(text); one.base == "" {
			return one, nil
		}
	}
	if one.base != plan.Scratch {
		if err := problem.CheckReference("base image", one.base); err != nil {
			return one, fmt.Errorf("%q: %w", one.base, problem.Cause(err))
		}
	}
	return one, nil
}

// parseObject reads a line in JSON.
func parseObject(text string) (listed, error) {
	var object struct {
		Base string    `json:"base"`
		Tag  oneOrMore `json:"tag"`
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&object); err != nil {
		return listed{}, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return listed{}, errors.New("there is more behind its object")
	}
	if object.Base == "" {
		return listed{}, errors.New("its object has no base")
	}
	return listed{object.Base, object.Tag}, nil
}

// oneOrMore is a text, or several, in JSON.
type oneOrMore []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}
