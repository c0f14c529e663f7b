package plan

import (
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
)

// Every plan is recovered from what its image says, and no plan from a hash that
// is none of this version's.
func TestRecover(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"plain":         func(*Options) {},
		"no sudo":       func(o *Options) { o.NoSudo = true },
		"a user":        func(o *Options) { o.User = "dev:1234" },
		"root":          func(o *Options) { o.User = "root" },
		"agent server":  func(o *Options) { o.Server = payload.AgentServer },
		"its user":      func(o *Options) { o.Server, o.User = payload.AgentServer, "dev:1000" },
		"tools":         func(o *Options) { o.Tools = payload.PayloadFirst },
		"base first":    func(o *Options) { o.LayerOrder = OrderBaseFirst },
		"payload first": func(o *Options) { o.LayerOrder = OrderPayloadFirst },
		"a Dockerfile":  func(o *Options) { o.Assemble = AssembleNever },
		"library path":  func(o *Options) { o.ExportLibraryPath, o.NoSudo = true, true },
		"extra deps":    func(o *Options) { o.ExtraDeps = "true" },
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Deps = &DepsImage{Ref: "r/deps:1", Tag: "oh_deps_v0.62.0_0123456789abcdef", Version: "0.62.0"}
			change(&o)
			o.Deps.Server = o.Server
			p := mustPlan(t, o, Inputs{})
			want := p.Runtimes[0]
			labels := payload.ReadLabels(want.Labels)
			if o.ExtraDeps != "" {
				labels.ExtraDeps = "some fingerprint"
			}
			got, ok, err := Recover(labels, want.Base, *o.Deps)
			if err != nil || !ok {
				t.Fatalf("%t, %v", ok, err)
			}
			got.Image, got.Dockerfile, got.Tags = want.Image, want.Dockerfile, want.Tags
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			labels.Setup = "0123456789abcdef"
			if _, ok, err := Recover(labels, want.Base, *o.Deps); ok || err != nil {
				t.Errorf("from another hash: %t, %v", ok, err)
			}
		})
	}
	for _, labels := range []payload.Labels{{}, {Platform: "linux/amd64", User: "A B"}, {Platform: "linux/amd64", User: "a:b"}} {
		if _, ok, err := Recover(labels, "alpine:3.20", DepsImage{Ref: "r/deps:1"}); ok || err != nil {
			t.Errorf("%+v: %t, %v", labels, ok, err)
		}
	}
}

func TestRenamed(t *testing.T) {
	const older, newer = "oh_deps_v1.58.2_0000000000000000", "oh_deps_v1.60.0_1111111111111111"
	have, deps := payload.Labels{DepsTag: older}, DepsImage{Tag: newer, Version: "1.60.0"}
	for ref, want := range map[string]string{
		"r.example:5000/rt:oh_v1.58.2_alpine_t_3.20_0000000000000000":          "r.example:5000/rt:oh_v1.60.0_alpine_t_3.21_1111111111111111",
		"r.example:5000/rt:oh_v1.58.2_alpine_t_3.20_0000000000000000_abcd1234": "r.example:5000/rt:oh_v1.60.0_alpine_t_3.21_1111111111111111_abcd1234",
		"team/app:1":                 "team/app:1",
		"team/app":                   "team/app",
		"r.example:5000/rt:" + older: "r.example:5000/rt:" + older,
	} {
		if got := Renamed(ref, have, "alpine:3.21", deps); got != want {
			t.Errorf("%s becomes %s, want %s", ref, got, want)
		}
	}
}
