package command

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker/cli/cli/command"
)

// Every setting says what it can reach, and only those there are.
func TestReach(t *testing.T) {
	cli, err := command.NewDockerCli()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	reach := settings.Reach()
	for _, s := range settingsOf(append(configured(cli), newDepsBuild(cli).Flags())...) {
		names = append(names, s.Name)
		if _, told := reach[s.Name]; !told {
			t.Errorf("the setting %s has no line in reach", s.Name)
		}
	}
	for name := range reach {
		if !slices.Contains(names, name) {
			t.Errorf("%s is no setting", name)
		}
	}
	text, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, what := range reach {
		if told := regexp.MustCompile("(?m)^- .*`" + name + "`.*:").Match(text); told != (what != "") {
			t.Errorf("docs/settings.md lists %s: %v", name, told)
		}
	}
}
