package client

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func img(name string) Image {
	return Image{Name: name, Arch: "amd64", Labels: payload.Labels{
		Server: payload.AgentServer, Version: "1.58.2", Components: "python,agent-server,browser", BaseName: "alpine:3.20",
	}}
}

// What each client is told of one image is in testdata.
func TestAdvise(t *testing.T) {
	for _, c := range All() {
		t.Run(c.Name, func(t *testing.T) {
			given := img("registry.example/team/app:v1-django-source-minimal")
			given.Labels.Server = c.Server
			advice, err := c.Advise(given)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, s := range advice.Settings {
				b.WriteString("== " + s.Where + " (" + string(s.Format) + ")\n" + s.Text)
			}
			for _, warning := range advice.Warnings {
				b.WriteString("!! " + warning + "\n")
			}
			for _, note := range advice.Notes {
				b.WriteString("-- " + note + "\n")
			}
			golden(t, c.Name, b.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAdviseRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		client, image, server, want string
	}{
		"no tag":             {"app", "sha256:" + strings.Repeat("a", 64), payload.AgentServer, "by repository and tag"},
		"a digest":           {"enterprise", "app@sha256:" + strings.Repeat("a", 64), payload.AgentServer, "by repository and tag"},
		"V0 to today's":      {"v0", "app:1", payload.AgentServer, "--server action-execution-server"},
		"today's to V0":      {"sdk", "app:1", payload.ActionExecutionServer, "--server agent-server"},
		"a benchmark's name": {"benchmarks", "app@sha256:" + strings.Repeat("a", 64), payload.AgentServer, "by repository and tag"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Named(test.client)
			if err != nil {
				t.Fatal(err)
			}
			given := img(test.image)
			given.Labels.Server = test.server
			_, err = c.Advise(given)
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != problem.NotForClient || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want one with %q", err, test.want)
			}
		})
	}
	if _, err := Named("jupyter"); err == nil || !strings.Contains(err.Error(), "app, sdk, benchmarks") {
		t.Errorf("an unknown client: %v", err)
	}
}

func TestNotes(t *testing.T) {
	for name, test := range map[string]struct {
		client string
		given  func(*Image)
		want   string
	}{
		"upstream's repository": {"app", func(i *Image) { i.Name = upstream + ":mine" }, "replaces the version"},
		"the bundled release":   {"app", func(i *Image) { i.Labels.Version = "1.33.0" }, "as release 1.10.0 of the application comes with"},
		"another release":       {"app", nil, "--openhands-version 1.34.0"},
		"no instance's name":    {"benchmarks", nil, "PREFIX-INSTANCE-source-minimal"},
		"a local name":          {"kubernetes", nil, "pulled from docker.io"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Named(test.client)
			if err != nil {
				t.Fatal(err)
			}
			given := img("app:1")
			if test.given != nil {
				test.given(&given)
			}
			advice, err := c.Advise(given)
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(append(advice.Warnings, advice.Notes...), "\n"); !strings.Contains(all, test.want) {
				t.Errorf("got\n%s\nwant one with %q", all, test.want)
			}
		})
	}
}

func TestSDKOnARM(t *testing.T) {
	c, _ := Named("sdk")
	given := img("app:1")
	given.Arch = "arm64"
	if advice, err := c.Advise(given); err != nil || !strings.Contains(advice.Settings[0].Text, `platform="linux/arm64"`) {
		t.Errorf("%v, %+v", err, advice)
	}
}

func TestWrite(t *testing.T) {
	for name, test := range map[string]struct {
		client, before, after string
		fails                 string
	}{
		"a new file": {"app", "", repositoryVariable + "=team/app\n" + tagVariable + "=1\n", ""},
		"a file with other lines": {
			"app", "# mine\nA=b\nexport " + tagVariable + "='old'\n\nB=c",
			"# mine\nA=b\nexport " + tagVariable + "=1\n\nB=c\n" + repositoryVariable + "=team/app\n", "",
		},
		"set twice":             {"app", tagVariable + "=0\n" + tagVariable + "=2\n" + repositoryVariable + "=x\n", tagVariable + "=1\n" + tagVariable + "=1\n" + repositoryVariable + "=team/app\n", ""},
		"a comment is no line":  {"app", "#" + tagVariable + "=0\n", "#" + tagVariable + "=0\n" + repositoryVariable + "=team/app\n" + tagVariable + "=1\n", ""},
		"somebody's manifest":   {"kubernetes", "kind: Other\n", "kind: Other\n", "says something else"},
		"config.toml is edited": {"v0", "# mine\n[llm]\nmodel = \"x\"\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			if test.before != "" {
				if err := os.WriteFile(file, []byte(test.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c, err := Named(test.client)
			if err != nil {
				t.Fatal(err)
			}
			given := img("team/app:1")
			given.Labels.Server = c.Server
			advice, err := c.Advise(given)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time changes nothing
				err = advice.Write(file, given)
				if test.fails != "" {
					if err == nil || !strings.Contains(err.Error(), test.fails) {
						t.Errorf("got %v, want an error with %q", err, test.fails)
					}
				} else if err != nil {
					t.Fatal(err)
				}
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case test.client == "v0":
					if got := string(text); !strings.HasPrefix(got, test.before) || !strings.Contains(got, `runtime_container_image = "team/app:1"`) {
						t.Errorf("got\n%s", got)
					}
				case string(text) != test.after:
					t.Errorf("got\n%s\nwant\n%s", text, test.after)
				}
			}
		})
	}
}
