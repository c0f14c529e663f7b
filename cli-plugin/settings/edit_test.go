package settings

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSet(t *testing.T) {
	image := []string{"sandbox", "runtime_container_image"}
	for name, test := range map[string]struct {
		value        any
		path         []string
		before, want string
	}{
		"empty file":         {"a:1", image, "", "[sandbox]\nruntime_container_image = \"a:1\"\n"},
		"value replaced":     {"a:1", image, "# x\n[sandbox]\n runtime_container_image  =  'old' # why\n", "# x\n[sandbox]\n runtime_container_image  =  \"a:1\" # why\n"},
		"value is the same":  {"a:1", image, "[sandbox]\nruntime_container_image = 'a:1'", "[sandbox]\nruntime_container_image = 'a:1'"},
		"long value":         {"a:1", image, "[sandbox]\nruntime_container_image = \"\"\"\nx\n\"\"\"\ny=1", "[sandbox]\nruntime_container_image = \"a:1\"\ny=1"},
		"another type":       {"a:1", image, "[sandbox]\nruntime_container_image = [ 1, # one\n2 ] # two\n", "[sandbox]\nruntime_container_image = \"a:1\" # two\n"},
		"commented out":      {"a:1", image, "[sandbox]\n#runtime_container_image = 'x'\n\n[llm]\n", "[sandbox]\nruntime_container_image = \"a:1\"\n#runtime_container_image = 'x'\n\n[llm]\n"},
		"end of the section": {"a:1", image, "[sandbox] # mine\n  # first\n  z = 1 # z\n\n  # about a\n  a = [\n  1,\n  ] # a\n\n# about llm\n[llm]\nm = 1\n", "[sandbox] # mine\n  # first\n  z = 1 # z\n\n  # about a\n  a = [\n  1,\n  ] # a\n  runtime_container_image = \"a:1\"\n\n# about llm\n[llm]\nm = 1\n"},
		"no newline":         {"a:1", image, "[sandbox]\nz = 1", "[sandbox]\nz = 1\nruntime_container_image = \"a:1\"\n"},
		"no section":         {"a:1", image, "[llm]\nm = 1", "[llm]\nm = 1\n\n[sandbox]\nruntime_container_image = \"a:1\"\n"},
		"only one below":     {"a:1", image, "[sandbox.x]\nm = 1\n", "[sandbox.x]\nm = 1\n\n[sandbox]\nruntime_container_image = \"a:1\"\n"},
		"dotted keys":        {"a:1", image, "sandbox.z = 1 # z\nother = 2\n[llm]\n", "sandbox.z = 1 # z\nsandbox.runtime_container_image = \"a:1\"\nother = 2\n[llm]\n"},
		"quoted keys":        {"a:1", image, "['sandbox']\n\"runtime_container_image\" = ''", "['sandbox']\n\"runtime_container_image\" = \"a:1\""},
		"inline table":       {"a:1", image, "sandbox = { z = 1 } # z\n", "sandbox = { z = 1, runtime_container_image = \"a:1\" } # z\n"},
		"empty inline table": {"a:1", image, "sandbox = {} # z\n", "sandbox = { runtime_container_image = \"a:1\" } # z\n"},
		"Windows":            {"a:1", image, "[sandbox]\r\nz = 1\r\n[llm]\r\n", "[sandbox]\r\nz = 1\r\nruntime_container_image = \"a:1\"\r\n[llm]\r\n"},
		"byte order mark":    {"a:1", image, "\xef\xbb\xbf[llm]\n", "\xef\xbb\xbf[llm]\n\n[sandbox]\nruntime_container_image = \"a:1\"\n"},
		"same name nearby":   {"a:1", image, "[core]\nruntime_container_image = 'x'\n[sandbox]\n", "[core]\nruntime_container_image = 'x'\n[sandbox]\nruntime_container_image = \"a:1\"\n"},
		"boolean":            {false, []string{"core", "enable_browser"}, "[core]\nenable_browser=true#c\n", "[core]\nenable_browser=false#c\n"},
		"boolean as string":  {true, []string{"core", "enable_browser"}, "[core]\nenable_browser='true'\n", "[core]\nenable_browser=true\n"},
		"odd characters":     {"a\"\\\n\u00e9", []string{"a b", "c"}, "", "[\"a b\"]\nc = \"a\\\"\\\\\\u000A\u00e9\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			file := mustParse(t, test.before)
			after, err := file.set(test.value, test.path...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(after.Bytes())); diff != "" {
				t.Error(diff)
			}
			if again, err := after.set(test.value, test.path...); err != nil || !bytes.Equal(again.Bytes(), after.Bytes()) {
				t.Errorf("set twice: %v\n%s", err, again.Bytes())
			}
		})
	}
}

func TestSetRefuses(t *testing.T) {
	for _, text := range []string{
		"sandbox = 1",
		"[[sandbox]]\na = 1",
		"[a]\n[[sandbox]]",
		"sandbox = { runtime_container_image = { x = 1 } }",
	} {
		if after, err := mustParse(t, text).set("x", "sandbox", "runtime_container_image"); err == nil {
			t.Errorf("%s became\n%s", text, after.Bytes())
		} else if want := `OH-025: config.toml cannot be changed: `; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestUseImage(t *testing.T) {
	for _, test := range []struct {
		browser      bool
		before, want string
	}{
		{true, "", "[sandbox]\nruntime_container_image = \"a:1\"\n"},
		{false, "", "[sandbox]\nruntime_container_image = \"a:1\"\n\n[core]\nenable_browser = false\n"},
		{true, "[core]\nenable_browser = false\n[sandbox]\n", "[core]\nenable_browser = true\n[sandbox]\nruntime_container_image = \"a:1\"\n"},
		{false, "[sandbox]\nenable_browser = true", "[sandbox]\nenable_browser = false\nruntime_container_image = \"a:1\"\n\n[core]\nenable_browser = false\n"},
	} {
		after, err := mustParse(t, test.before).useImage("a:1", test.browser)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, string(after.Bytes())); diff != "" {
			t.Error(diff)
		}
	}
}

// FuzzSet wants that a file is refused, or has every other byte afterwards and
// the new value.
func FuzzSet(f *testing.F) {
	for _, text := range []string{
		"", "a", "[sandbox]", "sandbox={}", "sandbox.a.b=1", "[sandbox.a]\n[x]\n", "sandbox={a={b=1},c=[{d=1}]}#e",
		"[[a]]\n[a.sandbox]\nx=1", "[extended]\n[sandbox]#\r\n\"x\"=1\r\n", "[sandbox]\nx=\"\"\"\n[sandbox]\n\"\"\"",
		"[ sandbox ]\nruntime_container_image = 1979-05-27T07:32:00Z", "sandbox.x.y=1\n[sandbox.z]\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := ParseTOML("t", []byte(text))
		if err != nil {
			return
		}
		after, err := file.set("new", "sandbox", "runtime_container_image")
		if err != nil {
			return
		}
		if v, _, ok, err := after.value(Text, "sandbox", "runtime_container_image"); !ok || err != nil || v[0] != "new" {
			t.Fatalf("%q became %q: %v %v %v", text, after.Bytes(), v, ok, err)
		}
		if _, replaced := file.find("sandbox", "runtime_container_image"); replaced {
			return
		}
		// Nothing but one run of bytes came in.
		got := string(after.Bytes())
		common := 0
		for common < len(text) && text[common] == got[common] {
			common++
		}
		if _, inline := file.find("sandbox"); !inline && !strings.HasSuffix(got, text[common:]) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
