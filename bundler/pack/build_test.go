package pack

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// listing describes the files below root/prefix: "kind mode content", the target
// of links, and "=path" for a further hard link.
func listing(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	inodes := map[uint64]string{}
	err := filepath.WalkDir(filepath.Join(root, testPrefix), func(host string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := strings.TrimPrefix(tree.Inside(root, host), testPrefix+"/")
		info, err := d.Info()
		if err != nil {
			return err
		}
		ino := info.Sys().(*syscall.Stat_t).Ino
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(host)
			files[name] = "-> " + target
			return err
		}
		data, err := os.ReadFile(host)
		files[name] = info.Mode().String() + " " + string(data)
		if first := inodes[ino]; first != "" {
			files[name] = "= " + first
		}
		inodes[ino] = name
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestBuildCopies(t *testing.T) {
	opt := hostOptions(t)
	root := t.TempDir()
	opt.Root = root
	elftest.Write(t, root+"/usr/bin/prog-1.2", "program", 0o4755)
	elftest.Symlink(t, "prog-1.2", root+"/usr/bin/prog")
	share := root + "/usr/share/app"
	elftest.Write(t, share+"/data", "data", 0o600)
	elftest.Write(t, share+"/sub/skipped.txt", "", 0o644)
	elftest.Write(t, share+"/sub/kept", "kept", 0o664)
	elftest.Write(t, share+"/cache/x", "", 0o644)
	elftest.Symlink(t, "../data", share+"/sub/up")
	elftest.Symlink(t, "/usr/share/app/data", share+"/sub/absolute")
	elftest.Symlink(t, "../../app/data", share+"/sub/round-about")
	elftest.Symlink(t, "../../../../etc/app.conf", share+"/sub/outside")
	elftest.Symlink(t, "/var/lib/app", share+"/state")
	elftest.Symlink(t, "nowhere", share+"/dangling")
	elftest.Write(t, root+"/etc/app.conf", "configuration", 0o644)
	elftest.Write(t, root+"/var/lib/app/db", "state", 0o644)
	if err := os.Link(share+"/data", share+"/hard"); err != nil {
		t.Fatal(err)
	}
	elftest.Write(t, root+"/openhands/mine/file", "moved", 0o640)
	elftest.Symlink(t, "file", root+"/openhands/mine/link")
	elftest.Write(t, root+"/openhands/theirs/file", "stays", 0o644)
	elftest.Mkdir(t, root+"/openhands/mounted")
	if err := syscall.Mount("tmpfs", root+"/openhands/mounted", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(root+"/openhands/mounted", syscall.MNT_DETACH) })
	elftest.Write(t, root+"/openhands/mounted/file", "stays", 0o644)
	opt.Existing = []string{"/openhands", "/openhands/theirs", "/openhands/theirs/file"}

	report, err := Build(t.Context(), &Recipe{
		Name:     "test",
		Programs: []Copy{{From: "/usr/bin/prog", To: "/openhands/bin/prog"}},
		Trees:    []Copy{{From: "/usr/share/app", To: "/openhands/share/app", Exclude: []string{"*.txt", "cache"}}},
		Links:    []bundler.Link{{Path: "/openhands/fallback/bin/prog", Target: "../../bin/prog"}},
	}, opt)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"bin/prog":                  "-rwxr-xr-x program",
		"fallback/bin/prog":         "-> ../../bin/prog",
		"share/app/data":            "-rw-r--r-- data",
		"share/app/hard":            "= share/app/data",
		"share/app/state/db":        "-rw-r--r-- state",
		"share/app/sub/kept":        "-rw-r--r-- kept",
		"share/app/sub/up":          "-> ../data",
		"share/app/sub/absolute":    "-> ../data",
		"share/app/sub/round-about": "-> ../data",
		"share/app/sub/outside":     "-rw-r--r-- configuration",
		"mine/file":                 "-rw-r--r-- moved",
		"mine/link":                 "-> file",
	}
	if diff := cmp.Diff(want, listing(t, opt.Out)); diff != "" {
		t.Error(diff)
	}
	if want := []string{"/usr/share/app/dangling"}; !slices.Equal(want, report.Dropped) {
		t.Errorf("dropped %v, want %v", report.Dropped, want)
	}
	if diff := cmp.Diff(map[string]string{"theirs/file": "-rw-r--r-- stays", "mounted/file": "-rw-r--r-- stays"}, listing(t, root)); diff != "" {
		t.Error("left in the root:\n", diff)
	}
}

