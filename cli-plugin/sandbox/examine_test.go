package sandbox

import (
	"archive/tar"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine/enginetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
)

// TestExamineRunsNothing looks at images that nobody can trust: no container of
// theirs is started, none is left, and what is wrong is a fact.
func TestExamineRunsNothing(t *testing.T) {
	for name, test := range map[string]struct {
		stream io.Reader
		want   string
	}{
		"a large manifest": {enginetest.Files(t, tar.Header{Typeflag: tar.TypeReg, Name: "openhands/manifest.json", Size: 1 << 40, Mode: 0o644}), "more than is looked at"},
		"a large program":  {io.MultiReader(enginetest.Files(t, tar.Header{Typeflag: tar.TypeReg, Name: "openhands/x", Size: 1 << 50, Mode: 0o755})), "more than is looked at"},
		"no folder":        {enginetest.Files(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "openhands", Linkname: "/etc"}), "the loader"},
		"another folder":   {enginetest.Files(t, tar.Header{Typeflag: tar.TypeReg, Name: "etc/shadow"}), "not below /openhands"},
		"no tar":           {strings.NewReader(strings.Repeat("x", 1024)), "invalid tar header"},
	} {
		t.Run(name, func(t *testing.T) {
			cabinet := &enginetest.Cabinet{Stream: test.stream}
			facts := verify.Facts{Paths: map[string]bool{}}
			if err := examine(t.Context(), &engine.Engine{API: cabinet}, "sha256:1", &facts); err != nil {
				t.Fatal(err)
			}
			if facts.Seal != nil || facts.SealErr == nil || !strings.Contains(facts.SealErr.Error(), test.want) {
				t.Errorf("%v, want %q", facts.SealErr, test.want)
			}
			if len(cabinet.Made) != 1 || !slices.Equal(cabinet.Made, cabinet.Removed) {
				t.Errorf("%v were made, %v removed", cabinet.Made, cabinet.Removed)
			}
		})
	}
}
