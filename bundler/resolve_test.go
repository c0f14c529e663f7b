package bundler

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// Each case is a program in folder/bin and libraries around it; the machine's
// own loader says how it must come out.
func TestResolverAgreesWithLoader(t *testing.T) {
	const f, g = "int f(void){return 1;}", "int f(void); int g(void){return f();}"
	const callsG, callsF = "int g(void); int main(){return g();}", "int f(void); int main(){return f();}"
	old, runpath := "-Wl,--disable-new-dtags", "-Wl,--enable-new-dtags"
	cases := []struct {
		name  string
		build func(t *testing.T, dir string)
	}{
		{"rpath with origin", func(t *testing.T, dir string) {
			lib := elftest.Library(t, dir+"/lib/libf.so", f)
			elftest.Compile(t, dir+"/bin/prog", callsF, lib, old, "-Wl,-rpath,$ORIGIN/../lib")
		}},
		{"runpath with braces", func(t *testing.T, dir string) {
			lib := elftest.Library(t, dir+"/lib/libf.so", f)
			elftest.Compile(t, dir+"/bin/prog", callsF, lib, runpath, "-Wl,-rpath,/nowhere:${ORIGIN}/../lib")
		}},
		{"rpath of the program serves its libraries", func(t *testing.T, dir string) {
			lf := elftest.Library(t, dir+"/lib/libf.so", f)
			lg := elftest.Library(t, dir+"/lib/libg.so", g, lf)
			elftest.Compile(t, dir+"/bin/prog", callsG, lg, old, "-Wl,-rpath,$ORIGIN/../lib", "-Wl,-rpath-link,"+dir+"/lib")
		}},
		{"runpath of the program does not", func(t *testing.T, dir string) {
			lf := elftest.Library(t, dir+"/lib/libf.so", f)
			lg := elftest.Library(t, dir+"/lib/libg.so", g, lf)
			elftest.Compile(t, dir+"/bin/prog", callsG, lg, runpath, "-Wl,-rpath,$ORIGIN/../lib", "-Wl,-rpath-link,"+dir+"/lib")
		}},
		{"runpath of a library hides the rpath of the program", func(t *testing.T, dir string) {
			lf := elftest.Library(t, dir+"/lib/libf.so", f)
			lg := elftest.Library(t, dir+"/lib/libg.so", g, lf, runpath, "-Wl,-rpath,/nowhere")
			elftest.Compile(t, dir+"/bin/prog", callsG, lg, old, "-Wl,-rpath,$ORIGIN/../lib", "-Wl,-rpath-link,"+dir+"/lib")
		}},
		{"loaded before under the same name", func(t *testing.T, dir string) {
			lf := elftest.Library(t, dir+"/lib/libf.so", f)
			lg := elftest.Library(t, dir+"/lib/libg.so", g, lf)
			elftest.Compile(t, dir+"/bin/prog", "int f(void); int g(void); int main(){return f()+g();}",
				"-Wl,--no-as-needed", lf, lg, runpath, "-Wl,-rpath,$ORIGIN/../lib")
		}},
		{"origin of a library reached through a linked folder", func(t *testing.T, dir string) {
			lf := elftest.Library(t, dir+"/real/deep/libf.so", f)
			elftest.Symlink(t, "real/deep", dir+"/lib")
			lg := elftest.Library(t, dir+"/real/deep/libg.so", g, lf, runpath, "-Wl,-rpath,$ORIGIN/../deep")
			elftest.Compile(t, dir+"/bin/prog", callsG, lg, old, "-Wl,-rpath,"+dir+"/lib", "-Wl,-rpath-link,"+dir+"/lib")
		}},
		{"origin of a library that is a link itself", func(t *testing.T, dir string) {
			lf := elftest.Library(t, dir+"/lib/libf.so", f)
			lg := elftest.Library(t, dir+"/store/libg.so", g, lf, runpath, "-Wl,-rpath,$ORIGIN")
			elftest.Symlink(t, "../store/libg.so", dir+"/lib/libg.so")
			elftest.Compile(t, dir+"/bin/prog", callsG, lg, old, "-Wl,-rpath,$ORIGIN/../lib", "-Wl,-rpath-link,"+dir+"/lib")
		}},
		{"what is no library is passed over", func(t *testing.T, dir string) {
			lib := elftest.Library(t, dir+"/lib/libf.so", f)
			data, err := os.ReadFile(lib)
			if err != nil {
				t.Fatal(err)
			}
			data[18] ^= 0xff // e_machine
			elftest.Write(t, dir+"/first/libf.so", string(data), 0o755)
			elftest.Compile(t, dir+"/bin/prog", callsF, lib, old, "-Wl,-rpath,$ORIGIN/../first:$ORIGIN/../lib")
		}},
		{"missing", func(t *testing.T, dir string) {
			lib := elftest.Library(t, dir+"/lib/libf.so", f)
			elftest.Compile(t, dir+"/bin/prog", callsF, lib)
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			c.build(t, dir)
			prog := dir + "/bin/prog"
			view := NewView("/")
			machine := mustObject(t, prog).Machine
			closure, err := NewResolver(view, Loader{Machine: machine, Dirs: defaultDirs(view, machine)}).Closure(prog)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, e := range closure.Edges {
				if e.To != nil {
					got[e.Name] = e.To.Real
				} else {
					got[e.Name] = "not found"
				}
			}
			if diff := cmp.Diff(loaderSays(t, prog), got); diff != "" {
				t.Errorf("loader (-), resolver (+):\n%s", diff)
			}
		})
	}
}

