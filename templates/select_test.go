package templates

import (
	"slices"
	"strings"
	"testing"
)

func TestSelect(t *testing.T) {
	needs := func(names ...string) map[string][]string {
		all := map[string][]string{}
		for _, name := range names {
			all[name] = []string{"/" + name}
		}
		return all
	}
	all := []Component{
		{Name: "python"},
		{Name: "one", Server: "one", Provides: "environment", Needs: needs("python")},
		{Name: "two", Server: "two", Provides: "environment"},
		{Name: "browser", Needs: needs("environment")},
		{Name: "third", Server: "three"},
		{Name: "hen", Server: "four", Needs: needs("python", "nest")},
		{Name: "egg", Server: "four", Needs: needs("hen")},
		{Name: "nest", Server: "four", Needs: needs("egg")},
		{Name: "docker", Optional: true},
		{Name: "compose", Optional: true, Needs: needs("docker")},
		{Name: "double", Server: "one", Optional: true, Provides: "environment"},
	}
	for _, test := range []struct {
		server, with, without, want, err string
	}{
		{server: "one", want: "python, one, browser"},
		{server: "two", want: "python, two, browser"},
		{server: "two", without: "python two browser", want: ""},
		{server: "two", with: "docker", want: "python, two, browser, docker"},
		{server: "two", with: "python docker compose", want: "python, two, browser, docker, compose"},
		{server: "three", without: "browser", want: "python, third"},
		{server: "one", without: "python", err: `"one" needs "python"`},
		{server: "one", without: "one", err: `"browser" needs "one"`},
		{server: "one", with: "compose", want: "python, one, browser, docker, compose"},
		{server: "one", with: "compose", without: "docker", err: `"compose" needs "docker", which is left out`},
		{server: "one", with: "double", err: `several: one, double`},
		{server: "one", with: "two", err: `"two" belongs to the server two`},
		{server: "one", with: "docker", without: "docker", err: `both asked for and left out`},
		{server: "three", err: `"browser" needs "environment", which the server three has not`},
		{server: "four", without: "browser", err: `"egg" and "hen" need each other`},
		{server: "one", without: "pyhton", err: `no component "pyhton"`},
		{server: "one", with: "pyhton", err: `no component "pyhton"`},
	} {
		got, err := Select(all, Choice{Server: test.server, With: strings.Fields(test.with), Without: strings.Fields(test.without)})
		switch {
		case test.err != "":
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%+v: %v, want an error with %q", test, err, test.err)
			}
		case err != nil:
			t.Errorf("%+v: %v", test, err)
		case names(got) != test.want:
			t.Errorf("%+v: %s", test, names(got))
		}
	}
}

func TestSelectNamesTheProvider(t *testing.T) {
	all := []Component{
		{Name: "one", Server: "one", Provides: "environment"},
		{Name: "browser", Needs: map[string][]string{"environment": {"/a"}, "one": {"/b"}}},
	}
	got, err := Select(all, Choice{Server: "one"})
	if err != nil {
		t.Fatal(err)
	}
	if paths := got[1].Needs["one"]; !slices.Equal(paths, []string{"/a", "/b"}) || len(got[1].Needs) != 1 {
		t.Errorf("needs %v", got[1].Needs)
	}
	if _, ok := all[1].Needs["environment"]; !ok {
		t.Error("the component that was handed in is changed")
	}
}

// Every payload that can be chosen with one option is complete.
func TestBuiltInComponentsGoTogether(t *testing.T) {
	all := components(t)
	for _, server := range Servers(all) {
		if _, err := Select(all, Choice{Server: server}); err != nil {
			t.Errorf("%s: %v", server, err)
		}
		for _, c := range all {
			if !c.Optional || !c.serves(server) {
				continue
			}
			if _, err := Select(all, Choice{Server: server, With: []string{c.Name}}); err != nil {
				t.Errorf("%s with %s: %v", server, c.Name, err)
			}
		}
	}
}
