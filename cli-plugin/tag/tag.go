// Package tag is the grammar of the tags that builds give to images: it writes
// them, and reads back what they tell.
//
//	oh_deps_vVERSION_HASH         a payload, see Deps; with a form's suffix behind it
//	oh_vVERSION_BASE_HASH         a runtime image, see Runtime
//	oh_vVERSION_BASE_HASH_CHOICES  one with choices of its own
//	oh_vVERSION_BASE              a traditional image, see Versioned
//	oh_vVERSION_image_NAME_tag_TAG  the same in former versions, see Older
package tag

import (
	"math/big"
	"regexp"
	"strings"
)

// Max is the length in characters of the longest tag that registries accept
// (OCI distribution specification, "Pulling manifests").
const Max = 128

// The suffixes of payloads in another form, behind the tag of the ordinary one.
const (
	Flat = "-flat" // all of it is one layer
	Zstd = "-zstd" // its layers are compressed with Zstandard
)

const (
	prefix     = "oh_"
	depsPrefix = prefix + "deps_"
	baseLength = 96 // characters of a base in a tag
	hashLength = 16 // base 36 digits of a payload's hash

	choicesLength = 8 // base 36 digits of the hash of an image's choices
)

// intoTag turns a reference into characters of a tag.
var intoTag = strings.NewReplacer("/", "_s_", ":", "_t_", "@", "_d_")

// Hash is what tags hold of the sum over what a payload is made from.
func Hash(sum []byte) string { return base36(sum, hashLength) }

// Deps names a payload. The hash is one that Hash returned.
func Deps(version, hash string) string { return depsPrefix + "v" + version + "_" + hash }

var deps = regexp.MustCompile(`^` + depsPrefix + `v[0-9A-Za-z.]+_([0-9a-z]{16})$`)

// HashOf returns the hash inside a tag of Deps.
func HashOf(tag string) (hash string, ok bool) {
	match := deps.FindStringSubmatch(tag)
	if match == nil {
		return "", false
	}
	return match[1], true
}

// Choices is what tags hold of the sum over the choices that make a runtime
// image another one than the plain one over its base.
func Choices(sum []byte) string { return base36(sum, choicesLength) }

// Runtime names a runtime image over base, with the hash of its payload, and
// what Choices has returned, which is empty for the plain image.
func Runtime(version, base, hash, choices string) string {
	before, behind := prefix+"v"+version+"_", "_"+hash
	if choices != "" {
		behind += "_" + choices
	}
	return before + slug(base, min(baseLength, Max-len(before)-len(behind))) + behind
}

// Series is what the references have in common that builds give over one base,
// from one state of the payload's inputs to the next. The image ref is, or is
// made from, the payload with the tag deps. Not ok is a reference that somebody
// chose.
func Series(ref, deps string) (series string, ok bool) {
	colon := strings.LastIndexByte(ref, ':')
	hash := deps[strings.LastIndexByte(deps, '_')+1:]
	tag, form := ref[colon+1:], ""
	if strings.HasPrefix(tag, depsPrefix) {
		for _, suffix := range []string{Flat, Zstd} {
			if cut, found := strings.CutSuffix(tag, suffix); found {
				tag, form = cut, suffix
				break
			}
		}
	}
	if tail := len(tag) - choicesLength - len("_"); tail > 0 && hash != "" && strings.HasSuffix(tag[:tail], "_"+hash) {
		tag, form = tag[:tail], tag[tail:]
	}
	if colon < 0 || hash == "" || !strings.HasPrefix(tag, prefix) || !strings.HasSuffix(tag, "_"+hash) {
		return "", false
	}
	return ref[:colon+1] + strings.TrimSuffix(tag, hash) + form, true
}

// base36 writes the number that sum is, modulo 36^digits, with leading zeros.
func base36(sum []byte, digits int) string {
	n := new(big.Int).SetBytes(sum)
	n.Mod(n, new(big.Int).Exp(big.NewInt(36), big.NewInt(int64(digits)), nil))
	text := n.Text(36)
	return strings.Repeat("0", digits-len(text)) + text
}

// RuntimeOf returns the repository of the image ref and what Choices has put into
// its tag, where builds have named it: it is made from the payload with the tag
// deps.
func RuntimeOf(ref, deps string) (repository, choices string, ok bool) {
	hash, known := HashOf(deps)
	if _, named := Series(ref, deps); !known || !named {
		return "", "", false
	}
	colon := strings.LastIndexByte(ref, ':')
	if strings.HasPrefix(ref[colon+1:], depsPrefix) {
		return "", "", false
	}
	_, choices, _ = strings.Cut(ref[colon+1:], "_"+hash)
	return ref[:colon], strings.TrimPrefix(choices, "_"), true
}
