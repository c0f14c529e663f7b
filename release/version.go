package main

import (
	"regexp"
	"strings"
)

var (
	tagged   = regexp.MustCompile(`^v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+?)?)(?:-(\d+)-(g[0-9a-f]+))?$`)
	unwanted = regexp.MustCompile(`[^0-9A-Za-z.]+`)
)

// packageVersion is the semantic version for what git describe prints: that of
// the tag, and for a commit after it, or a changed tree, one that dpkg and rpm
// sort behind the tag's. Without any tag it is 0.0.0 and the commit.
func packageVersion(described string) string {
	clean, dirty := strings.CutSuffix(described, "-dirty")
	version, build := "0.0.0", []string{unwanted.ReplaceAllString(clean, ".")}
	if m := tagged.FindStringSubmatch(clean); m != nil {
		version, build = m[1], nil
		if m[2] != "" {
			build = m[2:]
		}
	}
	if dirty {
		build = append(build, "dirty")
	}
	if len(build) == 0 {
		return version
	}
	return version + "+" + strings.Join(build, ".")
}
