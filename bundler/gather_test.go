package bundler

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// copyOf copies files of a root file system to a new place.
func copyOf(t *testing.T, root, dest string, names ...string) (*CopyReport, error) {
	t.Helper()
	return CopyClosure(t.Context(), CopyOptions{System: &System{View: NewView(root), Cwd: "/"}, Dest: dest, Prefix: testPrefix}, names...)
}

// A copied program is sealed and runs in a root directory with nothing else.
func TestCopyClosureOfThisMachine(t *testing.T) {
	a, opt := hostMachine(t)
	dest := t.TempDir()
	report, err := copyOf(t, "/", dest, "/bin/bash")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range report.Files {
		paths = append(paths, f.Path)
	}
	for _, want := range []string{"/openhands/bin/bash", "/openhands/lib/ld.so", "/openhands/lib/libc.so.6"} {
		if !slices.Contains(paths, want) {
			t.Errorf("%s is not among %q", want, paths)
		}
	}
	if target, err := os.Readlink(dest + "/openhands/lib/" + a.loader); err != nil || target != "ld.so" {
		t.Errorf("link of the loader: %q, %v", target, err)
	}
	again, err := copyOf(t, "/", dest, "/bin/bash")
	if err != nil || again.Kept != len(report.Files) || len(again.Links) > 0 {
		t.Errorf("a second time: %+v, %v", again, err)
	}
	s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
	if _, err := s.Seal(t.Context(), dest); err != nil {
		t.Fatal(err)
	}
	if out, err := elftest.Jail(t, dest, nil, "/openhands/bin/bash", "-c", "echo $((6*7))"); err != nil || out != "42\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// What needs no loader brings none, nor what the C library reads.
func TestCopyClosureOfWhatNeedsNothing(t *testing.T) {
	static := elftest.Compile(t, t.TempDir()+"/static", "int main(){return 0;}", "-static")
	pie := elftest.Compile(t, t.TempDir()+"/static-pie", "int main(){return 0;}", "-static-pie")
	lib := elftest.Library(t, t.TempDir()+"/libf.so", "int f(void){return 1;}", "-nostdlib")
	bare := elftest.Compile(t, t.TempDir()+"/bare", "void _start(void){for(;;);}", "-nostdlib", "-pie", "-fPIE")
	for name, want := range map[string][]string{
		static: {"/openhands/bin/static"},
		pie:    {"/openhands/bin/static-pie"},
		lib:    {"/openhands/lib/libf.so"},
		bare:   {"/openhands/bin/bare", "/openhands/lib/ld.so"}, // starts by its loader
	} {
		report, err := copyOf(t, "/", t.TempDir(), name)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range report.Files {
			got = append(got, f.Path)
		}
		if !slices.Equal(want, got) {
			t.Errorf("%s: %d files, %q; want %q", filepath.Base(name), len(got), got[:min(len(got), 5)], want)
		}
	}
}

// Two sources of one content are one library; links are resolved.
func TestCopyClosureKeepsModes(t *testing.T) {
	root, dest := t.TempDir(), t.TempDir()
	lib := elftest.Library(t, root+"/usr/lib/libone.so.1.0", "int f(void){return 1;}", "-nostdlib", "-Wl,-soname,libone.so.1")
	elftest.Symlink(t, "libone.so.1.0", root+"/usr/lib/libone.so.1")
	data, err := os.ReadFile(lib)
	if err != nil {
		t.Fatal(err)
	}
	elftest.Write(t, root+"/opt/libone.so.1", string(data), 0o644)
	if err := os.Chmod(lib, 0o640); err != nil {
		t.Fatal(err)
	}
	report, err := copyOf(t, root, dest, "/usr/lib/libone.so.1", "/opt/libone.so.1")
	if err != nil || len(report.Files) != 1 {
		t.Fatalf("%+v, %v; want one library", report, err)
	}
	info, err := os.Lstat(dest + "/openhands/lib/libone.so.1")
	if err != nil {
		t.Fatal(err)
	}
	original, err := os.Stat(lib)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o640 || !info.ModTime().Equal(original.ModTime()) {
		t.Errorf("mode %v, time %v; want those of the original", info.Mode(), info.ModTime())
	}
}

func TestCopyClosureMakesTwinsHardLinks(t *testing.T) {
	root, dest := t.TempDir(), t.TempDir()
	elftest.Compile(t, root+"/bin/a", "int main(){return 0;}", "-static", "-s")
	data, err := os.ReadFile(root + "/bin/a")
	if err != nil {
		t.Fatal(err)
	}
	elftest.Write(t, root+"/bin/b", string(data), 0o755)
	report, err := copyOf(t, root, dest, "/bin/a", "/bin/b")
	if err != nil || report.Twins != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	a, errA := os.Stat(dest + "/openhands/bin/a")
	b, errB := os.Stat(dest + "/openhands/bin/b")
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		t.Errorf("not one file: %v, %v", errA, errB)
	}
}

