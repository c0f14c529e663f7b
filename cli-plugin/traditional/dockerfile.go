package traditional

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/nikolalohinski/gonja/v2"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/parser"
)

const templateFile = packageName + "/runtime/utils/runtime_templates/Dockerfile.j2"

// Parameters are what the template inside the sources is rendered with.
type Parameters struct {
	From         string // base or an image that exists
	Start        Start
	ExtraDeps    string // shell command; empty: none
	Browser      bool
	ChannelAlias string // of conda; only some versions know it
}

// Dockerfile renders the Jinja template inside the sources. An error names the
// line of the template where that can be told.
func (s *Source) Dockerfile(p Parameters) (string, error) {
	name := filepath.Join(s.root, filepath.FromSlash(templateFile))
	text, err := os.ReadFile(name)
	if err != nil {
		return "", s.broken("the sources have no template of a Dockerfile", err)
	}
	template, err := gonja.FromFile(name)
	if err != nil {
		return "", templateError(name, string(text), err)
	}
	rendered, err := template.ExecuteToString(exec.NewContext(map[string]any{
		"base_image":           p.From,
		"build_from_scratch":   p.Start == FromScratch,
		"build_from_versioned": p.Start == FromVersioned,
		"extra_deps":           p.ExtraDeps,
		"enable_browser":       p.Browser,
		"channel_alias":        p.ChannelAlias,
	}))
	if err != nil {
		return "", templateError(name, string(text), err)
	}
	return rendered, nil
}

// lineOf finds the line in errors of rendering, the innermost one last.
var lineOf = regexp.MustCompile(`at line (\d+)`)

func templateError(name, text string, err error) error {
	line, cause := 0, err
	var syntax *parser.SyntaxError
	if errors.As(err, &syntax) {
		line, cause = syntax.Line, errors.New(syntax.Message)
	} else if found := lineOf.FindAllStringSubmatch(err.Error(), -1); found != nil {
		line, _ = strconv.Atoi(found[len(found)-1][1]) // digits
	}
	if line == 0 {
		line = lineOfSyntax(text, err)
	}
	where := name
	if lines := strings.Split(text, "\n"); line > 0 && line <= len(lines) {
		where = fmt.Sprintf("%s, line %d (%s)", name, line, strings.TrimSpace(lines[line-1]))
	}
	return problem.New(problem.BadTemplate, "the template of the Dockerfile cannot be rendered: "+where, cause,
		"Correct the template, or use the sources of a release")
}

// lineOfSyntax finds the line of a syntax error that does not tell it: the one
// with which the text begins to fail in this way. It is 0 where none is found.
func lineOfSyntax(text string, err error) int {
	lines := strings.SplitAfter(text, "\n")
	for n := range lines {
		if _, upTo := gonja.FromString(strings.Join(lines[:n+1], "")); upTo != nil && upTo.Error() == err.Error() {
			return n + 1
		}
	}
	return 0
}
