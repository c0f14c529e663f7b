package plan

import (
	"strings"
	"testing"

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
