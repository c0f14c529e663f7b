package plan

import "testing"

func TestDigestSeparatesNamesAndValues(t *testing.T) {
	sum := func(parts ...string) string {
		d := newDigest()
		for i := 0; i+1 < len(parts); i += 2 {
			d.add(parts[i], []byte(parts[i+1]))
		}
		return d.tag()
	}
	if sum("ab", "c") == sum("a", "bc") {
		t.Error("the border of name and value is lost")
	}
	if sum("a", "b", "c", "d") == sum("a", "bcd") {
		t.Error("the border of two entries is lost")
	}
}
