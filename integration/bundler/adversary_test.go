package bundler

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// architecture is what loaders and fixtures of a machine are called, and made
// by.
type architecture struct {
	goarch, gcc       string
	triplet, platform string
	glibc, musl       string // loaders
	stranger          byte   // e_machine of the other one
}

var architectures = []architecture{
	{"amd64", "gcc", "x86_64-linux-gnu", "x86_64", "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1", byte(elf.EM_AARCH64)},
	{"arm64", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu", "aarch64", "/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-aarch64.so.1", byte(elf.EM_X86_64)},
}

// box is a root file system that holds nothing but a loader and fixtures, and
// an emulator where it takes one.
type box struct {
	architecture
	t    *testing.T
	root string
	obj  string // an object file with a function of no name
}

func newBox(t *testing.T, a architecture) *box {
	b := &box{architecture: a, t: t, root: t.TempDir()}
	if a.goarch != runtime.GOARCH {
		if err := lab.EnsureProgram(t.Context(), t.Output(), a.gcc, "gcc-"+a.triplet); err != nil {
			t.Fatal(err)
		}
		emulator(t, b.root)
	}
	b.obj = filepath.Join(t.TempDir(), "empty.o")
	b.compile("-c", "-fPIC", "-o", b.obj, "-x", "c", b.write("/empty.c", "int unused;"))
	if err := os.Remove(b.root + "/empty.c"); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *box) compile(args ...string) {
	b.t.Helper()
	if out, err := exec.Command(b.gcc, args...).CombinedOutput(); err != nil {
		b.t.Fatalf("%s %v: %v\n%s", b.gcc, args, err, out)
	}
}

// lib links a shared object at a path of the box. A name of args that begins
// with "needs:" becomes a DT_NEEDED, word for word.
func (b *box) lib(path string, args ...string) {
	b.t.Helper()
	b.dir(filepath.Dir(path))
	line := []string{"-nostdlib", "-shared", "-o", b.root + path, b.obj, "-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", "-Wl,--hash-style=both"}
	for _, a := range args {
		if name, ok := strings.CutPrefix(a, "needs:"); ok {
			a = b.stub(name)
		}
		line = append(line, a)
	}
	b.compile(line...)
}

// stub returns a library with a given SONAME, to link against.
func (b *box) stub(soname string, args ...string) string {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "stub.so")
	b.compile(append([]string{"-nostdlib", "-shared", "-o", file, b.obj, "-Wl,-soname," + soname}, args...)...)
	return file
}

func (b *box) dir(path string) {
	if err := os.MkdirAll(b.root+path, 0o755); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) write(path, text string) string {
	b.t.Helper()
	b.dir(filepath.Dir(path))
	if err := os.WriteFile(b.root+path, []byte(text), 0o755); err != nil {
		b.t.Fatal(err)
	}
	return b.root + path
}

func (b *box) link(target, path string) {
	b.t.Helper()
	b.dir(filepath.Dir(path))
	if err := os.Symlink(target, b.root+path); err != nil {
		b.t.Fatal(err)
	}
}

// patched copies a file with bytes replaced.
func (b *box) patched(from, to string, at int, bytes ...byte) {
	b.t.Helper()
	data, err := os.ReadFile(b.root + from)
	if err != nil {
		b.t.Fatal(err)
	}
	copy(data[at:], bytes)
	b.write(to, string(data))
}

const (
	oldTags = "-Wl,--disable-new-dtags"
	newTags = "-Wl,--enable-new-dtags"
)

func rpath(list string) string  { return "-Wl,-rpath," + list }
func soname(name string) string { return "-Wl,-soname," + name }

// adversary is a case that resolvers get wrong. Files lie below dir, the
// question is about dir/prog.
type adversary struct {
	name        string
	libraryPath string
	build       func(b *box, dir string)
}

