package live

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/client"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// Conditions of docker run.
var (
	readOnly = []string{"--read-only", "--tmpfs", "/tmp"}
	confined = []string{"--cap-drop", "ALL", "--security-opt", "no-new-privileges"}
)

// TestContract starts the server under conditions that clusters and odd bases
// make. Each is a mode; conditions that go together share a start.
func TestContract(t *testing.T) {
	working := []sandboxCheck{
		{"notebook", checkNotebook},
		{"files", checkFiles},
		{"browser", checkBrowser},
	}
	suite[*sandbox]{
		title: "Hard conditions",
		about: "The contract of the payload where a cluster confines the container, and where the base is hostile.",
		bases: []string{"alpine:3.20", "debian:12", "scratch"},
		modes: []sandboxMode{
			{
				name: "read-only root",
				start: asUser("openhands", "1000", slices.Concat(readOnly,
					[]string{"--tmpfs", "/home/openhands:uid=1000,gid=1000,mode=755", "--tmpfs", "/workspace:uid=1000,mode=775"})...),
				checks: slices.Concat(working, []sandboxCheck{
					{"id", checkID},
					{"what is writable", checkReadOnly},
					{"sudo", func(t *testing.T, s *sandbox) { equal(t, s.shell(t, "sudo id -u"), "0") }},
					{"%pip and pip install", checkPip},
				}),
			},
			{
				name:  "any user ID, read-only root, no capabilities",
				start: asImage("12345", slices.Concat([]string{"--user", "12345:0", "--tmpfs", "/workspace:mode=1777"}, readOnly, confined)...),
				checks: slices.Concat(working, []sandboxCheck{
					{"identity and home", checkAnyUser},
					{"what is writable", checkReadOnly},
					{"sudo says why not", checkSudoRefused},
					{"%pip and pip install", checkPip},
				}),
			},
			{
				name: "no capabilities, no network",
				start: func(t *testing.T, base, image string) *sandbox {
					options := append([]string{"--user", "openhands"}, confined...)
					return start(t, base, image, way{user: "openhands", command: asOpenHands("openhands", "1000"), options: options, offline: true})
				},
				checks: slices.Concat(working, []sandboxCheck{
					{"id", checkID},
					{"sudo says why not", checkSudoRefused},
				}),
			},
			{
				name:  "hostile base",
				over:  hostile,
				start: asUser("openhands", "1000"),
				checks: slices.Concat([]sandboxCheck{{"variables are the base's", checkHostileVariables}}, working, []sandboxCheck{
					{"broken programs are the base's", checkBrokenPrograms},
					{"names without the base's name services", checkHostileNames},
				}),
			},
		},
	}.run(t)
}

// checkReadOnly writes where every user can, and nowhere else.
func checkReadOnly(t *testing.T, s *sandbox) {
	s.shell(t, `for dir in /tmp /workspace "$HOME"; do echo x > "$dir/written" || exit 1; done`)
	for _, path := range []string{"/etc/x", "/openhands/x", "/usr/x", "/x"} {
		if result := s.run(t, client.Command{Line: "echo x > " + path}); result.ExitCode == 0 {
			t.Errorf("%s can be written", path)
		}
	}
}

// checkAnyUser looks at a user without an account.
func checkAnyUser(t *testing.T, s *sandbox) {
	equal(t, s.shell(t, "id -u; id -g"), s.user+"\n0")
	equal(t, s.shell(t, `echo "$USER $LOGNAME $HOME"`), s.user+" "+s.user+" /tmp/home-"+s.user)
	equal(t, s.shell(t, "stat -c %a ~"), "700")
	equal(t, s.cell(t, "import os; print(os.path.expanduser('~'), os.getuid(), os.getgid())"), "/tmp/home-"+s.user+" "+s.user+" 0")
	// What OpenHands keeps in ~/.bashrc, a new session has.
	s.shell(t, "echo 'export OH_KEPT=kept' >> ~/.bashrc")
	equal(t, s.shell(t, "bash -lc 'echo $OH_KEPT'"), "kept")
	s.shell(t, "git init -q repo && cd repo && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && cd ..")
}

// checkSudoRefused wants to be told what keeps sudo from working.
func checkSudoRefused(t *testing.T, s *sandbox) {
	result := s.run(t, client.Command{Line: "sudo -n true"})
	if result.ExitCode == 0 {
		t.Error("sudo works")
	}
	if !strings.Contains(result.Output, "no_new_priv") && !strings.Contains(result.Output, "no new privileges") {
		t.Errorf("sudo says %q", result.Output)
	}
}

// hostileVariables are what a base with broken libraries and settings of its
// own sets.
var hostileVariables = map[string]string{
	"LD_PRELOAD":      "/broken/libpreload.so",
	"LD_LIBRARY_PATH": "/broken",
	"PYTHONHOME":      "/broken",
	"PYTHONPATH":      "/broken/python",
	"NODE_OPTIONS":    "--require=/broken/none.js",
	"BASH_ENV":        "/broken/bash_env",
	"TERM":            "unknown",
}

