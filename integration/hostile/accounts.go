package hostile

import (
	"archive/tar"
	"fmt"
	"math/rand/v2"
	"strings"
)

// lines adds lines to a file of the base, each ended.
func lines(name, file string, text ...string) Mutation {
	return Mutation{name, func(_ *rand.Rand, i *Image) { appendTo(i, file, strings.Join(text, "\n")+"\n") }}
}

// appendTo adds text to a file, which keeps its mode and owner, as a Dockerfile
// does with >>.
func appendTo(i *Image, name, text string) {
	tree, err := i.Flatten()
	if err != nil {
		return
	}
	resolved, err := tree.Resolve(name)
	if err != nil {
		return
	}
	e, there := tree[resolved]
	switch {
	case !there:
		e = file(resolved, "")
	case e.Typeflag != tar.TypeReg || e.Hole > 0:
		return
	}
	e.Content += text
	i.add(e)
}

func numbered(from, to int, format string) []string {
	var all []string
	for n := from; n < to; n++ {
		all = append(all, fmt.Sprintf(format, n))
	}
	return all
}

// accountMutations are about what passwd, group and their shadows say.
func accountMutations() []Mutation {
	homes := func(name, home string) Mutation {
		return lines("openhands has the home "+name, "etc/passwd", "openhands:x:1000:1000::"+home+":/bin/bash")
	}
	return []Mutation{
		lines("the user ID 1000 is taken", "etc/passwd", "node:x:1000:1000::/home/node:/bin/bash"),
		lines("the group ID 1000 is taken", "etc/group", "staff:x:1000:"),
		lines("the user is ubuntu", "etc/passwd", "ubuntu:x:1000:1000:Ubuntu:/home/ubuntu:/bin/bash"),
		lines("the user is pn", "etc/passwd", "pn:x:1000:1000::/home/pn:/bin/sh"),
		lines("5,000 user IDs are taken", "etc/passwd", numbered(1000, 6000, "u%[1]d:x:%[1]d:100::/home/u:/bin/sh")...),
		lines("5,000 group IDs are taken", "etc/group", numbered(1000, 6000, "g%[1]d:x:%[1]d:")...),
		lines("20,000 user IDs are taken", "etc/passwd", numbered(1000, 21000, "%[1]x:x:%[1]d:1::/:")...),
		lines("all system group IDs are taken", "etc/group", numbered(1, 1000, "s%[1]d:x:%[1]d:")...),
		lines("openhands is root", "etc/passwd", "openhands:x:0:0::/home/openhands:/bin/bash"),
		lines("openhands is there twice", "etc/passwd", "openhands:x:1000:1000::/home/openhands:/bin/sh", "openhands:x:0:0::/root:/bin/sh"),
		lines("openhands has no number", "etc/passwd", "openhands:x:::/home/openhands:/bin/sh:"),
		lines("openhands has a negative number", "etc/passwd", "openhands:x:-1:-1::/home/openhands:/bin/sh"),
		lines("openhands has the largest number", "etc/passwd", "openhands:x:4294967295:4294967295::/home/openhands:/bin/sh"),
		lines("openhands has a number beyond all", "etc/passwd", "openhands:x:99999999999999999999:1::/home/openhands:/bin/sh"),
		lines("openhands has one field", "etc/passwd", "openhands:"),
		lines("openhands has an empty password", "etc/shadow", "openhands::20000:0:99999:7:::"),
		lines("the group openhands has another number", "etc/group", "openhands:x:555:"),
		lines("the group openhands has no number", "etc/group", "openhands:x::"),
		lines("the group openhands is root's", "etc/group", "openhands:x:0:"),
		lines("the group sudo has the number 1000", "etc/group", "sudo:x:1000:somebody"),
		lines("the group sudo has many fields", "etc/group", "sudo:x:28:a,b:c:d:e"),
		lines("the group sudo has one field", "etc/group", "sudo:"),
		lines("the group ID 27 is taken", "etc/group", "floppy:x:27:"),
		lines("root has another name", "etc/passwd", "toor:x:0:0::/root:/bin/sh"),
		lines("NIS has the last word", "etc/passwd", "+@admins", "-nobody", "+::::::"),
		lines("NIS has the last word on groups", "etc/group", "+:::"),
		lines("an account has a huge number", "etc/passwd", "ldap:x:1234567890:1234567890::/home/ldap:/bin/sh"),
		homes("/", "/"), homes("/etc", "/etc"), homes("none", ""), homes("a relative path", "home/openhands"),
		homes("with dots in it", "/home/../etc/./cron.d"), homes("/openhands", "/openhands"), homes("/dev/null", "/dev/null"),
		homes("/root", "/root"), homes("/workspace", "/workspace"), homes("/tmp", "/tmp"), homes("/etc/passwd", "/etc/passwd"),
		homes("that lies deep", "/srv"+strings.Repeat("/deep", 200)), homes("with a long name", "/srv/"+strings.Repeat("n", 300)),
		homes("with a line feed's escape and quotes", `/srv/"a b"\n`),
		Mutation{"passwd has no root", func(_ *rand.Rand, i *Image) {
			above(i, file("etc/passwd", "app:x:10001:10001:app:/:/sbin/nologin\n"))
		}},
		Mutation{"root has the home of openhands", func(_ *rand.Rand, i *Image) {
			above(i, file("etc/passwd", "root:x:0:0::/home/openhands:/bin/sh\n"))
		}},
		Mutation{"root has the home /", func(_ *rand.Rand, i *Image) {
			above(i, file("etc/passwd", "root:x:0:0:root:/:/bin/sh\n"))
		}},
	}
}

