package sandbox

import "testing"

func TestLastLine(t *testing.T) {
	for line, want := range map[string]string{
		"":                                    "",
		"first":                               "first",
		"  \t":                                "",
		"\x1b[32mgreen\x1b[0m \x1b]0;title\a": `green \x1b]0;title\x07`,
		"10 %\r20 %\r30 %":                    "30 %",
	} {
		if got := lastLine(line); got != want {
			t.Errorf("%q comes to %q, want %q", line, got, want)
		}
	}
}
