package bundler

import (
	"bytes"
	"debug/elf"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/pack"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

const prefix = "/openhands"

// hostile is an environment that no program of the tree may take notice of.
var hostile = []string{
	"LD_PRELOAD=/hostile/bad.so", "LD_LIBRARY_PATH=/hostile", "LD_AUDIT=/hostile/bad.so", "LD_DEBUG=all", "LD_BIND_NOW=1",
	"GLIBC_TUNABLES=glibc.malloc.perturb=7:glibc.rtld.nns=7", "MALLOC_ARENA_MAX=7", "MALLOC_CHECK_=3", "LD_PREFER_MAP_32BIT_EXEC=1",
	"GCONV_PATH=/hostile", "LOCPATH=/hostile", "NLSPATH=/hostile/%N",
	"LC_ALL=C.UTF-8", "PATH=/nowhere",
}

// steered returns those tunables of a loader's list that have a value of
// hostile's. The list has a line "NAME: VALUE (min: …)" each.
func steered(list string) []string {
	set := map[string]string{
		"glibc.malloc.perturb": "7", "glibc.rtld.nns": "0x7", "glibc.malloc.arena_max": "0x7", "glibc.malloc.check": "3",
		"glibc.cpu.prefer_map_32bit_exec": "1",
	}
	var found []string
	for line := range strings.Lines(list) {
		name, rest, _ := strings.Cut(line, ": ")
		if value, _, _ := strings.Cut(rest, " "); value == set[name] && value != "" {
			found = append(found, name)
		}
	}
	return found
}

// The C library of every Debian release that is known, on both machines,
// serves programs of that release, alone in a root directory and on Alpine.
func TestDebianReleases(t *testing.T) {
	for _, suite := range releases {
		for _, goarch := range []string{"amd64", "arm64"} {
			t.Run(suite+" "+goarch, func(t *testing.T) {
				root, err := lab.DebianPackages(t.Context(), suite, goarch, t.Output(), "libc6", "libc-bin", "bash", "libtinfo6")
				if err != nil {
					t.Fatal(err)
				}
				tree := t.TempDir()
				recipe := &pack.Recipe{Name: "test"}
				for from, to := range map[string]string{"/bin/bash": "bash", "/usr/bin/getent": "getent", "/usr/bin/locale": "locale"} {
					recipe.Programs = append(recipe.Programs, pack.Copy{From: from, To: prefix + "/bin/" + to})
				}
				report, err := pack.Build(t.Context(), recipe, pack.Options{
					Prefix: prefix, Root: root, Out: tree, Libs: tree, Machine: machine(t, goarch),
				})
				if err != nil {
					t.Fatal(err)
				}
				if len(report.Missing) > 0 {
					t.Errorf("missing: %v", report.Missing)
				}
				verify(t, tree)
				write(t, tree+"/etc/passwd", "someone:x:4242:4242::/:/bin/false\n")
				write(t, tree+"/etc/nsswitch.conf", "passwd: compat sss\n")
				write(t, tree+"/etc/ld.so.preload", "/hostile/bad.so\n")
				for _, base := range []string{"", alpineRoot(t, goarch)} {
					jail := bareRoot(t, base, tree)
					for _, c := range []struct {
						argv []string
						want string
					}{
						{[]string{"/openhands/bin/bash", "-c", "echo $((6*7)) $LD_PRELOAD"}, "42 /hostile/bad.so\n"},
						{[]string{"/openhands/bin/getent", "passwd", "4242"}, "someone:x:4242:4242::/:/bin/false\n"},
						{[]string{"/openhands/bin/locale", "charmap"}, "UTF-8\n"},
					} {
						if got, err := run(t, jail, goarch, c.argv...); err != nil || got != c.want {
							t.Errorf("on %q: %q: %q, %v; want %q", filepath.Base(base), c.argv, got, err, c.want)
						}
					}
					if suite == "bullseye" {
						continue // its loader does not list them
					}
					list, err := run(t, jail, goarch, prefix+"/lib/ld.so", "--list-tunables")
					if found := steered(list); err != nil || !strings.Contains(list, "glibc.malloc.check: 0 ") || len(found) > 0 {
						t.Errorf("on %q the base steers the loader by %q: %v, %q", filepath.Base(base), found, err, list)
					}
				}
			})
		}
	}
}

// alpineRoot returns Alpine's root directory, for reading.
func alpineRoot(t *testing.T, goarch string) string {
	t.Helper()
	root, err := alpine(t, goarch)()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// cSource prints what a library beside it, the C library and, in a thread, the
// dynamic loader answer.
const cSource = `#include <stdio.h>
#include <math.h>
#include <pthread.h>
int answer(void);
static __thread int mine = 7;
static void *thread(void *arg) { return (void *)(long)(mine += answer()); }
int main(int argc, char **argv) {
	pthread_t t; void *sum;
	if (pthread_create(&t, 0, thread, 0) || pthread_join(t, &sum)) return 1;
	printf("%d %ld %.0f %d\n", answer(), (long)sum, sqrt(argc * 49.0), mine);
	return 0;
}`

const cAnswer = "42 49 7 7\n"

// toolchain makes a program at out from sources in the folder work. Its
// library, if it needs one, is lib/libanswer.so beside the folder of out.
type toolchain struct {
	name   string
	needs  map[string]string // programs and files, and the packages that have them
	build  func(t *testing.T, work, out string) [][]string
	source string // file name in work
	text   string
	want   string
}

func cToolchain(name string, needs map[string]string, compiler ...string) toolchain {
	return toolchain{name, needs, func(_ *testing.T, work, out string) [][]string {
		lib := filepath.Join(filepath.Dir(filepath.Dir(out)), "lib")
		library := append(slices.Clone(compiler), "-shared", "-fPIC", "-o", lib+"/libanswer.so", "-Wl,-soname,libanswer.so", work+"/answer.c")
		library = slices.DeleteFunc(library, func(a string) bool { return a == "-no-pie" })
		program := append(slices.Clone(compiler), "-o", out, work+"/main.c", lib+"/libanswer.so", "-lm", "-pthread", "-Wl,-rpath,$ORIGIN/../lib")
		return [][]string{library, program}
	}, "main.c", cSource, cAnswer}
}

// toolchains returns those that make programs for a machine: its own, or those
// that this one has for it.
func toolchains(goarch string) []toolchain {
	gcc, cc, clang := map[string]string{"gcc": "gcc"}, "gcc", []string{"clang"}
	if goarch == "arm64" {
		cc, clang = "aarch64-linux-gnu-gcc", []string{"clang", "--target=aarch64-linux-gnu"}
		// The compiler only recommends its C library.
		gcc = map[string]string{cc: "gcc-aarch64-linux-gnu", "/usr/aarch64-linux-gnu/lib/crt1.o": "libc6-dev-arm64-cross"}
	}
	with := func(programs map[string]string) map[string]string {
		maps.Copy(programs, gcc)
		return programs
	}
	clangWith := func(args ...string) []string { return append(slices.Clone(clang), args...) }
	lld, mold := with(map[string]string{"clang": "clang", "ld.lld": "lld"}), with(map[string]string{"clang": "clang", "mold": "mold"})
	rust := with(map[string]string{"/usr/bin/rustc": "rustc", "ld.lld": "lld"})
	return []toolchain{
		cToolchain("gcc", gcc, cc),
		cToolchain("gcc, DT_RPATH", gcc, cc, "-Wl,--disable-new-dtags"),
		cToolchain("gcc, fixed address", gcc, cc, "-no-pie"),
		cToolchain("gcc, no spare entries", gcc, cc, "-Wl,--spare-dynamic-tags=0"),
		cToolchain("gcc, fixed address, no spare entries", gcc, cc, "-no-pie", "-Wl,--spare-dynamic-tags=0"),
		cToolchain("gcc, packed relocations, stripped", gcc, cc, "-Wl,-z,pack-relative-relocs", "-s"),
		cToolchain("gold", gcc, cc, "-fuse-ld=gold"),
		cToolchain("gold, no spare entries", gcc, cc, "-fuse-ld=gold", "-Wl,--spare-dynamic-tags=0"),
		cToolchain("clang and lld", lld, clangWith("-fuse-ld=lld")...),
		cToolchain("clang and lld, fixed address, stripped", lld, clangWith("-fuse-ld=lld", "-no-pie", "-s")...),
		cToolchain("clang and mold", mold, clangWith("-fuse-ld=mold")...),
		cToolchain("clang and mold, no spare entries", mold, clangWith("-fuse-ld=mold", "-Wl,--spare-dynamic-tags=0")...),
		{"gcc, static-pie", gcc, func(_ *testing.T, work, out string) [][]string {
			return [][]string{{cc, "-static-pie", "-o", out, work + "/main.c"}}
		}, "main.c", `#include <stdio.h>
int main(void) { puts("static"); return 0; }`, "static\n"},
		{"Go, linked by itself", gcc, goBuild(goarch, cc, "internal"), "main.go", goSource, "someone\n"},
		{"Go, linked by gcc", gcc, goBuild(goarch, cc, "external"), "main.go", goSource, "someone\n"},
		{"Rust", rust, rustBuild(goarch, cc), "main.rs", rustSource, "42 ünï\n"},
		{"Rust and gold", rust, rustBuild(goarch, cc, "-Clink-arg=-fuse-ld=gold", "-Copt-level=2"), "main.rs", rustSource, "42 ünï\n"},
		{"Rust and lld", rust, rustBuild(goarch, "clang", slices.Concat(linkArgs(clang[1:]), []string{"-Clink-arg=-fuse-ld=lld", "-Cstrip=symbols"})...), "main.rs", rustSource, "42 ünï\n"},
	}
}

func linkArgs(args []string) []string {
	var list []string
	for _, a := range args {
		list = append(list, "-Clink-arg="+a)
	}
	return list
}

const goSource = `package main

import (
	"fmt"
	"os/user"
)

func main() {
	u, err := user.LookupId("4242")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(u.Username)
}
`

func goBuild(goarch, cc, linkmode string) func(t *testing.T, work, out string) [][]string {
	return func(_ *testing.T, work, out string) [][]string {
		return [][]string{{"env", "CGO_ENABLED=1", "GOFLAGS=", "GOARCH=" + goarch, "CC=" + cc, "go", "build", "-ldflags", "-linkmode=" + linkmode, "-o", out, work + "/main.go"}}
	}
}

const rustSource = `fn main() {
    let sum: i32 = std::thread::spawn(|| (1..=6).map(|n| n * 2).sum()).join().unwrap();
    println!("{} ünï", sum);
}
`

// rustBuild compiles with Debian's compiler, whose standard library for another
// machine is a package too.
func rustBuild(goarch, cc string, args ...string) func(t *testing.T, work, out string) [][]string {
	return func(t *testing.T, work, out string) [][]string {
		line := []string{"/usr/bin/rustc", "-Clinker=" + cc, "-o", out, work + "/main.rs"}
		if goarch == "arm64" {
			root, err := lab.DebianPackages(t.Context(), codename(t), goarch, t.Output(), "libstd-rust-dev")
			if err != nil {
				t.Fatal(err)
			}
			line = append(line, "--sysroot", root+"/usr", "--target=aarch64-unknown-linux-gnu")
		}
		return [][]string{append(line, args...)}
	}
}

// codename returns the Debian release of this machine.
func codename(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "VERSION_CODENAME="); ok {
			return strings.Trim(strings.TrimSpace(name), `"`)
		}
	}
	t.Fatal("/etc/os-release names no release")
	return ""
}

