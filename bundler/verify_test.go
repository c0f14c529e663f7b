package bundler

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// Every rule is broken in a tree that is sealed otherwise.
func TestVerifyFindsBreaches(t *testing.T) {
	a, opt := hostMachine(t)
	opt.seal(t, []string{"/usr/bin/true"}, nil)
	sealed := opt.Out
	lib := func(version string) []string {
		return []string{"-nostdlib", "-Wl,--version-script," + elftest.Write(t, t.TempDir()+"/v", version+"{global: *;};", 0o644)}
	}
	cases := []struct {
		rule   string
		breach func(t *testing.T, root string)
		want   []Finding
	}{
		{RuleInterp, func(t *testing.T, root string) {
			elftest.Compile(t, root+"/openhands/x", "int main(){return 0;}")
		}, []Finding{{Path: "/openhands/x", Rule: RuleInterp, Detail: a.interp}}},
		{RuleNeeded, func(t *testing.T, root string) {
			elftest.Library(t, root+"/openhands/x.so", "int f(void); int g(void){return f();}", "-nostdlib",
				elftest.Library(t, t.TempDir()+"/libaway.so", "int f(void){return 1;}", "-nostdlib"))
		}, []Finding{{Path: "/openhands/x.so", Rule: RuleNeeded, Detail: "libaway.so"}}},
		{RuleVersion, func(t *testing.T, root string) {
			newer := elftest.Library(t, t.TempDir()+"/libv.so", "int f(void){return 1;}", lib("V_2")...)
			elftest.Library(t, root+"/openhands/lib/libv.so", "int f(void){return 1;}", lib("V_1")...)
			elftest.Library(t, root+"/openhands/x.so", "int f(void); int g(void){return f();}", "-nostdlib", newer)
		}, []Finding{{Path: "/openhands/x.so", Rule: RuleVersion, Detail: "V_2 of libv.so, which is /openhands/lib/libv.so"}}},
		{RuleRunpath, func(t *testing.T, root string) {
			elftest.Library(t, root+"/openhands/x.so", "int f(void){return 1;}", "-nostdlib", "-Wl,-rpath,$ORIGIN:/usr/lib/x")
		}, []Finding{{Path: "/openhands/x.so", Rule: RuleRunpath, Detail: `"/usr/lib/x"`}}},
		{RuleExecStack, func(t *testing.T, root string) {
			elftest.Library(t, root+"/openhands/x.so", "int f(void){return 1;}", "-nostdlib", "-z", "execstack")
		}, []Finding{{Path: "/openhands/x.so", Rule: RuleExecStack, Detail: "asks for an executable stack, or does not say that it needs none"}}},
		{RuleLink, func(t *testing.T, root string) {
			elftest.Write(t, root+"/etc/file", "", 0o644)
			elftest.Symlink(t, "/etc/file", root+"/openhands/outside")
			elftest.Symlink(t, "nowhere", root+"/openhands/dangling")
			elftest.Symlink(t, "/etc/ssl/ca", root+"/openhands/ca")
			elftest.Symlink(t, "bin/true", root+"/openhands/fine")
		}, []Finding{
			{Path: "/openhands/dangling", Rule: RuleLink, Detail: "nowhere leads nowhere"},
			{Path: "/openhands/outside", Rule: RuleLink, Detail: "/etc/file leads outside, to /etc/file"},
		}},
		{RuleFormat, func(t *testing.T, root string) {
			elftest.Write(t, root+"/openhands/x", "\x7fELF", 0o755)
		}, []Finding{{Path: "/openhands/x", Rule: RuleFormat, Detail: "truncated ELF header"}}},
		{RuleConstants, func(t *testing.T, root string) {
			name := root + "/openhands/lib/libc.so.6"
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			elftest.Write(t, name, strings.Replace(string(data), "\x00/openhands/ns.conf\x00", "\x00/etc/nsswitch.conf\x00", 1), 0o755)
		}, []Finding{{Path: "/openhands/lib/libc.so.6", Rule: RuleConstants, Detail: `"/etc/nsswitch.conf" is not replaced`}}},
	}
	options := VerifyOptions{Prefix: testPrefix, Links: map[string]string{"/openhands/ca": "/etc/ssl/ca"}}
	for _, c := range cases {
		t.Run(c.rule, func(t *testing.T) {
			root := t.TempDir() + "/root"
			if out, err := exec.Command("cp", "-a", sealed, root).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			clean, err := verifyBoth(t, root, options)
			if err != nil || len(clean.Offenders) > 0 {
				t.Fatalf("before: %v, %v", clean, err)
			}
			c.breach(t, root)
			report, err := verifyBoth(t, root, options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, report.Offenders); diff != "" {
				t.Error(diff)
			}
			allowed := options
			allowed.Allow = []Allowance{Allow("/openhands/**", "a test"), Allow("/nothing/*", "unused")}
			report, err = verifyBoth(t, root, allowed)
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Offenders) > 0 || len(report.Excused) != len(c.want) || report.Excused[0].Reason != "a test" {
				t.Errorf("offenders %v, excused %v", report.Offenders, report.Excused)
			}
			if want := []string{"/nothing/*"}; !cmp.Equal(want, report.Unused) {
				t.Errorf("unused %v, want %v", report.Unused, want)
			}
		})
	}
}

