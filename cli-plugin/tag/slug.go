package tag

import (
	"crypto/sha256"
	"regexp"
	"strings"
)

const (
	slugHash      = 12 // base 36 digits that make an ambiguous name unique
	slugSeparator = "_h_"
)

var (
	safe      = regexp.MustCompile(`^[a-z0-9_.-]+$`)
	notSafe   = regexp.MustCompile(`[^a-z0-9_.-]`)
	hashedEnd = regexp.MustCompile(slugSeparator + `[0-9a-z]{12}$`)
	fromSlug  = strings.NewReplacer("_s_", "/", "_t_", ":")
)

// Base is a base as a tag has it, or a part of one: no two bases are alike.
func Base(reference string) string {
	// A cut can leave a character in front that no tag begins with.
	return strings.TrimLeft(slug(reference, baseLength), "-.")
}

// slug turns an image reference into at most limit characters of a tag. It is
// the traditional form ("/" is "_s_", ":" is "_t_", lower case, the end kept)
// wherever that form leads back to the reference, and that form followed by
// "_h_" and a hash of the reference wherever it does not; so two references
// never share a slug.
func slug(reference string, limit int) string {
	plain := intoTag.Replace(reference)
	if len(plain) <= limit && safe.MatchString(plain) && fromSlug.Replace(plain) == reference && !hashedEnd.MatchString(plain) {
		return plain
	}
	sum := sha256.Sum256([]byte(reference))
	suffix := slugSeparator + base36(sum[:], slugHash)
	readable := notSafe.ReplaceAllString(strings.ToLower(plain), "-")
	if room := max(limit-len(suffix), 0); len(readable) > room {
		readable = readable[len(readable)-room:]
	}
	return readable + suffix
}
