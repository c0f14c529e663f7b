//go:build linux

package setup

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	debianPasswd = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
	debianGroup  = "root:x:0:\ndaemon:x:1:\nsudo:x:27:\nshadow:x:42:\nnogroup:x:65534:\n"
	plainProfile = "PATH=/bin\nfor i in /etc/profile.d/*.sh; do . $i; done\n"
	bashProfile  = "if [ -f ~/.bashrc ]; then . ~/.bashrc; fi\n"
)

// debian has the traits of a Debian root: merged /usr, shadow and gshadow
// readable by a group, a skeleton.
func debian(passwd, group string) tree {
	return tree{
		dir("/etc", 0o755),
		file("/etc/group", group, 0o644),
		file("/etc/gshadow", "root:*::\nsudo:*::\n", 0o640, 0, 42),
		file("/etc/passwd", passwd, 0o644),
		file("/etc/profile", plainProfile, 0o644),
		dir("/etc/profile.d", 0o755),
		file("/etc/shadow", "root:*:20000:0:99999:7:::\n", 0o640, 0, 42),
		file("/etc/skel/.bashrc", "case $- in *i*) ;; *) return ;; esac\n", 0o644),
		file("/etc/skel/.profile", bashProfile, 0o644),
		dir("/home", 0o755),
		dir("/root", 0o700),
		file("/root/.bashrc", "", 0o644),
		file("/root/.profile", bashProfile, 0o644),
		dir("/run", 0o755),
		dir("/tmp", fs.ModeSticky|0o777),
		file("/usr/bin/bash", "#! bash", 0o755),
		link("/usr/bin/sh", "bash"),
		file("/usr/bin/env", "env", 0o755),
		link("/bin", "usr/bin"),
		link("/var/run", "/run"),
		dir("/var/tmp", fs.ModeSticky|0o777),
	}
}

func with(base tree, changes ...Change) tree { return append(base[:len(base):len(base)], changes...) }

