package bundler

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// A sealed tree of the machine's own programs runs alone in a root directory,
// in an environment and beside files that would stop or subvert any other.
func TestSealedProgramsRunAnywhere(t *testing.T) {
	jail, opt := sealedJail(t)
	// $ORIGIN is read from /proc/self/exe.
	elftest.Mkdir(t, jail+"/proc")
	if err := syscall.Mount("proc", jail+"/proc", "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(jail+"/proc", syscall.MNT_DETACH) })
	const hostile = `#include <unistd.h>
__attribute__((constructor)) static void f(void){ write(1, "SUBVERTED\n", 10); }`
	bad := elftest.Library(t, jail+"/hostile/bad.so", hostile, "-nostdlib", "-lc")
	for _, name := range []string{"/hostile/libc.so.6", "/usr/lib/libtinfo.so.6", "/lib/" + abis[opt.Machine].triplet + "/libtinfo.so.6"} {
		data, err := os.ReadFile(bad)
		if err != nil {
			t.Fatal(err)
		}
		elftest.Write(t, jail+name, string(data), 0o755)
	}
	elftest.Write(t, jail+"/etc/ld.so.preload", "/hostile/bad.so\n", 0o644)
	elftest.Write(t, jail+"/hostile/gconv-modules", "module HOSTILE// INTERNAL /hostile/bad 1\nmodule INTERNAL HOSTILE// /hostile/bad 1\n", 0o644)
	elftest.Write(t, jail+"/etc/nsswitch.conf", "passwd: compat sss\nhosts: resolve\n", 0o644)
	elftest.Write(t, jail+"/etc/passwd", "someone:x:4242:4242::/:/bin/false\n", 0o644)
	elftest.Write(t, jail+"/etc/hosts", "192.0.2.7 some.host\n", 0o644)
	env := []string{
		"LD_PRELOAD=/hostile/bad.so", "LD_LIBRARY_PATH=/hostile", "LD_DEBUG=all", "LD_AUDIT=/hostile/bad.so",
		"LD_BIND_NOW=1", "LC_ALL=C.UTF-8", "PATH=/nowhere",
		"GLIBC_TUNABLES=glibc.malloc.perturb=7", "MALLOC_ARENA_MAX=7", "MALLOC_CHECK_=3",
		"GCONV_PATH=/hostile", "LOCPATH=/hostile", "NLSPATH=/hostile/%N",
	}
	cases := []struct {
		name string
		argv []string
		want string
	}{
		{"a shell", []string{"/openhands/bin/bash", "-c", "echo $((6*7)) $BASH"}, "42 /openhands/bin/bash\n"},
		{"a program that a child runs", []string{"/openhands/bin/bash", "-c", "/openhands/bin/true && echo fine"}, "fine\n"},
		{"variables stay for children", []string{"/openhands/bin/env"}, strings.Join(env, "\n") + "\n"},
		{"locale", []string{"/openhands/bin/locale", "charmap"}, "UTF-8\n"},
		{"conversion modules", []string{"/openhands/bin/bash", "-c", `printf 'h\xe9' | /openhands/bin/iconv -f ISO-8859-2 -t UTF-8`}, "hé"},
		{"conversion modules of others", []string{"/openhands/bin/bash", "-c", `[[ $(/openhands/bin/iconv -f HOSTILE -t UTF-8 /etc/hosts 2>&1) != *SUBVERTED* ]] && echo unknown`}, "unknown\n"},
		{"tunables", []string{"/openhands/bin/bash", "-c", `/openhands/lib/ld.so --list-tunables | while read -r line; do case $line in *perturb:*|*arena_max:*|*check:*) echo "$line";; esac; done`},
			"glibc.malloc.perturb: 0 (min: 0, max: 255)\nglibc.malloc.arena_max: 0x0 (min: 0x1, max: 0xffffffffffffffff)\nglibc.malloc.check: 0 (min: 0, max: 3)\n"},
		{"users", []string{"/openhands/bin/getent", "passwd", "4242"}, "someone:x:4242:4242::/:/bin/false\n"},
		{"hosts", []string{"/openhands/bin/getent", "hosts", "some.host"}, "192.0.2.7       some.host\n"},
		{"libraries of its own", []string{"/openhands/app/bin/prog"}, "42\n"},
		{"no spare dynamic entry", []string{"/openhands/app/bin/nospare"}, "7\n"},
		{"no room at all", []string{"/openhands/app/bin/noroom"}, "7\n"},
		{"a library opened at run time", []string{"/openhands/app/bin/opener"}, "21\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got, err := elftest.Jail(t, jail, env, c.argv...); err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
	t.Run("what is not sealed is subverted", func(t *testing.T) {
		cmd := exec.Command("/bin/true")
		cmd.Env = []string{"LD_PRELOAD=" + bad}
		if out, err := cmd.Output(); err != nil || string(out) != "SUBVERTED\n" {
			t.Errorf("%q, %v: the library that should subvert does not", out, err)
		}
	})
	t.Run("verified", func(t *testing.T) {
		report, err := Verify(t.Context(), jail, VerifyOptions{Prefix: testPrefix})
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Offenders) > 0 || report.Objects < 20 || !strings.HasPrefix(report.Libc, "glibc 2.") {
			t.Errorf("report: %+v", report)
		}
	})
	t.Run("sealing again changes nothing", func(t *testing.T) {
		before := inventory(t, jail)
		s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
		report, err := s.Seal(t.Context(), jail)
		if err != nil {
			t.Fatal(err)
		}
		if report.Sealed != 0 || report.Already < 20 {
			t.Errorf("sealed %d, already %d", report.Sealed, report.Already)
		}
		if diff := cmp.Diff(before, inventory(t, jail)); diff != "" {
			t.Error(diff)
		}
	})
}

// sealedJail returns a root directory with nothing but a sealed tree: programs
// of the machine and some compiled here.
func sealedJail(t *testing.T) (string, testTree) {
	t.Helper()
	_, opt := hostMachine(t)
	jail := opt.Out
	app := jail + "/openhands/app"
	lib := elftest.Library(t, app+"/lib/libanswer.so", "int answer(void){return 42;}")
	const answers = "#include <stdio.h>\nint answer(void); int main(){printf(\"%d\\n\", answer());}"
	elftest.Compile(t, app+"/bin/prog", answers, lib, "-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN/../lib")
	const seven = "#include <stdio.h>\nint main(){printf(\"%d\\n\", 7);}"
	for name, args := range map[string][]string{
		"nospare": {"-Wl,--spare-dynamic-tags=1"},
		"noroom":  {"-Wl,--spare-dynamic-tags=0", "-no-pie"},
	} {
		if o := mustObject(t, elftest.Compile(t, app+"/bin/"+name, seven, args...)); o.spare > 0 {
			t.Fatalf("%s has %d spare entries", name, o.spare)
		}
	}
	// Found only through a search path of the machine that built it.
	hidden := t.TempDir()
	elftest.Library(t, hidden+"/libhidden.so.1", "int hidden(void){return 21;}")
	plugin := elftest.Library(t, hidden+"/libplugin.so", "int hidden(void); int plugin(void){return hidden();}",
		hidden+"/libhidden.so.1", "-Wl,--enable-new-dtags", "-Wl,-rpath,"+hidden)
	elftest.Compile(t, app+"/bin/opener", `#include <dlfcn.h>
#include <stdio.h>
int main(){ void *h = dlopen("libplugin.so", RTLD_NOW); if (!h) { puts(dlerror()); return 1; } printf("%d\n", ((int (*)(void))dlsym(h, "plugin"))()); }`)
	var programs []string
	for _, name := range []string{"bash", "true", "env", "locale", "iconv", "getent"} {
		programs = append(programs, "/usr/bin/"+name)
	}
	found, report := opt.seal(t, programs, []string{plugin})
	if len(found.Missing) > 0 {
		t.Fatalf("missing: %v", found.Missing)
	}
	want := []Note{{"/openhands/app/bin/noroom", "no room for DT_RPATH in the dynamic section; the default directories of /openhands/lib/ld.so cover /openhands/lib"}}
	if diff := cmp.Diff(want, report.Notes); diff != "" {
		t.Error(diff)
	}
	return jail, opt
}

// inventory describes every file of a tree, content and inode included.
func inventory(t *testing.T, root string) map[string]any {
	t.Helper()
	files := map[string]any{}
	err := filepath.WalkDir(filepath.Join(root, testPrefix), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		files[name] = []any{info.Mode().String(), st.Ino, st.Uid, info.Size(), info.ModTime().UnixNano()}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestSealSearchPaths(t *testing.T) {
	const source = "int f(void){return 1;}"
	const program = "int main(){return 0;}"
	cases := []struct {
		name, source string
		args         []string
		rpath        string // after sealing
	}{
		{"library without", source, []string{"-shared", "-fPIC"}, ""},
		{"library with origin", source, []string{"-shared", "-fPIC", "-Wl,-rpath,$ORIGIN/../x"}, "$ORIGIN/../x"},
		{"library with our folder", source, []string{"-shared", "-fPIC", "-Wl,-rpath,/openhands/x"}, "/openhands/x"},
		{"library with a foreign folder", source, []string{"-shared", "-fPIC", "-Wl,-rpath,/usr/lib/foreign"}, ""},
		{"library with an empty element", source, []string{"-shared", "-fPIC", "-Wl,-rpath,:"}, ""},
		{"library with a relative folder", source, []string{"-shared", "-fPIC", "-Wl,-rpath,lib"}, ""},
		{"library whose origin leads out", source, []string{"-shared", "-fPIC", "-Wl,-rpath,$ORIGIN/../../../../usr/lib"}, ""},
		{"library with a prefix that is not ours", source, []string{"-shared", "-fPIC", "-Wl,-rpath,/openhands2/lib"}, ""},
		{"library with both, foreign first", source, []string{"-shared", "-fPIC", "-Wl,-rpath,/build/lib:$ORIGIN"}, "$ORIGIN"},
		{"library with both, foreign last", source, []string{"-shared", "-fPIC", "-Wl,-rpath,$ORIGIN/a:/build/lib"}, "$ORIGIN/a"},
		{"library with another token", source, []string{"-shared", "-fPIC", "-Wl,-rpath,$ORIGIN/$LIB"}, ""},
		{"program without", program, nil, "/openhands/lib"},
		{"program with origin", program, []string{"-Wl,-rpath,$ORIGIN/../lib"}, "$ORIGIN/../lib:/openhands/lib"},
		{"program with a foreign folder", program, []string{"-Wl,-rpath,/opt/lib"}, "/openhands/lib"},
		{"program without DT_NULL", program, []string{"-Wl,--spare-dynamic-tags=0", "-Wl,-rpath,/build:$ORIGIN/lib"}, "$ORIGIN/lib:/openhands/lib"},
		{"library without DT_NULL", source, []string{"-shared", "-fPIC", "-Wl,--spare-dynamic-tags=0", "-Wl,-rpath,/build"}, ""},
		{"program that names the string already", `const char *s = "x"; int main(){return 0;}`, []string{"-Wl,-rpath,/build:/openhands/lib"}, "/openhands/lib"},
	}
	for _, dtags := range []string{"-Wl,--enable-new-dtags", "-Wl,--disable-new-dtags"} {
		for _, c := range cases {
			t.Run(c.name+" "+dtags, func(t *testing.T) {
				_, opt := hostMachine(t)
				host := elftest.Compile(t, opt.Out+"/openhands/app/bin/f", c.source, append(c.args, dtags)...)
				size := fileSize(t, host)
				s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
				if _, err := s.Seal(t.Context(), opt.Out); err != nil {
					t.Fatal(err)
				}
				o := mustObject(t, host)
				if o.Rpath != c.rpath || o.Runpath != "" {
					t.Errorf("DT_RPATH %q, DT_RUNPATH %q; want %q and none", o.Rpath, o.Runpath, c.rpath)
				}
				if n := len(o.dyn); slices.ContainsFunc(o.dyn[:n-1], func(d elf.Dyn64) bool { return d.Tag == 0 }) {
					t.Error("an entry of the dynamic section is hidden behind DT_NULL")
				}
				if got := fileSize(t, host); got != size {
					t.Errorf("the file has %d bytes, had %d", got, size)
				}
				// Others still read the file.
				if out, err := exec.Command("readelf", "--wide", "--all", host).CombinedOutput(); err != nil || strings.Contains(string(out), "Error") {
					t.Errorf("readelf: %v\n%s", err, out)
				}
			})
		}
	}
}

func fileSize(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestSealKeepsModeTimesAndHardLinks(t *testing.T) {
	_, opt := hostMachine(t)
	name := elftest.Compile(t, opt.Out+"/openhands/bin/a", "int main(){return 0;}", "-z", "execstack")
	second, stamp := opt.Out+"/openhands/other/b", time.Unix(1_000_000_000, 0)
	elftest.Mkdir(t, filepath.Dir(second))
	for _, err := range []error{os.Link(name, second), os.Chmod(name, 0o751), os.Chown(name, 12, 34), os.Chtimes(name, stamp, stamp)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
	report, err := s.Seal(t.Context(), opt.Out)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Note{{"/openhands/bin/a", "asked for an executable stack"}}; !cmp.Equal(want, report.Notes) {
		t.Errorf("notes %v, want %v", report.Notes, want)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	linked, err := os.Stat(second)
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	if !os.SameFile(info, linked) || info.Mode() != 0o751 || st.Uid != 12 || st.Gid != 34 || !info.ModTime().Equal(stamp) {
		t.Errorf("same file %v, %v, %d:%d, %v", os.SameFile(info, linked), info.Mode(), st.Uid, st.Gid, info.ModTime())
	}
	if o := mustObject(t, name); o.ExecStack || o.Interp != "/openhands/lib/ld.so" {
		t.Errorf("executable stack %v, interpreter %s", o.ExecStack, o.Interp)
	} else if i := slices.IndexFunc(o.progs, func(p prog) bool { return elf.ProgType(p.Type) == elf.PT_INTERP }); o.progs[i].Filesz != uint64(len(o.Interp))+1 {
		t.Errorf("the interpreter's segment has %d bytes: a reader may take the NULs for a part of the name", o.progs[i].Filesz)
	}
	if entries, err := os.ReadDir(filepath.Dir(name)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// A library is one of Prefix/lib by any of its hard links: one that is a
// program too, as libc.so.6 is, may be in Prefix/bin first.
func TestSealLibrariesWithALinkElsewhere(t *testing.T) {
	a, opt := hostMachine(t)
	dest := t.TempDir()
	if _, err := copyOf(t, "/", dest, "/bin/true", "/lib/"+a.triplet+"/libc.so.6"); err != nil {
		t.Fatal(err)
	}
	one, err := os.Stat(dest + "/openhands/bin/libc.so.6")
	if err != nil {
		t.Fatal(err)
	}
	if two, err := os.Stat(dest + "/openhands/lib/libc.so.6"); err != nil || !os.SameFile(one, two) {
		t.Fatalf("not one file: %v", err)
	}
	s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
	if _, err := s.Seal(t.Context(), dest); err != nil {
		t.Fatal(err)
	}
	report, err := Verify(t.Context(), dest, VerifyOptions{Prefix: testPrefix})
	if err != nil || len(report.Offenders) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// $ORIGIN is another folder for each hard link, but the search path is one.
func TestSealHardLinksThatDisagree(t *testing.T) {
	_, opt := hostMachine(t)
	const name, link = "/openhands/app/bin/prog", "/openhands/prog"
	lib := elftest.Library(t, opt.Out+"/openhands/app/lib/libf.so", "int f(void){return 0;}", "-nostdlib")
	host := elftest.Compile(t, opt.Out+name, "int f(void); int main(){return f();}", lib, "-Wl,-rpath,$ORIGIN/../lib")
	if err := os.Link(host, opt.Out+link); err != nil {
		t.Fatal(err)
	}
	s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
	_, err := s.Seal(t.Context(), opt.Out)
	var refused *Refusal
	if !errors.As(err, &refused) || refused.Path != name || !strings.Contains(refused.Reason, link) || !strings.Contains(refused.Remedy, "symbolic link") {
		t.Errorf("error %v", err)
	}
}

// A prefix that is reached through a link is another tree's, or the system's.
func TestSealStaysInTheTree(t *testing.T) {
	_, opt := hostMachine(t)
	s := Sealer{Prefix: "/opt/openhands", Machine: opt.Machine}
	for link, target := range map[string]string{"/opt": "", "/opt/openhands": "/openhands"} {
		elsewhere, root := t.TempDir(), t.TempDir()
		host := elftest.Compile(t, elsewhere+"/openhands/bin/prog", "int main(){return 0;}")
		before := mustObject(t, host).Interp
		elftest.Symlink(t, elsewhere+target, root+link)
		report, err := s.Seal(t.Context(), root)
		if err == nil || !strings.Contains(err.Error(), root+link+" is a link") {
			t.Errorf("%s: %+v, error %v", link, report, err)
		}
		if now := mustObject(t, host).Interp; now != before {
			t.Errorf("%s: a file outside has the interpreter %s", link, now)
		}
	}
}

// What is not for this machine's C library is left alone and named.
func TestSealLeavesOthersAlone(t *testing.T) {
	_, opt := hostMachine(t)
	dir := opt.Out + "/openhands/x"
	files := map[string]string{
		"static":    elftest.Compile(t, dir+"/static", "int main(){return 0;}", "-static"),
		"object.o":  elftest.Compile(t, dir+"/object.o", "int f(void){return 0;}", "-c"),
		"musl":      elftest.Compile(t, dir+"/musl", "int main(){return 0;}", "-Wl,--dynamic-linker=/lib/ld-musl-any.so.1"),
		"foreign":   elftest.Compile(t, dir+"/foreign", "int main(){return 0;}"),
		"truncated": elftest.Compile(t, dir+"/truncated", "int main(){return 0;}"),
	}
	data, err := os.ReadFile(files["foreign"])
	if err != nil {
		t.Fatal(err)
	}
	data[18] ^= 0xff
	elftest.Write(t, files["foreign"], string(data), 0o755)
	if err := os.Truncate(files["truncated"], 100); err != nil {
		t.Fatal(err)
	}
	elftest.Write(t, dir+"/script", "#!/usr/bin/env python3\n", 0o755)
	elftest.Write(t, dir+"/ours", "#!/openhands/bin/bash\n", 0o755)
	before := inventory(t, opt.Out)
	s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
	got, err := s.Seal(t.Context(), opt.Out)
	if err != nil {
		t.Fatal(err)
	}
	want := &SealReport{
		Static:  []string{"/openhands/x/object.o", "/openhands/x/static"},
		Foreign: []string{"/openhands/x/foreign", "/openhands/x/musl"},
		Notes:   []Note{{"/openhands/x/truncated", "program headers: unexpected EOF; left alone: remove the file or put a whole one in its place"}},
		Scripts: []Note{{"/openhands/x/script", "/usr/bin/env python3"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, inventory(t, opt.Out)); diff != "" {
		t.Error(diff)
	}
}

// A C library whose constants are not the known ones is refused untouched.
func TestSealRefusesUnknownLibc(t *testing.T) {
	a, opt := hostMachine(t)
	original, err := os.ReadFile("/lib/" + a.triplet + "/libc.so.6")
	if err != nil {
		t.Fatal(err)
	}
	edits := map[string][2]string{
		`/etc/nsswitch.conf 0 of 1 times`: {"/etc/nsswitch.conf\x00", "/etc/nsswitch.cong\x00"},
		`this build of glibc 9.`:          {"stable release version 2.", "stable release version 9."},
		`no banner of the GNU C libr`:     {"stable release version", "staple release version"},
	}
	for want, e := range edits {
		data := strings.Replace(string(original), e[0], e[1], 1)[:len(original)]
		name := elftest.Write(t, opt.Out+"/openhands/lib/libc.so.6", data, 0o755)
		s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
		if _, err := s.Seal(t.Context(), opt.Out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if after, err := os.ReadFile(name); err != nil || string(after) != data {
			t.Errorf("%s: the file was changed, %v", want, err)
		}
	}
}

// The instructions are those of Debian's 2.41 build.
func TestEnvCheckARM64(t *testing.T) {
	words := []uint32{
		0xf8408c20, 0xb40001a0,
		0x39400002, 0x7101305f, 0x54ffff81,
		0x39400402, 0x7101105f, 0x54ffff21,
		0x39400802, 0x71017c5f, 0x54fffec1,
		0x91000c00,
	}
	var code []byte
	for _, w := range words {
		code = binary.LittleEndian.AppendUint32(code, w)
	}
	at := envCheckARM64(code)
	if !slices.Equal(at, []int{12}) {
		t.Fatalf("found at %v, want 12", at)
	}
	a := abis[elf.EM_AARCH64]
	if got := binary.LittleEndian.Uint32(envByte(code[12:], a, 'O')); got != 0x71013c5f {
		t.Errorf("instruction %#x, want cmp w2, #0x4f", got)
	}
	for i := range words {
		if i < 2 || i == len(words)-1 {
			continue
		}
		broken := slices.Clone(code)
		broken[4*i] ^= 1
		if at := envCheckARM64(broken); i != 4 && i != 7 && i != 10 && len(at) > 0 {
			t.Errorf("found although word %d is %#x", i, binary.LittleEndian.Uint32(broken[4*i:]))
		}
	}
}

func TestPadSlash(t *testing.T) {
	for _, c := range []struct {
		path string
		n    int
		want string
	}{
		{"/openhands/nss", 18, "/openhands/////nss"},
		{"/openhands/lib/", 22, "/openhands/lib////////"},
		{"/openhands/i18n", 15, "/openhands/i18n"},
	} {
		if got, err := padSlash(c.path, c.n); err != nil || got != c.want {
			t.Errorf("%s to %d: %q, %v; want %q", c.path, c.n, got, err, c.want)
		}
	}
	if _, err := padSlash("/openhands/i18n", 14); err == nil {
		t.Error("a path that is too long is accepted")
	}
}
