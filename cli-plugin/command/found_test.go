package command

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
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
	for _, s := range settingsOf(append(configured(cli), newDepsBuild(cli).Flags())...) {
		names = append(names, s.Name)
		if _, told := reach[s.Name]; !told {
			t.Errorf("the setting %s has no line in reach", s.Name)
		}
	}
	for name := range maps.Keys(reach) {
		if !slices.Contains(names, name) {
			t.Errorf("%s is no setting", name)
		}
	}
	text, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, what := range reach {
		if told := regexp.MustCompile("(?m)^- .*`" + name + "`.*:").Match(text); told != (what != within) {
			t.Errorf("docs/settings.md lists %s: %v", name, told)
		}
	}
	if beyond(settings.Value{Setting: settings.Setting{Name: "new"}}) == within {
		t.Error("a setting that is not known may be chosen")
	}
}

func TestHarmlessArguments(t *testing.T) {
	for text, want := range map[string]bool{
		"":                           true,
		"--no-cache --pull":          true,
		"--build-arg A=b --label=a":  true,
		"--network none":             true,
		"--network=default":          true,
		"--add-host a:1.2.3.4":       true,
		"--shm-size 1g --ulimit a=1": true,
		"--target x --platform y":    true,
		"--no-cache-filter x":        true,
		"--progress plain":           true,
		"--pull=false":               true,

		"--build-arg HOME":                   false, // of the environment
		"--build-arg A=b --build-arg TOKEN":  false,
		"--build-arg=BUILDKIT_SYNTAX=a/b":    false, // another program to read the Dockerfile
		"--network host":                     false,
		"--network=container:x":              false,
		"--network none --network host":      false,
		"--file x":                           false,
		"-f x":                               false,
		"-fx":                                false,
		"--build-context h=/":                false,
		"--secret id=a,src=b":                false,
		"--ssh default":                      false,
		"--allow security.insecure":          false,
		"--output type=local,dest=x":         false,
		"-o x":                               false,
		"--metadata-file x":                  false,
		"--iidfile x":                        false,
		"--cache-to type=local,dest=x":       false,
		"--cache-from type=local,src=x":      false,
		"--push":                             false,
		"--load":                             false,
		"--tag a":                            false,
		"-t a":                               false,
		"--builder x":                        false,
		"--config x":                         false,
		"--debug":                            false,
		"--help":                             false,
		"-h":                                 false,
		"--sbom=generator=x":                 false,
		"--cgroup-parent x":                  false,
		"--new-one":                          false,
		"/etc":                               false, // another context
		"--no-cache /etc":                    false,
		"--no-cache -- /etc":                 false,
		"--label":                            false,
		"'":                                  false,
		"--progress --file=x /":              false,
		"--build-arg 'A=b' --progress=x '/'": false,
	} {
		if harmlessArguments([]string{text}) != want {
			t.Errorf("%s: harmless is %v", text, !want)
		}
	}
	if !harmlessArguments([]string{"--build-arg", "'A=it'\"'\"'s --file x'"}) {
		t.Error("a value with blanks is not harmless")
	}
}

func TestAsFlags(t *testing.T) {
	for want, v := range map[string]settings.Value{
		"--package-config ca=/x --package-config 'pip=it'\\''s'": {Setting: settings.Setting{Name: "package-config", Kind: settings.List}, Texts: []string{"ca=/x", "pip=it's"}},
		"--metadata-file /tmp/a,b":                               {Setting: settings.Setting{Name: "metadata-file", Kind: settings.Text}, Texts: []string{"/tmp/a,b"}},
		"--extra-build-args '--file x'":                          {Setting: settings.Setting{Name: "extra-build-args", Kind: settings.Words}, Texts: []string{"--file", "x"}},
	} {
		if got := asFlags(v); got != want {
			t.Errorf("got %s, want %s", got, strings.TrimSpace(want))
		}
	}
}
