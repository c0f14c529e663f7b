package request

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// The budget of a list of bases: its lines, and the bytes of one of them.
const (
	maxBases    = 10_000
	maxBaseLine = 4 << 10
)

// Listed is a base of a list, with what is said of its image alone.
type Listed struct {
	Base string
	Tags []string // in the place of those for all images
}

// ReadBases reads a list of bases: the file that the flag names, or in where its
// name is "-". An error names the line.
func ReadBases(ctx context.Context, file string, in io.Reader, flag string) ([]Listed, error) {
	if file == "-" {
		return listed(ctx, "the standard input", in)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, problem.New(problem.Usage, "the list of bases cannot be read", err, "Correct --"+flag)
	}
	defer f.Close()
	return listed(ctx, file, f)
}

// listed reads a base a line. Name is that of the list for people. Reading ends
// with ctx, whatever the list comes from.
func listed(ctx context.Context, name string, list io.Reader) ([]Listed, error) {
	type outcome struct {
		bases []Listed
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

func parseBases(name string, list io.Reader) (found []Listed, err error) {
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
		if one.Base != "" {
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
func parseBase(line string) (one Listed, err error) {
	text := strings.TrimSpace(line)
	if strings.HasPrefix(text, "{") {
		if one, err = parseObject(text); err != nil {
			return one, err
		}
	} else {
		text, _, _ = strings.Cut(text, "#") // which no reference has
		if one.Base = strings.TrimSpace(text); one.Base == "" {
			return one, nil
		}
	}
	if one.Base != plan.Scratch {
		if err := problem.CheckReference("base image", one.Base); err != nil {
			return one, fmt.Errorf("%q: %w", one.Base, problem.Cause(err))
		}
	}
	return one, nil
}

// parseObject reads a line in JSON.
func parseObject(text string) (Listed, error) {
	var object struct {
		Base string    `json:"base"`
		Tag  oneOrMore `json:"tag"`
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&object); err != nil {
		return Listed{}, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Listed{}, errors.New("there is more behind its object")
	}
	if object.Base == "" {
		return Listed{}, errors.New("its object has no base")
	}
	return Listed{object.Base, object.Tag}, nil
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
