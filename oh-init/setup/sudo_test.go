//go:build linux

package setup

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// The last rule that matches counts, see sudoers(5): where set-up's own would
// not be the last one in its file, it stands at the end of sudoers.
func TestSudoRuleIsLast(t *testing.T) {
	const (
		root    = "root ALL=(ALL:ALL) ALL\n"
		include = "@includedir /etc/sudoers.d\n"
	)
	for _, test := range []struct {
		name    string
		sudoers string
		others  tree
		inDir   bool
	}{
		{"as packages have it", root + include, nil, true},
		{"older spelling", root + "#includedir /etc/sudoers.d", nil, true},
		{"comments behind it", root + include + "\n# the end\n  #also\n", nil, true},
		{"files before it", root + include, tree{file("/etc/sudoers.d/wheel", "%wheel ALL=(ALL) ALL\n", 0o440), file("/etc/sudoers.d/README", "", 0o440)}, true},
		{"files that are passed over", root + include, tree{file("/etc/sudoers.d/zzz.dpkg-old", "", 0o440), file("/etc/sudoers.d/zzz~", "", 0o440)}, true},
		{"a rule behind it", root + include + "%sudo ALL=(ALL) ALL\n", nil, false},
		{"a setting behind it", root + include + "Defaults requiretty\n", nil, false},
		{"a user ID behind it", root + include + "#1000 ALL=(ALL) ALL\n", nil, false},
		{"a file behind it", root + include + "#include /etc/sudoers.local\n", nil, false},
		{"a folder behind it", root + include + "@includedir /etc/other\n", nil, false},
		{"no line feed at the end", root + include + "%sudo ALL=(ALL) ALL", nil, false},
		{"a line that goes on", root + include + "%sudo ALL=(ALL) ALL \\", nil, false},
		{"a directive that is none", root + "%sudo ALL=(ALL) \\\n" + include, nil, false},
		{"no directive", root, nil, false},
		{"an empty file", "", nil, false},
		{"a file that sorts behind it", root + include, tree{file("/etc/sudoers.d/zzz", "%sudo ALL=(ALL) ALL\n", 0o440)}, false},
		{"a link that sorts behind it", root + include, tree{link("/etc/sudoers.d/zzz", "/etc/sudoers.local")}, false},
		{"a folder that sudo passes over", root + include, tree{dir("/etc/sudoers.d", 0o777)}, false},
		{"a folder that is another's", root + include, tree{dir("/etc/sudoers.d", 0o755, 1000, 0)}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := with(debian(debianPasswd, debianGroup), file("/usr/bin/sudo", "real", fs.ModeSetuid|0o755), file("/etc/sudoers", test.sudoers, 0o440))
			at := t.TempDir()
			with(base, test.others...).unpack(t, at)
			changes := plan(t, at, Options{Sudo: true})
			const rule = "openhands ALL=(ALL:ALL) NOPASSWD:ALL\nDefaults:openhands secure_path="
			found := ""
			for _, c := range changes {
				if !strings.Contains(string(c.Content), rule) {
					continue
				}
				found += c.Path
				if added, kept := strings.CutPrefix(string(c.Content), endLine(test.sudoers)); c.Path == sudoersFile && (!kept || !strings.HasPrefix(strings.TrimPrefix(added, "\n"), "#")) {
					t.Errorf("sudoers is\n%s", c.Content)
				}
				if strings.Contains(string(c.Content), "\\\n#") {
					t.Errorf("the rule goes on with another line:\n%s", c.Content)
				}
			}
			if want := map[bool]string{true: sudoRule, false: sudoersFile}[test.inDir]; found != want {
				t.Errorf("the rule is in %q, want %q", found, want)
			}
			check(t, Apply(at, changes))
			if again := plan(t, at, Options{Sudo: true}); len(again) > 0 {
				t.Errorf("set-up of what is set up already:\n%s", describe(again))
			}
		})
	}
}

