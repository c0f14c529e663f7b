//go:build linux

package setup

import (
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Links and names of a base that would have set-up work where it must not.
func TestPlanStays(t *testing.T) {
	program := file(payload.FallbackBin+"/sh", "sh", 0o755)
	long := strings.Repeat("n", maxName+1)
	for _, test := range []struct {
		name string
		base tree
		want string // of the error, or of a note
		not  string // a path that may not be changed, nor what is below
	}{
		{"a folder of sudo's rules in the root", tree{link("/etc/sudoers.d", "/"), link("/zz-openhands", payload.Bin+"/oh-init")}, "the payload's", payload.Prefix},
		{"certificates in the payload", tree{link("/etc/ssl", payload.FallbackBin)}, "the payload's", payload.Prefix},
		{"a file of the payload as a folder", tree{program, link("/var", payload.FallbackBin+"/sh")}, "the payload's", payload.Prefix},
		{"a home in the payload", lived(payload.Prefix + "/home"), "left as it is", payload.Prefix},
		{"a skeleton that is the root", with(tree{link("/etc/skel", "/")}, dir("/srv", 0o755)), "new homes get nothing", "/home/openhands/srv"},
		{"a skeleton with the homes in it", tree{link("/etc/skel", "/home"), dir("/home/other", 0o700, 7, 7)}, "new homes get nothing", "/home/openhands/other"},
		{"a home with a long name", lived("/srv/" + long), "left as it is", "/srv"},
		{"passwd behind a long name", tree{link("/etc/passwd", long)}, "a name of 256 bytes", "/etc/passwd"},
		{"a passwd without room", tree{file("/etc/passwd", strings.Repeat("#", MaxFile), 0o644)}, "no room", "/etc/passwd"},
		{"a project that is a link of root's", tree{link(payload.Project, "/etc/cron.d/new")}, "outside of the workspace", "/etc/cron.d"},
		{"certificates that are a folder", tree{dir(payload.TrustFile, 0o755)}, "no regular file", payload.TrustFile},
		{"certificates that are a link to a folder", tree{link(payload.TrustFile, "/srv"), dir("/srv", 0o755)}, "no regular file", payload.TrustFile},
		{"a base with the server", tree{file(payload.AgentServerEntrance, "own", 0o755)}, "a file of its own", payload.AgentServerEntrance},
		{"a base with a link to the server", tree{link(payload.AgentServerEntrance, "/gone")}, "a file of its own", payload.AgentServerEntrance},
		{"a base with the server's Python", tree{file(payload.PythonEntrance, "own", 0o755)}, "a file of its own", "/agent-server"},
		{"a file in the place of the server", tree{file("/agent-server", "own", 0o755)}, "/agent-server is no directory", "/agent-server"},
		{"a server behind a circle", tree{link("/agent-server", "/agent-server")}, "too many symbolic links", "/agent-server"},
		{"a server in the payload", tree{link("/agent-server", payload.Prefix)}, "the payload's", payload.Prefix},
		{"a sudo that is no program", tree{file(payload.SudoStub, "mine", 0o644)}, "is no program", payload.SudoStub},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			test.base.unpack(t, root)
			changes, notes, err := planned(t, root, Options{Sudo: true, Arch: "amd64", Server: payload.AgentServer})
			said := strings.Join(notes, "\n")
			if err != nil {
				said += err.Error()
			}
			if !strings.Contains(said, test.want) {
				t.Errorf("it says %q, want %q", said, test.want)
			}
			for _, c := range changes {
				if c.Path == test.not || below(c.Path, test.not) {
					t.Errorf("%s is changed", c.Path)
				}
			}
		})
	}
}

// A link into the payload is a program whether or not the view has the payload:
// the Dockerfile form does, the assembly does not.
func TestPlanDoesNotSeeThePayload(t *testing.T) {
	bare := tree{link("/bin/bash", payload.FallbackBin+"/bash"), file("/usr/local/bin/bash", "bash", 0o755)}
	var plans [2]string
	for i, base := range []tree{bare, with(bare, file(payload.FallbackBin+"/bash", "bash", 0o755))} {
		root := t.TempDir()
		base.unpack(t, root)
		plans[i] = describe(plan(t, root, Options{Sudo: true, Arch: "amd64"}))
	}
	if plans[0] != plans[1] {
		t.Errorf("without the payload:\n%s\nwith it:\n%s", plans[0], plans[1])
	}
}
