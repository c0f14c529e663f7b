package plan

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/bundler/pack"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func inputs() Inputs {
	component := func(name string, order int) templates.Component {
		return templates.Component{Name: name, Order: order, Files: map[string][]byte{"component.toml": []byte("order = 1"), "install.sh": []byte("true")}}
	}
	return Inputs{
		Components: []templates.Component{component("python", 10), component("tmux", 20), component("browser", 30)},
		Helpers:    map[string][]byte{"oh-init": []byte("init"), "oh-bundle": []byte("bundle")},
	}
}

func options() Options {
	return Options{
		Bases: []string{"alpine:3.20"}, Repository: DefaultRepository, Version: "0.62.0", Server: DefaultServer, Arch: "amd64",
		BuilderBase: DefaultBuilderBase, LayerOrder: OrderAuto, Assemble: AssembleAuto,
	}
}

func mustPlan(t *testing.T, o Options, in Inputs) Plan {
	t.Helper()
	p, err := New(o, in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Everything that shapes the payload changes its tag, and nothing else does.
func TestDepsTagCoversThePayload(t *testing.T) {
	first := mustPlan(t, options(), inputs()).Deps.Tag
	if again := mustPlan(t, options(), inputs()).Deps.Tag; again != first {
		t.Fatalf("%s, then %s", first, again)
	}
	for name, change := range map[string]func(*Options, *Inputs){
		"version":      func(o *Options, _ *Inputs) { o.Version = "0.63.0" },
		"server":       func(o *Options, _ *Inputs) { o.Server = "agent-server" },
		"architecture": func(o *Options, _ *Inputs) { o.Arch = "arm64" },
		"builder base": func(o *Options, _ *Inputs) { o.BuilderBase = "debian:trixie" },
		"component":    func(o *Options, _ *Inputs) { o.Without = []string{"browser"} },
		"file content": func(_ *Options, in *Inputs) { in.Components[1].Files["install.sh"] = []byte("false") },
		"file name": func(_ *Options, in *Inputs) {
			in.Components[1].Files["setup.sh"] = in.Components[1].Files["install.sh"]
			delete(in.Components[1].Files, "install.sh")
		},
		"helper": func(_ *Options, in *Inputs) { in.Helpers["oh-init"] = []byte("other") },
	} {
		o, in := options(), inputs()
		change(&o, &in)
		if got := mustPlan(t, o, in).Deps.Tag; got == first {
			t.Errorf("another %s has the same tag %s", name, got)
		}
	}
	for name, change := range map[string]func(*Options){
		"builder":     func(o *Options) { o.BuilderArch = "arm64" },
		"base":        func(o *Options) { o.Bases = []string{"debian:12"} },
		"user":        func(o *Options) { o.User = "agent:2000" },
		"extra deps":  func(o *Options) { o.ExtraDeps = "true" },
		"repository":  func(o *Options) { o.Repository = "registry.example/team/rt" },
		"its own":     func(o *Options) { o.DepsRepository = "registry.example/payloads" },
		"layer order": func(o *Options) { o.LayerOrder = OrderBaseFirst },
	} {
		o := options()
		change(&o)
		if got := mustPlan(t, o, inputs()).Deps.Tag; got != first {
			t.Errorf("another %s has another tag", name)
		}
	}
}

// Payloads that a user keeps side by side are told apart by a label; those of
// the defaults, whatever these are in a later version, have none.
func TestVariant(t *testing.T) {
	for want, change := range map[string]func(*Options, *Inputs){
		"": func(o *Options, _ *Inputs) { o.Without = []string{"browser"} },
		"python-env=lean": func(o *Options, in *Inputs) {
			o.PythonEnv = PythonEnvLean
			in.Components[0].Lean = &templates.Lean{Prune: []pack.Prune{{Paths: []string{"x"}, Reason: "an example"}}}
		},
		"builder-base=debian:12": func(o *Options, _ *Inputs) { o.BuilderBase = "debian:12" },
		"source": func(o *Options, in *Inputs) {
			o.Version = ""
			in.Components[0].Sources = true
			in.Source = &Source{Version: "0.62.0"}
		},
	} {
		o, in := options(), inputs()
		change(&o, &in)
		if got := mustPlan(t, o, in).Deps.Labels[payload.LabelVariant]; got != want {
			t.Errorf("the variant is %q, want %q", got, want)
		}
	}
}

// A changed source file is another payload, of which only the sources differ.
func TestSource(t *testing.T) {
	in := inputs()
	in.Components = append(in.Components, templates.Component{Name: "openhands", Order: 90, Sources: true})
	o := options()
	o.Version = ""
	in.Source = &Source{Version: "1.7.0.dev", Files: map[string]File{"openhands/x.py": {Mode: 0o644, Data: []byte("1")}}}
	first := mustPlan(t, o, in).Deps
	if !strings.HasPrefix(first.Tag, "oh_deps_v1.7.0.dev_") {
		t.Errorf("tag %s", first.Tag)
	}
	if file := first.Context["source/openhands/x.py"]; string(file.Data) != "1" {
		t.Errorf("the context holds %v", file)
	}
	in.Source.Files["openhands/x.py"] = File{Mode: 0o644, Data: []byte("2")}
	second := mustPlan(t, o, in).Deps
	if second.Tag == first.Tag {
		t.Error("changed sources have the same tag")
	}
	for name, change := range map[string]func(*Options, *Inputs){
		"version":    func(o *Options, _ *Inputs) { o.Version = "1.6.0" },
		"deps image": func(o *Options, _ *Inputs) { o.Deps = &DepsImage{Ref: "a"} },
		"no sources": func(o *Options, _ *Inputs) { o.Without = []string{"openhands"} },
	} {
		o, in := o, in
		change(&o, &in)
		if _, err := New(o, in); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSetupLabelCoversTheRuntime(t *testing.T) {
	const label = "dev.openhands.setup"
	seen := map[string]string{mustPlan(t, options(), inputs()).Runtimes[0].Labels[label]: "nothing"}
	for name, change := range map[string]func(*Options){
		"user":         func(o *Options) { o.User = "agent" },
		"uid":          func(o *Options) { o.User = ":2000" },
		"sudo":         func(o *Options) { o.NoSudo = true },
		"tools":        func(o *Options) { o.Tools = payload.PayloadFirst },
		"extra deps":   func(o *Options) { o.ExtraDeps = "true" },
		"library path": func(o *Options) { o.ExportLibraryPath = true },
		"layer order":  func(o *Options) { o.LayerOrder = OrderBaseFirst },
		"assemble":     func(o *Options) { o.Assemble = AssembleNever },
	} {
		o := options()
		change(&o)
		got := mustPlan(t, o, inputs()).Runtimes[0].Labels[label]
		if other, taken := seen[got]; taken {
			t.Errorf("another %s has the label of another %s", name, other)
		}
		seen[got] = name
	}
}

// Two images over one base that differ have two names, and the plain one has
// that of OpenHands' scheme.
func TestOneNameOneContent(t *testing.T) {
	plain := mustPlan(t, options(), inputs())
	hash, _ := tag.HashOf(plain.Deps.Tag)
	if want := DefaultRepository + ":oh_v0.62.0_alpine_t_3.20_" + hash; plain.Runtimes[0].Image != want {
		t.Errorf("the plain image is %s, want %s", plain.Runtimes[0].Image, want)
	}
	for name, change := range map[string]func(*Options){
		"the default user":    func(o *Options) { o.User = payload.User },
		"the default user ID": func(o *Options) { o.User = ":1000" },
		"the default tools":   func(o *Options) { o.Tools = payload.BaseFirst },
		"a further name":      func(o *Options) { o.Tags = []string{"x"} },
	} {
		o := options()
		change(&o)
		if got := mustPlan(t, o, inputs()).Runtimes[0]; got.Image != plain.Runtimes[0].Image || got.Labels[payload.LabelSetup] != plain.Runtimes[0].Labels[payload.LabelSetup] {
			t.Errorf("with %s it is %s", name, got.Image)
		}
	}
	seen := map[string]string{plain.Runtimes[0].Image: "nothing"}
	for name, change := range map[string]func(*Options){
		"user":                func(o *Options) { o.User = "agent" },
		"uid":                 func(o *Options) { o.User = ":2000" },
		"sudo":                func(o *Options) { o.NoSudo = true },
		"tools":               func(o *Options) { o.Tools = payload.PayloadFirst },
		"extra deps":          func(o *Options) { o.ExtraDeps = "true" },
		"other extra deps":    func(o *Options) { o.ExtraDeps = "false" },
		"library path":        func(o *Options) { o.ExportLibraryPath = true },
		"layer order":         func(o *Options) { o.LayerOrder = OrderBaseFirst },
		"assemble":            func(o *Options) { o.Assemble = AssembleNever },
		"sudo and extra deps": func(o *Options) { o.NoSudo, o.ExtraDeps = true, "true" },
	} {
		o := options()
		change(&o)
		image := mustPlan(t, o, inputs()).Runtimes[0].Image
		if other, taken := seen[image]; taken {
			t.Errorf("another %s has the name of another %s: %s", name, other, image)
		}
		seen[image] = name
		if again := mustPlan(t, o, inputs()).Runtimes[0].Image; again != image {
			t.Errorf("%s is %s, then %s", name, image, again)
		}
		if name == "extra deps" && !regexp.MustCompile(`_alpine_t_3\.20_`+hash+`_[0-9a-z]{8}$`).MatchString(image) {
			t.Errorf("an image with extra dependencies is called %s", image)
		}
	}
}

// The servers know by a variable that they are not to be root's.
func TestImageWithoutSudoSaysSo(t *testing.T) {
	for _, without := range []bool{true, false} {
		o := options()
		o.NoSudo = without
		r := mustPlan(t, o, inputs()).Runtimes[0]
		if got := strings.Contains(r.Dockerfile, payload.NoSudoVariable+"="); got != without {
			t.Errorf("without sudo %v: the variable is in the Dockerfile: %v", without, got)
		}
	}
}

// The golden file leaves out the texts that the templates' own tests look at
// and the hashes that follow them.
func TestPlanGolden(t *testing.T) {
	o := options()
	o.Bases = []string{"alpine:3.20", Scratch, "registry.example:5000/Team/x@sha256:" + strings.Repeat("0", 64)}
	o.Bases[2] = strings.ToLower(o.Bases[2])
	o.User, o.NoSudo, o.ExtraDeps = "agent:2000", true, "apk add gcc"
	p := mustPlan(t, o, inputs())
	hash, ok := tag.HashOf(p.Deps.Tag)
	if !ok {
		t.Fatalf("tag %q", p.Deps.Tag)
	}
	for name, text := range map[string]string{"deps": p.Deps.Dockerfile, "runtime": p.Runtimes[0].Dockerfile} {
		if !strings.Contains(text, "FROM ") {
			t.Errorf("the Dockerfile of the %s image is %q", name, text)
		}
	}
	// What "prune" and "ls" know a payload by that nobody built on.
	if !strings.HasSuffix(p.Deps.Dockerfile, "\nLABEL org.opencontainers.image.version=\"0.62.0\"\n") {
		t.Errorf("the Dockerfile of the payload ends in another step:\n%s", p.Deps.Dockerfile)
	}
	p.Deps.Dockerfile = ""
	for i := range p.Runtimes {
		p.Runtimes[i].Dockerfile = ""
	}
	got, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(got), hash, "HASH")
	text = regexp.MustCompile(`\b(dockerfile|context)=[0-9a-f]{12}`).ReplaceAllString(text, "$1=HASH")
	compareGolden(t, "testdata/plan.json", text+"\n")
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s ('make update' accepts it):\n%s", file, diff)
	}
}

func TestContextHoldsTheHelpers(t *testing.T) {
	p := mustPlan(t, options(), inputs())
	for name, data := range inputs().Helpers {
		if file := p.Deps.Context["helpers/"+name]; string(file.Data) != string(data) || file.Mode != 0o755 {
			t.Errorf("helpers/%s is %v %q", name, file.Mode, file.Data)
		}
	}
}

// A builder of another architecture runs programs of its own, and the payload
// gets those of its architecture.
func TestContextHoldsTheBuildersHelpers(t *testing.T) {
	o, in := options(), inputs()
	o.BuilderArch, in.Tools = "arm64", map[string][]byte{"oh-bundle": []byte("for the builder")}
	p := mustPlan(t, o, in)
	for name, want := range map[string]string{"tools/oh-bundle": "for the builder", "helpers/oh-bundle": "bundle"} {
		if file := p.Deps.Context[name]; string(file.Data) != want || file.Mode != 0o755 {
			t.Errorf("%s is %v %q", name, file.Mode, file.Data)
		}
	}
	if p.Deps.BuilderArch != "arm64" || !strings.Contains(p.Deps.Dockerfile, "--platform=linux/arm64") {
		t.Errorf("the builder is of %q: %s", p.Deps.BuilderArch, p.Deps.Dockerfile)
	}
}

// A repository of payloads changes the name of the payload, and of no image.
func TestDepsRepository(t *testing.T) {
	before := mustPlan(t, options(), inputs())
	o := options()
	o.DepsRepository = "registry.example/payloads"
	p := mustPlan(t, o, inputs())
	if want := o.DepsRepository + ":" + before.Deps.Tag; p.Deps.Image != want || p.Deps.Repository != o.DepsRepository {
		t.Errorf("the payload is %s of %s, want %s", p.Deps.Image, p.Deps.Repository, want)
	}
	if p.Runtimes[0].Image != before.Runtimes[0].Image {
		t.Errorf("the image is %s, was %s", p.Runtimes[0].Image, before.Runtimes[0].Image)
	}
}

func TestGivenDeps(t *testing.T) {
	for name, test := range map[string]struct {
		deps DepsImage
		want string
	}{
		"labelled": {DepsImage{"my/deps:1", "oh_deps_v1.2_0123456789abcdef", "1.2", "agent-server"}, "oh_v1.2_alpine_t_3.20_0123456789abcdef"},
		"unknown":  {DepsImage{Ref: "my/deps:1"}, "oh_v0.62.0_alpine_t_3.20_"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Deps = &test.deps
			p := mustPlan(t, o, Inputs{})
			if p.Deps.Image != "my/deps:1" || !p.Deps.Given || p.Deps.Dockerfile != "" {
				t.Errorf("deps %+v", p.Deps)
			}
			if _, name, _ := strings.Cut(p.Runtimes[0].Image, ":"); !strings.HasPrefix(name, test.want) || len(name) != len("oh_v1.2_alpine_t_3.20_0123456789abcdef")+len(p.Deps.Version)-3 {
				t.Errorf("tag %s, want %s", name, test.want)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		code   problem.Code
	}{
		"base in capitals":     {func(o *Options) { o.Bases = []string{"Alpine:3:20"} }, problem.Reference},
		"empty base":           {func(o *Options) { o.Bases = []string{""} }, problem.Reference},
		"tag of the base":      {func(o *Options) { o.Tags = []string{"docker.io/library/alpine:3.20"} }, problem.Usage},
		"tag of another base":  {func(o *Options) { o.Bases, o.Tags = []string{"a", "b:latest"}, []string{"{base}x", "b"} }, problem.Usage},
		"tag of the payload":   {func(o *Options) { o.Deps, o.Tags = &DepsImage{Ref: "deps"}, []string{"deps:latest"} }, problem.Usage},
		"placeholder":          {func(o *Options) { o.Tags = []string{"x:{bse}"} }, problem.Usage},
		"empty placeholder":    {func(o *Options) { o.Tags = []string{"x:{}"} }, problem.Usage},
		"half a placeholder":   {func(o *Options) { o.Tags = []string{"x:{base"} }, problem.Reference},
		"name in a tag":        {func(o *Options) { o.Bases, o.Tags = []string{"a/b"}, []string{"x:{base.name}"} }, problem.Reference},
		"name of an image ID":  {func(o *Options) { o.Bases, o.Tags = []string{strings.Repeat("a", 64)}, []string{"{base.name}:x"} }, problem.Reference},
		"one name for two":     {func(o *Options) { o.Bases, o.Tags = []string{"a:1", "b:1"}, []string{"x:{base.tag}"} }, problem.Usage},
		"base twice":           {func(o *Options) { o.Bases = []string{"a", "a"} }, problem.Usage},
		"tag":                  {func(o *Options) { o.Tags = []string{"a b"} }, problem.Reference},
		"tag for two":          {func(o *Options) { o.Bases, o.Tags = []string{"a", "b"}, []string{"c"} }, problem.Usage},
		"builder base":         {func(o *Options) { o.BuilderBase = "!" }, problem.Reference},
		"deps image":           {func(o *Options) { o.Deps = &DepsImage{Ref: "A:B:C"} }, problem.Reference},
		"repository with tag":  {func(o *Options) { o.Repository = "a:b" }, problem.Reference},
		"that of payloads":     {func(o *Options) { o.DepsRepository = "a:b" }, problem.Reference},
		"that, and deps image": {func(o *Options) { o.Repository, o.Deps = "a:b", &DepsImage{Ref: "a"} }, problem.Reference},
		"version":              {func(o *Options) { o.Version = "1.0+local" }, problem.Usage},
		"component":            {func(o *Options) { o.Without = []string{"nope"} }, problem.Usage},
		"layer order":          {func(o *Options) { o.LayerOrder = "x" }, problem.Usage},
		"assemble":             {func(o *Options) { o.Assemble = "x" }, problem.Usage},
		"Dockerfile's order":   {func(o *Options) { o.Assemble, o.LayerOrder = AssembleNever, OrderPayloadFirst }, problem.Usage},
		"user with a colon":    {func(o *Options) { o.User = "a:b" }, problem.Usage},
		"user in capitals":     {func(o *Options) { o.User = "Agent" }, problem.Usage},
		"root as a user ID":    {func(o *Options) { o.User = "a:0" }, problem.Usage},
		"user with a new line": {func(o *Options) { o.User = "a\nroot" }, problem.Usage},
		"very long command":    {func(o *Options) { o.ExtraDeps = strings.Repeat("x", maxExtraDeps+1) }, problem.Usage},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			test.change(&o)
			_, err := New(o, inputs())
			var p *problem.Error
			if err = problem.WithHelp("docker openhands build", err); !errors.As(err, &p) || p.Code != test.code || p.Next == "" {
				t.Errorf("got %v, want %s and a next step", err, test.code)
			}
		})
	}
}

func TestExtraDepsStep(t *testing.T) {
	if step := (Runtime{}).ExtraDepsStep(); step != "" {
		t.Errorf("without a command: %q", step)
	}
	const command = "echo \"$HOME\" > /x && true"
	step := Runtime{ExtraDeps: command}.ExtraDepsStep()
	_, argv, ok := strings.Cut(step, "id=extra-deps,target=/dev/openhands-extra-deps,required ")
	var words []string
	if err := json.Unmarshal([]byte(argv), &words); !ok || err != nil || len(words) != 3 || !strings.HasSuffix(words[2], "; fi\n. /dev/openhands-extra-deps") {
		t.Errorf("%v\n%s", err, step)
	}
	if other := (Runtime{ExtraDeps: "token=1"}).ExtraDepsStep(); other != step {
		t.Errorf("the step tells the command:\n%s", other)
	}
	o := options()
	if label, said := mustPlan(t, o, inputs()).Runtimes[0].Labels[payload.LabelExtraDeps]; !said || label != "" {
		t.Errorf("without a command the label is %q, %v", label, said)
	}
	o.ExtraDeps = command
	if label, said := mustPlan(t, o, inputs()).Runtimes[0].Labels[payload.LabelExtraDeps]; said {
		t.Errorf("the plan says %q of the command", label)
	}
	if text := mustPlan(t, o, inputs()).Runtimes[0].Dockerfile; !strings.HasSuffix(text, "\n"+step+LastStep+"\n") {
		t.Errorf("the Dockerfile form does not end in the step and the last one:\n%s", text)
	}
}

// The Dockerfile form is the same for every base, and comes to what the base
// has chosen.
func TestDockerfileKeepsTheBasesChoices(t *testing.T) {
	o := options()
	o.ExportLibraryPath = true
	text := mustPlan(t, o, inputs()).Runtimes[0].Dockerfile
	for _, line := range []string{
		`ENV PLAYWRIGHT_BROWSERS_PATH="${PLAYWRIGHT_BROWSERS_PATH:-/openhands/browser/ms-playwright}"`,
		`ENV LANG="${LANG:-C.UTF-8}"`,
		`ENV GIT_EDITOR="${GIT_EDITOR:-${VISUAL:-${EDITOR:-code --wait}}}"`,
		`ENV VISUAL="${VISUAL:-${EDITOR:-code}}"`,
		`ENV EDITOR="${EDITOR:-code}"`,
		`ENV LD_LIBRARY_PATH="/openhands/lib"`,
		`STOPSIGNAL SIGTERM`,
		`HEALTHCHECK NONE`,
		`USER 0`,
	} {
		if strings.Count(text, "\n"+line+"\n") != 1 {
			t.Errorf("%s is not once in\n%s", line, text)
		}
	}
	if strings.Contains(text, "LC_ALL") {
		t.Error("LC_ALL counts more than LANG of the base")
	}
	for i, name := range []string{"GIT_EDITOR", "VISUAL", "EDITOR"} { // each is read before it is set
		if at := strings.Index(text, "ENV "+name+"="); i > 0 && at < strings.Index(text, "ENV GIT_EDITOR=") {
			t.Errorf("%s is set before GIT_EDITOR", name)
		}
	}
}

// OpenHands' clients start the image of the agent server with its options as
// the command, as the image's own user.
func TestAgentServerImage(t *testing.T) {
	o := options()
	o.Deps = &DepsImage{Ref: "deps:1", Tag: tag.Deps("1.58.2", "aaaaaaaaaaaaaaaa"), Version: "1.58.2", Server: payload.AgentServer}
	o.ExtraDeps = "true"
	r := mustPlan(t, o, inputs()).Runtimes[0]
	if want := []string{payload.Init, "--", payload.Bin + "/oh-agent-server"}; !slices.Equal(r.Entrypoint(), want) || len(r.Cmd()) > 0 {
		t.Errorf("starts %q with %q", r.Entrypoint(), r.Cmd())
	}
	for _, line := range []string{
		`HEALTHCHECK --interval=30s --timeout=10s --start-period=2m0s --retries=3 CMD ["/openhands/bin/oh-init","health"]` + "\n",
		"FROM alpine:3.20\n", `"--uid", "10001"`, `"--server", "agent-server"`, "\nUSER openhands\nWORKDIR /\nEXPOSE 8000\n", `ENTRYPOINT ["/openhands/bin/oh-init","--","/openhands/bin/oh-agent-server"]`, "\nCMD []\n",
	} {
		if !strings.Contains(r.Dockerfile, line) {
			t.Errorf("%q is not in\n%s", line, r.Dockerfile)
		}
	}
	// What the payload has, its labels say.
	const browser = `ENV CHROME_BIN="${CHROME_BIN:-/openhands/fallback/bin/chromium-browser}"`
	for components, want := range map[string]bool{"python,browser": true, "python,headless-browser": false, "": false} {
		text, err := r.RenderDockerfile("deps:1", "alpine:3.20", map[string]string{payload.LabelComponents: components})
		if err != nil || strings.Contains(text, browser) != want {
			t.Errorf("with the components %q: %v\n%s", components, err, text)
		}
	}
	if !strings.HasSuffix(r.Dockerfile, "\nUSER openhands\n"+LastStep+"\n") {
		t.Errorf("after extra dependencies the user is another one:\n%s", r.Dockerfile)
	}
	o.User = ":2000"
	if r := mustPlan(t, o, inputs()).Runtimes[0]; r.UID != 2000 {
		t.Errorf("user ID %d, want the one asked for", r.UID)
	}
}
