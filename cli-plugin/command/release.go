package command

import "strings"

// latest is the newest release there is, which is the default.
const latest = "latest"

// release is the value of a flag that names a release: with the v of its tag or
// without, or latest. As a text it has neither.
type release string

func (r *release) Set(text string) error {
	if text == latest {
		text = ""
	}
	if rest, ok := strings.CutPrefix(text, "v"); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
		text = rest
	}
	*r = release(text)
	return nil
}

func (r *release) String() string { return string(*r) }
func (r *release) Type() string   { return "string" }
