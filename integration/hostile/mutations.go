package hostile

import (
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
)

// Mutations returns all there are. The name of each says what it does.
var Mutations = sync.OnceValue(func() []Mutation {
	return slices.Concat(fileMutations(), placeMutations(), accountMutations(), homeMutations(),
		skeletonMutations(), shellMutations(), sudoMutations(), nameMutations(), layerMutations(), settingMutations())
})

// always is a mutation that leaves nothing open.
func always(name string, entries ...Entry) Mutation {
	return Mutation{name, func(_ *rand.Rand, i *Image) { i.add(entries...) }}
}

// somebody is a user and a group without an account.
func somebody(r *rand.Rand) (uid, gid int) {
	return pick(r, []int{1000, 1001, 4242}), pick(r, []int{0, 1000, 4242})
}

// variant is a state that a path can be in.
type variant struct {
	name string
	make func(r *rand.Rand, i *Image, name string)
}

// across is every variant of every path.
func across(paths []string, variants []variant) []Mutation {
	var all []Mutation
	for _, name := range paths {
		for _, v := range variants {
			all = append(all, Mutation{"/" + name + " is " + v.name, func(r *rand.Rand, i *Image) { v.make(r, i, name) }})
		}
	}
	return all
}

// above puts entries into a layer of their own, where they do not meet what
// the same path is in another entry.
func above(i *Image, entries ...Entry) {
	i.stack(entries...)
}

// others are what a path can be that nobody expects there.
var others = []variant{
	{"missing", func(_ *rand.Rand, i *Image, name string) { above(i, whiteout(name)) }},
	{"a link that leads nowhere", func(r *rand.Rand, i *Image, name string) {
		above(i, link(name, pick(r, []string{"/nowhere/at/all", "gone", "../../../../../../../nowhere"})))
	}},
	{"a link to itself", func(_ *rand.Rand, i *Image, name string) { above(i, link(name, path.Base(name))) }},
	{"a link out of the root", func(_ *rand.Rand, i *Image, name string) {
		above(i, link(name, "../../../../../../../../../etc/hostname"))
	}},
	{"a link with an empty target", func(_ *rand.Rand, i *Image, name string) { above(i, link(name, "")) }},
	{"a device", func(_ *rand.Rand, i *Image, name string) { above(i, null(name)) }},
	{"a FIFO", func(_ *rand.Rand, i *Image, name string) { above(i, fifo(name)) }},
}