// homeMutations are about homes that are there already, as after docker commit
// of a sandbox.
func homeMutations() []Mutation {
	const home = "home/openhands"
	with := func(name string, entries ...Entry) Mutation {
		return Mutation{"the home of openhands has " + name, func(_ *rand.Rand, i *Image) {
			appendTo(i, "etc/passwd", "openhands:x:1000:1000::/home/openhands:/bin/bash\n")
			above(i, append([]Entry{dir("home", 0o755), dir(home, 0o755).by(1000, 1000)}, entries...)...)
		}}
	}
	user := func(e Entry) Entry { return e.by(1000, 1000) }
	return []Mutation{
		with("nothing"),
		with("a .bashrc that is a link to a file that root's programs read", user(link(home+"/.bashrc", "/etc/ld.so.preload"))),
		with("a .profile that is a link to a file that root's programs read", user(link(home+"/.profile", "/etc/cron.d/job"))),
		with("a .bash_profile that is a link to passwd", user(link(home+"/.bash_profile", "../../etc/passwd"))),
		with("a .profile that is a link to profile", user(link(home+"/.profile", "/etc/profile"))),
		with("a .bashrc that is a link to itself", user(link(home+"/.bashrc", ".bashrc"))),
		with("a .profile that is a folder", user(dir(home+"/.profile", 0o700))),
		with("a .bashrc that is a folder", user(dir(home+"/.bashrc", 0o700))),
		with("a .profile that is a FIFO", user(fifo(home+"/.profile"))),
		with("a .bash_login that is a device", null(home+"/.bash_login")),
		with("a .profile of 2 MiB", user(file(home+"/.profile", strings.Repeat("# comment\n", 210_000)))),
		with("a .profile without a last line feed", user(file(home+"/.profile", "export A=1"))),
		with("files of root in it", file(home+"/.profile", "A=1\n").with(0o600), file(home+"/.bashrc", "B=1\n").with(0)),
		with("a .bashrc that is a hard link to passwd", file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nopenhands:x:1000:1000::/home/openhands:/bin/bash\n"), hardLink(home+"/.bashrc", "etc/passwd")),
		with("a .profile that is a hard link to passwd", file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nopenhands:x:1000:1000::/home/openhands:/bin/bash\n"), hardLink(home+"/.profile", "etc/passwd")),
		Mutation{"the home of openhands is a link of somebody", func(r *rand.Rand, i *Image) {
			appendTo(i, "etc/passwd", "openhands:x:1000:1000::/srv/own/link/home:/bin/bash\n")
			above(i, dir("srv/own", 0o755).by(somebody(r)), link("srv/own/link", "/etc").by(1000, 1000))
		}},
		Mutation{"the home of openhands is a link to /etc/cron.d", func(_ *rand.Rand, i *Image) {
			appendTo(i, "etc/passwd", "openhands:x:1000:1000::/home/openhands:/bin/bash\n")
			above(i, link(home, "/etc/cron.d"))
		}},
		Mutation{"the workspace is somebody's and has a link for the project", func(r *rand.Rand, i *Image) {
			above(i, dir("workspace", 0o775).by(somebody(r)), link("workspace/project", pick(r, []string{"/etc/cron.d/new", "/etc", "../home/openhands/x"})).by(1000, 1000))
		}},
		Mutation{"homes are in a folder that everybody can write to", func(_ *rand.Rand, i *Image) {
			above(i, dir("home", 0o777))
		}},
	}
}

// skeletonMutations are about /etc/skel.
func skeletonMutations() []Mutation {
	const skel = "etc/skel"
	many := func(n int, format string) []Entry {
		var all []Entry
		for _, name := range numbered(0, n, format) {
			all = append(all, file(skel+"/"+name, name))
		}
		return all
	}
	return []Mutation{
		always("the skeleton has a file of 5 MB, a link and a FIFO",
			file(skel+"/.oh-my-zsh/.git/objects/pack/pack-1.pack", strings.Repeat("pack\n", 1<<20)), link(skel+"/.oh-my-zsh/link", "pack-1.pack"), fifo(skel+"/fifo")),
		always("the skeleton has a file just larger than set-up reads", file(skel+"/large", strings.Repeat("x", 1<<20+1))),
		always("the skeleton has 500 files", many(500, "f%d")...),
		always("the skeleton lies 300 deep", file(skel+strings.Repeat("/d", 300)+"/end", "x")),
		always("the skeleton has names that are no UTF-8 or hold line feeds", file(skel+"/\xff\xfe", "1"), file(skel+"/a\nb", "2"), file(skel+"/\x1b]0;x\a", "3"), file(skel+"/ ", "4"), file(skel+"/-rf", "5")),
		always("the skeleton has a path of 4,000 bytes", file(skel+strings.Repeat("/"+strings.Repeat("n", 249), 15)+"/end", "x")),
		always("the skeleton has a name of 4,000 bytes", file(skel+"/"+strings.Repeat("n", 4000), "x")),
		always("the skeleton has setuid programs and devices", file(skel+"/root", program).with(0o4755), file(skel+"/group", program).with(0o2755), null(skel+"/null")),
		always("the skeleton has folders that nobody may enter", dir(skel+"/closed", 0), file(skel+"/closed/file", "x").with(0)),
		always("the skeleton has a link to the root", link(skel+"/root", "/"), link(skel+"/up", "../../..")),
		always("the skeleton has a .bashrc that is a link to passwd", link(skel+"/.bashrc", "/etc/passwd")),
		always("the skeleton has a .profile that is a link to /etc/profile", link(skel+"/.profile", "../../etc/profile")),
		always("the skeleton has a .profile that is a folder", dir(skel+"/.profile", 0o755), file(skel+"/.profile/x", "")),
		always("the skeleton has a .bashrc that is a folder", dir(skel+"/.bashrc", 0o755)),
		always("the skeleton has a hard link to itself", dir(skel, 0o755), hardLink(skel+"/again", skel)),
		always("the skeleton has a hard link to the root", dir(skel, 0o755), hardLink(skel+"/again", ".")),
		always("the skeleton has a hole of 1 GiB", Entry{Header: file(skel+"/hole", "").Header, Hole: 1 << 30}),
		always("the skeleton has a .tmux.conf", file(skel+"/.tmux.conf", "set -g base-index 1\nset -g default-command \"echo hi; exec /bin/ash\"\nset -g remain-on-exit on\n")),
		Mutation{"the skeleton is a link to a folder with 30 files", func(_ *rand.Rand, i *Image) {
			entries := []Entry{dir("usr/share/skel", 0o755), link(skel, "/usr/share/skel")}
			for _, name := range numbered(0, 30, "usr/share/skel/f%d") {
				entries = append(entries, file(name, name))
			}
			above(i, entries...)
		}},
		Mutation{"the skeleton is a folder of somebody", func(r *rand.Rand, i *Image) {
			uid, gid := somebody(r)
			i.add(dir(skel, 0o777).by(uid, gid), file(skel+"/.bashrc", "# theirs\n").by(uid, gid))
		}},
	}
}

// shellMutations are about files that shells and their friends read.
func shellMutations() []Mutation {
	return []Mutation{
		lines("bash ends at its start", "etc/bash.bashrc", "exit 1"),
		lines("PROMPT_COMMAND is read-only", "etc/bash.bashrc", "readonly PROMPT_COMMAND"),
		lines("bash edits as vi does", "etc/bash.bashrc", "set -o vi"),
		always("a session ends when it is idle", file("etc/profile.d/tmout.sh", "TMOUT=6\nreadonly TMOUT\nexport TMOUT\n")),
		always("a login executes another shell", file("etc/profile.d/zsh.sh", "exec /bin/sh -c 'echo other'\n")),
		always("a login sets PATH to nothing", file("etc/profile.d/zzz.sh", "PATH=\nexport PATH\n")),
		always("a login has a syntax error", file("etc/profile.d/00.sh", "if [ ; then\n")),
		always("tmux is configured", file("etc/tmux.conf", "set -g base-index 1\nsetw -g pane-base-index 1\nset -g default-shell /bin/ash\nset -g default-command \"echo hi; exec /bin/ash\"\nset -g remain-on-exit on\nset -g history-limit 5\n")),
		always("readline is configured", file("etc/inputrc", "set editing-mode vi\n")),
		always("every program preloads a library", file("etc/ld.so.preload", "/usr/lib/none.so\n")),
		lines("profile ends early", "etc/profile", "return 0 2>/dev/null", "exit 0"),
	}
}

// sudoMutations are about sudoers.
func sudoMutations() []Mutation {
	return []Mutation{
		lines("the last rule of sudoers wants a password", "etc/sudoers", "%sudo ALL=(ALL) ALL", "ALL ALL=(ALL) PASSWD: ALL"),
		lines("the last rule of sudoers denies", "etc/sudoers", "openhands ALL=(ALL) !ALL"),
		lines("sudo wants a terminal", "etc/sudoers", "Defaults requiretty", "Defaults !visiblepw, targetpw"),
		lines("sudo has a PATH of its own", "etc/sudoers", `Defaults secure_path="/nowhere"`, "Defaults:ALL !secure_path"),
		lines("sudoers includes nothing in comments", "etc/sudoers", "## #includedir /etc/sudoers.d", "#@includedir /etc/sudoers.d"),
		lines("sudoers includes itself", "etc/sudoers", "#include /etc/sudoers"),
		lines("sudoers ends in the middle of a line", "etc/sudoers", `openhands ALL=(ALL) \`),
		lines("sudoers has a continued comment", "etc/sudoers", `# comment \`, "openhands ALL=(ALL) !ALL"),
		lines("sudoers has an alias of many lines", "etc/sudoers", "User_Alias EVERYBODY = ALL, \\", "  !root", "EVERYBODY ALL = NOEXEC: ALL"),
		always("a file of sudoers.d comes last", dir("etc/sudoers.d", 0o750), file("etc/sudoers.d/zzzz", "ALL ALL=(ALL) PASSWD: ALL\n").with(0o440)),
		always("sudoers.d has files that everybody can write to", dir("etc/sudoers.d", 0o777), file("etc/sudoers.d/users", "x\n").with(0o666)),
		always("sudo is there without sudoers", whiteout("etc/sudoers"), file("usr/bin/sudo", program).with(0o4755)),
		always("sudo is not setuid", file("usr/bin/sudo", program).with(0o755)),
		always("sudo lies in /usr/local/bin", file("usr/local/bin/sudo", program).with(0o4755)),
		always("sudo is a link to a program elsewhere", file("opt/sudo", program).with(0o4755), link("usr/bin/sudo", "/opt/sudo")),
		always("sudo is an empty file", file("usr/bin/sudo", "").with(0o4755)),
		always("sudo has the size of the stub", file("usr/bin/sudo", strings.Repeat("x", 239)).with(0o4755)),
	}
}