// loaderSays returns the file by name that the machine's loader would map.
func loaderSays(t *testing.T, prog string) map[string]string {
	t.Helper()
	cmd := exec.Command(prog)
	cmd.Env = []string{"LD_TRACE_LOADED_OBJECTS=1"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", prog, err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), " => ")
		if !ok {
			// The loader prints itself by path, the virtual object by name.
			if name, _, _ = strings.Cut(name, " "); strings.HasPrefix(name, "/") {
				rest = name
			}
		}
		if rest == "" {
			continue
		}
		if rest != "not found" {
			rest, _, _ = strings.Cut(rest, " ")
			resolved, err := filepath.EvalSymlinks(rest)
			if err != nil {
				t.Fatal(err)
			}
			rest = resolved
		}
		files[filepath.Base(name)] = rest
	}
	return files
}

func TestViewIsAUnionWithLinksInside(t *testing.T) {
	top, bottom := t.TempDir(), t.TempDir()
	elftest.Write(t, top+"/a/one", "top", 0o644)
	elftest.Write(t, bottom+"/a/one", "bottom", 0o644)
	elftest.Write(t, bottom+"/a/two", "bottom", 0o644)
	elftest.Symlink(t, "/a", bottom+"/absolute")
	elftest.Symlink(t, "../../../../a/two", bottom+"/a/above")
	elftest.Symlink(t, "loop", bottom+"/loop")
	elftest.Symlink(t, "/etc/passwd", bottom+"/outside")
	v := NewView(top, bottom)
	for name, want := range map[string]string{
		"/a/one":             top + "/a/one",
		"/absolute/one":      top + "/a/one",
		"/absolute/../a/two": bottom + "/a/two",
		"/a/above":           bottom + "/a/two",
		"/a/../a/./two":      bottom + "/a/two",
	} {
		if e, err := v.Lookup(name); err != nil || e.Host != want {
			t.Errorf("%s: %s, %v; want %s", name, e.Host, err, want)
		}
	}
	for _, name := range []string{"/loop", "/outside", "/a/one/below", "/nothing"} {
		if e, err := v.Lookup(name); err == nil {
			t.Errorf("%s: found at %s", name, e.Host)
		}
	}
}

