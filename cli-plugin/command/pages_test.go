package command

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/spf13/pflag"
)

var (
	comment      = regexp.MustCompile(`(?s)<!--.*?-->`)
	fence        = regexp.MustCompile("(?ms)^```.*?^```$")
	span         = regexp.MustCompile("`([^`]+)`")
	continued    = regexp.MustCompile(`\\\n\s*`)
	substitution = regexp.MustCompile(`\$\([^)]*\)`)
	quoted       = regexp.MustCompile(`'docker openhands([^']*)'`) // by a message
	called       = regexp.MustCompile(`(?:^|[\s(|&])docker[ -]openhands((?: .*)?)$`)
)

// pages are the documents in which people find commands.
func pages(t *testing.T) map[string]string {
	t.Helper()
	const top = "../.."
	files := []string{"README.md", "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "docs/examples/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			files = append(files, strings.TrimPrefix(file, top+"/"))
		}
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(top, file))
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = continued.ReplaceAllString(comment.ReplaceAllString(string(text), ""), " ")
	}
	return texts
}

// code returns the lines of a page's blocks of code and its code in lines of
// text.
func code(text string) (lines []string) {
	for _, block := range fence.FindAllString(text, -1) {
		lines = append(lines, strings.Split(block, "\n")...)
	}
	text = fence.ReplaceAllString(text, "")
	for line := range strings.Lines(text) {
		if after, ok := strings.CutPrefix(line, "    "); ok {
			lines = append(lines, strings.TrimSuffix(after, "\n"))
			continue
		}
		for _, found := range span.FindAllStringSubmatch(line, -1) {
			lines = append(lines, found[1])
		}
	}
	return lines
}

// pluginCall returns the arguments of the plugin in a line of a shell; ok is false where
// it does not call the plugin. Brackets are around what may be left out.
func pluginCall(line string) (args []string, ok bool, err error) {
	line = substitution.ReplaceAllString(line, "word")
	found := quoted.FindStringSubmatch(line)
	if found == nil {
		found = called.FindStringSubmatch(line)
	}
	if found == nil {
		return nil, false, nil
	}
	words, err := shlex.Split(found[1])
	if err != nil {
		return nil, true, err
	}
	for _, word := range words {
		if slices.Contains([]string{"|", "||", "&&", ";", "<", ">", ">>", "2>&1"}, word) || strings.HasPrefix(word, ">") {
			break
		}
		args = append(args, strings.TrimSuffix(strings.Trim(word, "[]"), ";"))
	}
	return args, true, nil
}

// understood returns why the command line does not take the arguments.
func understood(args []string) error {
	root, err := Tree()
	if err != nil {
		return err
	}
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if cmd.DisableFlagParsing {
		return nil
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		return badFlag(cmd, err)
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil && len(rest) > 0 { // else the name of the command alone
		return err
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := factsOf(f).choices
		if f.Name == "server" {
			values = serverNames()
		}
		if len(values) > 0 && !slices.Contains(values, f.Value.String()) {
			err = fmt.Errorf("--%s is not one of %q", f.Name, values)
		}
	})
	return err
}

// Commands in the documents have names, flags and numbers of arguments that
// there are, and values of flags that have a closed list of them.
func TestCommandsInDocuments(t *testing.T) {
	calls := map[string]int{}
	for file, text := range pages(t) {
		for _, line := range code(text) {
			args, ok, err := pluginCall(line)
			if !ok {
				continue
			}
			if err == nil {
				err = understood(args)
			}
			if err != nil {
				t.Errorf("%s: %s\n\t%v", file, line, err)
			}
			calls[file]++
		}
	}
	for file, least := range map[string]int{"README.md": 15, "docs/migration.md": 15, "docs/settings.md": 5} {
		if calls[file] < least {
			t.Errorf("only %d commands are found in %s", calls[file], file)
		}
	}
}

func TestCommandsInDocumentsCanFail(t *testing.T) {
	for _, line := range []string{
		"docker openhands biuld alpine", "$ docker openhands build --bse alpine", "docker openhands build --server agent alpine",
		"a | docker openhands verify a b", "docker openhands config set mode", "see 'docker openhands prune alpine'",
		"docker openhands build --pull sometimes alpine # a comment", "docker openhands build --tag 'a",
	} {
		args, ok, err := pluginCall(line)
		if err == nil {
			err = understood(args)
		}
		if !ok || err == nil {
			t.Errorf("%s passes as %q", line, args)
		}
	}
}

// Documents name targets of the Makefile that there are.
func TestTargetsInDocuments(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	phony := strings.Fields(regexp.MustCompile(`(?m)^\.PHONY:(.*)$`).FindString(string(makefile)))
	named := regexp.MustCompile(`^make ((?:[a-z-]+ ?)+)`)
	found := 0
	for file, text := range pages(t) {
		for _, line := range code(text) {
			match := named.FindStringSubmatch(line)
			if match == nil {
				continue
			}
			for _, target := range strings.Fields(match[1]) {
				found++
				if !slices.Contains(phony, target) {
					t.Errorf("%s: %s: there is no target %s", file, line, target)
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d targets are found", found)
	}
}