// A C library that has the name services in libraries of their own opens them.
func TestNameServicesComeWithTheCLibrary(t *testing.T) {
	for _, c := range []struct {
		versions string
		services bool
		want     []string
	}{
		{"GLIBC_2.31{global: *;};", true, []string{"libc.so.6", "libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"}},
		{"GLIBC_2.31{global: *;};", false, []string{"libc.so.6"}},
		{"GLIBC_2.31{global: c;}; GLIBC_2.34{global: d;};", true, []string{"libc.so.6"}},
	} {
		root := t.TempDir()
		lib, script := root+"/usr/lib", elftest.Write(t, t.TempDir()+"/versions", c.versions, 0o644)
		libc := elftest.Library(t, lib+"/libc.so.6", "int c(void){return 1;} int d(void){return 1;}", "-nostdlib", "-Wl,--version-script,"+script)
		if c.services {
			resolv := elftest.Library(t, lib+"/libresolv.so.2", "int r(void){return 1;}", "-nostdlib")
			elftest.Library(t, lib+"/libnss_files.so.2", "int f(void){return 1;}", "-nostdlib")
			elftest.Library(t, lib+"/libnss_dns.so.2", "int r(void); int n(void){return r();}", "-nostdlib", resolv)
		}
		elftest.Library(t, lib+"/libprog.so", "int c(void); int f(void){return c();}", "-nostdlib", libc)
		dest := t.TempDir()
		if _, err := copyOf(t, root, dest, "/usr/lib/libprog.so"); err != nil {
			t.Fatal(err)
		}
		found, err := filepath.Glob(dest + "/openhands/lib/lib*.so.*")
		if err != nil {
			t.Fatal(err)
		}
		for i := range found {
			found[i] = filepath.Base(found[i])
		}
		if !slices.Equal(c.want, found) {
			t.Errorf("%s: %q, want %q", c.versions, found, c.want)
		}
	}
}

// Whatever is in the way is named, and nothing is written.
func TestCopyClosureRefuses(t *testing.T) {
	root := t.TempDir()
	one := elftest.Library(t, root+"/one/libsame.so", "int f(void){return 1;}", "-nostdlib")
	elftest.Library(t, root+"/two/libsame.so", "int f(void){return 2;}", "-nostdlib")
	elftest.Library(t, root+"/bin/liba.so", "int a(void){return 1;}", "-nostdlib", "-Wl,--no-as-needed", one, "-Wl,-rpath,/one")
	elftest.Library(t, root+"/bin/libb.so", "int b(void){return 1;}", "-nostdlib", "-Wl,--no-as-needed", one, "-Wl,-rpath,/two")
	elftest.Library(t, root+"/bin/libc1.so", "int c(void){return 1;}", "-nostdlib", "-Wl,--no-as-needed", one)
	for _, c := range []struct {
		name   string
		before string // a file of Dest
		files  []string
		want   []string
	}{
		{"two libraries of one SONAME", "", []string{"/bin/liba.so", "/bin/libb.so"}, []string{"two different files", "/one/libsame.so", "/two/libsame.so"}},
		{"another file in the way", "/openhands/lib/libsame.so", []string{"/bin/liba.so"}, []string{"is there already", "libsame.so"}},
		{"a missing library", "", []string{"/bin/libc1.so"}, []string{"/bin/libc1.so needs libsame.so, which is not found"}},
		{"a missing file", "", []string{"/bin/none"}, []string{"/bin/none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dest := t.TempDir()
			if c.before != "" {
				elftest.Write(t, dest+c.before, "in the way", 0o644)
			}
			_, err := copyOf(t, root, dest, c.files...)
			if err == nil {
				t.Fatal("no error")
			}
			for _, text := range c.want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not name %q", err, text)
				}
			}
			if c.before == "" {
				if entries, err := os.ReadDir(dest); err != nil || len(entries) > 0 {
					t.Errorf("left behind: %v, %v", entries, err)
				}
			} else if text, err := os.ReadFile(dest + c.before); err != nil || string(text) != "in the way" {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

// Nothing is written where a file is in the place of a folder.
func TestCopyClosureNeedsFolders(t *testing.T) {
	root, dest := t.TempDir(), t.TempDir()
	elftest.Library(t, root+"/libf.so", "int f(void){return 1;}", "-nostdlib")
	elftest.Write(t, dest+"/openhands/lib", "a file in the place of a folder", 0o644)
	if _, err := copyOf(t, root, dest, "/libf.so"); err == nil {
		t.Fatal("no error")
	}
	left, err := filepath.Glob(dest + "/openhands/*")
	if err != nil || len(left) != 1 {
		t.Errorf("%q, %v", left, err)
	}
}
