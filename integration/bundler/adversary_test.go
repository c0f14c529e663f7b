package bundler

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler"
)

// jail is a root file system that holds nothing but a loader and fixtures.
type jail struct {
	t    *testing.T
	root string
	obj  string // an object file with a function of no name
}

func newJail(t *testing.T) *jail {
	j := &jail{t: t, root: t.TempDir()}
	j.obj = filepath.Join(t.TempDir(), "empty.o")
	j.gcc("-c", "-fPIC", "-o", j.obj, "-x", "c", j.write("/empty.c", "int unused;"))
	if err := os.Remove(j.root + "/empty.c"); err != nil {
		t.Fatal(err)
	}
	return j
}

func (j *jail) gcc(args ...string) {
	j.t.Helper()
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		j.t.Fatalf("gcc %v: %v\n%s", args, err, out)
	}
}

// lib links a shared object at a path of the jail. A name of args that begins
// with "needs:" becomes a DT_NEEDED, word for word.
func (j *jail) lib(path string, args ...string) {
	j.t.Helper()
	j.dir(filepath.Dir(path))
	line := []string{"-nostdlib", "-shared", "-o", j.root + path, j.obj, "-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", "-Wl,--hash-style=both"}
	for _, a := range args {
		if name, ok := strings.CutPrefix(a, "needs:"); ok {
			a = j.stub(name)
		}
		line = append(line, a)
	}
	j.gcc(line...)
}

// stub returns a library with a given SONAME, to link against.
func (j *jail) stub(soname string, args ...string) string {
	j.t.Helper()
	file := filepath.Join(j.t.TempDir(), "stub.so")
	j.gcc(append([]string{"-nostdlib", "-shared", "-o", file, j.obj, "-Wl,-soname," + soname}, args...)...)
	return file
}

func (j *jail) dir(path string) {
	if err := os.MkdirAll(j.root+path, 0o755); err != nil {
		j.t.Fatal(err)
	}
}

func (j *jail) write(path, text string) string {
	j.t.Helper()
	j.dir(filepath.Dir(path))
	if err := os.WriteFile(j.root+path, []byte(text), 0o755); err != nil {
		j.t.Fatal(err)
	}
	return j.root + path
}

func (j *jail) link(target, path string) {
	j.t.Helper()
	j.dir(filepath.Dir(path))
	if err := os.Symlink(target, j.root+path); err != nil {
		j.t.Fatal(err)
	}
}

// patched copies a file with bytes replaced.
func (j *jail) patched(from, to string, at int, b ...byte) {
	j.t.Helper()
	data, err := os.ReadFile(j.root + from)
	if err != nil {
		j.t.Fatal(err)
	}
	copy(data[at:], b)
	j.write(to, string(data))
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
	build       func(j *jail, dir string)
}

