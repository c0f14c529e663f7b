package registry

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry/registrytest"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Each request has a platform of its own, and what an index is without is told by
// what it has, a little of it.
func TestPlatforms(t *testing.T) {
	r := registrytest.New(t)
	c := &Client{Config: configfile.New(""), Logf: t.Logf}
	of := func(arch string) v1.Image {
		made, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: arch})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	entry := func(what mutate.Appendable, platform *v1.Platform) mutate.IndexAddendum {
		return mutate.IndexAddendum{Add: what, Descriptor: v1.Descriptor{Platform: platform}}
	}
	long := strings.Repeat("a", 1000)
	nested := mutate.AppendManifests(empty.Index, entry(of("arm64"), &v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}))
	index := mutate.AppendManifests(empty.Index,
		entry(of("unknown"), &v1.Platform{OS: "unknown", Architecture: "unknown"}),
		entry(of("s390x"), &v1.Platform{OS: "linux", Architecture: "s390x"}),
		entry(of("amd64"), nil),
		entry(of("windows"), &v1.Platform{OS: "windows", Architecture: "arm64"}),
		entry(of("long"), &v1.Platform{OS: "linux", Architecture: long}),
		entry(nested, &v1.Platform{OS: "linux", Architecture: "arm64"}),
	)
	ref, err := name.ParseReference(r.Host + "/a/b:1")
	if err == nil {
		err = remote.WriteIndex(ref, index)
	}
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := index.Digest()
	for _, arch := range []string{"amd64", "arm64", "s390x", "amd64"} {
		found, err := c.Describe(t.Context(), ref, arch)
		if err != nil || found.Config.Architecture != arch || found.DistributionDigest() != whole.String() || len(found.RawManifest) == 0 {
			t.Errorf("%s: %v, %+v", arch, err, found)
		}
	}
	_, err = c.Describe(t.Context(), ref, "riscv64")
	var missing *NoPlatformError
	if !errors.As(err, &missing) || missing.Wanted != "linux/riscv64" || !slices.Equal(missing.Have, []string{"linux/s390x", "linux/amd64", "windows/arm64", "linux/arm64"}) {
		t.Errorf("of another one: %v", err)
	}
	var p *problem.Error
	if err := PullProblem(ThisMachine, "base image", ref.String(), err); !errors.As(err, &p) || p.Code != problem.Platform {
		t.Errorf("told as %v", err)
	}
	// What can be done without is not there, and its registry is not given up.
	if found, err := c.Ask(t.Context(), ref.String(), "riscv64"); found != nil || err != nil {
		t.Errorf("asked for another one: %v, %v", found, err)
	}
	if found, err := c.Ask(t.Context(), ref.String(), "arm64"); found == nil || err != nil {
		t.Errorf("asked after that: %v, %v", found, err)
	}
}
