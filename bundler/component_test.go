package bundler

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

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

func TestComponentCopies(t *testing.T) {
	_, opt := hostMachine(t)
	root := t.TempDir()
	opt.Root = root
	mustWrite(t, root+"/usr/bin/prog-1.2", "program", 0o4755)
	mustLink(t, "prog-1.2", root+"/usr/bin/prog")
	share := root + "/usr/share/app"
	mustWrite(t, share+"/data", "data", 0o600)
	mustWrite(t, share+"/sub/skipped.txt", "", 0o644)
	mustWrite(t, share+"/sub/kept", "kept", 0o664)
	mustWrite(t, share+"/cache/x", "", 0o644)
	mustLink(t, "../data", share+"/sub/up")
	mustLink(t, "/usr/share/app/data", share+"/sub/absolute")
	mustLink(t, "../../app/data", share+"/sub/round-about")
	mustLink(t, "../../../../etc/app.conf", share+"/sub/outside")
	mustLink(t, "/var/lib/app", share+"/state")
	mustLink(t, "nowhere", share+"/dangling")
	mustWrite(t, root+"/etc/app.conf", "configuration", 0o644)
	mustWrite(t, root+"/var/lib/app/db", "state", 0o644)
	if err := os.Link(share+"/data", share+"/hard"); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, root+"/openhands/mine/file", "moved", 0o640)
	mustLink(t, "file", root+"/openhands/mine/link")
	mustWrite(t, root+"/openhands/theirs/file", "stays", 0o644)
	mustMkdir(t, root+"/openhands/mounted")
	if err := syscall.Mount("tmpfs", root+"/openhands/mounted", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(root+"/openhands/mounted", syscall.MNT_DETACH) })
	mustWrite(t, root+"/openhands/mounted/file", "stays", 0o644)
	opt.Existing = []string{"/openhands", "/openhands/theirs", "/openhands/theirs/file"}

	report, err := Component(t.Context(), &Recipe{
		Name:     "test",
		Programs: []Copy{{From: "/usr/bin/prog", To: "/openhands/bin/prog"}},
		Trees:    []Copy{{From: "/usr/share/app", To: "/openhands/share/app", Exclude: []string{"*.txt", "cache"}}},
		Links:    []Link{{"/openhands/fallback/bin/prog", "../../bin/prog"}},
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

func TestComponentRefuses(t *testing.T) {
	cases := []struct {
		name  string
		build func(t *testing.T, root string) *Recipe
		want  string
	}{
		{"a loop of folders", func(t *testing.T, root string) *Recipe {
			mustWrite(t, root+"/a/b/file", "", 0o644)
			mustLink(t, "/c", root+"/a/b/out")
			mustLink(t, "/a", root+"/c/back")
			return &Recipe{Trees: []Copy{{From: "/a", To: "/openhands/a"}}}
		}, "a link leads back to it"},
		{"two libraries of one name", func(t *testing.T, root string) *Recipe {
			one := library(t, root+"/one/libx.so", "int x(void){return 1;}")
			two := library(t, root+"/two/libx.so", "int x(void){return 2;}")
			for name, lib := range map[string]string{"one": one, "two": two} {
				library(t, root+"/usr/lib/plug/"+name+".so", "int x(void); int "+name+"(void){return x();}", "-nostdlib",
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
			return &Recipe{Rewrites: []Rewrite{{File: "/openhands/x", Old: "a", New: "b", Count: 1}}}
		}, "no such file"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, opt := hostMachine(t)
			opt.Root = t.TempDir()
			_, err := Component(t.Context(), c.build(t, opt.Root), opt)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// Libraries come from the system's folders, one file a SONAME with links for
// other names they are asked by; those of the prefix stay.
func TestComponentGathersLibraries(t *testing.T) {
	_, opt := hostMachine(t)
	root := t.TempDir()
	opt.Root = root
	lib := root + "/usr/lib"
	library(t, lib+"/libdeep.so.1", "int deep(void){return 1;}", "-nostdlib")
	compile(t, lib+"/libmid.so.2.0", "int deep(void); int mid(void){return deep();}", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libmid.so.2", lib+"/libdeep.so.1")
	mustLink(t, "libmid.so.2.0", lib+"/libmid.so.2")
	compile(t, lib+"/unnamed.so", "int unnamed(void){return 1;}", "-shared", "-fPIC", "-nostdlib")
	compile(t, lib+"/libalias.so", "int alias(void){return 1;}", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libalias.so.5")
	own := library(t, opt.Out+"/openhands/app/libown.so", "int own(void){return 1;}", "-nostdlib")
	library(t, opt.Out+"/openhands/app/main.so", "int mid(void); int own(void); int absent(void); int main(void){return mid()+own()+absent();}",
		"-nostdlib", "-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN", lib+"/libmid.so.2", own,
		library(t, t.TempDir()+"/libabsent.so.3", "int absent(void){return 1;}", "-nostdlib"))
	report, err := Component(t.Context(), &Recipe{Name: "test", Opens: []string{"unnamed.so", "/usr/lib/libali*.so"}}, opt)
	if err != nil {
		t.Fatal(err)
	}
	want := []Library{
		{"/openhands/lib/libalias.so.5", "/usr/lib/libalias.so"},
		{"/openhands/lib/libdeep.so.1", "/usr/lib/libdeep.so.1"},
		{"/openhands/lib/libmid.so.2", "/usr/lib/libmid.so.2.0"},
		{"/openhands/lib/unnamed.so", "/usr/lib/unnamed.so"},
	}
	if diff := cmp.Diff(want, report.Libraries); diff != "" {
		t.Error(diff)
	}
	if want := []Note{{"/openhands/app/main.so", "libabsent.so.3"}}; !cmp.Equal(want, report.Missing) {
		t.Errorf("missing %v, want %v", report.Missing, want)
	}
	if target, err := os.Readlink(opt.Libs + "/openhands/lib/libalias.so"); err != nil || target != "libalias.so.5" {
		t.Errorf("link of the name that is opened: %q, %v", target, err)
	}
}

func TestParseRecipe(t *testing.T) {
	good := `{"name":"x","programs":[{"from":"/a","to":"/openhands/a"}],"rewrites":[{"file":"/openhands/a","old":"/usr/x","new":"/y","count":1,"pad":"slash"}]}`
	if _, err := ParseRecipe([]byte(good), testPrefix); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		`{"name":"x","program":[]}`: `unknown field "program"`,
		`{"name":"../x"}`:           "cannot be a file name",
		`{"name":"x","programs":[{"from":"/a","to":"/opt/a"}]}`:                               "not a clean path below",
		`{"name":"x","links":[{"path":"/openhands/../etc/a","target":"b"}]}`:                  "not a clean path below",
		`{"name":"x","trees":[{"from":"a","to":"/openhands/a"}]}`:                             "not absolute",
		`{"name":"x","trees":[{"from":"/a","to":"/openhands/a","exclude":["["]}]}`:            "syntax error in pattern",
		`{"name":"x","rewrites":[{"file":"/openhands/a","old":"a","new":"bb","count":1}]}`:    "is longer than",
		`{"name":"x","rewrites":[{"file":"/openhands/a","old":"aa","new":"b"}]}`:              "count must be given",
		`{"name":"x","rewrites":[{"file":"/openhands/a","old":"a","count":1,"pad":"space"}]}`: "neither",
	} {
		if _, err := ParseRecipe([]byte(text), testPrefix); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}
