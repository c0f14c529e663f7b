package tag

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
		if got := slug(reference, baseLength); got != want {
			t.Errorf("slug(%q)\n got %s\nwant %s", reference, got, want)
		}
	}
}

func hashPart(reference string) string {
	part := slug(reference, baseLength)
	return part[len(part)-slugHash:]
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
		part := slug(reference, baseLength)
		if other, taken := seen[part]; taken && other != reference {
			t.Fatalf("%q and %q are both %q", other, reference, part)
		}
		if !valid.MatchString(part) {
			t.Fatalf("slug(%q) = %q is no part of a tag", reference, part)
		}
		seen[part] = reference
	}
}

func TestRuntimeFits(t *testing.T) {
	for _, version := range []string{"0.62.0", "1.6.0", strings.Repeat("9", 60)} {
		for _, base := range []string{"alpine", strings.Repeat("y", 300), "a@sha256:" + strings.Repeat("0", 64)} {
			if tag := Runtime(version, base, strings.Repeat("z", hashLength), strings.Repeat("y", choicesLength)); len(tag) > Max {
				t.Errorf("%d characters: %s", len(tag), tag)
			}
		}
	}
}

func TestSeries(t *testing.T) {
	const before, after = "oh_deps_v1_aaaaaaaaaaaaaaaa", "oh_deps_v1_bbbbbbbbbbbbbbbb"
	hash := func(deps string) string { h, _ := HashOf(deps); return h }
	for _, form := range []func(deps string) string{
		func(deps string) string { return "r:5000/x:" + deps },
		func(deps string) string { return "r:5000/x:" + deps + Flat },
		func(deps string) string { return "r:5000/x:" + deps + Zstd },
		func(deps string) string { return "x:" + Runtime("1", "alpine:3", hash(deps), "") },
		func(deps string) string { return "x:" + Runtime("1", "alpine:3", hash(deps), "00000000") },
		func(deps string) string { return "x:" + Runtime("1", "alpine:3", hash(deps), "00000001") },
		func(deps string) string { return "x:" + Runtime("1", "alpine:4", hash(deps), "") },
		func(deps string) string { return "y:" + Runtime("1", "alpine:3", hash(deps), "") },
	} {
		one, ok := Series(form(before), before)
		two, also := Series(form(after), after)
		if !ok || !also || one != two {
			t.Errorf("%s is of %q, and %s of %q", form(before), one, form(after), two)
		}
		if other, ok := Series("x:"+Runtime("1", "debian", hash(before), ""), before); !ok || other == one {
			t.Errorf("%s is of the series of another base", form(before))
		}
		if _, ok := Series(form(before), after); ok {
			t.Errorf("%s is taken for a name of another payload's image", form(before))
		}
	}
	for _, ref := range []string{"x", "oh_v1_x_" + hash(before), "x:latest", "x:my_" + hash(before), "x:" + Runtime("1", "alpine", hash(before), "") + Flat} {
		if series, ok := Series(ref, before); ok {
			t.Errorf("the chosen name %s is of the series %q", ref, series)
		}
	}
	if _, ok := Series("x:"+Deps("1", ""), ""); ok {
		t.Error("an image that names no payload is of a series")
	}
}