// What every compiler and linker makes runs, sealed, on Alpine and where there
// is nothing else, against every attempt to give it other libraries.
func TestToolchains(t *testing.T) {
	for _, goarch := range []string{"amd64", "arm64"} {
		system := "/"
		if goarch == "arm64" {
			var err error
			if system, err = lab.DebianPackages(t.Context(), "trixie", goarch, t.Output(), "libc6", "libc-bin", "libgcc-s1"); err != nil {
				t.Fatal(err)
			}
		}
		for _, tc := range toolchains(goarch) {
			t.Run(goarch+" "+tc.name, func(t *testing.T) {
				for program, pkg := range tc.needs {
					if err := lab.EnsureProgram(t.Context(), t.Output(), program, pkg); err != nil {
						t.Fatal(err)
					}
				}
				testToolchain(t, goarch, system, tc)
			})
		}
	}
}

func testToolchain(t *testing.T, goarch, system string, tc toolchain) {
	tree := t.TempDir()
	out := tree + prefix + "/app/bin/program"
	work := t.TempDir()
	write(t, work+"/"+tc.source, tc.text)
	write(t, work+"/answer.c", "int answer(void) { return 42; }")
	mkdir(t, filepath.Dir(out))
	mkdir(t, tree+prefix+"/app/lib")
	for _, argv := range tc.build(t, work, out) {
		if text, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", argv, err, text)
		}
	}
	spare := describe(t, out)
	report, err := pack.Build(t.Context(), &pack.Recipe{Name: "test", Programs: []pack.Copy{{From: "/usr/bin/getent", To: prefix + "/bin/getent"}}},
		pack.Options{Prefix: prefix, Root: system, Out: tree, Libs: tree, Machine: machine(t, goarch)})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s; sealed %d, notes %v", spare, report.Out.Sealed, report.Out.Notes)
	verify(t, tree)
	bad := subverter(t, goarch)
	for _, name := range []string{"/hostile/libanswer.so", "/hostile/bad.so", "/hostile/libc.so.6", "/usr/lib/libm.so.6", "/lib/libanswer.so"} {
		copyFile(t, bad, tree+name)
	}
	write(t, tree+"/etc/passwd", "someone:x:4242:4242::/:/bin/false\n")
	write(t, tree+"/etc/ld.so.preload", "/hostile/bad.so\n")
	for _, base := range []string{"", alpineRoot(t, goarch)} {
		jail, program := bareRoot(t, base, tree), prefix+"/app/bin/program"
		if got, err := run(t, jail, goarch, program); err != nil || got != tc.want {
			t.Errorf("on %q: %q, %v; want %q", filepath.Base(base), got, err, tc.want)
		}
		if goarch != runtime.GOARCH {
			continue // the emulator cannot be traced
		}
		report, err := bundler.Trace(t.Context(), []string{program}, bundler.TraceOptions{Prefix: prefix, Root: jail, Env: hostile})
		if err != nil || report.Status != 0 || len(report.Offenders) > 0 {
			t.Errorf("traced on %q: %+v, %v", filepath.Base(base), report, err)
		}
	}
}

