package traditional

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// Filters, tests and methods do what Jinja does: testdata/builtins.py asked it.
func TestBuiltins(t *testing.T) {
	data, err := os.ReadFile("testdata/builtins.json")
	if err != nil {
		t.Fatal(err)
	}
	var asked map[string]string
	if err := json.Unmarshal(data, &asked); err != nil {
		t.Fatal(err)
	}
	if len(asked) == 0 {
		t.Fatal("nothing was asked")
	}
	for expression, want := range asked {
		if got, err := evaluate(expression); err != nil || got != want {
			t.Errorf("%s: got %q, want %q, %v", expression, got, want, err)
		}
	}
}

func TestBuiltinsRefuseArguments(t *testing.T) {
	for _, expression := range []string{
		"'a' | upper(1)", "'a' | default('b', 'c')", "'a' | trim('b', 'c')", "'a' is odd(1, 2)", "3 is lt", "'a'.endswith()",
		"'a'.endswith(1)", "'a'.lower(1)", "'a'.strip('a', 'b')", "'a' | replace('a', 'b')", "'a'.replace('a', 'b')",
	} {
		if got, err := evaluate(expression); err == nil {
			t.Errorf("%s: %q", expression, got)
		}
	}
}

func evaluate(expression string) (string, error) {
	template, err := parse("{{ " + expression + " }}")
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = render(template, &out, map[string]any{"base_image": "debian:13"})
	return out.String(), err
}
