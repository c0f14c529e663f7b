package live

import (
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/client"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// TestShellFiles starts the server over bases whose start-up files leave a bash
// that it could not work in: what can be set back is, else the shell does
// without the files, and the container's log says so.
func TestShellFiles(t *testing.T) {
	files := func(name, run string) func(t *testing.T, base string) string {
		return func(t *testing.T, base string) string {
			t.Helper()
			return derive(t, base, "shell-"+name, "FROM "+base+"\nRUN "+run+"\n", nil)
		}
	}
	works := []sandboxCheck{{"identity", checkUser("openhands", "1000")}, {"notebook", checkNotebook}}
	said := func(remark string) sandboxCheck {
		return sandboxCheck{"the log says so", func(t *testing.T, s *sandbox) {
			out, err := lab.Engine{}.Command(t.Context(), "logs", s.container).CombinedOutput()
			if err != nil {
				t.Fatal(err)
			}
			contains(t, string(out), "starts for /home/openhands "+remark)
		}}
	}
	read := sandboxCheck{"bashrc is read", func(t *testing.T, s *sandbox) { equal(t, s.shell(t, "echo $OH_READ"), "read") }}
	idle := sandboxCheck{"no end of an idle shell", func(t *testing.T, s *sandbox) { equal(t, s.shell(t, "echo ${TMOUT:-none}"), "none") }}
	const bashrc, profile = ">> /etc/bash.bashrc", "> /etc/profile.d/base.sh"
	start := startAs(way{user: "openhands", command: append(asOpenHands("openhands", "1000"), "--no-enable-browser")})
	suite[*sandbox]{
		title: "Start-up files of the shell",
		about: "Bases that set up bash for people, in ways in which no server could work in it.",
		bases: []string{"debian:12"},
		modes: []sandboxMode{
			{
				name: "vi's keys", over: files("vi", `printf 'export OH_READ=read\nset -o vi\n' `+bashrc), start: start,
				checks: append(works, read, said("without vi's keys")),
			},
			{
				name: "vi's keys in inputrc", over: files("inputrc", `printf 'set editing-mode vi\n' >> /etc/inputrc`), start: start,
				checks: append(works, said("without vi's keys")),
			},
			{
				name: "readonly PROMPT_COMMAND, another shell at login", start: start,
				over:   files("readonly", `printf 'readonly PROMPT_COMMAND\n' `+bashrc+` && printf 'exec /bin/dash\n' `+profile),
				checks: append(works, said("without bashrc"), said("without the files of a login")),
			},
			{
				name: "readonly TMOUT", over: files("tmout", `printf 'readonly TMOUT=6\n' | tee /etc/profile.d/base.sh `+bashrc), start: start,
				checks: append(works, idle, said("without bashrc"), sandboxCheck{"the shell is there after that time", checkIdle}),
			},
			{
				name: "TMOUT of the image", over: files("env", "true\nENV TMOUT=6"), start: start,
				checks: append(works, idle),
			},
			{
				name: "another shell in the skeleton", over: files("skel", `printf '[ -t 1 ] && exec /bin/dash\n' > /etc/skel/.bashrc`), start: start,
				checks: append(works, said("without bashrc")),
			},
		},
	}.run(t)
}

// checkIdle runs a command in a shell that has been idle for longer than the
// base lets one be.
func checkIdle(t *testing.T, s *sandbox) {
	pid := s.shell(t, "echo $$")
	docker(t, "exec", s.container, "sleep", "8")
	result, err := s.Run(t.Context(), client.Command{Line: "echo $$"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, strings.TrimSpace(result.Output), pid)
}