// subverter makes a library that announces itself when it is loaded.
func subverter(t *testing.T, goarch string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "bad.so")
	cc, write := "gcc", `__asm__ volatile("syscall" :: "a"(1), "D"(1), "S"("SUBVERTED\n"), "d"(10) : "rcx", "r11", "memory");`
	if goarch == "arm64" {
		cc, write = "aarch64-linux-gnu-gcc", `register long number __asm__("x8") = 64, fd __asm__("x0") = 1, size __asm__("x2") = 10;
	register const char *text __asm__("x1") = "SUBVERTED\n";
	__asm__ volatile("svc 0" : "+r"(fd) : "r"(number), "r"(text), "r"(size) : "memory");`
	}
	cmd := exec.Command(cc, "-shared", "-fPIC", "-x", "c", "-", "-o", out, "-nostdlib")
	cmd.Stdin = strings.NewReader("__attribute__((constructor)) static void f(void){ " + write + " }\nint answer(void) { return 1; }")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

// The library that should subvert does so where it can: what is not sealed.
func TestSubverter(t *testing.T) {
	for _, goarch := range []string{"amd64", "arm64"} {
		system, err := lab.DebianPackages(t.Context(), "trixie", goarch, t.Output(), "libc6", "libc-bin", "libgcc-s1")
		if err != nil {
			t.Fatal(err)
		}
		jail := bareRoot(t, system)
		copyFile(t, subverter(t, goarch), jail+"/hostile/bad.so")
		if got, err := run(t, jail, goarch, "/usr/bin/getent", "--version"); !strings.Contains(got, "SUBVERTED\n") {
			t.Errorf("%s: %q, %v", goarch, got, err)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(data))
	if err := os.Chmod(to, 0o755); err != nil {
		t.Fatal(err)
	}
}

// describe says what room a program has for a search path.
func describe(t *testing.T, name string) string {
	t.Helper()
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	section := f.Section(".dynamic")
	if section == nil {
		return "no dynamic section"
	}
	data, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	spare := -1
	for ; len(data) >= 16 && bytes.Equal(data[len(data)-16:], make([]byte, 16)); data = data[:len(data)-16] {
		spare++
	}
	return "spare entries: " + strings.Repeat("|", max(spare, 0))
}

func verify(t *testing.T, root string) {
	t.Helper()
	report, err := bundler.Verify(t.Context(), root, bundler.VerifyOptions{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Offenders {
		t.Errorf("offender: %+v", f)
	}
}

// bareRoot returns a root directory with copies of the given ones, empty
// names left out, and /proc, which the loader reads to learn where a program
// lies.
func bareRoot(t *testing.T, from ...string) string {
	t.Helper()
	jail := t.TempDir()
	for _, dir := range from {
		if dir == "" {
			continue
		}
		if text, err := exec.Command("cp", "-a", dir+"/.", jail).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	mkdir(t, jail+"/proc")
	if err := syscall.Mount("proc", jail+"/proc", "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(jail+"/proc", syscall.MNT_DETACH) })
	return jail
}

// run runs a program with a root directory of its own in the hostile
// environment and returns what it prints. Programs of arm64 run under qemu.
func run(t *testing.T, jail, goarch string, argv ...string) (string, error) {
	t.Helper()
	if goarch == "arm64" {
		argv = append([]string{emulator(t, jail)}, argv...)
	}
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Path, cmd.Err = argv[0], nil
	cmd.Env, cmd.Dir = hostile, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: jail}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// emulator puts qemu's user-mode emulator into a root directory.
func emulator(t *testing.T, jail string) string {
	t.Helper()
	const name = "qemu-aarch64-static"
	if err := lab.EnsureProgram(t.Context(), t.Output(), name, "qemu-user-static"); err != nil {
		t.Fatal(err)
	}
	host, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(jail + "/" + name); err == nil {
		return "/" + name
	}
	if text, err := exec.Command("cp", host, jail+"/"+name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return "/" + name
}

func machine(t *testing.T, goarch string) elf.Machine {
	t.Helper()
	m, err := bundler.Machine(goarch)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	mkdir(t, filepath.Dir(name))
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