// fileMutations are about files that set-up or programs of the base read.
func fileMutations() []Mutation {
	changed := func(change func(text string) string) func(*rand.Rand, *Image, string) {
		return func(_ *rand.Rand, i *Image, name string) {
			above(i, file(name, change(i.text(name))).with(0o644))
		}
	}
	return across([]string{
		"etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/sudoers", "etc/profile", "etc/bash.bashrc",
		"etc/skel/.bashrc", "etc/skel/.profile", "root/.bashrc", "root/.profile", "etc/ld.so.conf", "etc/nsswitch.conf", "etc/ssl/certs/ca-certificates.crt",
	}, slices.Concat(others, []variant{
		{"a folder", func(_ *rand.Rand, i *Image, name string) { above(i, dir(name, 0o755), file(name+"/in", "x")) }},
		{"empty", changed(func(string) string { return "" })},
		{"unreadable", func(_ *rand.Rand, i *Image, name string) { above(i, file(name, i.text(name)).with(0)) }},
		{"somebody's, for everybody to write to", func(r *rand.Rand, i *Image, name string) {
			above(i, file(name, i.text(name)).with(0o666).by(somebody(r)))
		}},
		{"setuid", func(_ *rand.Rand, i *Image, name string) { above(i, file(name, i.text(name)).with(0o4755)) }},
		{"of 2 MiB", changed(func(text string) string { return text + strings.Repeat("# comment\n", 210_000) })},
		{"a byte larger than set-up reads", changed(func(text string) string { return text + strings.Repeat("#", 1<<20+1-len(text)) })},
		{"one line of 300 kB", changed(func(text string) string { return text + strings.Repeat("x:", 150_000) })},
		{"no UTF-8", changed(func(text string) string { return text + "\xff\xfe\xc3\x28:\xf0\x28\x8c\x28\n" })},
		{"with bytes of zero", changed(func(text string) string { return text + "\x00\x00:\x00\n" })},
		{"with carriage returns", changed(func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") })},
		{"without a last line feed", changed(func(text string) string { return strings.TrimSuffix(text, "\n") })},
		{"with blank lines and comments", changed(func(text string) string { return "\n\n# comment\n" + text + "\n\n#\n" })},
		{"a hard link to another", func(_ *rand.Rand, i *Image, name string) {
			above(i, file("usr/share/original", i.text(name)), hardLink(name, "usr/share/original"))
		}},
		{"a hard link to a file of a layer below", func(_ *rand.Rand, i *Image, name string) {
			i.add(file("usr/share/lower", i.text(name)))
			above(i, hardLink(name, "usr/share/lower"))
		}},
		{"a link to a file of somebody", func(r *rand.Rand, i *Image, name string) {
			uid, gid := somebody(r)
			above(i, dir("srv/own", 0o755).by(uid, gid), file("srv/own/file", i.text(name)).by(uid, gid), link(name, "/srv/own/file"))
		}},
		{"a hole of 1 MiB", func(_ *rand.Rand, i *Image, name string) {
			hole := file(name, "")
			hole.Hole = 1 << 20
			above(i, hole)
		}},
	}))
}

// placeMutations are about paths that must be something else than what they are.
func placeMutations() []Mutation {
	somebodys := func(mode int64) func(*rand.Rand, *Image, string) {
		return func(r *rand.Rand, i *Image, name string) { above(i, dir(name, mode).by(somebody(r))) }
	}
	return across([]string{
		"openhands", "openhands/bin", "agent-server", "workspace", "workspace/project", "tmp", "var/tmp", "var", "run", "home", "home/openhands", "root",
		"etc", "etc/profile.d", "etc/profile.d/zz-openhands.sh", "etc/sudoers.d", "etc/sudoers.d/openhands", "etc/skel", "etc/ssl", "etc/ssl/certs",
		"bin", "usr", "usr/bin", "bin/sh", "bin/bash", "usr/bin/env", "usr/bin/sudo",
	}, slices.Concat(others, []variant{
		{"a file", func(_ *rand.Rand, i *Image, name string) { above(i, file(name, "planted\n")) }},
		{"a program of another machine", func(_ *rand.Rand, i *Image, name string) {
			above(i, file(name, "\x7fELF\x02\x02\x01\x00"+strings.Repeat("\x00", 10)+"\x00\x16").with(0o755))
		}},
		{"an empty folder", func(_ *rand.Rand, i *Image, name string) { above(i, dir(name, 0o755), opaque(name)) }},
		{"a folder of somebody", somebodys(0o700)},
		{"a folder of somebody for everybody to write to", somebodys(0o777)},
		{"a folder with the sticky and setgid bit", somebodys(0o3777)},
		{"a folder that nobody may enter", func(_ *rand.Rand, i *Image, name string) { above(i, dir(name, 0)) }},
		{"a link into a folder of somebody", func(r *rand.Rand, i *Image, name string) {
			above(i, dir("srv/own", 0o777).by(somebody(r)), link(name, "/srv/own/"+path.Base(name)))
		}},
		{"a link to a folder elsewhere", func(_ *rand.Rand, i *Image, name string) {
			above(i, dir("data/"+name, 0o755), link(name, "/data/"+name))
		}},
		{"a link to /etc", func(_ *rand.Rand, i *Image, name string) { above(i, link(name, "/etc")) }},
		{"a link to the root", func(_ *rand.Rand, i *Image, name string) { above(i, link(name, "/")) }},
		{"a link into the payload", func(_ *rand.Rand, i *Image, name string) { above(i, link(name, "/openhands/fallback/bin/sh")) }},
		{"a link of links", func(_ *rand.Rand, i *Image, name string) {
			entries := []Entry{dir("data", 0o755), link(name, "/data/0")}
			for n := range 45 {
				entries = append(entries, link("data/"+string(rune('0'+n)), string(rune('1'+n))))
			}
			above(i, entries...)
		}},
	}))
}
