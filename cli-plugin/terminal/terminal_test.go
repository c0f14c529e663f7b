package terminal

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"
)

func TestEscapes(t *testing.T) {
	for text, want := range map[string][3]string{ // Line, Text, Log
		"plain, größe 語 🙂":         {"plain, größe 語 🙂", "plain, größe 語 🙂", "plain, größe 語 🙂"},
		`back\slash`:               {`back\slash`, `back\slash`, `back\slash`},
		"\x1b]0;OWNED\a\x1b[2J":    {`\x1b]0;OWNED\x07\x1b[2J`, `\x1b]0;OWNED\x07\x1b[2J`, `\x1b]0;OWNED\x07\x1b[2J`},
		"a\n\tb":                   {`a\x0a\x09b`, "a\n\tb", "a\n\tb"},
		"10%\r20%\r\n":             {`10%\x0d20%\x0d\x0a`, "10%\\x0d20%\\x0d\n", "10%\n20%\n"},
		"\x1b[1;38:5:1mred\x1b[0m": {`\x1b[1;38:5:1mred\x1b[0m`, `\x1b[1;38:5:1mred\x1b[0m`, "red"},
		"\x7f\u009b2J\u0085":       {`\u007f\u009b2J\u0085`, `\u007f\u009b2J\u0085`, `\u007f\u009b2J\u0085`},
		"\x9b2J\xff":               {`\x9b2J\xff`, `\x9b2J\xff`, `\x9b2J\xff`},
		"\u202egpj.exe\u2069":      {`\u202egpj.exe\u2069`, `\u202egpj.exe\u2069`, `\u202egpj.exe\u2069`},
		"\u200f\u061c":             {`\u200f\u061c`, `\u200f\u061c`, `\u200f\u061c`},
		"\ufffd\u200d":             {"\ufffd\u200d", "\ufffd\u200d", "\ufffd\u200d"},
	} {
		if got := [3]string{Line(text), Text(text), Log(text)}; got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if again := Text(Text(text)); again != Text(text) {
			t.Errorf("%q: a second time gives %q", text, again)
		}
	}
}

func FuzzWriter(f *testing.F) {
	f.Add("a\x1b[2J größe \u202e\xe8\xaa")
	f.Add("\xf0\x9f\x99")
	f.Fuzz(func(t *testing.T, text string) {
		text += "\n" // a line ends every character
		var bytewise strings.Builder
		if _, err := io.Copy(Writer(&bytewise), iotest.OneByteReader(strings.NewReader(text))); err != nil {
			t.Fatal(err)
		}
		if got := bytewise.String(); got != Text(text) {
			t.Errorf("byte by byte %q, at once %q", got, Text(text))
		}
		if i := strings.IndexFunc(bytewise.String(), func(r rune) bool {
			return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
		}); i >= 0 || !utf8.ValidString(bytewise.String()) {
			t.Errorf("%q passes", bytewise.String())
		}
		data, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var before, after string
		if err := json.Unmarshal(data, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(Text(string(data))), &after); err != nil || after != before {
			t.Errorf("%s means %q, then %q: %v", data, before, after, err)
		}
	})
}