// Every base is set up with sudo for the default account on amd64 unless it
// says otherwise. testdata holds the outcome.
var bases = []struct {
	name    string
	base    tree
	archive string // instead of base
	options Options
}{
	{name: "scratch"},
	{name: "scratch-no-sudo", options: Options{User: "dev", UID: 4711}},
	{name: "alpine-x86_64", archive: "alpine-3.20.3-x86_64.tar.gz"},
	{name: "alpine-aarch64", archive: "alpine-3.20.3-aarch64.tar.gz", options: Options{Sudo: true, Arch: "arm64"}},
	{name: "busybox-glibc", archive: "busybox-glibc-x86_64.tar.gz"},
	{name: "busybox-musl", archive: "busybox-musl-x86_64.tar.gz"},
	{name: "debian", base: debian(debianPasswd, debianGroup)},
	{name: "debian-sudo", base: with(debian(debianPasswd, debianGroup),
		file("/usr/bin/sudo", "real", fs.ModeSetuid|0o755),
		file("/etc/sudoers", "root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n", 0o440),
		dir("/etc/sudoers.d", 0o750))},
	{name: "sudo-without-includedir", base: with(debian(debianPasswd, debianGroup),
		file("/usr/bin/sudo", "real", fs.ModeSetuid|0o755),
		file("/etc/sudoers", "root ALL=(ALL:ALL) ALL", 0o440))},
	{name: "uid-taken", base: debian(debianPasswd+"node:x:1000:1000::/home/node:/bin/bash\n", debianGroup+"node:x:1000:\n")},
	{name: "uid-of-ubuntu", base: with(debian(debianPasswd+"ubuntu:x:1000:1000:Ubuntu:/home/ubuntu:/bin/bash\n", debianGroup+"ubuntu:x:1000:\n"),
		dir("/home/ubuntu", 0o750, 1000, 1000))},
	{name: "gid-taken", base: debian(debianPasswd, debianGroup+"users:x:1000:\n")},
	{name: "user-exists", base: with(debian(debianPasswd+"openhands:x:2000:100::/srv/oh:/bin/zsh\n", debianGroup+"users:x:100:\n"),
		dir("/srv/oh", 0o700, 2000, 100),
		file("/srv/oh/.bash_profile", "export A=1", 0o600, 2000, 100))},
	{name: "odd-account-files", base: with(tree{
		// No line feed at the end, carriage returns, lines for NIS, passwd behind a link.
		link("/etc/passwd", "../usr/share/accounts/passwd"),
		file("/usr/share/accounts/passwd", "root:x:0:0:root:/root:/bin/sh\r\napp:x:10:10::/app:/bin/sh\r\n+::::::", 0o444),
		file("/etc/group", "root:x:0:\r\nsudo:x:50:app\r\n+:::", 0o644),
	})},
	{name: "passwd-without-root-or-shadow", base: tree{
		file("/etc/passwd", "app:x:10001:10001:app:/:/sbin/nologin\n", 0o644),
		file("/etc/group", "wheel:x:27:\napp:x:10001:\n", 0o644),
	}},
	{name: "fedora", base: with(tree{
		link("/bin", "usr/bin"),
		file("/usr/bin/bash", "#! bash", 0o755),
		link("/usr/bin/sh", "bash"),
		file("/usr/bin/env", "env", 0o755),
		file("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "roots", 0o444),
		link("/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
		link("/etc/ssl/certs", "../pki/tls/certs"),
		file("/etc/skel/.bash_profile", bashProfile, 0o644),
		file("/etc/skel/.bashrc", "# bashrc\n", 0o644),
		file("/etc/skel/.config/mode", "dark\n", 0o600),
		link("/etc/skel/.rc", ".bashrc"),
		file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n", 0o644),
		file("/etc/group", "root:x:0:\nwheel:x:10:\n", 0o644),
		file("/etc/shadow", "root:!locked::0:99999:7:::\n", 0),
	})},
	{name: "odd-tree", base: tree{
		link("/home", "/var/home"),
		link("/tmp", "var/tmp"),
		dir("/var", 0o711, 3, 4),
		dir("/var/tmp", 0o755, 3, 4),
		link("/bin/sh", "/gone/busybox"),
		file("/usr/local/bin/bash", "bash", 0o755),
		file("/etc/profile", "PATH=/bin", 0o600),
		link("/etc/ssl/certs/ca-certificates.crt", "/run/gone.pem"),
		dir("/workspace", 0o700, 5, 5),
	}},
	{name: "agent-server", base: debian(debianPasswd, debianGroup), options: Options{UID: 10001, Server: payload.AgentServer, Arch: "amd64"}},
	{name: "agent-server-behind-links", base: with(debian(debianPasswd, debianGroup),
		link("/usr/local", "../var/usrlocal"), link("/agent-server", "/opt/agent"),
	), options: Options{UID: 10001, Server: payload.AgentServer, Arch: "amd64"}},
}

func TestPlan(t *testing.T) {
	for _, test := range bases {
		t.Run(test.name, func(t *testing.T) {
			unpack := func(root string) {
				if test.archive != "" {
					unpackArchive(t, root, test.archive)
				} else {
					test.base.unpack(t, root)
				}
			}
			o := test.options
			if o == (Options{}) {
				o = Options{Sudo: true, Arch: "amd64"}
			}
			layered, live := t.TempDir(), t.TempDir()
			unpack(layered)
			unpack(live)
			before := snapshot(t, live)

			changes := plan(t, live, o)
			golden(t, filepath.Join("testdata", test.name+".golden"), describe(changes))

			var layer bytes.Buffer
			check(t, WriteTar(&layer, changes, time.Unix(1e9, 0)))
			untar(t, layered, &layer)
			check(t, Apply(live, changes))
			after := snapshot(t, live)
			if diff := cmp.Diff(snapshot(t, layered), after); diff != "" {
				t.Errorf("a layer (-) and a live root (+) differ:\n%s", diff)
			}
			changed := make(map[string]bool)
			for _, c := range changes {
				changed[c.Path] = true
			}
			for path, c := range before {
				if diff := cmp.Diff(c, after[path]); diff != "" && !changed[path] {
					t.Errorf("%s changed without being planned:\n%s", path, diff)
				}
			}
			if again := plan(t, live, o); len(again) > 0 {
				t.Errorf("set-up of what is set up already:\n%s", describe(again))
			}
		})
	}
}

// describe writes changes as a person reads them.
func describe(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "%v %d:%d %s", c.Mode, c.UID, c.GID, c.Path)
		if c.Mode&fs.ModeSymlink != 0 {
			fmt.Fprintf(&b, " -> %s", c.Target)
		}
		b.WriteString("\n")
		switch {
		case !c.Mode.IsRegular():
		case c.Mode&fs.ModeSetuid != 0:
			fmt.Fprintf(&b, "\t%d bytes\n", len(c.Content))
		default:
			for line := range strings.Lines(string(c.Content)) {
				fmt.Fprintf(&b, "\t%s\n", strings.NewReplacer("\n", "", "\r", `\r`).Replace(line))
			}
		}
	}
	return b.String()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		check(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	check(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestPlanRefuses(t *testing.T) {
	loop := tree{link("/etc/passwd", "/etc/group"), link("/etc/group", "/etc/passwd")}
	large := tree{file("/etc/passwd", strings.Repeat("#", MaxFile+1), 0o644)}
	for _, test := range []struct {
		name    string
		base    tree
		options Options
		want    string
	}{
		{"separator in the name", nil, Options{User: "a:b"}, "user name"},
		{"sudoers syntax in the name", nil, Options{User: "a ALL"}, "user name"},
		{"path as a name", nil, Options{User: "../x"}, "user name"},
		{"negative ID", nil, Options{UID: -1}, "positive"},
		{"links in a circle", loop, Options{}, "too many symbolic links"},
		{"huge passwd", large, Options{}, "more than"},
		{"file for a directory", tree{file("/etc", "", 0o644)}, Options{}, "/etc"},
		{"directory for a file", tree{dir("/etc/passwd", 0o755)}, Options{}, "not a regular file"},
		{"sudo for an unknown machine", nil, Options{Sudo: true, Arch: "riscv64"}, "riscv64"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			test.base.unpack(t, root)
			if _, _, err := planned(t, root, test.options); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

// A link that leads out of the root, if it were followed by the host.
func TestLinksStayInside(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	tree{
		link("/etc", "../../../../../../.."+outside),
		link("/home", outside),
	}.unpack(t, root)
	check(t, Apply(root, plan(t, root, Options{})))
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside the root: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(root, outside, "passwd")); err != nil {
		t.Error(err)
	}
}
