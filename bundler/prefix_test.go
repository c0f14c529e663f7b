package bundler

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCleanPrefix(t *testing.T) {
	for prefix, want := range map[string]string{
		"/openhands": "/openhands", "/openhands/": "/openhands", "//opt/./x/../y": "/opt/y",
		"": "", "openhands": "", "/": "", "/..": "", "/a:b": "", "/$LIB": "",
	} {
		got, err := CleanPrefix(prefix)
		if got != want || errors.Is(err, ErrPrefix) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", prefix, got, err, want)
		}
	}
}

// Everything that takes a prefix takes any spelling of it, and none of what is
// no prefix.
func TestPrefixIsCleanedOrRefused(t *testing.T) {
	_, opt := hostMachine(t)
	opt.seal(t, []string{"/usr/bin/true"}, nil)
	unsealed := t.TempDir()
	system := func() *System { return &System{View: NewView("/")} }
	if _, err := CopyClosure(t.Context(), CopyOptions{System: system(), Dest: unsealed, Prefix: testPrefix + "/"}, "/usr/bin/true"); err != nil {
		t.Fatal(err)
	}
	plan := func(prefix string) *Plan {
		p, err := (&Sealer{Prefix: prefix, Machine: opt.Machine}).Plan(t.Context(), unsealed)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if diff := cmp.Diff(plan(testPrefix).Patches, plan(testPrefix+"/").Patches); diff != "" {
		t.Errorf("edits depend on how the prefix is spelled: %s", diff)
	}
	report, err := Verify(t.Context(), opt.Out, VerifyOptions{Prefix: testPrefix + "/"})
	if err != nil || len(report.Offenders) > 0 {
		t.Errorf("verify: %+v, %v", report, err)
	}
	traced, err := Trace(t.Context(), []string{"/openhands/bin/true"}, TraceOptions{Prefix: testPrefix + "/", Root: opt.Out})
	if err != nil || len(traced.Offenders) > 0 {
		t.Errorf("trace: %+v, %v", traced, err)
	}
	for _, prefix := range []string{"", "openhands", "/"} {
		for name, call := range map[string]func() error{
			"dependencies": func() error {
				_, err := FindDependencies(t.Context(), DependencyOptions{Prefix: prefix, Tree: unsealed, Root: "/", Machine: opt.Machine})
				return err
			},
			"copy": func() error {
				_, err := CopyClosure(t.Context(), CopyOptions{System: system(), Dest: unsealed, Prefix: prefix}, "/usr/bin/true")
				return err
			},
			"seal": func() error {
				_, err := (&Sealer{Prefix: prefix, Machine: opt.Machine}).Seal(t.Context(), unsealed)
				return err
			},
			"verify":      func() error { _, err := Verify(t.Context(), opt.Out, VerifyOptions{Prefix: prefix}); return err },
			"permissions": func() error { _, err := Permissions(t.Context(), opt.Out, prefix); return err },
			"trace": func() error {
				_, err := Trace(t.Context(), []string{"/openhands/bin/true"}, TraceOptions{Prefix: prefix, Root: opt.Out})
				return err
			},
		} {
			if err := call(); !errors.Is(err, ErrPrefix) {
				t.Errorf("%s, prefix %q: error %v", name, prefix, err)
			}
		}
	}
}