func adversaries(a architecture) []adversary {
	cases := []adversary{
		{"origin through a linked folder", "", func(b *box, d string) {
			b.lib(d+"/real/deep/libg.so", soname("libg.so"), "needs:libf.so", newTags, rpath("$ORIGIN/../beside"))
			b.lib(d+"/real/beside/libf.so", soname("libf.so"))
			b.lib(d+"/beside/libf.so", soname("libf.so"))
			b.link("real/deep", d+"/lib")
			b.lib(d+"/prog", "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"origin of a library that is a link", "", func(b *box, d string) {
			b.lib(d+"/store/libg.so", soname("libg.so"), "needs:libf.so", newTags, rpath("$ORIGIN"))
			b.lib(d+"/store/libf.so", soname("libf.so"))
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			b.link("../store/libg.so", d+"/lib/libg.so")
			b.lib(d+"/prog", "needs:libg.so", newTags, rpath("$ORIGIN/lib"))
		}},
		{"tokens", "", func(b *box, d string) {
			b.lib(d+"/lib/"+b.triplet+"/liba.so", soname("liba.so"))
			b.lib(d+"/lib64/liba.so", soname("liba.so"))
			b.lib(d+"/"+b.platform+"/libb.so", soname("libb.so"))
			b.lib(d+"/haswell/libb.so", soname("libb.so"))
			b.lib(d+"/x$ORIGINAL/libc1.so", soname("libc1.so"))
			b.lib(d+"/x/y/libd.so", soname("libd.so"))
			b.lib(d+"/prog", "needs:liba.so", "needs:libb.so", "needs:libc1.so", "needs:libd.so", oldTags,
				rpath("$ORIGIN/$LIB:${ORIGIN}/${PLATFORM}:"+d+"/x$ORIGINAL:$ORIGIN/x/$NOTHING/../y:$ORIGIN/x/y/"))
		}},
		{"token of musl's that is the only one", "", func(b *box, d string) {
			b.lib(d+"/lib/liba.so", soname("liba.so"))
			b.lib(d+"/prog", "needs:liba.so", oldTags, rpath("/nowhere:$ORIGIN/lib"))
		}},
		{"token inside of an element", "", func(b *box, d string) {
			b.lib("/x"+d+"/lib/liba.so", soname("liba.so"))
			b.lib(d+"/prog", "needs:liba.so", oldTags, rpath("/x$ORIGIN/lib"))
		}},
		{"token in a name", "", func(b *box, d string) {
			b.lib(d + "/lib/liba.so")
			b.lib(d+"/prog", "needs:$ORIGIN/lib/liba.so")
		}},
		{"runpath is not inherited", "", func(b *box, d string) {
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			b.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libf.so")
			b.lib(d+"/prog", "needs:libg.so", newTags, rpath(d+"/lib"))
		}},
		{"empty runpath cuts rpath", "", func(b *box, d string) {
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			b.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libf.so", newTags, rpath("x"))
			emptyRunpath(b, d+"/lib/libg.so")
			b.lib(d+"/prog", "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"loaded before for another", "", func(b *box, d string) {
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			b.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libf.so")
			b.lib(d+"/prog", "needs:libf.so", "needs:libg.so", newTags, rpath(d+"/lib"))
		}},
		{"loaded later for another", "", func(b *box, d string) {
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			b.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libf.so")
			b.lib(d+"/prog", "needs:libg.so", "needs:libf.so", newTags, rpath(d+"/lib"))
		}},
		{"the same SONAME twice", "", func(b *box, d string) {
			b.lib(d+"/lib/liba.so", soname("libsame.so"))
			b.lib(d+"/lib/libb.so", soname("libsame.so"))
			b.lib(d+"/lib/libsame.so", soname("libsame.so"))
			b.lib(d+"/prog", "needs:liba.so", "needs:libb.so", "needs:libsame.so", oldTags, rpath(d+"/lib"))
		}},
		{"a SONAME that answers for another file", "", func(b *box, d string) {
			b.lib(d+"/lib/liba.so", soname("libb.so"))
			b.lib(d+"/lib/libb.so", soname("libb.so"))
			b.lib(d+"/prog", "needs:liba.so", "needs:libb.so", oldTags, rpath(d+"/lib"))
		}},
		{"the program's own SONAME", "", func(b *box, d string) {
			b.lib(d+"/lib/libself.so", soname("libself.so"))
			b.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libself.so")
			b.lib(d+"/prog", soname("libself.so"), "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"one file by two links and a hard link", "", func(b *box, d string) {
			b.lib(d + "/lib/libf.so.1.0")
			b.link("libf.so.1.0", d+"/lib/libf.so.1")
			b.link("libf.so.1.0", d+"/lib/libf.so")
			if err := os.Link(b.root+d+"/lib/libf.so.1.0", b.root+d+"/lib/libhard.so"); err != nil {
				b.t.Fatal(err)
			}
			b.lib(d+"/prog", "needs:libf.so.1", "needs:libf.so", "needs:libhard.so", oldTags, rpath(d+"/lib"))
		}},
		{"a library without SONAME", "", func(b *box, d string) {
			b.lib(d + "/lib/libf.so")
			b.lib(d+"/lib/libg.so", "needs:libf.so")
			b.lib(d+"/prog", "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"names with a slash", "", func(b *box, d string) {
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			b.lib(d+"/lib/libg.so", soname("libg.so"), "needs:"+d+"/lib/libf.so", "needs:libf.so", "needs:"+d+"/lib/../lib/libf.so")
			b.lib(d+"/prog", "needs:"+d+"/lib/libg.so", "needs:"+d[1:]+"/lib/libf.so", "needs:"+d+"/lib/none.so")
		}},
		{"LD_LIBRARY_PATH after rpath", "/adversary/env:/adversary/env2", func(b *box, d string) {
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			b.lib("/adversary/env/libf.so", soname("libf.so"))
			b.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/lib"))
		}},
		{"LD_LIBRARY_PATH before runpath", "/nowhere;/adversary/env2", func(b *box, d string) {
			b.lib(d+"/lib/libf2.so", soname("libf2.so"))
			b.lib("/adversary/env2/libf2.so", soname("libf2.so"))
			b.lib(d+"/prog", "needs:libf2.so", newTags, rpath(d+"/lib"))
		}},
		{"LD_LIBRARY_PATH with the program's origin", "$ORIGIN/lib:", func(b *box, d string) {
			b.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libatroot.so")
			b.lib("/libatroot.so", soname("libatroot.so"))
			b.lib(d+"/prog", "needs:libg.so")
		}},
		{"empty and relative elements", "", func(b *box, d string) {
			b.lib("/libroot1.so", soname("libroot1.so"))
			b.lib(d+"/lib/librel.so", soname("librel.so"))
			b.lib(d+"/prog", "needs:libroot1.so", "needs:librel.so", oldTags, rpath("/nowhere::"+d[1:]+"/lib"))
		}},
		{"a trailing colon", "", func(b *box, d string) {
			b.lib("/libroot2.so", soname("libroot2.so"))
			b.lib(d+"/prog", "needs:libroot2.so", newTags, rpath("/nowhere:"))
		}},
		{"folders for the CPU", "", func(b *box, d string) {
			for _, folder := range []string{"", "/glibc-hwcaps/x86-64-v2", "/glibc-hwcaps/x86-64-v3", "/glibc-hwcaps/x86-64-v4", "/haswell/x86_64", "/x86_64", "/tls"} {
				b.lib(d+"/all"+folder+"/liball.so", soname("liball.so"))
			}
			for _, folder := range []string{"", "/glibc-hwcaps/x86-64-v2", "/haswell", "/tls/x86_64"} {
				b.lib(d+"/some"+folder+"/libsome.so", soname("libsome.so"))
			}
			for _, folder := range []string{"", "/x86_64", "/avx512_1", "/haswell", "/tls"} {
				b.lib(d+"/old"+folder+"/libold.so", soname("libold.so"))
			}
			b.lib(d+"/none/glibc-hwcaps/x86-64-v9/libnone.so", soname("libnone.so"))
			b.lib(d+"/none/libnone.so", soname("libnone.so"))
			b.lib(d+"/prog", "needs:liball.so", "needs:libsome.so", "needs:libold.so", "needs:libnone.so", oldTags,
				rpath(d+"/all:"+d+"/some:"+d+"/old:"+d+"/none"))
		}},
		{"libraries that need each other", "", func(b *box, d string) {
			b.lib(d+"/lib/liba.so", soname("liba.so"), "needs:libb.so", "needs:liba.so")
			b.lib(d+"/lib/libb.so", soname("libb.so"), "needs:liba.so")
			b.lib(d+"/prog", "needs:liba.so", oldTags, rpath(d+"/lib"))
		}},
		{"dangling link first", "", func(b *box, d string) {
			b.link("nothing", d+"/first/libf.so")
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			b.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/first:"+d+"/lib"))
		}},
		{"cyclic link first", "", func(b *box, d string) {
			b.link("libf.so", d+"/first/libf.so")
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			b.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/first:"+d+"/lib"))
		}},
		{"a cyclic link ends one list only", "/adversary/env3", func(b *box, d string) {
			b.link("libf3.so", d+"/first/libf3.so")
			b.lib("/adversary/env3/libf3.so", soname("libf3.so"))
			b.lib(d+"/prog", "needs:libf3.so", oldTags, rpath(d+"/first"))
		}},
		{"a folder of the library's name", "", func(b *box, d string) {
			b.dir(d + "/first/libf.so")
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			b.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/first:"+d+"/lib"))
		}},
		{"a file in the place of a folder", "", func(b *box, d string) {
			b.write(d+"/first", "")
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			b.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/first:"+d+"/lib"))
		}},
		{"filter and auxiliary", "", func(b *box, d string) {
			b.lib(d+"/lib/libfiltee.so", soname("libfiltee.so"), "needs:libmore.so")
			b.lib(d+"/lib/libmore.so", soname("libmore.so"))
			b.lib(d+"/lib/libaux.so", soname("libaux.so"))
			b.lib(d+"/lib/libf.so", soname("libf.so"), "-Wl,-F,libfiltee.so")
			b.lib(d+"/lib/libg.so", soname("libg.so"), "-Wl,-f,libaux.so")
			b.lib(d+"/prog", "needs:libf.so", "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"no default directories", "", func(b *box, d string) {
			b.lib("/usr/lib/libdefault.so", soname("libdefault.so"))
			b.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libdefault.so", "-Wl,-z,nodefaultlib")
			b.lib(d+"/prog", "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"default directories", "", func(b *box, d string) {
			b.lib("/usr/lib/libd1.so", soname("libd1.so"))
			b.lib("/lib/libd1.so", soname("libd1.so"))
			b.lib("/usr/lib/"+b.triplet+"/libd1.so", soname("libd1.so"))
			b.lib("/usr/local/lib/libd2.so", soname("libd2.so"))
			b.lib("/lib64/libd3.so", soname("libd3.so"))
			b.lib(d+"/prog", "needs:libd1.so", "needs:libd2.so", "needs:libd3.so")
		}},
		{"missing", "", func(b *box, d string) {
			b.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libmissing1.so")
			b.lib(d+"/prog", "needs:libmissing2.so", "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"a missing version", "", func(b *box, d string) {
			script := b.write(d+"/v.map", "V1 { local: none; };\n")
			old := b.write(d+"/f.c", "int f(void){return 1;}\n")
			b.dir(d + "/lib")
			b.compile("-nostdlib", "-shared", "-fPIC", "-o", b.root+d+"/lib/libf.so", old, soname("libf.so"), "-Wl,--version-script,"+script)
			newer := b.write(d+"/v2.map", "V1 { local: none; };\nV2 { f; } V1;\n")
			stub := b.stub("libf.so", "-fPIC", old, "-Wl,--version-script,"+newer)
			caller := b.write(d+"/g.c", "int f(void); int g(void){return f();}\n")
			b.compile("-nostdlib", "-shared", "-fPIC", "-o", b.root+d+"/prog", caller, stub, oldTags, rpath(d+"/lib"))
		}},
	}
	// Something that is not a library of this machine stands before one that is.
	for _, c := range []struct {
		name string
		at   int
		with []byte
	}{
		{"wrong machine", 18, []byte{a.stranger, 0}},
		{"wrong class", 4, []byte{1}},
		{"big-endian", 5, []byte{2}},
		{"not ELF", 0, []byte{'!'}},
		{"a relocatable file", 16, []byte{1, 0}},
		{"program headers out of the file", 32, binary.LittleEndian.AppendUint64(nil, 1<<40)},
		{"program headers of another size", 54, []byte{57}},
	} {
		cases = append(cases, adversary{c.name + " first", "", func(b *box, d string) {
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			b.patched(d+"/lib/libf.so", d+"/first/libf.so", c.at, c.with...)
			b.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/first:"+d+"/lib"))
		}})
	}
	for _, n := range []int{0, 3, 30, 64, 120} {
		cases = append(cases, adversary{fmt.Sprintf("cut after %d bytes", n), "", func(b *box, d string) {
			b.lib(d+"/lib/libf.so", soname("libf.so"))
			data, err := os.ReadFile(b.root + d + "/lib/libf.so")
			if err != nil {
				b.t.Fatal(err)
			}
			b.write(d+"/first/libf.so", string(data[:n]))
			b.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/first:"+d+"/lib"))
		}})
	}
	return append(cases, chains()...)
}

// chains are all combinations of no path, DT_RPATH and DT_RUNPATH in a program,
// a library and the library's library, which asks for what each path has.
func chains() []adversary {
	var cases []adversary
	tags := []string{"", oldTags, newTags}
	for n := range 27 {
		kinds := []int{n / 9, n / 3 % 3, n % 3}
		cases = append(cases, adversary{fmt.Sprintf("chain %v", kinds), "", func(b *box, d string) {
			names := []string{d + "/prog", d + "/lib/liba.so", d + "/lib/libb.so"}
			for i, kind := range kinds {
				own := fmt.Sprintf("%s/%d", d, i)
				b.lib(own+"/libx.so", soname("libx.so"))
				args := []string{"needs:libx.so"}
				if i+1 < len(names) {
					args = []string{"needs:" + names[i+1]}
				}
				if kind > 0 {
					args = append(args, tags[kind], rpath(own))
				}
				b.lib(names[i], args...)
			}
		}})
	}
	return cases
}

// emptyRunpath makes the value of a file's DT_RUNPATH the empty string.
func emptyRunpath(b *box, path string) {
	b.t.Helper()
	data, err := os.ReadFile(b.root + path)
	if err != nil {
		b.t.Fatal(err)
	}
	entry := binary.LittleEndian.AppendUint64(nil, 29)
	at := strings.Index(string(data), string(entry))
	if at < 0 || strings.Count(string(data), string(entry)) != 1 {
		b.t.Fatalf("%s: no single DT_RUNPATH", path)
	}
	clear(data[at+8 : at+16])
	b.write(path, string(data))
}

// intended are the differences on purpose. musl takes whatever file has the
// name, without a look at its magic number, class, byte order or machine, lists
// it, and would crash later: here it counts as not found.
var intended = map[string]map[string]bool{
	"musl": {"wrong machine first": true, "wrong class first": true, "big-endian first": true, "not ELF first": true},
}

// The fixtures, as the loaders of Debian's releases and of Alpine see them;
// emulated, those with differences between them.
func TestAdversariesAsLoadersSay(t *testing.T) {
	for _, a := range architectures {
		suites := releases
		if a.goarch != runtime.GOARCH {
			suites = []string{"bullseye", "trixie"}
		}
		b := newBox(t, a)
		cases := adversaries(a)
		for i, c := range cases {
			c.build(b, fmt.Sprintf("/f%d", i))
		}
		for _, l := range loaders(t, a, suites) {
			t.Run(a.goarch+" "+l.name, func(t *testing.T) {
				b.install(t, l)
				for i, c := range cases {
					t.Run(c.name, func(t *testing.T) {
						diff := compareOne(t, b.root, l.path, fmt.Sprintf("/f%d/prog", i), c.libraryPath)
						if differs := diff != ""; differs != intended[l.name][c.name] {
							t.Errorf("loader (-), resolver (+):\n%s", diff)
						}
					})
				}
			})
		}
	}
}

// Caches that each release's own ldconfig writes, in every format that it knows.
func TestCachesAsLoadersSay(t *testing.T) {
	a := architectures[0]
	b := newBox(t, a)
	for _, folder := range []string{"/one", "/two", "/one/glibc-hwcaps/x86-64-v3", "/two/glibc-hwcaps/x86-64-v2", "/lib"} {
		b.lib("/c"+folder+"/liba.so.1.2", soname("liba.so.1"))
		b.lib("/c"+folder+"/libb.so.10.2", soname("libb.so.10"))
		b.lib("/c"+folder+"/libb.so.9.1", soname("libb.so.9"))
	}
	b.lib("/c/two/libonly.so", soname("libonly.so"), "needs:libb.so.9")
	b.lib("/c/late/glibc-hwcaps/x86-64-v2/liblate.so", soname("liblate.so"))
	b.lib("/usr/lib/libplain.so", soname("libplain.so"))
	b.lib("/usr/lib/libgone.so", soname("libgone.so"))
	b.write("/etc/ld.so.conf", "# first\n/c/one\ninclude conf.d/*.conf\n")
	b.write("/etc/conf.d/b.conf", "/c/late\n")
	b.write("/etc/conf.d/a.conf", "/c/two  # last\n")
	b.lib("/c/prog", "needs:liba.so.1", "needs:libb.so.10", "needs:libb.so.9", "needs:libonly.so", "needs:liblate.so", "needs:libplain.so", "needs:libgone.so", "needs:libnone.so")
	b.lib("/c/nodefault", "needs:libplain.so", "needs:libonly.so", "-Wl,-z,nodefaultlib")
	for _, l := range loaders(t, a, releases) {
		if l.ldconfig == "" {
			continue
		}
		for _, format := range []string{"new", "compat", "old"} {
			t.Run(l.name+"/"+format, func(t *testing.T) {
				b.install(t, l)
				b.copy(t, l.ldconfig, "/sbin/ldconfig")
				if out, messages, err := runLoader(t.Context(), b.root, nil, "/sbin/ldconfig", "-X", "-c", format); err != nil {
					t.Fatalf("ldconfig: %v\n%s%s", err, out, messages)
				}
				for _, name := range []string{"/c/prog", "/c/nodefault"} {
					if diff := compareOne(t, b.root, l.path, name, ""); diff != "" {
						t.Errorf("%s: loader (-), resolver (+):\n%s", name, diff)
					}
				}
			})
		}
	}
}

// What is no cache, or not a whole one, is passed over.
func TestBrokenCachesAsLoadersSay(t *testing.T) {
	a := architectures[0]
	b := newBox(t, a)
	b.lib("/usr/lib/libf.so", soname("libf.so"))
	b.lib("/prog", "needs:libf.so", "needs:libnone.so")
	const magic = "glibc-ld.so.cache1.1"
	const newEntry = 24 // bytes
	header := magic + strings.Repeat("\x00", 28)
	for _, l := range loaders(t, a, releases) {
		if l.ldconfig == "" {
			continue
		}
		for name, text := range map[string]string{
			"empty": "", "text": "# not a cache\n", "zeros": strings.Repeat("\x00", 4096), "cut off": magic, "old, cut off": "ld.so-1.7.0\x00",
			"more entries than bytes": header[:21] + "\x01" + header[22:] + strings.Repeat("\x00", newEntry),
			"other byte order":        header[:28] + "\x03" + header[29:],
		} {
			t.Run(l.name+"/"+name, func(t *testing.T) {
				b.install(t, l)
				b.write("/etc/ld.so.cache", text)
				if diff := compareOne(t, b.root, l.path, "/prog", ""); diff != "" {
					t.Errorf("loader (-), resolver (+):\n%s", diff)
				}
			})
		}
	}
}

// loader is a real one, to be put into a box.
type loader struct {
	name, path string
	host       string // its file
	ldconfig   string // and that of its ldconfig, empty: it has no cache
}

// releases are the Debian releases whose C library is known.
var releases = []string{"bullseye", "bookworm", "trixie", "sid"}

func loaders(t *testing.T, a architecture, suites []string) []loader {
	var list []loader
	for _, suite := range suites {
		find, ldconfig := debian(t, suite), "/sbin/ldconfig"
		if a.goarch == "arm64" {
			find, ldconfig = debianARM(t, suite), ""
		}
		root, err := find()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, findLoader(t, suite, root, a.glibc, ldconfig))
	}
	root, err := alpine(t, a.goarch)()
	if err != nil {
		t.Fatal(err)
	}
	return append(list, findLoader(t, "musl", root, a.musl, ""))
}

func findLoader(t *testing.T, name, root, path, ldconfig string) loader {
	view := bundler.NewView(root)
	l := loader{name: name, path: path}
	for file, host := range map[string]*string{path: &l.host, ldconfig: &l.ldconfig} {
		if file == "" {
			continue
		}
		e, err := view.Lookup(file)
		if err != nil {
			t.Fatal(err)
		}
		*host = e.Host
	}
	return l
}

// install makes a loader the only one of the box, without a cache.
func (b *box) install(t *testing.T, l loader) {
	t.Helper()
	for _, old := range []string{b.glibc, b.musl, "/etc/ld.so.cache"} {
		if err := os.RemoveAll(b.root + old); err != nil {
			t.Fatal(err)
		}
	}
	b.copy(t, l.host, l.path)
}

func (b *box) copy(t *testing.T, host, path string) {
	t.Helper()
	data, err := os.ReadFile(host)
	if err != nil {
		t.Fatal(err)
	}
	b.write(path, string(data))
}

// compareOne resolves one file with a new view of the box, and returns where
// the loader differs.
func compareOne(t *testing.T, root, loader, name, libraryPath string) string {
	t.Helper()
	view := bundler.NewView(root)
	env := []string{}
	if libraryPath != "" {
		env = append(env, "LD_LIBRARY_PATH="+libraryPath)
	}
	theirs, err := ask(t.Context(), view, root, env, loader, name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := bundler.FindLoader(view, read(t, root+name), bundler.HostCPU())
	if err != nil {
		t.Fatal(err)
	}
	if l.Path != loader {
		t.Fatalf("loader %q, want %q", l.Path, loader)
	}
	l.LibraryPath, l.Cwd = libraryPath, "/"
	r := bundler.NewResolver(view, l)
	c, err := r.Closure(name)
	if err != nil {
		t.Fatal(err)
	}
	ours := answerOf(c)
	for _, m := range r.MissingVersions(c) {
		ours.Versions = append(ours.Versions, m.Version)
	}
	if !l.Musl {
		for _, e := range c.Edges {
			if e.Err != nil {
				ours = answer{Refused: true}
			}
		}
	}
	return cmp.Diff(theirs, ours)
}