// A library that a program loads before satisfies what a library next to it
// could not find alone, even one that can be run, to tell its version.
func TestVerifyCountsWhatProgramsLoad(t *testing.T) {
	_, opt := hostMachine(t)
	app := opt.Out + "/openhands/app"
	f := elftest.Library(t, app+"/lib/libf.so", "int f(void){return 1;}", "-nostdlib")
	g := elftest.Library(t, app+"/lib/libg.so", `const char interp[] __attribute__((section(".interp"))) = "/openhands/lib/ld.so";
		int f(void); int g(void){return f();}`, "-nostdlib", "-Wl,-soname,libg.so", f)
	elftest.Compile(t, app+"/prog", "int g(void); int main(){return g();}", g, "-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/lib", "-Wl,-rpath-link,"+app+"/lib")
	opt.seal(t, nil, nil)
	report, err := verifyBoth(t, opt.Out, VerifyOptions{Prefix: testPrefix})
	if err != nil || len(report.Offenders) > 0 {
		t.Fatalf("%v, %v", report, err)
	}
	if err := os.Remove(app + "/prog"); err != nil {
		t.Fatal(err)
	}
	report, err = verifyBoth(t, opt.Out, VerifyOptions{Prefix: testPrefix})
	want := []Finding{{Path: "/openhands/app/lib/libg.so", Rule: RuleNeeded, Detail: "libf.so"}}
	if diff := cmp.Diff(want, report.Offenders); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// What one program loads helps no other to start.
func TestVerifyOfProgramsThatCannotStart(t *testing.T) {
	_, opt := hostMachine(t)
	lib, private := opt.Out+"/openhands/lib", opt.Out+"/openhands/p"
	x := elftest.Library(t, private+"/libx.so", "int x(void){return 1;}", "-nostdlib")
	a := elftest.Library(t, lib+"/liba.so", "int x(void); int a(void){return x();}", "-nostdlib", x)
	const source = "int a(void); int main(){return a() - 1;}"
	elftest.Compile(t, opt.Out+"/openhands/bin/works", source, "-Wl,--no-as-needed", x, a, "-Wl,--disable-new-dtags", "-Wl,-rpath,/openhands/p")
	elftest.Compile(t, opt.Out+"/openhands/bin/fails", source, a, "-Wl,-rpath-link,"+private)
	want := []Note{{"/openhands/lib/liba.so", "libx.so, when /openhands/bin/fails starts"}}
	if found, _ := opt.seal(t, nil, nil); !cmp.Equal(want, found.Missing) {
		t.Fatalf("missing %v", found.Missing)
	}
	if out, err := elftest.Jail(t, opt.Out, nil, "/openhands/bin/works"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := elftest.Jail(t, opt.Out, nil, "/openhands/bin/fails"); err == nil || !strings.Contains(out, "libx.so") {
		t.Errorf("%v: %s", err, out)
	}
	report, err := verifyBoth(t, opt.Out, VerifyOptions{Prefix: testPrefix})
	found := []Finding{{Path: want[0].Path, Rule: RuleNeeded, Detail: want[0].Text}}
	if err != nil || !cmp.Equal(found, report.Offenders) {
		t.Errorf("%+v, %v; want %v", report, err, found)
	}
}

// Every hard link of a program is one that can be started.
func TestVerifyOfHardLinks(t *testing.T) {
	_, opt := hostMachine(t)
	app := opt.Out + "/openhands/app"
	lib := elftest.Library(t, app+"/lib/libf.so", "int f(void){return 0;}", "-nostdlib")
	prog := elftest.Compile(t, app+"/bin/prog", "int f(void); int main(){return f();}", lib, "-Wl,-rpath,$ORIGIN/../lib")
	opt.seal(t, nil, nil)
	elftest.Mkdir(t, opt.Out+"/openhands/bin")
	for _, name := range []string{"/openhands/bin/prog", "/openhands/prog"} {
		if err := os.Link(prog, opt.Out+name); err != nil {
			t.Fatal(err)
		}
	}
	report, err := verifyBoth(t, opt.Out, VerifyOptions{Prefix: testPrefix})
	if err != nil {
		t.Fatal(err)
	}
	want := []Finding{
		{Path: "/openhands/bin/prog", Rule: RuleNeeded, Detail: "libf.so"},
		{Path: "/openhands/prog", Rule: RuleNeeded, Detail: "libf.so"},
		{Path: "/openhands/prog", Rule: RuleRunpath, Detail: `"$ORIGIN/../lib"`},
	}
	if diff := cmp.Diff(want, report.Offenders); diff != "" {
		t.Error(diff)
	}
}

func TestParseAllowances(t *testing.T) {
	list, err := ParseAllowances(strings.NewReader("# optional\n\n/openhands/**/libcuda*.so: needs a driver\n"))
	if err != nil || len(list) != 1 || list[0].Reason != "needs a driver" {
		t.Fatalf("%v, %v", list, err)
	}
	for name, want := range map[string]bool{
		"/openhands/a/b/libcuda_x.so": true, "/openhands/a/libcuda.so": true,
		"/openhands/a/libcuda/x.so": false, "/openhands/a/libcuda.so.1": false, "/openhands/a/libcudaXso": false,
	} {
		if got := list[0].match.MatchString(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for _, text := range []string{"/openhands/x", "/openhands/x:", "*.so: relative"} {
		if _, err := ParseAllowances(strings.NewReader(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
