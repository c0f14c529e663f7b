// Package terminal makes the words of others fit for a terminal: names and
// texts of images, registries, files and servers may hold sequences that a
// terminal obeys. Such characters are shown as an escape.
//
// They are the control characters of ISO 6429 (C0, DEL and C1), those that
// change the direction of writing (Unicode's Bidi_Control) and bytes that are
// no UTF-8. The escapes are \xNN below DEL and for bytes, else \uNNNN, so that
// what encoding/json has written stays JSON and means the same.
package terminal

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns text on one line: ends of lines and tabs are escaped as well.
func Line(text string) string { return escape(text, "") }

// Text returns text whose ends of lines and tabs stay.
func Text(text string) string { return escape(text, "\n\t") }

// Log is Text for what a program printed: colours are left out, and a carriage
// return, with which programs draw their progress, ends a line.
func Log(text string) string {
	text = colour.ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return Text(strings.ReplaceAll(text, "\r", "\n"))
}

// colour is Select Graphic Rendition of ISO 6429.
var colour = regexp.MustCompile("\x1b\\[[0-9;:]*m")

func escape(text, kept string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r < ' ' && !strings.ContainsRune(kept, r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case r >= 0x7f && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Writer returns a writer of Text to w. A character may come in several
// writes.
func Writer(w io.Writer) io.Writer { return &writer{to: w} }

type writer struct {
	to   io.Writer
	rest []byte // the start of a character
}

func (w *writer) Write(p []byte) (int, error) {
	data := append(w.rest, p...)
	whole := len(data)
	for back := 1; back < utf8.UTFMax && back <= len(data); back++ {
		if tail := data[len(data)-back:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				whole -= back
			}
			break
		}
	}
	w.rest = append([]byte(nil), data[whole:]...)
	if _, err := io.WriteString(w.to, Text(string(data[:whole]))); err != nil {
		return 0, err
	}
	return len(p), nil
}
