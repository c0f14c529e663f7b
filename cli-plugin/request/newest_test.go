package request

import (
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Today's payload is of the components that an image has, whatever release it is
// of, and unknown where its labels do not tell what it was made of.
func TestNewest(t *testing.T) {
	usual := Request{Options: deps().Options}
	usual.Options.Without = []string{"browser"}
	p, err := usual.plan([]string{"amd64"}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	of := payload.Labels{Platform: "linux/amd64", Server: plan.DefaultServer, Components: strings.Join(p.Deps.Components, ","), Version: "0.1.0", DepsTag: "oh_deps_v0.1.0_0123456789abcdef"}
	if got, err := Newest(of); err != nil || got != p.Deps.Tag {
		t.Errorf("%q, %v, want %s", got, err, p.Deps.Tag)
	}
	lean := of
	lean.Variant = "python-env=lean"
	if got, err := Newest(lean); err != nil || got == "" || got == p.Deps.Tag {
		t.Errorf("lean: %q, %v", got, err)
	}
	for name, change := range map[string]func(*payload.Labels){
		"sources":        func(l *payload.Labels) { l.Variant = "source" },
		"own components": func(l *payload.Labels) { l.Components += ",zebra" },
		"another order": func(l *payload.Labels) {
			names := l.ComponentNames()
			slices.Reverse(names)
			l.Components = strings.Join(names, ",")
		},
	} {
		changed := of
		change(&changed)
		if got, err := Newest(changed); err != nil || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