// A root directory may be named by a link; /proc/PID/root is one.
func TestViewThroughLink(t *testing.T) {
	root := t.TempDir() + "/root"
	elftest.Write(t, root+"/top", "", 0o644)
	elftest.Write(t, root+"/a/one", "", 0o644)
	link := t.TempDir() + "/link"
	elftest.Symlink(t, root, link)
	v := NewView(link)
	for _, name := range []string{"/top", "/a/one"} {
		if e, err := v.Lookup(name); err != nil || e.Host != link+name {
			t.Errorf("%s: %s, %v", name, e.Host, err)
		}
	}
	if _, err := NewView("/proc/self/root").Lookup("/etc/passwd"); err != nil {
		t.Error(err)
	}
}

// As glob(3): any element may have wildcards, and they do not stand for the dot
// that a hidden name begins with.
func TestViewGlob(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"/a/x.conf", "/a/y.conf", "/a/.h.conf", "/a/z", "/b/x.conf", "/.c/x.conf", "/real/deep/x.conf"} {
		elftest.Write(t, root+name, "", 0o644)
	}
	elftest.Symlink(t, "real/deep", root+"/link")
	v := NewView(root)
	for pattern, want := range map[string]string{
		"/a/*.conf":      "/a/x.conf /a/y.conf",
		"/a/.*.conf":     "/a/.h.conf",
		"/a/[.]h.conf":   "",
		"/*/x.conf":      "/a/x.conf /b/x.conf /link/x.conf",
		"/?/*":           "/a/x.conf /a/y.conf /a/z /b/x.conf",
		"/.c/*":          "/.c/x.conf",
		"//a//[xy].conf": "/a/x.conf /a/y.conf",
		"/a/../*/z":      "/a/../a/z",
		"/link/../d*p/*": "/link/../deep/x.conf",
		"/a/z":           "/a/z",
		"/a/none":        "",
		"/a/z/*":         "",
		"/none/*":        "",
		"/a/[":           "",
		"/a/./x.conf":    "/a/./x.conf",
		"/*":             "/a /b /link /real",
		"/":              "",
	} {
		if got := strings.Join(v.Glob(pattern), " "); got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}

func TestDefaultDirsReadsConfiguration(t *testing.T) {
	root := t.TempDir()
	elftest.Write(t, root+"/etc/ld.so.conf", "# comment\ninclude /etc/ld.so.conf.d/*.conf\n/last # why\n", 0o644)
	elftest.Write(t, root+"/etc/ld.so.conf.d/b.conf", "/b\n", 0o644)
	elftest.Write(t, root+"/etc/ld.so.conf.d/a.conf", "/a\ninclude *.conf\n", 0o644)
	dirs := defaultDirs(NewView(root), 62)
	got := strings.Join(dirs, " ")
	if !strings.HasPrefix(got, "/a ") || !strings.Contains(got, " /b /last /lib/x86_64-linux-gnu ") {
		t.Errorf("directories: %s", got)
	}
}

// BenchmarkClosure resolves the closure of every program and library of the
// machine, with a new resolver each time: the directories are listed and the
// files read again.
func BenchmarkClosure(b *testing.B) {
	a, opt := hostMachine(b)
	var files []string
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/lib/" + a.triplet} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range entries {
			f, err := os.Open(filepath.Join(dir, e.Name()))
			if err != nil || !e.Type().IsRegular() {
				continue
			}
			if o, err := ReadObject(f); err == nil && o.Machine == opt.Machine && o.Dynamic {
				files = append(files, filepath.Join(dir, e.Name()))
			}
			f.Close()
		}
	}
	for b.Loop() {
		view := NewView("/")
		r := NewResolver(view, Loader{Machine: opt.Machine, Dirs: defaultDirs(view, opt.Machine)})
		for _, name := range files {
			if _, err := r.Closure(name); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(len(files)), "files")
}