// Programs of a hostile base. The kernel takes the first for a program and
// refuses it; the second is one that fails.
const (
	noProgram = "\x7fELF\x00 or so it seems\n"
	failing   = "#!/bin/sh\nexit 1\n"
)

// hostile makes a base with everything wrong that the payload must not care
// about.
func hostile(t *testing.T, base string) string {
	files := map[string]string{
		"broken/bash_env":        "exit 66\n",
		"nsswitch.conf":          "passwd: nosuch\ngroup: nosuch\nhosts: nosuch [!UNAVAIL=return]\n\x00\xff",
		"bin/bash":               noProgram,
		"usr/local/bin/python":   noProgram,
		"usr/local/bin/python3":  noProgram,
		"usr/local/bin/node":     failing,
		"usr/local/bin/git":      failing,
		"broken/lib/placeholder": "",
	}
	// The C library is left whole, or nothing of the base itself would start.
	for _, library := range []string{"libpreload.so", "libstdc++.so.6", "libtinfo.so.6", "libz.so.1", "libssl.so.3", "libcrypto.so.3", "libnss3.so", "libutil.so.1"} {
		files["broken/"+library] = "no library\n"
	}
	for _, module := range []string{"sitecustomize", "json", "ssl", "re", "asyncio", "typing"} {
		files["broken/python/"+module+".py"] = "raise SystemExit('the base broke " + module + "')\n"
	}
	dockerfile := "FROM " + base + "\nCOPY broken /broken\nCOPY nsswitch.conf /etc/\nCOPY bin/bash /bin/bash\nCOPY usr/local/bin /usr/local/bin\n"
	for _, name := range slices.Sorted(maps.Keys(hostileVariables)) {
		dockerfile += "ENV " + name + "=" + hostileVariables[name] + "\n"
	}
	return derive(t, base, "hostile", dockerfile, files)
}

// derive builds a base out of another one.
func derive(t *testing.T, base, name, dockerfile string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("Dockerfile", dockerfile)
	for name, text := range files {
		write(name, text)
	}
	ref := "oh-live/" + name + ":" + slug(base)
	docker(t, "buildx", "build", "--quiet", "--load", "--tag", ref, dir)
	cleanup(t, lab.Engine{}, "rmi", "--force", ref)
	return ref
}

// checkHostileVariables sees the base's variables in the shell and in what it
// starts. TERM is that of the server's terminal.
func checkHostileVariables(t *testing.T, s *sandbox) {
	for _, name := range slices.Sorted(maps.Keys(hostileVariables)) {
		if name == "TERM" {
			continue
		}
		contains(t, s.shell(t, "echo $"+name), hostileVariables[name])
		contains(t, s.shell(t, "sh -c 'echo $"+name+"'"), hostileVariables[name])
	}
	if result := s.run(t, client.Command{Line: "/openhands/fallback/bin/bash -c true"}); result.ExitCode != 66 {
		t.Errorf("exit status %d of a script, want that of BASH_ENV", result.ExitCode)
	}
	// The loader of a glibc base complains of it in whatever a program prints.
	s.shell(t, "unset LD_PRELOAD")
	// A notebook is a login of its own: what it starts has no more than the
	// variables that every login keeps.
	contains(t, s.cell(t, "import subprocess; print(subprocess.run(['sh', '-c', 'echo of the base'], capture_output=True, text=True))"), "of the base")
}

// checkBrokenPrograms finds the base's own programs, broken as they are, where
// the user looks for them, and the payload's under their own names.
func checkBrokenPrograms(t *testing.T, s *sandbox) {
	for program, status := range map[string]int{"python": 126, "python3": 126, "node": 1, "git": 1, "/bin/bash": 126} {
		if result := s.run(t, client.Command{Line: program + " --version"}); result.ExitCode != status {
			t.Errorf("%s: exit status %d, want %d: %s", program, result.ExitCode, status, result.Output)
		}
	}
	contains(t, s.shell(t, "/openhands/fallback/bin/git --version"), "git version")
	contains(t, s.shell(t, "/openhands/fallback/bin/python3 --version"), "Python 3.")
}

func checkHostileNames(t *testing.T, s *sandbox) {
	result := s.run(t, client.Command{Line: "pwd"})
	equal(t, result.Username, "openhands")
	equal(t, s.cell(t, "import os, pwd, socket; print(pwd.getpwuid(os.getuid()).pw_name, socket.gethostbyname('localhost'))"), "openhands 127.0.0.1")
}

// TestNoCapabilities starts the server as OpenHands does where it cannot work:
// it says so at once, and what to do.
func TestNoCapabilities(t *testing.T) {
	image := build(t, "alpine:3.20")
	args := append([]string{"run", "--rm", "--entrypoint", ""}, confined...)
	cmd := lab.Engine{}.Command(t.Context(), append(append(args, image), asOpenHands("openhands", "1000")...)...)
	out, err := cmd.CombinedOutput()
	if exitStatus(err) != 1 {
		t.Errorf("%v, want exit status 1", err)
	}
	contains(t, string(out), "root cannot start sessions of openhands")
	contains(t, string(out), "--user openhands")
}
