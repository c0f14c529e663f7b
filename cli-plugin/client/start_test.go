package client

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// How each client starts an image is in testdata.
func TestStarts(t *testing.T) {
	var b strings.Builder
	for _, c := range All() {
		given := img("team/app:1")
		given.Labels.User = "dev:1234"
		for _, s := range c.Starts(given) {
			fmt.Fprintf(&b, "== %s\n", s.Name())
			fields(&b, reflect.ValueOf(s))
		}
	}
	golden(t, "starts", b.String())
}

// fields writes what is set of a struct.
func fields(b *strings.Builder, v reflect.Value) {
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		switch {
		case v.Type().Field(i).Anonymous:
			fields(b, field)
		case field.Kind() == reflect.Slice && !field.IsNil() || !field.IsZero():
			fmt.Fprintf(b, "%s: %+v\n", name, field.Interface())
		}
	}
}

// A start says all that a container and its judge need, and no two are confused.
func TestStartsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range All() {
		starts := c.Starts(img("team/app:1"))
		if len(starts) == 0 {
			t.Errorf("nothing says how %s starts an image", c.Name)
		}
		for _, s := range starts {
			if s.Client != c.Name || s.Port == 0 || s.Grace == 0 || len(s.Command)+len(s.Entrypoint) == 0 {
				t.Errorf("%+v", s)
			}
			if seen[s.Name()] {
				t.Errorf("two starts are called %q", s.Name())
			}
			seen[s.Name()] = true
			if slices.Contains(append([]uint16{s.Port}, s.Ports...), s.Editor) {
				t.Errorf("%s has one port for two things", s.Name())
			}
		}
	}
}

// What replaces the entry point is in every image.
func TestEntrancesAreMade(t *testing.T) {
	made := payload.ServerNamed(payload.AgentServer).Entrances
	for _, c := range All() {
		for _, s := range c.Starts(img("team/app:1")) {
			if len(s.Entrypoint) > 0 && !slices.Contains(made, s.Entrypoint[0]) {
				t.Errorf("%s starts %s, which no image has", s.Name(), s.Entrypoint[0])
			}
		}
	}
}

// The account of V0 is that of the image, and the usual one where it tells none.
func TestV0Command(t *testing.T) {
	for user, want := range map[string]string{"": "--username openhands --user-id 1000", "root:0": "--username root --user-id 0", "dev": "--username dev --user-id 1000"} {
		if got := strings.Join(V0Command(user, "/w", 1, "jupyter"), " "); !strings.HasSuffix(got, "action_execution_server 1 --working-dir /w --plugins jupyter "+want) {
			t.Errorf("%q: %s", user, got)
		}
	}
}