// The choice of tools is that of login shells and of what sudo starts, too.
func TestToolsOfLoginsAndSudo(t *testing.T) {
	base := debian(debianPasswd, debianGroup)
	for tools, want := range map[payload.Tools]string{"": payload.BaseFirst.Path(""), payload.PayloadFirst: payload.PayloadFirst.Path("")} {
		at := t.TempDir()
		base.unpack(t, at)
		check(t, Apply(at, plan(t, at, Options{Sudo: true, Tools: tools, Arch: "amd64"})))
		rule, err := os.ReadFile(at + sudoRule)
		check(t, err)
		if !strings.Contains(string(rule), "secure_path=\""+want+"\"\n") {
			t.Errorf("tools %q: the rule is\n%s", tools, rule)
		}
		if got := in(t, "", nil, "/bin/sh", "-euc", "PATH=; . "+at+loginPathFile+"; echo $PATH"); got != want {
			t.Errorf("tools %q: a login shell has PATH %s, want %s", tools, got, want)
		}
	}
}

// Settings of the base that would be in the way are undone for the user, and no
// others are named: not every sudo knows them.
func TestSudoSettings(t *testing.T) {
	base := with(debian(debianPasswd, debianGroup),
		file("/usr/bin/sudo", "real", fs.ModeSetuid|0o755),
		file("/etc/sudoers", "Defaults requiretty,runas_default=nobody\n@includedir /etc/sudoers.d\n", 0o440),
		file("/etc/sudoers.d/more", "Defaults noexec\n", 0o440))
	at := t.TempDir()
	base.unpack(t, at)
	for _, c := range plan(t, at, Options{Sudo: true}) {
		if c.Path != sudoRule {
			continue
		}
		const want = "Defaults:openhands verifypw=any\nDefaults:openhands !requiretty\nDefaults:openhands !noexec\nDefaults:openhands runas_default=root\n"
		if _, got, _ := strings.Cut(string(c.Content), "fallback/bin\"\n"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		return
	}
	t.Error("no rule")
}

// A base's own programs count wherever its PATH leads, unless others can change
// them: what set-up links to in folders of root's, root runs.
func TestProgramsOnPathOfBase(t *testing.T) {
	const path = "/nix/store/env/bin:/home/me/bin:" + payload.Bin + ":relative:/nix/store/env/sbin"
	for _, test := range []struct {
		name string
		base tree
		want map[string]string // links, and the stub
	}{
		{"in a folder of root's", tree{
			file("/nix/store/env/bin/bash", "", 0o555), file("/nix/store/env/bin/sh", "#! sh", 0o555), file("/nix/store/env/sbin/sudo", "", fs.ModeSetuid|0o555),
			dir("/nix/store", fs.ModeSticky|0o775, 0, 30000), dir("/nix/store/env", 0o555),
		}, map[string]string{"/bin/bash": "/nix/store/env/bin/bash", "/bin/sh": "/nix/store/env/bin/sh", "/usr/bin/env": payload.FallbackBin + "/env"}},
		{"in a folder of a user's", tree{
			file("/home/me/bin/bash", "", 0o755), file("/home/me/bin/sudo", "", 0o755), dir("/home/me", 0o755, 1000, 1000),
		}, map[string]string{"/bin/bash": payload.FallbackBin + "/bash", payload.SudoStub: ""}},
		{"a program of a user's", tree{file("/nix/store/env/bin/sudo", "", 0o755, 1000, 1000)}, map[string]string{payload.SudoStub: ""}},
		{"a link to a folder of a user's", tree{
			link("/nix/store/env/bin/bash", "/home/me/bash"), file("/home/me/bash", "", 0o755), dir("/home/me", 0o755, 1000, 1000),
		}, map[string]string{"/bin/bash": payload.FallbackBin + "/bash"}},
		{"the payload's", tree{file(payload.Bin+"/sudo", "", 0o755)}, map[string]string{payload.SudoStub: ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := t.TempDir()
			test.base.unpack(t, at)
			found := map[string]Change{}
			for _, c := range plan(t, at, Options{Sudo: true, Arch: "amd64", Path: path}) {
				found[c.Path] = c
			}
			for name, target := range test.want {
				if c, made := found[name]; !made || c.Target != target {
					t.Errorf("%s is a link to %q (%v), want %q", name, c.Target, made, target)
				}
			}
			if _, wanted := test.want[payload.SudoStub]; !wanted && test.name == "in a folder of root's" && found[payload.SudoStub].Content != nil {
				t.Error("a stub was made beside the base's own sudo")
			}
		})
	}
}
