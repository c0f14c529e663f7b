package verify

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/opencontainers/go-digest"
)

// sound are the facts of an image with nothing to find fault with.
func sound(t *testing.T, change func(*Facts)) Facts {
	t.Helper()
	manifest := payload.Manifest{
		SchemaVersion: payload.SchemaVersion, OpenHandsVersion: "0.62.0", Server: "action-execution-server", Architecture: "amd64",
		Components: []payload.Component{{Name: "core"}, {Name: "browser"}},
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	f := Facts{
		Architecture: "amd64",
		Labels: map[string]string{
			payload.LabelKind: payload.KindRuntime, payload.LabelVersion: "0.62.0", payload.LabelServer: "action-execution-server",
			payload.LabelComponents: "core,browser", payload.LabelDepsTag: "t", payload.LabelDepsDigest: "d", payload.LabelBaseName: "b", payload.LabelSetup: "s",
		},
		Env:        []string{"PATH=" + payload.BaseFirst.Path("/bin")},
		Entrypoint: []string{payload.Init, "--"},
		WorkingDir: payload.Workspace,
		Layers:     []digest.Digest{"deps 1", "deps 2", "base", "set-up"},
		DepsLayers: []digest.Digest{"deps 1", "deps 2"},
		Manifest:   text,
		Seal:       &bundler.VerifyReport{Objects: 7},
	}
	for _, v := range payload.Environ() {
		f.Env = append(f.Env, v.Name+"="+v.Value)
	}
	f.Paths = map[string]bool{}
	for _, p := range Paths(text) {
		f.Paths[p] = true
	}
	change(&f)
	return f
}

func TestStatic(t *testing.T) {
	offend := func(rule string) func(*Facts) {
		return func(f *Facts) {
			f.Seal = &bundler.VerifyReport{Offenders: []bundler.Finding{{Path: "/openhands/x", Rule: rule, Detail: "d"}}}
		}
	}
	unproven := func(live bool) func(*Facts) {
		return func(f *Facts) {
			f.Manifest = []byte(strings.Replace(string(f.Manifest), "{", `{"unproven":["core","browser"],`, 1))
			f.Live = live
		}
	}
	for _, test := range []struct {
		name   string
		change func(*Facts)
		check  string // that finds it; empty: none
		status payload.Status
		detail string
	}{
		{"nothing", func(*Facts) {}, "", "", ""},
		{"PATH with more", func(f *Facts) { f.Env[0] = "PATH=/a:" + payload.BaseFirst.Path("/bin") + ":/b" }, "", "", ""},
		{"base first", func(f *Facts) { f.Layers = []digest.Digest{"base", "deps 1", "deps 2", "set-up"} }, "", "", ""},
		{"no deps image to compare with", func(f *Facts) { f.DepsLayers = nil }, "", "", ""},
		{"copied payload", func(f *Facts) { f.Layers = []digest.Digest{"base", "copy"} }, "layers", payload.StatusWarning, "not those of the deps image"},
		{"label", func(f *Facts) { delete(f.Labels, payload.LabelSetup) }, "labels", payload.StatusFailed, payload.LabelSetup},
		{"no manifest", func(f *Facts) { f.Manifest = nil }, "manifest", payload.StatusFailed, "is missing"},
		{"manifest of another schema", func(f *Facts) { f.Manifest = []byte(`{"schemaVersion": 99}`) }, "manifest", payload.StatusFailed, "schema version 99"},
		{"manifest for another machine", func(f *Facts) { f.Architecture = "arm64" }, "manifest", payload.StatusFailed, `"amd64"`},
		{"unproven", unproven(false), "proofs", payload.StatusWarning, "linux/amd64: core, browser not yet proven"},
		{"unproven until now", unproven(true), "", "", ""},
		{"promised SBOM", func(f *Facts) {
			f.Manifest = []byte(strings.Replace(string(f.Manifest), "{", `{"sbom":"/openhands/sbom.spdx.json",`, 1))
			f.Paths["/openhands/sbom.spdx.json"] = false
		}, "SBOM", payload.StatusFailed, "sbom.spdx.json is missing"},
		{"path", func(f *Facts) { f.Paths[payload.Browsers] = false }, "paths", payload.StatusFailed, payload.Browsers},
		{"PATH", func(f *Facts) { f.Env[0] = "PATH=/bin" }, "environment", payload.StatusFailed, `PATH is "/bin"`},
		{"PATH without fallback", func(f *Facts) { f.Env[0] = "PATH=/bin:" + payload.Bin }, "environment", payload.StatusFailed, "without " + payload.FallbackBin},
		{"variable", func(f *Facts) { f.Env = f.Env[:len(f.Env)-1] }, "environment", payload.StatusFailed, "EDITOR"},
		{"empty variable", func(f *Facts) { f.Env = append(f.Env, "LANG=") }, "environment", payload.StatusFailed, "LANG"},
		{"variables of the base", func(f *Facts) {
			f.Env = append(f.Env, "PLAYWRIGHT_BROWSERS_PATH=/ms-playwright", "MAMBA_ROOT_PREFIX=/opt/conda", "LANG=ja_JP.UTF-8", "EDITOR=vim")
		}, "", "", ""},
		{"variables of images with LC_ALL", func(f *Facts) { f.Env = append(f.Env, "LC_ALL=C.UTF-8") }, "", "", ""},
		{"library path", func(f *Facts) { f.Env = append(f.Env, "LD_LIBRARY_PATH=/x:"+payload.Lib) }, "environment", payload.StatusWarning, "LD_LIBRARY_PATH"},
		{"entry point", func(f *Facts) { f.Entrypoint = nil }, "start", payload.StatusFailed, "the entry point"},
		{"working directory", func(f *Facts) { f.WorkingDir = "/" }, "start", payload.StatusFailed, "the working directory"},
		{"interpreter", offend(bundler.RuleInterp), "seal", payload.StatusFailed, "/openhands/x: interp: d"},
		{"owner", offend(bundler.RuleOwner), "ownership", payload.StatusFailed, "/openhands/x: d"},
		{"mode", offend(bundler.RuleMode), "modes", payload.StatusFailed, "/openhands/x: d"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := map[string]payload.Finding{}
			for _, f := range Static(sound(t, test.change)) {
				if f.Status != payload.StatusOK {
					found[f.Check] = f
					if f.Cure == "" {
						t.Errorf("%s: %s: no cure is told", f.Check, f.Detail)
					}
				}
			}
			var want []string
			if test.check != "" {
				want = []string{test.check}
			}
			if got := slices.Sorted(maps.Keys(found)); test.check != "manifest" && !slices.Equal(got, want) {
				t.Fatalf("%q find fault, want %q", got, want)
			}
			f := found[test.check]
			if f.Status != test.status || !strings.Contains(f.Detail, test.detail) {
				t.Errorf("%+v, want %s %q", f, test.status, test.detail)
			}
		})
	}
}

