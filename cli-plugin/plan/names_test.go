package plan

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/google/go-cmp/cmp"
)

func TestFurtherNames(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0123456789abcdef", 4)
	o := options()
	o.Bases = []string{"alpine:3.20", Scratch, "localhost:5000/team/x", "docker.io/swebench/sweb.eval:latest", "debian:12" + digest, "debian" + digest}
	o.Repository = "registry.example/rt"
	o.Tags = []string{"eval:v1-{base}", "reg:5000/eval:{base}", "{repo}:{base.slug}", "eval/{base.name}:{base.tag}", "x/{server}:{version}-{deps}-{base}", "eval:abc-{base.image}-{base.tag}"}
	p := mustPlan(t, o, inputs())
	hash, _ := tag.HashOf(p.Deps.Tag)
	slugs := []string{"alpine_t_3.20", "scratch", tag.Base(o.Bases[2]), "docker.io_s_swebench_s_sweb.eval_t_latest", tag.Base(o.Bases[4]), tag.Base(o.Bases[5])}
	names := []string{"alpine:3.20", "scratch:latest", "team/x:latest", "swebench/sweb.eval:latest", "debian:12", "debian:0123456789ab"}
	images := []string{"alpine", "scratch", "x", "sweb.eval", "debian", "debian"}
	for i, r := range p.Runtimes {
		want := []string{
			"eval:v1-" + slugs[i], "reg:5000/eval:" + slugs[i], "registry.example/rt:" + slugs[i], "eval/" + names[i],
			"x/action-execution-server:0.62.0-" + hash + "-" + slugs[i],
			"eval:abc-" + images[i] + "-" + names[i][strings.LastIndex(names[i], ":")+1:],
		}
		if diff := cmp.Diff(want, r.Tags); diff != "" {
			t.Errorf("%s: %s", o.Bases[i], diff)
		}
	}
}

// The template of docs/batch.md gives the names that the SWE-bench evaluation of
// OpenHands/benchmarks computes: extract_custom_tag of benchmarks/swebench/build_images.py
// takes what is between the last slash and the colon behind it.
func TestNamesOfBenchmarks(t *testing.T) {
	o := options()
	o.Bases = []string{"swebench/sweb.eval.x86_64.django_1776_django-11333:v1", "docker.io/swebench/sweb.eval.x86_64.sympy_1776_sympy-20590:latest", "registry.example:5000/mirror/sweb.eval.x86_64.psf_1776_requests-1142"}
	o.Tags = []string{"ghcr.io/openhands/eval-agent-server:abc1234-{base.image}-source-minimal"}
	p := mustPlan(t, o, inputs())
	for i, base := range o.Bases {
		custom, _, _ := strings.Cut(base[strings.LastIndex(base, "/")+1:], ":")
		if want := "ghcr.io/openhands/eval-agent-server:abc1234-" + custom + "-source-minimal"; p.Runtimes[i].Tags[0] != want {
			t.Errorf("%s has %s, want %s", base, p.Runtimes[i].Tags[0], want)
		}
	}
}

// What a list says of one image is said in the place of what is said of all.
func TestOwnTags(t *testing.T) {
	o := options()
	o.Bases, o.Tags, o.OwnTags = []string{"a", "b"}, []string{"all:{base}"}, map[string][]string{"b": {"own:{base.tag}", "own:2"}}
	p := mustPlan(t, o, inputs())
	if diff := cmp.Diff([][]string{{"all:a"}, {"own:latest", "own:2"}}, [][]string{p.Runtimes[0].Tags, p.Runtimes[1].Tags}); diff != "" {
		t.Error(diff)
	}
	o.OwnTags["b"][0] = "own:{bse}"
	var wrong *problem.Error
	if _, err := New(o, inputs()); !errors.As(err, &wrong) || wrong.Code != problem.Usage {
		t.Errorf("a placeholder that there is none of: %v", err)
	}
}

// A name that the pattern makes is as good as one that the user writes, however
// long and odd the base is.
func TestBasesOfAnyFormHaveNames(t *testing.T) {
	o := options()
	o.Bases = []string{"r.example/" + strings.Repeat("a-", 100) + "b:1", "r.example/" + strings.Repeat("a.", 100) + "b:1", strings.Repeat("f", 64), "x@sha256:" + strings.Repeat("0", 64)}
	o.Tags = []string{"eval:{base}"}
	seen := map[string]bool{}
	for _, r := range mustPlan(t, o, inputs()).Runtimes {
		if seen[r.Tags[0]] {
			t.Errorf("%s twice", r.Tags[0])
		}
		seen[r.Tags[0]] = true
	}
}
