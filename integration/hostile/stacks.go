package hostile

import (
	"archive/tar"
	"fmt"
	"math/rand/v2"
	"strings"
)

// nameMutations are about names in tar streams.
func nameMutations() []Mutation {
	return []Mutation{
		always("a name holds a line feed", file("etc/a\nb", "x"), dir("etc/c\nd", 0o755)),
		always("a name holds an escape sequence", file("etc/\x1b[2J\x1b]0;x\a", "x")),
		always("a name is no UTF-8", file("etc/\xff\xfe\xfd", "x"), link("etc/\xc3\x28", "\xff")),
		always("a name has 4,000 bytes", file("srv/"+strings.Repeat("n", 4000), "x")),
		always("a path has 4,000 bytes", file("srv"+strings.Repeat("/"+strings.Repeat("n", 250), 15)+"/x", "x")),
		always("a path has 20,000 elements", file("srv"+strings.Repeat("/n", 20_000), "x")),
		always("a link has a target of 4,000 bytes", link("srv/link", strings.Repeat("/n", 2000))),
		always("names lead up", file("../../etc/up", "x"), file("srv/../../etc/up2", "x")),
		always("names begin with a slash", file("/etc/absolute", "x"), dir("/srv/absolute", 0o755)),
		always("names have dots and slashes in them", file("./etc//./dots", "x"), dir(".//srv/.", 0o755)),
		always("names are in no order and without folders", file("srv/a/b/c", "x"), dir("srv/a/b", 0o700), dir("srv", 0o711)),
		always("files lie below the payload's folder", file("openhands/bin/oh-init", program).with(0o755)),
		always("a folder has the name of passwd's lock", dir("etc/.pwd.lock", 0o755), dir("etc/passwd-", 0o755)),
	}
}

