package live

import (
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// checkStart tries what starts the server on a module that says what it sees:
// the same as with python -m, also when a part of it fails, and a spawned child
// is a copy of the process as long as none does.
func checkStart(t *testing.T, s *sandbox) {
	log, err := lab.Engine{}.Command(t.Context(), "logs", s.container).CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(log), "takes longer than it should") {
		t.Errorf("the server started in the ordinary way only:\n%s", log)
	}

	const folder = "/tmp/start"
	docker(t, "cp", "testdata/start", s.container+":/tmp/")
	const seen = "['" + folder + "/probe.py', 'a', 'b c'] " + folder + " probe probe.py\n"
	for _, test := range []struct {
		start, fault string
		want         string // says the child
		reason       string // of starting without
	}{
		{"-m", "", "imported", ""},
		{payload.StartServer, "", "imported", ""},
		{payload.StartServer + " --fork-server", "", "copied", ""},
		{payload.StartServer + " --fork-server", "imports", "imported", "OSError('imports')"},
		{payload.StartServer + " --fork-server", "thread", "imported", "RuntimeError('a copy would lack the threads"},
		{payload.StartServer + " --fork-server", "killed", "imported", ""},
		{payload.StartServer + " --fork-server", "copy", "imported", ""},
	} {
		// The server's own user is whom the program has to serve.
		cmd := lab.Engine{}.Command(t.Context(), "exec", "--workdir", folder, "--env", "FAULT="+test.fault, s.container,
			"sh", "-c", payload.Bin+"/oh-python -B "+test.start+` probe a "b c"; echo "$?"`)
		var messages strings.Builder
		cmd.Stderr = &messages
		out, _ := cmd.Output()
		if got, want := string(out), seen+test.want+" by __mp_main__\nexit status 0\n3\n"; got != want {
			t.Errorf("%s, fault %q:\n%s%s\nwant\n%s", test.start, test.fault, got, &messages, want)
		}
		if _, reason, _ := strings.Cut(messages.String(), "takes longer than it should: "); !strings.HasPrefix(reason, test.reason) || (reason == "") != (test.reason == "") {
			t.Errorf("%s, fault %q: the reason is %q, want %q", test.start, test.fault, messages.String(), test.reason)
		}
		if told := strings.Contains(messages.String(), "OSError: copy"); told != (test.fault == "copy") {
			t.Errorf("%s, fault %q: the end of the copy in %q", test.start, test.fault, messages.String())
		}
	}
}
