package plan

import (
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/templates"
)

func TestVersion(t *testing.T) {
	list := func(name, pins string, final bool) templates.Component {
		return templates.Component{
			Name: name, Server: name, Files: map[string][]byte{"pins.txt": []byte(pins)},
			Releases: &templates.ReleaseList{Package: "p", File: "pins.txt", Final: final},
		}
	}
	in := inputs()
	in.Components = append(in.Components,
		list("action-execution-server", "# comment\np==0.9.0 \\\n  --hash=sha256:0\np==0.9.1\np==0.9.2\np==0.9.3\np==0.10.0 \\\n  --hash=sha256:1\n", true),
		list("agent-server", "other==3\np==1.58.2\n", false))
	for _, test := range []struct {
		server, version, want, err string
	}{
		{server: "action-execution-server", want: "0.10.0"},
		{server: "action-execution-server", version: "0.9.0", want: "0.9.0"},
		{server: "agent-server", want: "1.58.2"},
		{server: "action-execution-server", version: "0.9", err: "no release 0.9 for the server action-execution-server is known. Choose 0.9.0 or 0.9.1 or 0.9.2 or 0.9.3, or the newest, 0.10.0, with latest"},
		{server: "action-execution-server", version: "0.8.1", err: "Choose one of the newest, 0.9.1, 0.9.2, 0.9.3, 0.10.0, or an older one from 0.9.0 on"},
		{server: "action-execution-server", version: "0.11", err: "OpenHands 0.11 has no action-execution-server any more: 0.10.0 was the last release with it. " +
			"Choose its successor with --server agent-server and without --openhands-version. Or choose one of the newest, 0.9.1, 0.9.2, 0.9.3, 0.10.0, or an older one from 0.9.0 on"},
		{server: "agent-server", version: "2", err: "no release 2 for the server agent-server is known. Choose one of 1.58.2"},
		{server: "agent-server", version: "../x", err: "not a version such as 1.58.2"},
		{server: "none", err: "not action-execution-server or agent-server"},
	} {
		o := options()
		o.Server, o.Version = test.server, test.version
		p, err := New(o, in)
		switch {
		case test.err != "":
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%+v: %v", test, err)
			}
		case err != nil:
			t.Errorf("%+v: %v", test, err)
		case p.Deps.Version != test.want:
			t.Errorf("%+v: %s", test, p.Deps.Version)
		}
	}
}
