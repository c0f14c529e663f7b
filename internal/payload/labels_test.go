package payload

import (
	"maps"
	"reflect"
	"slices"
	"testing"
)

// Every field has a label of its own, and is read from where it was written.
func TestLabels(t *testing.T) {
	var l Labels
	fields := reflect.ValueOf(&l).Elem()
	for i := range fields.NumField() {
		fields.Field(i).SetString(fields.Type().Field(i).Name)
	}
	all := l.Map()
	if len(all) != fields.NumField() {
		t.Errorf("%d labels for %d fields", len(all), fields.NumField())
	}
	all["somebody's"] = "own"
	if got := ReadLabels(all); got != l {
		t.Errorf("got %+v, want %+v", got, l)
	}
	if all := (Labels{Version: "1"}).Map(); !maps.Equal(all, map[string]string{LabelVersion: "1"}) {
		t.Errorf("labels without a value: %v", all)
	}
}

func TestLabelsDiffer(t *testing.T) {
	want := Labels{
		Platform: "linux/amd64", DepsDigest: "sha256:0123456789abcdef", BaseName: "b", BaseDigest: "sha256:b", Setup: "s", User: "u", ExtraDeps: "e",
	}
	for name, test := range map[string]struct {
		change func(have *Labels)
		want   []string
	}{
		"nothing":                    {func(*Labels) {}, nil},
		"what the payload says":      {func(l *Labels) { l.Version, l.Components = "2", "other" }, nil},
		"platform":                   {func(l *Labels) { l.Platform = "linux/arm64" }, []string{"platform (linux/amd64, was linux/arm64)"}},
		"payload":                    {func(l *Labels) { l.DepsDigest = "sha256:f" }, []string{"payload (sha256:0123456789ab, was sha256:f)"}},
		"base":                       {func(l *Labels) { l.BaseDigest = "" }, []string{"base"}},
		"base by its name":           {func(l *Labels) { l.BaseName, l.BaseDigest = "c", "" }, []string{"base reference (b, was c)"}},
		"user":                       {func(l *Labels) { l.Setup, l.User = "t", "v:7" }, []string{"user (u, was v:7)"}},
		"user in another form":       {func(l *Labels) { l.User = "u:1000" }, nil},
		"extra dependencies":         {func(l *Labels) { l.Setup, l.ExtraDeps = "t", "" }, []string{"command for extra dependencies"}},
		"sudo":                       {func(l *Labels) { l.Setup = "t" }, []string{"choice of sudo, layer order or library path"}},
		"payload and sudo":           {func(l *Labels) { l.DepsDigest, l.Setup = "", "t" }, []string{"payload", "choice of sudo, layer order or library path"}},
		"all, of an image unlike us": {func(l *Labels) { *l = Labels{} }, []string{"platform", "payload", "base reference", "command for extra dependencies"}},
	} {
		have := want
		test.change(&have)
		if got := want.Differs(have, func(_, had, want string) bool { return had == want }); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if got := want.Differs(Labels{}, func(string, string, string) bool { return true }); got != nil {
		t.Errorf("%q, where all means the same", got)
	}
}
