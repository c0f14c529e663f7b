package pack

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

func TestMerge(t *testing.T) {
	one, two, out := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		elftest.Write(t, dir+"/openhands/lib/same", strings.Repeat("same", 40_000), 0o755)
		elftest.Symlink(t, "same", dir+"/openhands/lib/link")
	}
	elftest.Write(t, one+"/openhands/lib/one", "1", 0o644)
	elftest.Write(t, two+"/openhands/lib/two", "2", 0o644)
	for range 2 { // a second run finds the first one's files
		if err := Merge(t.Context(), out, one, two); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"lib/same": "-rwxr-xr-x " + strings.Repeat("same", 40_000), "lib/link": "-> same",
		"lib/one": "-rw-r--r-- 1", "lib/two": "-rw-r--r-- 2",
	}
	if diff := cmp.Diff(want, listing(t, out)); diff != "" {
		t.Error(diff)
	}
}

func TestMergeNamesWhatDiffers(t *testing.T) {
	cases := map[string]func(t *testing.T, one, two string){
		"content": func(t *testing.T, one, two string) {
			elftest.Write(t, one, "1", 0o644)
			elftest.Write(t, two, "2", 0o644)
		},
		"length": func(t *testing.T, one, two string) {
			elftest.Write(t, one, strings.Repeat("x", 1<<16), 0o644)
			elftest.Write(t, two, strings.Repeat("x", 1<<16)+"y", 0o644)
		},
		"mode": func(t *testing.T, one, two string) {
			elftest.Write(t, one, "", 0o644)
			elftest.Write(t, two, "", 0o755)
		},
		"kind": func(t *testing.T, one, two string) {
			elftest.Write(t, one, "", 0o644)
			elftest.Symlink(t, "x", two)
		},
		"target": func(t *testing.T, one, two string) {
			elftest.Symlink(t, "x", one)
			elftest.Symlink(t, "y", two)
		},
		"a directory and a link": func(t *testing.T, one, two string) {
			elftest.Mkdir(t, one)
			elftest.Symlink(t, "x", two)
		},
		"a link and a directory": func(t *testing.T, one, two string) {
			elftest.Symlink(t, t.TempDir(), one)
			elftest.Write(t, two+"/x", "", 0o644)
		},
	}
	for name, build := range cases {
		t.Run(name, func(t *testing.T) {
			one, two := t.TempDir(), t.TempDir()
			build(t, one+"/openhands/f", two+"/openhands/f")
			err := Merge(t.Context(), t.TempDir(), one, two)
			if err == nil || !strings.Contains(err.Error(), one+"/openhands/f and "+two+"/openhands/f") {
				t.Errorf("error %v does not name both files", err)
			}
		})
	}
}

// A tree may be named by a link, and the modes of its directories do not count.
func TestMergeOfDirectories(t *testing.T) {
	one, two, out := t.TempDir(), t.TempDir(), t.TempDir()
	elftest.Write(t, one+"/openhands/d/one", "1", 0o644)
	elftest.Write(t, two+"/openhands/d/two", "2", 0o644)
	if err := os.Chmod(two+"/openhands/d", 0o700); err != nil {
		t.Fatal(err)
	}
	link := t.TempDir() + "/link"
	elftest.Symlink(t, one, link)
	if err := Merge(t.Context(), out, link, two); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"d/one": "-rw-r--r-- 1", "d/two": "-rw-r--r-- 2"}, listing(t, out)); diff != "" {
		t.Error(diff)
	}
}

// Whatever links are in the place that a tree is written to: it stays there.
func TestWritesStayInTheTree(t *testing.T) {
	write := map[string]func(t *testing.T, out string) error{
		"merge": func(t *testing.T, out string) error {
			one := t.TempDir()
			elftest.Write(t, one+"/openhands/lib/libf.so", "new", 0o644)
			elftest.Write(t, one+"/openhands/ns.conf", "new", 0o644)
			return Merge(t.Context(), out, one)
		},
		"merge of a link": func(t *testing.T, out string) error {
			one := t.TempDir()
			elftest.Symlink(t, "libf.so.1", one+"/openhands/lib/libf.so")
			return Merge(t.Context(), out, one)
		},
		"copy": func(t *testing.T, out string) error {
			_, err := bundler.CopyClosure(t.Context(), bundler.CopyOptions{System: &bundler.System{View: bundler.NewView("/")}, Dest: out, Prefix: testPrefix}, "/bin/true")
			return err
		},
		"component": func(t *testing.T, out string) error {
			opt := hostOptions(t)
			opt.Libs = out
			_, err := Build(t.Context(), &Recipe{Name: "test", Programs: []Copy{{From: "/bin/true", To: "/openhands/bin/true"}}}, opt)
			return err
		},
		"link of a component": func(t *testing.T, out string) error {
			opt := hostOptions(t)
			opt.Out = out
			_, err := Build(t.Context(), &Recipe{Name: "test", Links: []bundler.Link{{Path: "/openhands/lib/libf.so", Target: "x"}}}, opt)
			return err
		},
	}
	for name, write := range write {
		for _, p := range []string{"/openhands", "/openhands/lib", "/openhands/ns.conf"} {
			t.Run(name+" where "+p+" is a link", func(t *testing.T) {
				out, victim := t.TempDir(), t.TempDir()
				target := victim
				if p == testPrefix+"/ns.conf" {
					target += "/lib"
				}
				elftest.Symlink(t, target, out+p)
				for name, mode := range map[string]os.FileMode{"libf.so": 0o640, "ns.conf": 0o600} {
					elftest.Write(t, victim+"/"+name, "old", mode)
				}
				if err := os.Chmod(victim, 0o700); err != nil {
					t.Fatal(err)
				}
				before := filesBelow(t, victim)
				err := write(t, out)
				if p != testPrefix+"/ns.conf" && (err == nil || !strings.Contains(err.Error(), out+p+" is a link in the place of a directory")) {
					t.Errorf("error %v does not name %s", err, out+p)
				}
				if diff := cmp.Diff(before, filesBelow(t, victim)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// filesBelow describes a directory and what is in it.
func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(host string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files[host] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
