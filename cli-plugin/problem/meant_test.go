package problem

import (
	"slices"
	"testing"
)

func TestSimilar(t *testing.T) {
	names := []string{"alpine:3.20", "debian:12", "debian:13", "app"}
	for word, want := range map[string][]string{
		"alpin:3.20": {"alpine:3.20"}, "Alpine:3.20": {"alpine:3.20"}, "debian": {"debian:12", "debian:13"}, "ubuntu": nil, "ap": {"app"}, "xy": nil, "": {"alpine:3.20", "app", "debian:12", "debian:13"},
	} {
		got := Similar(names, word)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q may be %q, want %q", word, got, want)
		}
	}
}

func TestMeant(t *testing.T) {
	for want, names := range map[string][]string{
		"": nil, "Did you mean 'a'? ": {"a"}, "Did you mean 'a' or 'b' or 'c'? ": {"a", "b", "c", "d"},
	} {
		if got := Meant(names, "'%s'"); got != want {
			t.Errorf("%q", got)
		}
	}
}
