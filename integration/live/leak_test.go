package live

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// leaks matches the variables with which the payload could change how the
// base's own programs behave.
var leaks = regexp.MustCompile(`(?m)^(LD_|PYTHON(PATH|HOME|STARTUP|NOUSERSITE|EXECUTABLE)|NODE_|GCONV_PATH|LOCPATH|OPENSSL_|SSL_CERT_|CURL_CA|` +
	`FONTCONFIG_|GIT_EXEC_PATH|GIT_TEMPLATE_DIR|TERMINFO|XDG_DATA_DIRS|VIRTUAL_ENV|BASH_ENV|ENV=)`)

func checkEnvironment(t *testing.T, s *sandbox) {
	for _, shell := range []string{"env", "bash -lc env", "sh -c env"} {
		for line := range strings.Lines(s.shell(t, shell)) {
			if leaks.MatchString(line) {
				t.Errorf("%s has %s", shell, line)
			}
		}
	}
}

// basePath is the PATH that the base's image sets.
func basePath(t *testing.T, base string) string {
	t.Helper()
	if base == "scratch" {
		return ""
	}
	var env []string
	if err := json.Unmarshal([]byte(docker(t, "image", "inspect", "--format", "{{json .Config.Env}}", base)), &env); err != nil {
		t.Fatal(err)
	}
	for _, variable := range env {
		if path, ok := strings.CutPrefix(variable, "PATH="); ok {
			return path
		}
	}
	return ""
}

func checkPath(t *testing.T, s *sandbox) {
	equal(t, s.shell(t, "echo $PATH"), payload.BaseFirst.Path(basePath(t, s.base)))
	// What a login shell makes of PATH is the base's affair, but the
	// payload's ends of it must be there.
	login := basePath(t, s.base)
	if own, err := inBase(t, s.base, "--user", "1000", "sh", "-lc", "echo $PATH"); err == nil {
		login = own
	}
	// Where pip has put programs, a home's ~/.profile finds them, as Debian's does.
	got := strings.TrimPrefix(s.shell(t, "bash -lc 'echo $PATH'"), "/home/openhands/.local/bin:")
	equal(t, got, payload.BaseFirst.Path(login))
	// A program of the base wins over the payload's of that name.
	s.shell(t, `printf '#!/bin/sh\necho of the base\n' > mine && chmod +x mine && sudo mkdir -p /usr/local/bin && sudo cp mine /usr/local/bin/python3`)
	equal(t, s.shell(t, "hash -r; python3"), "of the base")
	s.shell(t, "sudo rm -f /usr/local/bin/python3; hash -r")
}

// inBase runs a command in the base itself. Options come first.
func inBase(t *testing.T, base string, args ...string) (string, error) {
	t.Helper()
	run := []string{"run", "--rm"}
	if len(args) > 1 && args[0] == "--user" {
		run, args = append(run, args[:2]...), args[2:]
	}
	return lab.Engine{}.Docker(context.WithoutCancel(t.Context()), append(append(run, base), args...)...)
}

// checkBasePrograms runs programs of the base in the user's shell and in the
// base alone; nobody may be able to tell which is which.
func checkBasePrograms(t *testing.T, s *sandbox) {
	programs := map[string][]string{
		"debian":  {"command -v ls", "ls --version | head -n 1", "apt-get --version | head -n 1", "dpkg --version | head -n 1", `perl -e "print 6*7"`, "ls -ld /etc/apt"},
		"alpine":  {"command -v ls", "apk --version", "apk info 2>/dev/null | sort | head -n 3", "busybox | head -n 1", "ls -ld /etc/apk"},
		"busybox": {"command -v ls", "busybox | head -n 1", "ls -ld /bin/busybox"},
		"u-root":  {"which ls", "readlink /bin/sh", "uname"},
	}
	programs["ubuntu-like"] = programs["debian"]
	programs["el-like"] = []string{"command -v ls", "ls --version | head -n 1", "sudo --version | head -n 1", `perl -e "print 6*7"`, "ls -ld /etc/sysconfig"}
	family, _, _ := strings.Cut(s.base, ":")
	for _, line := range programs[family] {
		want, err := inBase(t, s.base, "sh", "-c", line)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, s.shell(t, "sh -c '"+line+"'"), want)
	}
	if s.base == "scratch" {
		equal(t, s.shell(t, "command -v ls"), payload.FallbackBin+"/ls")
	}
}