// TestStaticBroken has nothing of a payload at all.
func TestStaticBroken(t *testing.T) {
	report := NewReport("x", "", Static(Facts{Labels: map[string]string{payload.LabelKind: payload.KindRuntime}, SealErr: errors.New("no loader")}))
	if report.Passed || report.Failures() < 5 {
		t.Errorf("%+v", report)
	}
	report = NewReport("x", "", Static(Facts{})) // of another kind
	if report.Passed || len(report.Findings) != 1 {
		t.Errorf("%+v", report)
	}
}

func TestShorten(t *testing.T) {
	f := sound(t, func(f *Facts) {
		for range 1000 {
			f.Seal.Offenders = append(f.Seal.Offenders, bundler.Finding{Path: "/openhands/x", Rule: bundler.RuleOwner})
		}
	})
	report := NewReport("x", "", Static(f))
	if report.Failures() != most || !strings.Contains(report.Findings[len(report.Findings)-2].Detail, "and 981 more") {
		t.Errorf("%d failures, last %+v", report.Failures(), report.Findings[len(report.Findings)-2])
	}
}

func TestProof(t *testing.T) {
	argv := []string{"/openhands/bin/oh-tmux", "-V"}
	for _, test := range []struct {
		proof  Proof
		status payload.Status
		detail string
	}{
		{Proof{"tmux", argv, 0, "tmux 3.5a\n", nil}, payload.StatusOK, "/openhands/bin/oh-tmux -V"},
		{Proof{"tmux", argv, 1, "one\nno server\n", nil}, payload.StatusFailed, "/openhands/bin/oh-tmux -V: exit status 1: no server"},
		{Proof{"tmux", argv, 1, "", nil}, payload.StatusFailed, "/openhands/bin/oh-tmux -V: exit status 1: it printed nothing"},
		{Proof{"tmux", argv, -1, "", errors.New("no end after 1m0s")}, payload.StatusFailed, "/openhands/bin/oh-tmux -V: exit status -1: no end after 1m0s"},
	} {
		if f := test.proof.Finding("root"); f.Status != test.status || f.Detail != test.detail || f.Check != "proof of tmux, root" {
			t.Errorf("%+v", f)
		}
	}
}

func TestStartUpFiles(t *testing.T) {
	for _, test := range []struct {
		proof  Proof
		status payload.Status
		detail string
	}{
		{Proof{}, payload.StatusOK, "sessions have all of them"},
		{Proof{Output: "a session is without x\na login is without y\n"}, payload.StatusWarning, "a session is without x; a login is without y"},
		{Proof{Status: 127, Output: "x\nno such program\n"}, payload.StatusWarning, "the shells of sessions cannot be tried: no such program"},
		{Proof{Status: 1}, payload.StatusWarning, "the shells of sessions cannot be tried: it printed nothing"},
		{Proof{Status: -1, Err: errors.New("no end after 2m")}, payload.StatusWarning, "the shells of sessions cannot be tried: no end after 2m"},
	} {
		f := test.proof.StartUpFiles("root")
		if f.Check != "start-up files, root" || f.Status != test.status || f.Detail != test.detail || (f.Cure == "") != (f.Status == payload.StatusOK) {
			t.Errorf("%+v: %+v", test.proof, f)
		}
	}
}
