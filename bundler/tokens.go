package bundler

import "strings"

// tokens are the values of the dynamic string tokens (ld.so(8)). An empty one
// is not known.
type tokens struct{ origin, lib, platform string }

// expand replaces the tokens of s, wherever they are. It returns false where
// one has no value: a loader then does without the whole path.
func (t tokens) expand(s string) (string, bool) {
	if !strings.Contains(s, "$") {
		return s, true
	}
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "$")
		b.WriteString(before)
		if !ok {
			return b.String(), true
		}
		s = after
		value, n := t.token(after)
		switch {
		case n == 0:
			b.WriteByte('$')
		case value == "":
			return "", false
		default:
			b.WriteString(value)
			s = after[n:]
		}
	}
}

// token returns the value of the token that s begins with, without its $, and
// its length, 0 where there is none.
func (t tokens) token(s string) (string, int) {
	for _, token := range []struct{ name, value string }{{"ORIGIN", t.origin}, {"PLATFORM", t.platform}, {"LIB", t.lib}} {
		if strings.HasPrefix(s, "{"+token.name+"}") {
			return token.value, len(token.name) + 2
		}
		if rest, ok := strings.CutPrefix(s, token.name); ok && (rest == "" || !isWord(rest[0])) {
			return token.value, len(token.name)
		}
	}
	return "", 0
}

func isWord(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
}

// expandOrigin replaces $ORIGIN alone; an element with another token is
// returned as it is.
func expandOrigin(element, origin string) string {
	if s, ok := (tokens{origin: origin}).expand(element); ok {
		return s
	}
	return element
}

// muslExpand replaces $ORIGIN as musl does: after any $ it must be the only
// token, and it needs no end.
func muslExpand(list, origin string) (string, bool) {
	rest := strings.NewReplacer("${ORIGIN}", "", "$ORIGIN", "").Replace(list)
	if strings.Contains(rest, "$") {
		return "", false
	}
	return strings.NewReplacer("${ORIGIN}", origin, "$ORIGIN", origin).Replace(list), true
}
