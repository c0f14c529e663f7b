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
	locks := templates.Component{
		Name: "agent-server", Server: "agent-server", Releases: &templates.ReleaseList{Package: "p", First: "1.19.1"},
		Files: map[string][]byte{"locks/1.34.0.txt": []byte("p==1.34.0\n"), "locks/1.46.0.txt": []byte("p==1.46.0\n"), "locks/1.58.2.txt": []byte("other==3\np==1.58.2\n")},
	}
	in := inputs()
	in.Components = append(in.Components,
		list("action-execution-server", "# comment\np==0.9.0 \\\n  --hash=sha256:0\np==0.9.1\np==0.9.2\np==0.9.3\np==0.10.0 \\\n  --hash=sha256:1\n", true), locks)
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
		{server: "agent-server", version: "1.34.0", want: "1.34.0"},
		{server: "agent-server", version: "1.40.1", err: "OH-035: release 1.40.1 of the server agent-server has no lock: what it is installed from is not known. " +
			"Make one with 'docker openhands deps lock --server agent-server --openhands-version 1.40.1' and try again, or choose 1.34.0 or 1.46.0, which has one."},
		{server: "agent-server", version: "1.58", err: "or choose 1.46.0 or 1.58.2, which has one"},
		{server: "agent-server", version: "2", err: "or choose 1.58.2, which has one"},
		{server: "agent-server", version: "1.20", err: "or choose 1.34.0, which has one"},
		{server: "agent-server", version: "1.19.0", err: "OH-001: release 1.19.0 of the server agent-server does not work in a payload: 1.19.1 is the first that does. Choose one of 1.34.0, 1.46.0, 1.58.2"},
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

// The lock of a release shapes its tag, and no other lock does.
func TestLockShapesTag(t *testing.T) {
	tagOf := func(locks map[string]string) string {
		c := templates.Component{Name: "locked", Server: "agent-server", Releases: &templates.ReleaseList{Package: "p"}, Files: map[string][]byte{}}
		for version, text := range locks {
			c.Files["locks/"+version+".txt"] = []byte(text)
		}
		in, o := inputs(), options()
		in.Components = append(in.Components, c)
		o.Server, o.Version = "agent-server", "1.0"
		p, err := New(o, in)
		if err != nil {
			t.Fatal(err)
		}
		return p.Deps.Tag
	}
	tag := tagOf(map[string]string{"1.0": "p==1.0\n"})
	if other := tagOf(map[string]string{"1.0": "p==1.0\n", "2.0": "p==2.0\n"}); other != tag {
		t.Errorf("the lock of another release makes %s of %s", other, tag)
	}
	if other := tagOf(map[string]string{"1.0": "p==1.0\nq==1\n"}); other == tag {
		t.Error("another lock has the same tag")
	}
}
