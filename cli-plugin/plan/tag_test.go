package plan

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

func TestSlug(t *testing.T) {
	long := strings.Repeat("x", 120)
	for reference, want := range map[string]string{
		"debian":      "debian",
		"debian:11":   "debian_t_11",
		"alpine:3.20": "alpine_t_3.20",
		"scratch":     "scratch",
		"nikolaik/python-nodejs:python3.12-nodejs22":                "nikolaik_s_python-nodejs_t_python3.12-nodejs22",
		"swebench/sweb.eval.x86_64.django_1776_django-11333:latest": "swebench_s_sweb.eval.x86_64.django_1776_django-11333_t_latest",
		"localhost:5000/a:b": "localhost_t_5000_s_a_t_b",
		"a_s_b":              "a_s_b_h_" + hashPart("a_s_b"),
		"a/s_b":              "a_s_s_b", // decodes to itself; the twin below does not
		"a_s/b":              "a_s_s_b_h_" + hashPart("a_s/b"),
		"debian:V1":          "debian_t_v1_h_" + hashPart("debian:V1"),
		"a@sha256:00":        "a_d_sha256_t_00_h_" + hashPart("a@sha256:00"),
		"a/" + long:          strings.Repeat("x", 81) + "_h_" + hashPart("a/"+long),
		"a_h_0123456789ab":   "a_h_0123456789ab_h_" + hashPart("a_h_0123456789ab"),
	} {
		if got := Slug(reference, slugLength); got != want {
			t.Errorf("Slug(%q)\n got %s\nwant %s", reference, got, want)
		}
	}
}

func hashPart(reference string) string {
	slug := Slug(reference, slugLength)
	return slug[len(slug)-slugHash:]
}

// The alphabet is made of the pieces that the slug's own separators are made
// of, so that ambiguous references are found quickly.
func TestSlugIsInjective(t *testing.T) {
	pieces := []string{"a", "A", "s", "t", "h", "_", "__", "/", ":", "@", "_s_", "_t_", "_h_", "-", ".", "0123456789ab", strings.Repeat("x", 60)}
	valid := regexp.MustCompile(`^[a-z0-9_.-]{1,96}$`)
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[string]string{}
	for range 200_000 {
		var b strings.Builder
		for range 1 + random.IntN(5) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		reference := b.String()
		slug := Slug(reference, slugLength)
		if other, taken := seen[slug]; taken && other != reference {
			t.Fatalf("%q and %q are both %q", other, reference, slug)
		}
		if !valid.MatchString(slug) {
			t.Fatalf("Slug(%q) = %q is no part of a tag", reference, slug)
		}
		seen[slug] = reference
	}
}

func TestRuntimeTagFits(t *testing.T) {
	for _, version := range []string{"0.62.0", "1.6.0", strings.Repeat("9", 60)} {
		for _, base := range []string{"alpine", strings.Repeat("y", 300), "a@sha256:" + strings.Repeat("0", 64)} {
			if tag := RuntimeTag(version, base, strings.Repeat("z", hashLength)); len(tag) > MaxTag {
				t.Errorf("%d characters: %s", len(tag), tag)
			}
		}
	}
}

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
	if tag := sum("a", "b"); len(tag) != hashLength || strings.Trim(tag, "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
		t.Errorf("hash %q", tag)
	}
}