func adversaries() []adversary {
	cases := []adversary{
		{"origin through a linked folder", "", func(j *jail, d string) {
			j.lib(d+"/real/deep/libg.so", soname("libg.so"), "needs:libf.so", newTags, rpath("$ORIGIN/../beside"))
			j.lib(d+"/real/beside/libf.so", soname("libf.so"))
			j.lib(d+"/beside/libf.so", soname("libf.so"))
			j.link("real/deep", d+"/lib")
			j.lib(d+"/prog", "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"origin of a library that is a link", "", func(j *jail, d string) {
			j.lib(d+"/store/libg.so", soname("libg.so"), "needs:libf.so", newTags, rpath("$ORIGIN"))
			j.lib(d+"/store/libf.so", soname("libf.so"))
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			j.link("../store/libg.so", d+"/lib/libg.so")
			j.lib(d+"/prog", "needs:libg.so", newTags, rpath("$ORIGIN/lib"))
		}},
		{"tokens", "", func(j *jail, d string) {
			j.lib(d+"/lib/x86_64-linux-gnu/liba.so", soname("liba.so"))
			j.lib(d+"/lib64/liba.so", soname("liba.so"))
			j.lib(d+"/x86_64/libb.so", soname("libb.so"))
			j.lib(d+"/haswell/libb.so", soname("libb.so"))
			j.lib(d+"/x$ORIGINAL/libc1.so", soname("libc1.so"))
			j.lib(d+"/x/y/libd.so", soname("libd.so"))
			j.lib(d+"/prog", "needs:liba.so", "needs:libb.so", "needs:libc1.so", "needs:libd.so", oldTags,
				rpath("$ORIGIN/$LIB:${ORIGIN}/${PLATFORM}:"+d+"/x$ORIGINAL:$ORIGIN/x/$NOTHING/../y:$ORIGIN/x/y/"))
		}},
		{"token of musl's that is the only one", "", func(j *jail, d string) {
			j.lib(d+"/lib/liba.so", soname("liba.so"))
			j.lib(d+"/prog", "needs:liba.so", oldTags, rpath("/nowhere:$ORIGIN/lib"))
		}},
		{"token inside of an element", "", func(j *jail, d string) {
			j.lib("/x"+d+"/lib/liba.so", soname("liba.so"))
			j.lib(d+"/prog", "needs:liba.so", oldTags, rpath("/x$ORIGIN/lib"))
		}},
		{"token in a name", "", func(j *jail, d string) {
			j.lib(d + "/lib/liba.so")
			j.lib(d+"/prog", "needs:$ORIGIN/lib/liba.so")
		}},
		{"runpath is not inherited", "", func(j *jail, d string) {
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			j.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libf.so")
			j.lib(d+"/prog", "needs:libg.so", newTags, rpath(d+"/lib"))
		}},
		{"empty runpath cuts rpath", "", func(j *jail, d string) {
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			j.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libf.so", newTags, rpath("x"))
			emptyRunpath(j, d+"/lib/libg.so")
			j.lib(d+"/prog", "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"loaded before for another", "", func(j *jail, d string) {
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			j.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libf.so")
			j.lib(d+"/prog", "needs:libf.so", "needs:libg.so", newTags, rpath(d+"/lib"))
		}},
		{"loaded later for another", "", func(j *jail, d string) {
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			j.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libf.so")
			j.lib(d+"/prog", "needs:libg.so", "needs:libf.so", newTags, rpath(d+"/lib"))
		}},
		{"the same SONAME twice", "", func(j *jail, d string) {
			j.lib(d+"/lib/liba.so", soname("libsame.so"))
			j.lib(d+"/lib/libb.so", soname("libsame.so"))
			j.lib(d+"/lib/libsame.so", soname("libsame.so"))
			j.lib(d+"/prog", "needs:liba.so", "needs:libb.so", "needs:libsame.so", oldTags, rpath(d+"/lib"))
		}},
		{"a SONAME that answers for another file", "", func(j *jail, d string) {
			j.lib(d+"/lib/liba.so", soname("libb.so"))
			j.lib(d+"/lib/libb.so", soname("libb.so"))
			j.lib(d+"/prog", "needs:liba.so", "needs:libb.so", oldTags, rpath(d+"/lib"))
		}},
		{"the program's own SONAME", "", func(j *jail, d string) {
			j.lib(d+"/lib/libself.so", soname("libself.so"))
			j.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libself.so")
			j.lib(d+"/prog", soname("libself.so"), "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"one file by two links and a hard link", "", func(j *jail, d string) {
			j.lib(d + "/lib/libf.so.1.0")
			j.link("libf.so.1.0", d+"/lib/libf.so.1")
			j.link("libf.so.1.0", d+"/lib/libf.so")
			if err := os.Link(j.root+d+"/lib/libf.so.1.0", j.root+d+"/lib/libhard.so"); err != nil {
				j.t.Fatal(err)
			}
			j.lib(d+"/prog", "needs:libf.so.1", "needs:libf.so", "needs:libhard.so", oldTags, rpath(d+"/lib"))
		}},
		{"a library without SONAME", "", func(j *jail, d string) {
			j.lib(d + "/lib/libf.so")
			j.lib(d+"/lib/libg.so", "needs:libf.so")
			j.lib(d+"/prog", "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"names with a slash", "", func(j *jail, d string) {
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			j.lib(d+"/lib/libg.so", soname("libg.so"), "needs:"+d+"/lib/libf.so", "needs:libf.so", "needs:"+d+"/lib/../lib/libf.so")
			j.lib(d+"/prog", "needs:"+d+"/lib/libg.so", "needs:"+d[1:]+"/lib/libf.so", "needs:"+d+"/lib/none.so")
		}},
		{"LD_LIBRARY_PATH after rpath", "/adversary/env:/adversary/env2", func(j *jail, d string) {
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			j.lib("/adversary/env/libf.so", soname("libf.so"))
			j.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/lib"))
		}},
		{"LD_LIBRARY_PATH before runpath", "/nowhere;/adversary/env2", func(j *jail, d string) {
			j.lib(d+"/lib/libf2.so", soname("libf2.so"))
			j.lib("/adversary/env2/libf2.so", soname("libf2.so"))
			j.lib(d+"/prog", "needs:libf2.so", newTags, rpath(d+"/lib"))
		}},
		{"LD_LIBRARY_PATH with the program's origin", "$ORIGIN/lib:", func(j *jail, d string) {
			j.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libatroot.so")
			j.lib("/libatroot.so", soname("libatroot.so"))
			j.lib(d+"/prog", "needs:libg.so")
		}},
		{"empty and relative elements", "", func(j *jail, d string) {
			j.lib("/libroot1.so", soname("libroot1.so"))
			j.lib(d+"/lib/librel.so", soname("librel.so"))
			j.lib(d+"/prog", "needs:libroot1.so", "needs:librel.so", oldTags, rpath("/nowhere::"+d[1:]+"/lib"))
		}},
		{"a trailing colon", "", func(j *jail, d string) {
			j.lib("/libroot2.so", soname("libroot2.so"))
			j.lib(d+"/prog", "needs:libroot2.so", newTags, rpath("/nowhere:"))
		}},
		{"folders for the CPU", "", func(j *jail, d string) {
			for _, folder := range []string{"", "/glibc-hwcaps/x86-64-v2", "/glibc-hwcaps/x86-64-v3", "/glibc-hwcaps/x86-64-v4", "/haswell/x86_64", "/x86_64", "/tls"} {
				j.lib(d+"/all"+folder+"/liball.so", soname("liball.so"))
			}
			for _, folder := range []string{"", "/glibc-hwcaps/x86-64-v2", "/haswell", "/tls/x86_64"} {
				j.lib(d+"/some"+folder+"/libsome.so", soname("libsome.so"))
			}
			for _, folder := range []string{"", "/x86_64", "/avx512_1", "/haswell", "/tls"} {
				j.lib(d+"/old"+folder+"/libold.so", soname("libold.so"))
			}
			j.lib(d+"/none/glibc-hwcaps/x86-64-v9/libnone.so", soname("libnone.so"))
			j.lib(d+"/none/libnone.so", soname("libnone.so"))
			j.lib(d+"/prog", "needs:liball.so", "needs:libsome.so", "needs:libold.so", "needs:libnone.so", oldTags,
				rpath(d+"/all:"+d+"/some:"+d+"/old:"+d+"/none"))
		}},
		{"libraries that need each other", "", func(j *jail, d string) {
			j.lib(d+"/lib/liba.so", soname("liba.so"), "needs:libb.so", "needs:liba.so")
			j.lib(d+"/lib/libb.so", soname("libb.so"), "needs:liba.so")
			j.lib(d+"/prog", "needs:liba.so", oldTags, rpath(d+"/lib"))
		}},
		{"dangling link first", "", func(j *jail, d string) {
			j.link("nothing", d+"/first/libf.so")
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			j.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/first:"+d+"/lib"))
		}},
		{"cyclic link first", "", func(j *jail, d string) {
			j.link("libf.so", d+"/first/libf.so")
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			j.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/first:"+d+"/lib"))
		}},
		{"a cyclic link ends one list only", "/adversary/env3", func(j *jail, d string) {
			j.link("libf3.so", d+"/first/libf3.so")
			j.lib("/adversary/env3/libf3.so", soname("libf3.so"))
			j.lib(d+"/prog", "needs:libf3.so", oldTags, rpath(d+"/first"))
		}},
		{"a folder of the library's name", "", func(j *jail, d string) {
			j.dir(d + "/first/libf.so")
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			j.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/first:"+d+"/lib"))
		}},
		{"a file in the place of a folder", "", func(j *jail, d string) {
			j.write(d+"/first", "")
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			j.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/first:"+d+"/lib"))
		}},
		{"filter and auxiliary", "", func(j *jail, d string) {
			j.lib(d+"/lib/libfiltee.so", soname("libfiltee.so"), "needs:libmore.so")
			j.lib(d+"/lib/libmore.so", soname("libmore.so"))
			j.lib(d+"/lib/libaux.so", soname("libaux.so"))
			j.lib(d+"/lib/libf.so", soname("libf.so"), "-Wl,-F,libfiltee.so")
			j.lib(d+"/lib/libg.so", soname("libg.so"), "-Wl,-f,libaux.so")
			j.lib(d+"/prog", "needs:libf.so", "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"no default directories", "", func(j *jail, d string) {
			j.lib("/usr/lib/libdefault.so", soname("libdefault.so"))
			j.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libdefault.so", "-Wl,-z,nodefaultlib")
			j.lib(d+"/prog", "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"default directories", "", func(j *jail, d string) {
			j.lib("/usr/lib/libd1.so", soname("libd1.so"))
			j.lib("/lib/libd1.so", soname("libd1.so"))
			j.lib("/usr/lib/x86_64-linux-gnu/libd1.so", soname("libd1.so"))
			j.lib("/usr/local/lib/libd2.so", soname("libd2.so"))
			j.lib("/lib64/libd3.so", soname("libd3.so"))
			j.lib(d+"/prog", "needs:libd1.so", "needs:libd2.so", "needs:libd3.so")
		}},
		{"missing", "", func(j *jail, d string) {
			j.lib(d+"/lib/libg.so", soname("libg.so"), "needs:libmissing1.so")
			j.lib(d+"/prog", "needs:libmissing2.so", "needs:libg.so", oldTags, rpath(d+"/lib"))
		}},
		{"a missing version", "", func(j *jail, d string) {
			script := j.write(d+"/v.map", "V1 { local: none; };\n")
			old := j.write(d+"/f.c", "int f(void){return 1;}\n")
			j.dir(d + "/lib")
			j.gcc("-nostdlib", "-shared", "-fPIC", "-o", j.root+d+"/lib/libf.so", old, soname("libf.so"), "-Wl,--version-script,"+script)
			newer := j.write(d+"/v2.map", "V1 { local: none; };\nV2 { f; } V1;\n")
			stub := j.stub("libf.so", "-fPIC", old, "-Wl,--version-script,"+newer)
			caller := j.write(d+"/g.c", "int f(void); int g(void){return f();}\n")
			j.gcc("-nostdlib", "-shared", "-fPIC", "-o", j.root+d+"/prog", caller, stub, oldTags, rpath(d+"/lib"))
		}},
	}
	// Something that is not a library of this machine stands before one that is.
	for _, c := range []struct {
		name string
		at   int
		b    []byte
	}{
		{"wrong machine", 18, []byte{183, 0}},
		{"wrong class", 4, []byte{1}},
		{"big-endian", 5, []byte{2}},
		{"not ELF", 0, []byte{'!'}},
		{"a relocatable file", 16, []byte{1, 0}},
		{"program headers out of the file", 32, binary.LittleEndian.AppendUint64(nil, 1<<40)},
		{"program headers of another size", 54, []byte{57}},
	} {
		cases = append(cases, adversary{c.name + " first", "", func(j *jail, d string) {
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			j.patched(d+"/lib/libf.so", d+"/first/libf.so", c.at, c.b...)
			j.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/first:"+d+"/lib"))
		}})
	}
	for _, n := range []int{0, 3, 30, 64, 120} {
		cases = append(cases, adversary{fmt.Sprintf("cut after %d bytes", n), "", func(j *jail, d string) {
			j.lib(d+"/lib/libf.so", soname("libf.so"))
			data, err := os.ReadFile(j.root + d + "/lib/libf.so")
			if err != nil {
				j.t.Fatal(err)
			}
			j.write(d+"/first/libf.so", string(data[:n]))
			j.lib(d+"/prog", "needs:libf.so", oldTags, rpath(d+"/first:"+d+"/lib"))
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
		cases = append(cases, adversary{fmt.Sprintf("chain %v", kinds), "", func(j *jail, d string) {
			names := []string{d + "/prog", d + "/lib/liba.so", d + "/lib/libb.so"}
			for i, kind := range kinds {
				own := fmt.Sprintf("%s/%d", d, i)
				j.lib(own+"/libx.so", soname("libx.so"))
				args := []string{"needs:libx.so"}
				if i+1 < len(names) {
					args = []string{"needs:" + names[i+1]}
				}
				if kind > 0 {
					args = append(args, tags[kind], rpath(own))
				}
				j.lib(names[i], args...)
			}
		}})
	}
	return cases
}

// emptyRunpath makes the value of a file's DT_RUNPATH the empty string.
func emptyRunpath(j *jail, path string) {
	j.t.Helper()
	data, err := os.ReadFile(j.root + path)
	if err != nil {
		j.t.Fatal(err)
	}
	entry := binary.LittleEndian.AppendUint64(nil, 29)
	at := strings.Index(string(data), string(entry))
	if at < 0 || strings.Count(string(data), string(entry)) != 1 {
		j.t.Fatalf("%s: no single DT_RUNPATH", path)
	}
	clear(data[at+8 : at+16])
	j.write(path, string(data))
}

// intended are the differences on purpose. musl takes whatever file has the
// name, without a look at its magic number, class, byte order or machine, lists
// it, and would crash later: here it counts as not found.
var intended = map[string]map[string]bool{
	"musl": {"wrong machine first": true, "wrong class first": true, "big-endian first": true, "not ELF first": true},
}

// The fixtures, as the loaders of four Debian releases and of Alpine see them.
func TestAdversariesAsLoadersSay(t *testing.T) {
	j := newJail(t)
	cases := adversaries()
	for i, c := range cases {
		c.build(j, fmt.Sprintf("/f%d", i))
	}
	for _, l := range loaders(t) {
		t.Run(l.name, func(t *testing.T) {
			j.install(t, l)
			for i, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					diff := compareOne(t, j.root, l.path, fmt.Sprintf("/f%d/prog", i), c.libraryPath)
					if differs := diff != ""; differs != intended[l.name][c.name] {
						t.Errorf("loader (-), resolver (+):\n%s", diff)
					}
				})
			}
		})
	}
}

// Caches that each release's own ldconfig writes, in every format that it knows.
func TestCachesAsLoadersSay(t *testing.T) {
	j := newJail(t)
	for _, folder := range []string{"/one", "/two", "/one/glibc-hwcaps/x86-64-v3", "/two/glibc-hwcaps/x86-64-v2", "/lib"} {
		j.lib("/c"+folder+"/liba.so.1.2", soname("liba.so.1"))
		j.lib("/c"+folder+"/libb.so.10.2", soname("libb.so.10"))
		j.lib("/c"+folder+"/libb.so.9.1", soname("libb.so.9"))
	}
	j.lib("/c/two/libonly.so", soname("libonly.so"), "needs:libb.so.9")
	j.lib("/c/late/glibc-hwcaps/x86-64-v2/liblate.so", soname("liblate.so"))
	j.lib("/usr/lib/libplain.so", soname("libplain.so"))
	j.lib("/usr/lib/libgone.so", soname("libgone.so"))
	j.write("/etc/ld.so.conf", "# first\n/c/one\ninclude conf.d/*.conf\n")
	j.write("/etc/conf.d/b.conf", "/c/late\n")
	j.write("/etc/conf.d/a.conf", "/c/two  # last\n")
	j.lib("/c/prog", "needs:liba.so.1", "needs:libb.so.10", "needs:libb.so.9", "needs:libonly.so", "needs:liblate.so", "needs:libplain.so", "needs:libgone.so", "needs:libnone.so")
	j.lib("/c/nodefault", "needs:libplain.so", "needs:libonly.so", "-Wl,-z,nodefaultlib")
	for _, l := range loaders(t) {
		if l.ldconfig == "" {
			continue
		}
		for _, format := range []string{"new", "compat", "old"} {
			t.Run(l.name+"/"+format, func(t *testing.T) {
				j.install(t, l)
				j.copy(t, l.ldconfig, "/sbin/ldconfig")
				if out, messages, err := runLoader(t.Context(), j.root, nil, "/sbin/ldconfig", "-X", "-c", format); err != nil {
					t.Fatalf("ldconfig: %v\n%s%s", err, out, messages)
				}
				for _, name := range []string{"/c/prog", "/c/nodefault"} {
					if diff := compareOne(t, j.root, l.path, name, ""); diff != "" {
						t.Errorf("%s: loader (-), resolver (+):\n%s", name, diff)
					}
				}
			})
		}
	}
}

// loader is a real one, to be put into a jail.
type loader struct {
	name, path string
	host       string // its file
	ldconfig   string // and that of its ldconfig, empty: it has no cache
}

func loaders(t *testing.T) []loader {
	var list []loader
	for _, suite := range []string{"bullseye", "bookworm", "trixie", "sid"} {
		root, err := debian(t, suite)()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, findLoader(t, suite, root, "/lib64/ld-linux-x86-64.so.2", "/sbin/ldconfig"))
	}
	root, err := alpine(t, "amd64")()
	if err != nil {
		t.Fatal(err)
	}
	return append(list, findLoader(t, "musl", root, "/lib/ld-musl-x86_64.so.1", ""))
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

// install makes a loader the only one of the jail, without a cache.
func (j *jail) install(t *testing.T, l loader) {
	t.Helper()
	for _, old := range []string{"/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1", "/etc/ld.so.cache"} {
		if err := os.RemoveAll(j.root + old); err != nil {
			t.Fatal(err)
		}
	}
	j.copy(t, l.host, l.path)
}

func (j *jail) copy(t *testing.T, host, path string) {
	t.Helper()
	data, err := os.ReadFile(host)
	if err != nil {
		t.Fatal(err)
	}
	j.write(path, string(data))
}

// compareOne resolves one file with a new view of the jail, and returns where
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
