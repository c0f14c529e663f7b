package tag

import (
	"crypto/md5"
	"encoding/hex"
	"strings"
)

// Versioned names the images of OpenHands' own builder: of one of its versions
// over base, in the form that tells least. Two bases can share it.
func Versioned(version, base string) string {
	text := strings.ToLower(intoTag.Replace(base))
	return prefix + "v" + version + "_" + text[max(0, len(text)-baseLength):]
}

// BaseOf returns the base and the version that a tag of Versioned tells. Tags
// that are hashes, or cut off, do not tell the base.
func BaseOf(tag string) (base, version string, ok bool) {
	rest, ok := strings.CutPrefix(tag, prefix+"v")
	if !ok {
		return "", "", false
	}
	version, name, ok := strings.Cut(rest, "_")
	if !ok || !strings.Contains(name, "_t_") || len(name) >= baseLength || strings.HasPrefix(name, olderMark) {
		return "", version, false
	}
	return strings.NewReplacer("_s_", "/", "_t_", ":", "_d_", "@").Replace(name), version, true
}

const (
	olderMark = "image_"
	maxName   = 32 // characters of a base's name in the older tag
	keptName  = 24 // of them, where a hash stands for the rest
)

// Encode returns a reference, or a part of one, as tags have it.
func Encode(reference string) string { return intoTag.Replace(reference) }

// Older names the same images as former versions did. The base is name with
// suffix as its tag, its digest or both, in the form of Encode; a suffix that is
// in no reference stands as it is.
func Older(version, name, suffix string) string {
	if len(name) > maxName {
		cut := len(name) - keptName
		name = md5Hex(name[:cut])[:8] + "_" + name[cut:]
	}
	before := prefix + "v" + version + "_" + olderMark
	tag := before + intoTag.Replace(name) + "_tag_" + suffix
	if len(tag) > Max {
		tag = before + md5Hex(tag)
	}
	return tag
}

func md5Hex(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}
