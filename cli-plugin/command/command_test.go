package command

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"docker-openhands": func() { os.Exit(Main(context.Background(), Release{Version: "1.2.3", Commit: "0123456789abcdef"})) },
	})
}

// The scripts run the program where no engine is.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"document": holdDocument(t), "refused": refused, "registry": startRegistry(t), "shelf": startShelf,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("DOCKER_HOST", "unix://"+env.WorkDir+"/none.sock")
			env.Setenv("DOCKER_CONFIG", env.WorkDir)
			return nil
		},
	})
}

func TestWithName(t *testing.T) {
	for _, test := range []struct{ args, want []string }{
		{[]string{"x"}, []string{"x", "openhands"}},
		{[]string{"x", "build", "--json"}, []string{"x", "openhands", "build", "--json"}},
		{[]string{"x", "openhands", "build"}, []string{"x", "openhands", "build"}},
		{[]string{"x", "__complete", "build", ""}, []string{"x", "__complete", "openhands", "build", ""}},
	} {
		before := slices.Clone(test.args)
		if diff := cmp.Diff(test.want, withName(test.args)); diff != "" {
			t.Errorf("%q: %s", test.args, diff)
		}
		if !slices.Equal(before, test.args) {
			t.Errorf("%q became %q", before, test.args)
		}
	}
}
