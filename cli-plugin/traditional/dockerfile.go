package traditional

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
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
	text, err := s.templateText()
	if err != nil {
		return "", s.broken("the sources have no template of a Dockerfile", err)
	}
	template, err := parse(text)
	if err != nil {
		return "", templateError(name, text, err)
	}
	rendered := limitedText{left: maxDockerfile}
	err = render(template, &rendered, map[string]any{
		"base_image":           p.From,
		"build_from_scratch":   p.Start == FromScratch,
		"build_from_versioned": p.Start == FromVersioned,
		"extra_deps":           p.ExtraDeps,
		"enable_browser":       p.Browser,
		"channel_alias":        p.ChannelAlias,
	})
	if err != nil {
		return "", templateError(name, text, err)
	}
	return rendered.text.String(), nil
}

func (s *Source) templateText() (string, error) {
	file, err := s.files.Open(templateFile)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxTemplate+1)) // parse refuses more
	return string(text), err
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

// lineOfSyntax finds the line of a syntax error that does not tell it: the first
// one up to which the text fails in this way. It is 0 where none is found.
func lineOfSyntax(text string, err error) int {
	lines := strings.SplitAfter(text, "\n")
	n := sort.Search(len(lines), func(n int) bool {
		_, upTo := parse(strings.Join(lines[:n+1], ""))
		return upTo != nil && upTo.Error() == err.Error()
	})
	if n == len(lines) {
		return 0
	}
	return n + 1
}