// layerMutations are about layers: what hides, what links, how many there are.
func layerMutations() []Mutation {
	compressed := func(c Compression) Mutation {
		return Mutation{"layers have the compression " + string(c), func(_ *rand.Rand, i *Image) {
			for n := range i.Layers {
				i.Layers[n].Compression = c
			}
		}}
	}
	damaged := func(d Damage) Mutation {
		return Mutation{string(d), func(_ *rand.Rand, i *Image) {
			i.stack(dir("srv", 0o755))
			i.Layers[len(i.Layers)-1].Damage = d
		}}
	}
	padded := func(to int) Mutation {
		return Mutation{fmt.Sprintf("there are %d layers", to), func(_ *rand.Rand, i *Image) {
			for n := len(i.Layers); n < to; n++ {
				i.stack(file(fmt.Sprintf("srv/layer%d", n), "x"))
			}
		}}
	}
	return []Mutation{
		compressed(None), compressed(Zstd), damaged(Truncated), damaged(Garbage), damaged(OtherTar), padded(20), padded(113), padded(127),
		{"each layer has another compression", func(r *rand.Rand, i *Image) {
			for n := range i.Layers {
				i.Layers[n].Compression = pick(r, []Compression{None, Gzip, Zstd})
			}
		}},
		{"layers are empty", func(_ *rand.Rand, i *Image) { i.stack(); i.stack(); i.stack() }},
		{"a layer is there twice", func(_ *rand.Rand, i *Image) {
			if len(i.Layers) > 0 {
				i.Layers = append(i.Layers, i.Layers[len(i.Layers)-1])
			}
		}},
		{"everything below is hidden", func(_ *rand.Rand, i *Image) { above(i, opaque(".")) }},
		{"everything below is hidden and passwd is new", func(_ *rand.Rand, i *Image) {
			above(i, opaque("."), file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"))
		}},
		{"/etc is opaque", func(_ *rand.Rand, i *Image) { above(i, dir("etc", 0o755), opaque("etc")) }},
		{"/home is opaque and has a home", func(_ *rand.Rand, i *Image) {
			above(i, dir("home", 0o755), opaque("home"), dir("home/openhands", 0o755).by(1000, 1000))
		}},
		{"a whiteout comes after its file", func(_ *rand.Rand, i *Image) {
			above(i, file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"), whiteout("etc/passwd"))
		}},
		{"whiteouts hide what is not there", func(_ *rand.Rand, i *Image) {
			above(i, whiteout("nothing/at/all"), opaque("neither"), whiteout("etc/none"))
		}},
		{"a whiteout has no name", func(_ *rand.Rand, i *Image) { above(i, file("srv/.wh.", "")) }},
		{"a whiteout hides its folder's parent", func(_ *rand.Rand, i *Image) { above(i, file("srv/.wh...", "")) }},
		{"a whiteout is a folder", func(_ *rand.Rand, i *Image) { above(i, dir("etc/.wh.passwd", 0o755)) }},
		{"a whiteout hides the payload's folder", func(_ *rand.Rand, i *Image) { above(i, whiteout("openhands")) }},
		{"a hard link leads to itself", func(_ *rand.Rand, i *Image) { above(i, hardLink("etc/self", "etc/self")) }},
		{"a hard link leads nowhere", func(_ *rand.Rand, i *Image) { above(i, hardLink("etc/none", "srv/none")) }},
		{"a hard link leads to a folder", func(_ *rand.Rand, i *Image) { above(i, dir("srv/d", 0o755), hardLink("srv/d/d", "srv/d")) }},
		{"a hard link comes before its file", func(_ *rand.Rand, i *Image) { above(i, hardLink("srv/b", "srv/a"), file("srv/a", "x")) }},
		{"a link and a file behind it are in one layer", func(_ *rand.Rand, i *Image) {
			above(i, dir("usr/etc", 0o755), link("etc", "usr/etc"), file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"), file("etc/one-layer", "x"))
		}},
		{"a folder is a link in the layer above", func(_ *rand.Rand, i *Image) {
			i.stack(dir("srv/d", 0o755), file("srv/d/x", "x"))
			above(i, link("srv/d", "/etc"))
		}},
		{"a link is a folder in the layer above", func(_ *rand.Rand, i *Image) {
			i.stack(link("srv/l", "/etc"))
			above(i, file("srv/l/passwd", "planted\n"))
		}},
		{"a file is there three times", func(_ *rand.Rand, i *Image) {
			above(i, file("etc/passwd", "a\n"), dir("etc/passwd", 0o755), file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"))
		}},
		{"the root belongs to somebody", func(r *rand.Rand, i *Image) { i.add(dir(".", 0o700).by(somebody(r))) }},
		{"the root is a file", func(_ *rand.Rand, i *Image) { above(i, file(".", "x")) }},
		{"the root is a link", func(_ *rand.Rand, i *Image) { above(i, link(".", "/etc")) }},
		{"200 files are holes of 1 MiB", func(_ *rand.Rand, i *Image) {
			for _, name := range numbered(0, 200, "etc/hole%d") {
				hole := file(name, "")
				hole.Hole = 1 << 20
				i.add(hole)
			}
		}},
		{"a file is a hole of 1 TiB", func(_ *rand.Rand, i *Image) {
			hole := file("srv/hole", "")
			hole.Hole = 1 << 40
			i.add(hole)
		}},
		{"1,000 files lie below /etc", func(_ *rand.Rand, i *Image) {
			for _, name := range numbered(0, 1000, "etc/many/f%d") {
				i.add(file(name, name))
			}
		}},
		{"a header is for all entries", func(_ *rand.Rand, i *Image) {
			i.add(Entry{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "x"}}})
		}},
		{"entries have extended attributes", func(_ *rand.Rand, i *Image) {
			e := file("usr/bin/capable", program).with(0o755)
			e.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}
			i.add(e)
		}},
		{"owners have the largest numbers", func(_ *rand.Rand, i *Image) { i.add(file("srv/far", "x").by(1<<31-2, 1<<31-2)) }},
	}
}
