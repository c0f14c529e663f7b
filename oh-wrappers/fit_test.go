package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// The server gets what it was asked for as far as the payload holds it.
func TestFit(t *testing.T) {
	const browser, vscode = payload.Browsers + "/chromium-1/", payload.VSCodeServer + "/bin/"
	for _, test := range []struct {
		holds []string
		args  string
		want  string
	}{
		{[]string{browser, vscode}, "8000 --plugins jupyter vscode --user-id 1", "8000 --plugins jupyter vscode --user-id 1"},
		{[]string{vscode}, "8000", "8000 --no-enable-browser"},
		{[]string{vscode}, "8000 --no-enable-browser", "8000 --no-enable-browser"},
		{[]string{payload.Browsers + "/", vscode}, "8000", "8000 --no-enable-browser"},
		{[]string{browser}, "8000 --plugins agent_skills vscode jupyter --user-id 1", "8000 --plugins agent_skills jupyter --user-id 1"},
		{[]string{browser}, "8000 --plugins vscode --user-id 1", "8000 --user-id 1"},
		{[]string{browser}, "8000 --user-id 1 --plugins vscode", "8000 --user-id 1"},
		{[]string{browser}, "8000 --working-dir vscode", "8000 --working-dir vscode"},
		{nil, "8000 --plugins jupyter vscode", "8000 --plugins jupyter --no-enable-browser"},
	} {
		files := map[string]string{venvBin + "/python": "probe", payload.Code + "/": "", payload.Workspace + "/": ""}
		for _, folder := range test.holds {
			files[folder] = ""
		}
		server := "python -m " + serverModule + " "
		root := newRoot(t, files)
		c, s, _ := newCall(root, nil, strings.Fields("micromamba run -n openhands poetry run "+server+test.args)...)
		t.Chdir("/")
		must(t, c.dispatch())
		if want := sooner(strings.Fields(server + test.want)); !slices.Equal(s.argv, want) {
			t.Errorf("%s with %q:\n%s\nwant\n%s", test.args, test.holds, s.argv, want)
		}
		if _, err := os.Stat(root + editorSettings); (err == nil) != slices.Contains(s.argv, "vscode") {
			t.Errorf("%s with %q: settings of the editor: %v", test.args, test.holds, err)
		}
	}
}
