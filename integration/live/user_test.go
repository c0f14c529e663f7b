package live

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/client"
)

func checkSudo(t *testing.T, s *sandbox) {
	equal(t, s.shell(t, "sudo id -u"), "0")
	s.shell(t, "sudo touch /etc/made-by-root && sudo chown openhands /etc/made-by-root && echo x > /etc/made-by-root")
	if result := s.run(t, client.Command{Line: "touch /etc/not-allowed"}); result.ExitCode == 0 {
		t.Error("a plain user writes to /etc")
	}
}

func checkPip(t *testing.T, s *sandbox) {
	for i, name := range []string{"oh_from_notebook", "oh_from_shell"} {
		file := "/tmp/" + name + "-1.0-py3-none-any.whl"
		if err := s.Upload(t.Context(), file, wheel(t, name, fmt.Appendf(nil, "word = %q\n", name))); err != nil {
			t.Fatal(err)
		}
		install := "pip install --force-reinstall --no-index --no-deps " + file
		if i == 0 {
			contains(t, s.cell(t, "%"+install), "Successfully installed")
		} else {
			contains(t, s.shell(t, install), "Successfully installed")
		}
		use := "import " + name + "; print(" + name + ".word)"
		equal(t, s.cell(t, use), name)
		equal(t, s.shell(t, "python3 -c '"+use+"'"), name)
	}
}

// wheel makes a package of one module, with more files about it, see the
// binary distribution format (PEP 427).
func wheel(t *testing.T, name string, module []byte, about ...[2]string) []byte {
	t.Helper()
	info := name + "-1.0.dist-info/"
	files := [][2]string{
		{name + ".py", string(module)},
		{info + "METADATA", "Metadata-Version: 2.1\nName: " + name + "\nVersion: 1.0\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: live\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	for _, file := range about {
		files = append(files, [2]string{info + file[0], file[1]})
	}
	record := info + "RECORD,,\n"
	for _, file := range files {
		record += file[0] + ",,\n"
	}
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, file := range append(files, [2]string{info + "RECORD", record}) {
		w, err := archive.Create(file[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(file[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func checkPython(t *testing.T, s *sandbox) {
	for _, python := range []string{"python", "python3"} {
		contains(t, s.shell(t, python+" --version"), "Python 3.")
		equal(t, s.shell(t, python+" -c 'import ssl, sqlite3, venv; print(6 * 7)'"), "42")
	}
}

// checkNames looks up names in both directions. BusyBox's ls shows the first
// eight letters of a user's name.
func checkNames(t *testing.T, s *sandbox) {
	s.shell(t, "touch mine")
	contains(t, s.shell(t, "ls -l mine"), " openhand")
	equal(t, s.shell(t, "stat -c %U mine"), "openhands")
	equal(t, s.shell(t, "stat -c %U /etc/passwd"), "root")
	equal(t, s.shell(t, "id -un"), "openhands")
	equal(t, s.shell(t, "whoami"), "openhands")
	equal(t, s.shell(t, "echo ~openhands $HOME"), "/home/openhands /home/openhands")
	equal(t, s.cell(t, "import pwd, os; print(pwd.getpwuid(os.stat('/workspace/mine').st_uid).pw_name)"), "openhands")
}

// checkBashrc keeps a variable as OpenHands does and expects it in the same
// session after a pause and in a new one after a restart. The home is its
// user's: a file of root's that a link in it leads to stays as it is.
func checkBashrc(t *testing.T, s *sandbox) {
	const login = `. ~/.bash""rc`
	s.shell(t, "echo '"+login+"' | sudo tee /etc/login >/dev/null; ln -sf /etc/login ~/.bash_profile")
	s.shell(t, `export OH_KEPT="a b"; touch ~/.bashrc; grep -q "^export OH_KEPT=" ~/.bashrc || echo 'export OH_KEPT="a b"' >> ~/.bashrc`)
	docker(t, "pause", s.container)
	docker(t, "unpause", s.container)
	equal(t, s.shell(t, "echo $OH_KEPT"), "a b")
	docker(t, "restart", "--time", "5", s.container)
	s.wait(t)
	equal(t, s.shell(t, "cat /etc/login"), login)
	equal(t, s.shell(t, "echo $OH_KEPT"), "a b")
	equal(t, s.cell(t, "print(6 * 7)"), "42")
}

// checkStop ends the container as an engine does; a server that ignores
// SIGTERM would be killed and leave status 137.
func checkStop(t *testing.T, s *sandbox) {
	docker(t, "stop", "--time", "30", s.container)
	status := docker(t, "inspect", "--format", "{{.State.ExitCode}}", s.container)
	if strings.TrimSpace(status) == "137" {
		t.Error("the container had to be killed")
	}
}
