package bundler

import (
	"debug/elf"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

func TestTokens(t *testing.T) {
	all := tokens{origin: "/o", lib: "lib64", platform: "x86_64"}
	for _, c := range []struct {
		in, want string
		ok       bool
	}{
		{"/plain", "/plain", true},
		{"$ORIGIN", "/o", true},
		{"${ORIGIN}x", "/ox", true},
		{"$ORIGIN/../$LIB/${PLATFORM}", "/o/../lib64/x86_64", true},
		{"$ORIGINAL/$LIBS/$PLATFORM_1", "$ORIGINAL/$LIBS/$PLATFORM_1", true},
		{"/a$/b$$LIB", "/a$/b$lib64", true},
		{"${ORIGIN", "${ORIGIN", true},
		{"", "", true},
	} {
		if got, ok := all.expand(c.in); got != c.want || ok != c.ok {
			t.Errorf("%q: %q, %v; want %q", c.in, got, ok, c.want)
		}
	}
	if got, ok := (tokens{origin: "/o"}).expand("$ORIGIN/$LIB"); ok {
		t.Errorf("a token without a value gave %q", got)
	}
	if got, ok := muslExpand("$ORIGIN/a:${ORIGIN}b:$ORIGINc", "/o"); got != "/o/a:/ob:/oc" || !ok {
		t.Errorf("musl: %q, %v", got, ok)
	}
	if _, ok := muslExpand("$ORIGIN:$LIB", "/o"); ok {
		t.Error("musl takes a list with another token")
	}
}

func TestSystemDirs(t *testing.T) {
	for text, want := range map[string]string{
		"x\x00/lib/x86_64-linux-gnu/\x00/usr/lib/x86_64-linux-gnu/\x00/lib/\x00/usr/lib/\x00y\x00": "/lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu /lib /usr/lib",
		"\x00/lib64/\x00/usr/lib64/\x00glibc":                                                      "/lib64 /usr/lib64",
		"\x00a/\x00/\x00/proc/\x00/lib/\x00":                                                       "/lib",
		"no directories":                                                                           "",
	} {
		if got := strings.Join(systemDirs([]byte(text)), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestFindLoaderOfThisMachine(t *testing.T) {
	a, opt := hostMachine(t)
	l, err := FindLoader(NewView("/"), mustObject(t, "/bin/sh"), CPU{Level: 1})
	if err != nil {
		t.Fatal(err)
	}
	if l.Machine != opt.Machine || l.Musl || l.Path != a.interp || l.Cache == nil || len(l.Hwcaps) > 0 && !slices.Contains(l.Hwcaps, "tls") {
		t.Errorf("%+v", l)
	}
	if len(l.Dirs) < 2 || l.Lib == "" || l.Platform == "" {
		t.Errorf("directories %q, $LIB %q, $PLATFORM %q", l.Dirs, l.Lib, l.Platform)
	}
}

func TestFindLoaderKnowsMusl(t *testing.T) {
	root := t.TempDir()
	o := &Object{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Interp: "/opt/lib/ld-musl-x86_64.so.1"}
	elftest.Write(t, root+o.Interp, "\x7fELF.../etc/ld-musl-\x00", 0o755)
	l, err := FindLoader(NewView(root), o, CPU{})
	if err != nil || !l.Musl || strings.Join(l.Dirs, " ") != "/lib /usr/local/lib /usr/lib" {
		t.Errorf("%+v, %v", l, err)
	}
	elftest.Write(t, root+"/opt/etc/ld-musl-x86_64.path", "/a:/b\n\n/c\n", 0o644)
	if l, err = FindLoader(NewView(root), o, CPU{}); err != nil || strings.Join(l.Dirs, " ") != "/a /b /c" {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestFindLoaderRefusesOtherMachines(t *testing.T) {
	for _, o := range []*Object{{Machine: elf.EM_386, Class: elf.ELFCLASS32, Foreign: true}, {Machine: elf.EM_RISCV, Class: elf.ELFCLASS64}} {
		if _, err := FindLoader(NewView(t.TempDir()), o, CPU{}); err == nil {
			t.Errorf("%v: no error", o.Machine)
		}
	}
}

func TestParseCPU(t *testing.T) {
	v2 := "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"
	v3 := v2 + " avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
	v4 := v3 + " avx512f avx512bw avx512cd avx512dq avx512vl"
	for _, c := range []struct {
		vendor, flags string
		want          CPU
	}{
		{"GenuineIntel", "sse2", CPU{Level: 1}},
		{"GenuineIntel", v2, CPU{Level: 2}},
		{"AuthenticAMD", v3, CPU{Level: 3}},
		{"GenuineIntel", v4, CPU{4, "haswell"}},
	} {
		text := "processor: 0\nvendor_id\t: " + c.vendor + "\nflags\t\t: fpu " + c.flags + "\n\nprocessor: 1\n"
		if diff := cmp.Diff(c.want, parseCPU(text)); diff != "" {
			t.Errorf("%s %s: %s", c.vendor, c.flags, diff)
		}
	}
}

func TestConfiguredDirs(t *testing.T) {
	root := t.TempDir()
	elftest.Write(t, root+"/etc/ld.so.conf", "# comment\ninclude\tld.so.conf.d/*.conf  more/*\n/last/ # why\nhwcap 1 nosegneg\n/typed=libc6\nrelative\ninclude /etc/ld.so.conf\ninclude /etc/*/*/deep.conf\n", 0o644)
	elftest.Write(t, root+"/etc/ld.so.conf.d/b.conf", "  /b\n", 0o644)
	elftest.Write(t, root+"/etc/ld.so.conf.d/a.conf", "/a\ninclude *.conf\n", 0o644)
	elftest.Write(t, root+"/etc/ld.so.conf.d/a.conf.off", "/off\n", 0o644)
	elftest.Write(t, root+"/etc/ld.so.conf.d/.hidden.conf", "/hidden\n", 0o644)
	elftest.Write(t, root+"/etc/more/x", "/more\n", 0o644)
	elftest.Write(t, root+"/etc/very/very/deep.conf", "/deep\n", 0o644)
	if got := strings.Join(configuredDirs(NewView(root)), " "); got != "/a /b /more /last /typed /deep" {
		t.Errorf("%q", got)
	}
}

// The loader does without a cache that is none; the search that comes to it
// says so, once.
func TestBrokenCacheIsPassedOver(t *testing.T) {
	root := t.TempDir()
	dep := elftest.Library(t, root+"/usr/lib/libdep.so", "int f(void){return 1;}", "-nostdlib")
	other := elftest.Library(t, root+"/usr/lib/libother.so", "int g(void){return 1;}", "-nostdlib")
	elftest.Library(t, root+"/lib.so", "", "-nostdlib", "-Wl,--no-as-needed", dep, other)
	elftest.Write(t, root+"/etc/ld.so.cache", "hello\n", 0o644)
	for _, c := range []struct {
		conf bool
		name string
		want []Note
	}{
		{false, "/lib.so", []Note{{"/etc/ld.so.cache", "not a cache of ldconfig"}}},
		{false, "/usr/lib/libdep.so", nil},
		{true, "/lib.so", nil},
	} {
		s := System{View: NewView(root), Conf: c.conf}
		closure, _, err := s.Closure(c.name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, closure.Broken); diff != "" || len(closure.Missing()) > 0 {
			t.Errorf("%s: %s, missing %v", c.name, diff, closure.Missing())
		}
	}
}
