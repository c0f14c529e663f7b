package buildx

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx/buildxtest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/util/progress/progressui"
)

func TestBakeDefinition(t *testing.T) {
	buildxtest.ClearEnvironment(t)
	t.Setenv("https_proxy", "http://user:${x}@proxy:1")
	data, env, err := Target{
		Tags: []string{"r:1", "r:2"}, NoCache: true,
		Secrets: map[string]string{"pip": "/etc/pip.conf", "ca": `/a,b "c"`}, Texts: map[string]string{"settings": "export A=b", "extra-deps": "echo ${x}"},
	}.definition()
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if want := []string{"OPENHANDS_SECRET_EXTRA_DEPS=echo ${x}", "OPENHANDS_SECRET_SETTINGS=export A=b"}; !slices.Equal(env, want) {
		t.Errorf("it wants the variables %q, not %q", env, want)
	}
	want := map[string]any{"target": map[string]any{"image": map[string]any{
		"context": ".", "dockerfile": "Dockerfile", "no-cache": true,
		"tags":   []any{"r:1", "r:2"},
		"output": []any{"type=docker"},
		"args":   map[string]any{"https_proxy": "http://user:$${x}@proxy:1"},
		"secret": []any{`id=ca,"src=/a,b ""c"""`, "id=pip,src=/etc/pip.conf", "id=extra-deps,env=OPENHANDS_SECRET_EXTRA_DEPS", "id=settings,env=OPENHANDS_SECRET_SETTINGS"},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWriteContext(t *testing.T) {
	dir := t.TempDir()
	target := Target{Dockerfile: "FROM x\n", Files: map[string]plan.File{
		"helpers/oh-init": {Mode: 0o755, Data: []byte("elf")}, "a": {Mode: 0o644, Data: []byte("text")},
	}}
	if err := writeContext(dir, target); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"helpers/oh-init": 0o755, "a": 0o644, "Dockerfile": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: %v %v, want %v", name, info, err, mode)
		}
	}
	if len(target.Files) != 2 {
		t.Error("the plan's files were changed")
	}
	target.Files["../out"] = plan.File{}
	if err := writeContext(dir, target); err == nil {
		t.Error("a file outside of the context was written")
	}
}

// Buildx mixes status lines, text and its error on one stream.
func TestShow(t *testing.T) {
	var drawn strings.Builder
	b := &Client{View: progress.New(&drawn, progressui.PlainMode)}
	stream := `{"vertexes":[{"digest":"sha256:aa","name":"RUN step","started":"2026-01-01T00:00:00Z"}]}
some warning
{"logs":[{"vertex":"sha256:aa","stream":1,"data":"aGVsbG8K","timestamp":"2026-01-01T00:00:01Z"}]}
ERROR: failed to solve: first line
second line
`
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	said := b.show(strings.NewReader(stream)).text
	if want := "ERROR: failed to solve: first line second line"; said != want {
		t.Errorf("said %q, want %q", said, want)
	}
	for _, want := range []string{"RUN step", "hello"} {
		if !strings.Contains(drawn.String(), want) {
			t.Errorf("%q is not drawn:\n%s", want, drawn.String())
		}
	}
}

// uv asks pip's index, unless something is set for uv itself.
func TestIndexOfUV(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "pip.conf")
	if err := os.WriteFile(conf, []byte("[global]\n# index-url = no\nindex_url: https://file/simple\ntrusted-host =\n    one\n    two:8080\ntimeout = 60\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		env, files map[string]string
		want       map[string]string // of uv
	}{
		"nothing": {},
		"variables of pip": {map[string]string{"PIP_INDEX_URL": "https://pip/", "PIP_TRUSTED_HOST": "pip"}, map[string]string{"pip": conf},
			map[string]string{"UV_DEFAULT_INDEX": "https://pip/", "UV_INSECURE_HOST": "pip"}},
		"pip.conf": {nil, map[string]string{"pip": conf},
			map[string]string{"UV_DEFAULT_INDEX": "https://file/simple", "UV_INSECURE_HOST": "one two:8080"}},
		"other pip.conf": {nil, map[string]string{"pip": os.DevNull}, nil},
		"variable of uv": {map[string]string{"PIP_INDEX_URL": "https://pip/", "UV_DEFAULT_INDEX": "https://uv/"}, nil,
			map[string]string{"UV_DEFAULT_INDEX": "https://uv/"}},
		"older name of it": {map[string]string{"PIP_INDEX_URL": "https://pip/", "UV_INDEX_URL": "https://uv/"}, nil,
			map[string]string{"UV_INDEX_URL": "https://uv/"}},
		"uv.toml": {map[string]string{"PIP_INDEX_URL": "https://pip/"}, map[string]string{"uv": "uv.toml"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			buildxtest.ClearEnvironment(t)
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			var want, got []string
			for _, name := range slices.Sorted(maps.Keys(test.want)) {
				want = append(want, "export "+name+"='"+test.want[name]+"'")
			}
			for line := range strings.Lines(IndexSettings(test.files)) {
				if strings.HasPrefix(line, "export UV_") {
					got = append(got, strings.TrimSuffix(line, "\n"))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHostSecrets(t *testing.T) {
	buildxtest.ClearEnvironment(t)
	home := os.Getenv("HOME")
	write := func(name string, size int) string {
		t.Helper()
		name = filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	const certificate = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
	key, text := write("key.pem", 10), write("id_rsa", 10)
	bundle, npm, uv, sources := write("bundle", 10), write(".npmrc", 10), write(".config/uv/uv.toml", 10), write("my.list", 10)
	large, empty := write("large", maxSecret+1), write("empty", 0)
	for name, text := range map[string]string{
		bundle: "# my own\n" + certificate, key: certificate + "-----BEGIN RSA PRIVATE KEY-----\nMA==\n-----END RSA PRIVATE KEY-----\n", text: "ssh-rsa",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SSL_CERT_FILE", large) // more than BuildKit takes: the next one
	t.Setenv("CURL_CA_BUNDLE", key)  // nobody else's business: the next one
	t.Setenv("REQUESTS_CA_BUNDLE", bundle)

	got, err := HostSecrets(map[string]string{"apt": sources, "pip": ""})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"ca": bundle, "npm": npm, "uv": uv, "apt": sources}, got); diff != "" {
		t.Error(diff)
	}
	for _, given := range [][2]string{{"cargo", sources}, {"pip", large}, {"uv", empty}, {"npm", home}, {"apt", home + "/none"}, {"ca", key}, {"ca", text}, {"ca", sources}} {
		_, err := HostSecrets(map[string]string{given[0]: given[1]})
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != problem.Usage {
			t.Errorf("%s: got %v, want %s", given, err, problem.Usage)
		}
	}
}
