package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// MaxTag is the longest tag that registries accept (OCI distribution
// specification, "Pulling manifests").
const MaxTag = 128

const (
	hashLength    = 16 // base 36 digits of a payload's hash
	slugLength    = 96 // characters of a base's name
	slugHash      = 12 // base 36 digits that make an ambiguous name unique
	slugSeparator = "_h_"
)

// DepsTag names a payload: oh_deps_v{version}_{hash}.
func DepsTag(version, digest string) string { return "oh_deps_v" + version + "_" + digest }

// RuntimeTag names a runtime image: oh_v{version}_{base}_{hash of the payload}.
func RuntimeTag(version, base, digest string) string {
	prefix, suffix := "oh_v"+version+"_", "_"+digest
	return prefix + Slug(base, min(slugLength, MaxTag-len(prefix)-len(suffix))) + suffix
}

var (
	depsTag   = regexp.MustCompile(`^oh_deps_v[0-9A-Za-z.]+_([0-9a-z]{16})$`)
	tagSafe   = regexp.MustCompile(`^[a-z0-9_.-]+$`)
	notSafe   = regexp.MustCompile(`[^a-z0-9_.-]`)
	hashedEnd = regexp.MustCompile(slugSeparator + `[0-9a-z]{12}$`)

	intoSlug = strings.NewReplacer("/", "_s_", ":", "_t_", "@", "_d_")
	fromSlug = strings.NewReplacer("_s_", "/", "_t_", ":")
)

// HashOf returns the hash inside a DepsTag.
func HashOf(tag string) (digest string, ok bool) {
	match := depsTag.FindStringSubmatch(tag)
	if match == nil {
		return "", false
	}
	return match[1], true
}

// Slug turns an image reference into at most limit characters of a tag. It is
// the traditional form ("/" is "_s_", ":" is "_t_", lower case, the end kept)
// wherever that form leads back to the reference, and that form followed by
// "_h_" and a hash of the reference wherever it does not; so two references
// never share a slug.
func Slug(reference string, limit int) string {
	plain := intoSlug.Replace(reference)
	if len(plain) <= limit && tagSafe.MatchString(plain) && fromSlug.Replace(plain) == reference && !hashedEnd.MatchString(plain) {
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

// base36 writes the number that sum is, modulo 36^digits, with leading zeros.
func base36(sum []byte, digits int) string {
	n := new(big.Int).SetBytes(sum)
	n.Mod(n, new(big.Int).Exp(big.NewInt(36), big.NewInt(int64(digits)), nil))
	text := n.Text(36)
	return strings.Repeat("0", digits-len(text)) + text
}

// digest hashes named values. Every name and value is preceded by its length,
// so that different sequences never give the same bytes.
type digest struct{ hash.Hash }

func newDigest() digest { return digest{sha256.New()} }

func (d digest) add(name string, value []byte) {
	for _, part := range [][]byte{[]byte(name), value} {
		_ = binary.Write(d, binary.BigEndian, uint64(len(part))) // a hash never fails
		_, _ = d.Write(part)
	}
}

func (d digest) addAll(name string, values map[string][]byte) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		d.add(name+"\x00"+key, values[key])
	}
}

func (d digest) tag() string { return base36(d.Sum(nil), hashLength) }

// FlatSuffix ends the tag of a payload in one layer. It is made where a base has
// so many layers that those of the ordinary one have no room, once for each
// engine, and shared by all images over such bases.
const FlatSuffix = "-flat"