func TestBuildRefuses(t *testing.T) {
	cases := []struct {
		name  string
		build func(t *testing.T, root string) *Recipe
		want  string
	}{
		{"a loop of folders", func(t *testing.T, root string) *Recipe {
			elftest.Write(t, root+"/a/b/file", "", 0o644)
			elftest.Symlink(t, "/c", root+"/a/b/out")
			elftest.Symlink(t, "/a", root+"/c/back")
			return &Recipe{Trees: []Copy{{From: "/a", To: "/openhands/a"}}}
		}, "a link leads back to it"},
		{"two libraries of one name", func(t *testing.T, root string) *Recipe {
			one := elftest.Library(t, root+"/one/libx.so", "int x(void){return 1;}")
			two := elftest.Library(t, root+"/two/libx.so", "int x(void){return 2;}")
			for name, lib := range map[string]string{"one": one, "two": two} {
				elftest.Library(t, root+"/usr/lib/plug/"+name+".so", "int x(void); int "+name+"(void){return x();}", "-nostdlib",
					lib, "-Wl,-rpath,/"+name)
			}
			return &Recipe{Opens: []string{"/usr/lib/plug/*.so"}}
		}, "two libraries libx.so: /one/libx.so and /two/libx.so"},
		{"a library to open that is not there", func(t *testing.T, root string) *Recipe {
			return &Recipe{Opens: []string{"libabsent.so.1"}}
		}, "opens libabsent.so.1: no such library"},
		{"a missing program", func(t *testing.T, root string) *Recipe {
			return &Recipe{Programs: []Copy{{From: "/usr/bin/absent", To: "/openhands/bin/absent"}}}
		}, "copying program /usr/bin/absent"},
		{"a rewrite without a file", func(t *testing.T, root string) *Recipe {
			return &Recipe{Rewrites: []bundler.Rewrite{{File: "/openhands/x", Old: "a", New: "b", Count: 1}}}
		}, "no such file"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			opt := hostOptions(t)
			opt.Root = t.TempDir()
			_, err := Build(t.Context(), c.build(t, opt.Root), opt)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// Libraries come from the system's folders, one file a SONAME with links for
// other names they are asked by; those of the prefix stay.
func TestBuildGathersLibraries(t *testing.T) {
	opt := hostOptions(t)
	root := t.TempDir()
	opt.Root = root
	lib := root + "/usr/lib"
	elftest.Library(t, lib+"/libdeep.so.1", "int deep(void){return 1;}", "-nostdlib")
	elftest.Compile(t, lib+"/libmid.so.2.0", "int deep(void); int mid(void){return deep();}", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libmid.so.2", lib+"/libdeep.so.1")
	elftest.Symlink(t, "libmid.so.2.0", lib+"/libmid.so.2")
	elftest.Compile(t, lib+"/unnamed.so", "int unnamed(void){return 1;}", "-shared", "-fPIC", "-nostdlib")
	elftest.Compile(t, lib+"/libalias.so", "int alias(void){return 1;}", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libalias.so.5")
	own := elftest.Library(t, opt.Out+"/openhands/app/libown.so", "int own(void){return 1;}", "-nostdlib")
	elftest.Library(t, opt.Out+"/openhands/app/main.so", "int mid(void); int own(void); int absent(void); int main(void){return mid()+own()+absent();}",
		"-nostdlib", "-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN", lib+"/libmid.so.2", own,
		elftest.Library(t, t.TempDir()+"/libabsent.so.3", "int absent(void){return 1;}", "-nostdlib"))
	report, err := Build(t.Context(), &Recipe{Name: "test", Opens: []string{"unnamed.so", "/usr/lib/libali*.so"}}, opt)
	if err != nil {
		t.Fatal(err)
	}
	want := []bundler.Library{
		{Path: "/openhands/lib/libalias.so.5", Source: "/usr/lib/libalias.so"},
		{Path: "/openhands/lib/libdeep.so.1", Source: "/usr/lib/libdeep.so.1"},
		{Path: "/openhands/lib/libmid.so.2", Source: "/usr/lib/libmid.so.2.0"},
		{Path: "/openhands/lib/unnamed.so", Source: "/usr/lib/unnamed.so"},
	}
	if diff := cmp.Diff(want, report.Libraries); diff != "" {
		t.Error(diff)
	}
	if want := []bundler.Note{{Path: "/openhands/app/main.so", Text: "libabsent.so.3"}}; !cmp.Equal(want, report.Missing) {
		t.Errorf("missing %v, want %v", report.Missing, want)
	}
	if target, err := os.Readlink(opt.Libs + "/openhands/lib/libalias.so"); err != nil || target != "libalias.so.5" {
		t.Errorf("link of the name that is opened: %q, %v", target, err)
	}
}
