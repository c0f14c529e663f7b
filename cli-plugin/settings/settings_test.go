package settings

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/google/go-cmp/cmp"
)

func mustParse(t *testing.T, text string) *TOML {
	t.Helper()
	file, err := ParseTOML("config.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func environment(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

// known are settings of all kinds.
var known = []Setting{
	{Name: "base", Kind: List},
	{Name: "extra-build-args", Kind: Words},
	{Name: "extra-deps", Kind: Text},
	{Name: "force-rebuild", Kind: Boolean, Default: []string{"false"}},
	{Name: "image", Kind: Text},
	{Name: "mode", Kind: Text, Default: []string{"two-stage"}, Choices: []string{"two-stage", "traditional"}},
	{Name: "no-browser", Kind: Boolean, Default: []string{"false"}},
	{Name: "platform", Kind: Text},
	{Name: "port", Kind: Number, Default: []string{"0"}},
	{Name: "repository", Kind: Text, Default: []string{"default/rt"}},
	{Name: "server", Kind: Text, Default: []string{"action-execution-server"}},
	{Name: "user", Kind: Text},
	{Name: "without", Kind: List},
}

// TestOrder takes one source after the other away, the strongest first.
func TestOrder(t *testing.T) {
	variables := map[string]string{"OH_BUILD_PLATFORM": "variable", "SANDBOX_PLATFORM": "sandbox variable"}
	s := Sources{
		Flags:  map[string][]string{"platform": {"flag"}},
		Getenv: environment(variables),
		TOML: mustParse(t, `
[sandbox]
platform = "sandbox key"
[extended.docker-openhands]
platform = "own key"
`),
		Docker: map[string]string{"platform": "docker"}, DockerFile: "/home/me/.docker/config.json",
	}
	for _, step := range []struct {
		value, origin string
		remove        func()
	}{
		{"flag", "--platform", func() { s.Flags = nil }},
		{"variable", "variable OH_BUILD_PLATFORM", func() { delete(variables, "OH_BUILD_PLATFORM") }},
		{"sandbox variable", "variable SANDBOX_PLATFORM", func() { delete(variables, "SANDBOX_PLATFORM") }},
		{"own key", "config.toml:5 (extended.docker-openhands.platform)", func() { s.TOML = mustParse(t, "[sandbox]\nplatform='sandbox key'") }},
		{"sandbox key", "config.toml:2 (sandbox.platform)", func() { s.TOML = nil }},
		{"docker", "/home/me/.docker/config.json (plugins.openhands.platform)", func() { s.Docker = nil }},
		{"", "default", func() {}},
	} {
		values, err := Resolve(known, s)
		if err != nil {
			t.Fatal(err)
		}
		v := values["platform"]
		if v.String() != step.value || v.Origin.String() != step.origin {
			t.Errorf("got %q from %q, want %q from %q", v, v.Origin, step.value, step.origin)
		}
		step.remove()
	}
}

func TestValues(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		toml      string
		docker    map[string]string
		want      map[string]string
	}{
		"every key of OpenHands": {
			toml: `
[sandbox]
base_container_image = "debian:12"
runtime_container_image = "me/rt:1"
runtime_extra_deps = """
apt-get update
"""
runtime_extra_build_args = ["--no-cache", "--build-arg", "A=it's mine"]
platform = "linux/arm64"
force_rebuild_runtime = true
enable_browser = false
timeout = 120`,
			want: map[string]string{
				"base": "debian:12", "image": "me/rt:1", "extra-deps": "apt-get update\n",
				"extra-build-args": `--no-cache --build-arg 'A=it'"'"'s mine'`,
				"platform":         "linux/arm64", "force-rebuild": "true", "no-browser": "true",
			},
		},
		"the browser where later versions have it": {
			toml: "[core]\nenable_browser = false",
			want: map[string]string{"no-browser": "true"},
		},
		"dotted keys and inline tables": {
			toml: "sandbox.platform = 'a'\nextended = { docker-openhands = { without = ['x', 'y'], port = 8000, base = 'z' } }",
			want: map[string]string{"platform": "a", "without": "x,y", "port": "8000", "base": "z"},
		},
		"every variable of OpenHands": {
			variables: map[string]string{
				"SANDBOX_BASE_CONTAINER_IMAGE":     "debian:12",
				"SANDBOX_RUNTIME_CONTAINER_IMAGE":  "me/rt:1",
				"SANDBOX_RUNTIME_EXTRA_DEPS":       "true, true",
				"SANDBOX_RUNTIME_EXTRA_BUILD_ARGS": `['--no-cache', "it's"]`,
				"SANDBOX_PLATFORM":                 "linux/arm64",
				"SANDBOX_FORCE_REBUILD_RUNTIME":    "1",
				"ENABLE_BROWSER":                   "False",
				"OH_RUNTIME_RUNTIME_IMAGE_REPO":    "me/rt",
			},
			want: map[string]string{
				"base": "debian:12", "image": "me/rt:1", "extra-deps": "true, true", "extra-build-args": `--no-cache 'it'"'"'s'`,
				"platform": "linux/arm64", "force-rebuild": "true", "no-browser": "true", "repository": "me/rt",
			},
		},
		"OpenHands takes any word but true and 1 for false": {
			variables: map[string]string{"SANDBOX_FORCE_REBUILD_RUNTIME": "yes", "SANDBOX_ENABLE_BROWSER": "TRUE"},
			want:      map[string]string{"force-rebuild": "false", "no-browser": "false"},
		},
		"ours": {
			variables: map[string]string{"OH_BUILD_BASE": " a, b ,", "OH_BUILD_NO_BROWSER": "t", "OH_BUILD_EXTRA_BUILD_ARGS": "--a 'b, c'"},
			docker:    map[string]string{"without": "x,y", "port": "1", "unknown": "kept"},
			want:      map[string]string{"base": "a,b", "no-browser": "true", "extra-build-args": "--a 'b, c'", "without": "x,y", "port": "1"},
		},
		"an empty value is none": {
			variables: map[string]string{"OH_BUILD_PLATFORM": "", "SANDBOX_PLATFORM": ""},
			toml:      "[sandbox]\nplatform = ''\nruntime_extra_build_args = []",
			docker:    map[string]string{"platform": "p"},
			want:      map[string]string{"platform": "p"},
		},
		"tables of arrays are somebody else's": {
			toml: "[[x]]\n[x.sandbox]\nplatform = 1\n[sandbox.sub]\nplatform = 2\n[[core]]\nenable_browser = 1\n[[extended]]\n[extended.docker-openhands]\nport = 'x'",
			want: map[string]string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := Sources{Getenv: environment(test.variables), TOML: mustParse(t, test.toml), Docker: test.docker}
			values, err := Resolve(known, s)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for name, v := range values {
				if v.Origin.Level != Default {
					got[name] = v.String()
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWrongValues(t *testing.T) {
	for _, test := range []struct {
		toml      string
		variables map[string]string
		docker    map[string]string
		want      string
	}{
		{toml: "[sandbox]\n  platform = 3", want: "config.toml:2:14: sandbox.platform is an integer, not a string"},
		{toml: "[sandbox]\nplatform = true", want: "config.toml:2:12: sandbox.platform is a boolean, not a string"},
		{toml: "[sandbox]\nplatform = {a = 1}", want: "config.toml:2:12: sandbox.platform is a table, not a string"},
		{toml: "[sandbox]\nplatform = 2020-01-01", want: "config.toml:2:12: sandbox.platform is a date or time, not a string"},
		{toml: "sandbox.force_rebuild_runtime = 'true'", want: "config.toml:1:33: sandbox.force_rebuild_runtime is a string, not a boolean"},
		{toml: "[sandbox]\nenable_browser = 1.5", want: "config.toml:2:18: sandbox.enable_browser is a float, not a boolean"},
		{toml: "[core]\nenable_browser = 'no'", want: "config.toml:2:18: core.enable_browser is a string, not a boolean"},
		{toml: "[sandbox]\nruntime_extra_build_args = '-x'", want: "config.toml:2:28: sandbox.runtime_extra_build_args is a string, not a list of strings"},
		{toml: "[sandbox]\nruntime_extra_build_args = ['ä',\n  2]", want: "config.toml:3:3: an item of sandbox.runtime_extra_build_args is an integer, not a string"},
		{toml: "[sandbox]\n\"base_container_image\" = ['ä']", want: "config.toml:2:26: sandbox.base_container_image is a list, not a string"},
		{toml: "sandbox = { x = 'ä', platform = 1 }", want: "config.toml:1:33: sandbox.platform is an integer, not a string"},
		{toml: "a = 1\nsandbox = 'x'", want: "config.toml:2:11: sandbox is a string, not a section"},
		{toml: "[[sandbox]]\nplatform = 'x'", want: "config.toml:1:3: sandbox is an array of tables, not a section"},
		{toml: "[extended.docker-openhands]\nwithout = 1", want: "config.toml:2:11: extended.docker-openhands.without is an integer, not a list of strings or a string"},
		{toml: "[extended.docker-openhands]\nport = '1'", want: "config.toml:2:8: extended.docker-openhands.port is a string, not an integer"},
		{toml: "[extended.docker-openhands]\nmode = 'old'", want: `config.toml:2 (extended.docker-openhands.mode) is "old", not one of two-stage, traditional`},
		{variables: map[string]string{"OH_BUILD_FORCE_REBUILD": "maybe"}, want: `variable OH_BUILD_FORCE_REBUILD is "maybe", not a boolean`},
		{variables: map[string]string{"OH_BUILD_PORT": "x"}, want: `variable OH_BUILD_PORT is "x", not an integer`},
		{variables: map[string]string{"OH_BUILD_MODE": "new"}, want: `variable OH_BUILD_MODE is "new", not one of two-stage, traditional`},
		{variables: map[string]string{"SANDBOX_RUNTIME_EXTRA_BUILD_ARGS": "--x"}, want: `variable SANDBOX_RUNTIME_EXTRA_BUILD_ARGS is "--x", not a list of strings`},
		{variables: map[string]string{"SANDBOX_RUNTIME_EXTRA_BUILD_ARGS": `['\x41']`}, want: `variable SANDBOX_RUNTIME_EXTRA_BUILD_ARGS is "['\\x41']", not a list of strings`},
		{docker: map[string]string{"no-browser": "x"}, want: `docker.json (plugins.openhands.no-browser) is "x", not a boolean`},
		// A mistake is told although a stronger source hides it.
		{toml: "[sandbox]\nplatform = 3", variables: map[string]string{"OH_BUILD_PLATFORM": "p"}, want: "config.toml:2:12: sandbox.platform is an integer"},
	} {
		_, err := Resolve(known, Sources{Getenv: environment(test.variables), TOML: mustParse(t, test.toml), Docker: test.docker, DockerFile: "docker.json"})
		p, ok := errors.AsType[*problem.Error](err)
		if !ok || p.Code != problem.BadSetting || !strings.HasPrefix(p.Summary, test.want) {
			t.Errorf("%s %v %v:\ngot  %v\nwant %s", test.toml, test.variables, test.docker, err, test.want)
		}
	}
}

func TestBrokenTOML(t *testing.T) {
	for text, want := range map[string]string{
		"a = ":            "config.toml:1:4 is not TOML: expected value",
		"a = 1\na = 2":    "config.toml:2:1 is not TOML: key a is already defined",
		"[x]\n\n  y = \"": "config.toml:3:",
		"'ä' = 'ö' = 1":   "config.toml:1:11 is not TOML",
		"a = \xff":        "config.toml:1:",
	} {
		_, err := ParseTOML("config.toml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestModeByRule(t *testing.T) {
	for name, test := range map[string]struct {
		toml      string
		variables map[string]string
		docker    map[string]string
		want      string
	}{
		"nothing said":          {"", nil, nil, "two-stage from default"},
		"another config.toml":   {"[params]\nsandbox = 1", nil, nil, "two-stage from default"},
		"section":               {"a = 1\n[sandbox]", nil, nil, "traditional from default, as config.toml:2 has a section [sandbox]"},
		"section below it":      {"[sandbox.x]", nil, nil, "traditional from default, as config.toml:1 has a section [sandbox]"},
		"dotted keys":           {"\nsandbox.timeout = 1", nil, nil, "traditional from default, as config.toml:2 has a section [sandbox]"},
		"inline table":          {"sandbox = {}", nil, nil, "traditional from default, as config.toml:1 has a section [sandbox]"},
		"chosen by variable":    {"[sandbox]", map[string]string{"OH_BUILD_MODE": "two-stage"}, nil, "two-stage from variable OH_BUILD_MODE"},
		"chosen in the file":    {"[sandbox]\n[extended.docker-openhands]\nmode='two-stage'", nil, nil, "two-stage from config.toml:3 (extended.docker-openhands.mode)"},
		"chosen for docker":     {"[sandbox]", nil, map[string]string{"mode": "two-stage"}, "two-stage from docker.json (plugins.openhands.mode)"},
		"chosen without a file": {"", nil, map[string]string{"mode": "traditional"}, "traditional from docker.json (plugins.openhands.mode)"},
		"server by variable":    {"[sandbox]", map[string]string{"OH_BUILD_SERVER": "agent-server"}, nil, "two-stage from variable OH_BUILD_SERVER"},
		"server for docker":     {"[sandbox]", nil, map[string]string{"server": "agent-server"}, "two-stage from docker.json (plugins.openhands.server)"},
		"server over a mode":    {"", map[string]string{"OH_BUILD_SERVER": "agent-server"}, map[string]string{"mode": "traditional"}, "two-stage from variable OH_BUILD_SERVER"},
		"mode over a server":    {"", map[string]string{"OH_BUILD_MODE": "traditional"}, map[string]string{"server": "agent-server"}, "traditional from variable OH_BUILD_MODE"},
		"both for docker":       {"", nil, map[string]string{"mode": "traditional", "server": "agent-server"}, "traditional from docker.json (plugins.openhands.mode)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Sources{Getenv: environment(test.variables), TOML: mustParse(t, test.toml), Docker: test.docker, DockerFile: "docker.json"}
			values, err := Resolve(known, s)
			if err != nil {
				t.Fatal(err)
			}
			values.ModeByRule(s.TOML, "traditional")
			if got := values["mode"].String() + " from " + values["mode"].Origin.String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	values, err := Resolve(known, Sources{
		Getenv: environment(map[string]string{"OH_BUILD_PORT": "80"}),
		TOML:   mustParse(t, "[sandbox]\nbase_container_image = 'a'\nforce_rebuild_runtime = true"),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = string(text)
	}
	maps.DeleteFunc(got, func(name, _ string) bool { return name > "mode" && name != "port" && name != "without" })
	want := map[string]string{
		"base":             `{"name":"base","value":["a"],"origin":{"level":"openhands","name":"sandbox.base_container_image","file":"config.toml","line":2}}`,
		"extra-build-args": `{"name":"extra-build-args","value":[],"origin":{"level":"default"}}`,
		"extra-deps":       `{"name":"extra-deps","value":null,"origin":{"level":"default"}}`,
		"force-rebuild":    `{"name":"force-rebuild","value":true,"origin":{"level":"openhands","name":"sandbox.force_rebuild_runtime","file":"config.toml","line":3}}`,
		"image":            `{"name":"image","value":null,"origin":{"level":"default"}}`,
		"mode":             `{"name":"mode","value":"two-stage","origin":{"level":"default"}}`,
		"port":             `{"name":"port","value":80,"origin":{"level":"variable","name":"OH_BUILD_PORT"}}`,
		"without":          `{"name":"without","value":[],"origin":{"level":"default"}}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
