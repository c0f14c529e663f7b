// Package sudo holds the payload's sudo against Debian's: whom it lets in, real
// sudo lets in.
package sudo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// packages are those that Debian's sudo runs with, alone in a root directory.
var packages = []string{
	"sudo", "libc6", "libpam0g", "libpam-modules", "libpam-modules-bin", "libpam-runtime", "libaudit1", "libcap-ng0", "libcap2",
	"libselinux1", "libpcre2-8-0", "libapparmor1", "zlib1g", "libssl3t64", "libzstd1", "libcrypt1", "libsystemd0", "libtirpc3t64", "coreutils",
}

const userID = 1000 // of openhands

// lines are what sudoers are drawn from: forms of sudoers(5) that grant, that
// deny, that only look like either, and mistakes.
var lines = []string{
	"openhands ALL=(ALL:ALL) NOPASSWD: ALL", "openhands ALL=(ALL) NOPASSWD:ALL", "%sudo ALL=(ALL:ALL) NOPASSWD: ALL", "ALL ALL=(ALL) NOPASSWD: ALL",
	"openhands\tALL = ( ALL : ALL ) NOPASSWD : ALL", `openhands ALL=(ALL:ALL) \` + "\n NOPASSWD: ALL", "openhands ALL=(ALL) NOPASSWD: ALL # why",
	"#1000 ALL=(ALL) NOPASSWD: ALL", "%#27 ALL=(ALL) NOPASSWD: ALL", `"openhands" ALL=(ALL) NOPASSWD: ALL`, "other, openhands ALL=(ALL) NOPASSWD: ALL",
	"openhands ALL=(ALL) NOPASSWD: ALL : OTHER=(ALL) ALL", "openhands ALL=(root) NOPASSWD: ALL", "openhands ALL=NOPASSWD: ALL", "openhands localhost=(ALL) NOPASSWD: ALL",
	"openhands ALL=(ALL) NOPASSWD: /usr/bin/id", "openhands ALL=(ALL) NOPASSWD: ALL, !/usr/bin/true", "openhands ALL=(ALL) NOPASSWD: !ALL", "openhands ALL=(ALL) !ALL",
	"openhands ALL=(ALL) ALL", "openhands ALL=(ALL) PASSWD: ALL", "%sudo ALL=(ALL) ALL", "ALL ALL=(ALL) PASSWD: ALL", "!openhands ALL=(ALL) NOPASSWD: ALL",
	"ALL, !openhands ALL=(ALL) NOPASSWD: ALL", "openhands ALL=(ALL) NOEXEC: NOPASSWD: ALL", "openhands ALL=(ALL) NOPASSWD: NOEXEC: ALL", "openhands ALL=(nobody) NOPASSWD: ALL",
	"openhands !ALL=(ALL) NOPASSWD: ALL", "other ALL=(ALL) NOPASSWD: ALL", "%other ALL=(ALL) NOPASSWD: ALL", "Openhands ALL=(ALL) NOPASSWD: ALL",
	"User_Alias EVERYBODY = ALL, \\\n  !root\nEVERYBODY ALL = (ALL) NOPASSWD: ALL", "User_Alias US = openhands\nUS ALL=(ALL) PASSWD: ALL", "Cmnd_Alias ANY = ALL\nopenhands ALL=(ALL) NOPASSWD: ANY",
	"Runas_Alias ANYBODY = ALL\nopenhands ALL=(ANYBODY) NOPASSWD: ALL", "Host_Alias HERE = ALL\nopenhands HERE=(ALL) NOPASSWD: ALL",
	"Defaults requiretty", "Defaults !requiretty", "Defaults:openhands requiretty", "Defaults:other requiretty", "Defaults!ALL requiretty", "Defaults noexec", "Defaults>root noexec",
	"Defaults targetpw", "Defaults !authenticate", "Defaults authenticate", "Defaults env_reset, secure_path=\"/usr/bin:/bin\"", "Defaults runas_default=nobody", "Defaults runchroot=/nowhere",
	"Defaults runcwd=/nowhere", "Defaults nonsense", "Defaults !nonsense=1", "Defaults timestamp_timeout=0", "Defaults lecture=always", "Defaults rootpw, !lecture",
	"# openhands ALL=(ALL) NOPASSWD: ALL", "#openhands ALL=(ALL) NOPASSWD: ALL", `# comment \`, "## #includedir /etc/sudoers.d", "#@includedir /etc/sudoers.d",
	"@includedir /etc/sudoers.d", "#includedir /etc/sudoers.d", "@include /etc/sudoers.more", "#include /etc/sudoers.more", "@include /etc/none", "@includedir /etc/none",
	"@include \"/etc/sudoers.more\"", "@include sudoers.more", "@includedir", "nonsense", "openhands", "openhands ALL", "openhands ALL=", "=(ALL) ALL", `openhands ALL=(ALL) \`, "\\", "",
	"openhands ALL=(ALL) NOPASSWD: ALL\r", "\ufeffopenhands ALL=(ALL) NOPASSWD: ALL", "openhands ALL=(ALL) NOPASSWD: ALL\x00", "  openhands ALL=(ALL) NOPASSWD: ALL  ",
}

// drawn is what a case has in its files of sudoers, by path.
func drawn(seed uint64) map[string]string {
	r := rand.New(rand.NewPCG(seed, 0))
	included := false
	text := func(least int) string {
		var b strings.Builder
		for range least + r.IntN(4) {
			line := lines[r.IntN(len(lines))]
			// Where files include each other twice, Debian's sudo takes years and
			// all memory. The payload's has a limit.
			if included && strings.Contains(line, "include") {
				continue
			}
			b.WriteString(line + "\n")
		}
		if r.IntN(8) == 0 {
			return strings.TrimSuffix(b.String(), "\n")
		}
		return b.String()
	}
	files := map[string]string{"/etc/sudoers": text(1)}
	if r.IntN(2) == 0 {
		files["/etc/sudoers"] = "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n" + text(0) + "@includedir /etc/sudoers.d\n" + text(0)
	}
	included = true
	for _, name := range []string{"/etc/sudoers.more", "/etc/sudoers.d/10-more", "/etc/sudoers.d/zz-openhands", "/etc/sudoers.d/x.off", "/etc/sudoers.d/x~"} {
		if r.IntN(3) == 0 {
			files[name] = text(1)
		}
	}
	return files
}

// Whatever the files of sudoers say, nobody is permitted by the payload's sudo
// who is not by Debian's.
func TestAgainstDebian(t *testing.T) {
	from, to := uint64(0), uint64(600)
	if text := os.Getenv("OH_SUDO_SEEDS"); text != "" { // FROM-TO
		if _, err := fmt.Sscanf(text, "%d-%d", &from, &to); err != nil {
			t.Fatalf("OH_SUDO_SEEDS=%s: %v", text, err)
		}
	}
	root := debian(t)
	permitted, stricter := 0, 0
	for seed := from; seed < to; seed++ {
		files := drawn(seed)
		writeSudoers(t, root, files)
		ours, said := permits(t, root, "/oh/sudo")
		theirs, saidTheirs := permits(t, root, "/usr/bin/sudo")
		switch {
		case ours && !theirs:
			t.Errorf("seed %d: the payload's sudo permits %q, Debian's does not: %s%s", seed, files, said, saidTheirs)
		case ours:
			permitted++
		case theirs:
			stricter++
		}
	}
	t.Logf("%d cases: both permit %d, and Debian's alone %d", to-from, permitted, stricter)
	if total := int(to - from); permitted < total/20 {
		t.Errorf("both permit %d of %d: the comparison says too little", permitted, total)
	}
}

// debian makes a root directory with Debian's sudo and the payload's.
func debian(t *testing.T) string {
	t.Helper()
	from, err := lab.DebianPackages(t.Context(), "trixie", runtime.GOARCH, t.Output(), packages...)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	run(t, exec.Command("cp", "-a", from+"/.", root))
	wrappers := exec.Command("go", "build", "-o", root+"/oh/sudo", "../../oh-wrappers")
	wrappers.Env = append(os.Environ(), "CGO_ENABLED=0")
	run(t, wrappers)
	if err := os.Chmod(root+"/oh/sudo", os.ModeSetuid|0o755); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"/etc/passwd":      "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\nopenhands:x:1000:1000::/:/bin/sh\n",
		"/etc/group":       "root:x:0:\nsudo:x:27:openhands\nother:x:28:\nopenhands:x:1000:\nnogroup:x:65534:\n",
		"/etc/shadow":      "root:*:1::::::\nopenhands:*:1::::::\n",
		"/etc/pam.d/sudo":  "auth required pam_deny.so\naccount required pam_permit.so\nsession required pam_permit.so\n",
		"/etc/pam.d/other": "auth required pam_deny.so\naccount required pam_deny.so\nsession required pam_deny.so\n",
		"/etc/hosts":       "127.0.0.1 localhost " + host + "\n",
	} {
		write(t, root+name, text, 0o644)
	}
	for _, place := range []string{"dev", "proc"} {
		if err := os.MkdirAll(filepath.Join(root, place), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mknod(root+"/dev/null", syscall.S_IFCHR|0o666, 1<<8|3); err != nil {
		t.Fatal(err)
	}
	return root
}

func writeSudoers(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for _, old := range []string{"/etc/sudoers.d", "/etc/sudoers", "/etc/sudoers.more"} {
		if err := os.RemoveAll(root + old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(root+"/etc/sudoers.d", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		write(t, root+name, text, 0o440)
	}
}

// permits has the user run a program by a sudo, and returns what it says.
func permits(t *testing.T, root, sudo string) (bool, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, sudo, "-n", "/usr/bin/true")
	cmd.Path, cmd.Err = sudo, nil
	cmd.Env, cmd.Dir = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: userID, Gid: userID, Groups: []uint32{27}}}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) || ctx.Err() != nil {
		t.Fatalf("%s: %v", sudo, err)
	}
	return err == nil, out.String()
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
