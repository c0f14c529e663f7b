package command

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// link makes a shared object of nothing in a tree.
func link(t *testing.T, out string, args ...string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-nostdlib", "-shared", "-x", "c", "/dev/null", "-x", "none", "-o", out, "-Wl,--no-as-needed"}, args...)
	if text, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc %v: %v\n%s", args, err, text)
	}
	return out
}

// library is link with the file's name as SONAME.
func library(t *testing.T, out string, args ...string) string {
	t.Helper()
	return link(t, out, append([]string{"-Wl,-soname," + filepath.Base(out)}, args...)...)
}

// chainRoot is a root file system where /bin/prog needs liba.so by DT_RUNPATH,
// that needs libb.so by DT_RPATH, that needs libmissing.so, and prog needs
// libc1.so in a default directory, which has no SONAME.
func chainRoot(t *testing.T) string {
	root := t.TempDir()
	none := library(t, filepath.Join(t.TempDir(), "libmissing.so"))
	b := library(t, root+"/opt/b/libb.so", none)
	a := library(t, root+"/opt/a/liba.so", b, "-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/../b")
	c := link(t, root+"/usr/lib/libc1.so")
	link(t, root+"/bin/prog", a, "-L"+filepath.Dir(c), "-lc1", "-Wl,--enable-new-dtags", "-Wl,-rpath,/opt/a", "-Wl,-z,execstack")
	return root
}

func TestTree(t *testing.T) {
	root := chainRoot(t)
	text, err := call("tree", "--root", root, "/bin/prog")
	if err == nil || !strings.Contains(err.Error(), "1 thing not found") {
		t.Errorf("error %v, want that one thing is not found", err)
	}
	want := `/bin/prog (executable stack)
├── liba.so => /opt/a/liba.so [runpath]
│   └── libb.so => /opt/b/libb.so [rpath]
│       └── libmissing.so not found
└── libc1.so => /usr/lib/libc1.so [default] (no SONAME)
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// A relocation inside the code makes the loader write to it.
func TestTreeRemarksTextRelocations(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/code.s", ".text\n.globl f\nf: .quad f\n.section .note.GNU-stack,\"\",%progbits\n")
	link(t, dir+"/libtext.so", "-Wl,-soname,libtext.so", "-Wl,-z,notext", dir+"/code.s")
	link(t, dir+"/libclean.so", "-Wl,-soname,libclean.so")
	if text := oh(t, "tree", "--root", dir, "/libtext.so", "/libclean.so"); text != "/libtext.so (text relocations)\n/libclean.so\n" {
		t.Errorf("%q", text)
	}
}

func TestTreeJSON(t *testing.T) {
	text, err := call("tree", "--json", "--root", chainRoot(t), "/bin/prog")
	if err == nil {
		t.Error("no error although a library is missing")
	}
	var got []fileTree
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	want := []fileTree{{Machine: "amd64", treeNode: treeNode{
		Name: "/bin/prog", Path: "/bin/prog", Remarks: []string{"executable stack"}, Needs: []*treeNode{
			{Name: "liba.so", Path: "/opt/a/liba.so", Via: "runpath", Needs: []*treeNode{
				{Name: "libb.so", Path: "/opt/b/libb.so", Via: "rpath", Needs: []*treeNode{{Name: "libmissing.so"}}},
			}},
			{Name: "libc1.so", Path: "/usr/lib/libc1.so", Via: "default", Remarks: []string{"no SONAME"}},
		},
	}}}
	if machine := got[0].Machine; machine == "arm64" {
		want[0].Machine = machine
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(fileTree{})); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestTreeMissing(t *testing.T) {
	root := chainRoot(t)
	text, err := call("tree", "--missing", "--root", root, "/usr/lib/libc1.so", "/bin/prog")
	if err == nil || strings.Contains(text, "libc1.so (") || !strings.HasPrefix(text, "/bin/prog") {
		t.Errorf("%q, %v", text, err)
	}
	if text := oh(t, "tree", "--missing", "--root", root, "/usr/lib/libc1.so"); text != "" {
		t.Errorf("printed %q although nothing is missing", text)
	}
}

// The kernel goes up from where a link leads to.
func TestTreeGoesUpFromLinks(t *testing.T) {
	root := t.TempDir()
	library(t, root+"/real/libx.so")
	if err := os.Mkdir(root+"/real/deep", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real/deep", root+"/link"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/link/../libx.so", "link/../libx.so"} {
		if text := oh(t, "tree", "--root", root, name); text != "/real/libx.so\n" {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func TestTreeWhy(t *testing.T) {
	root := chainRoot(t)
	want := `/bin/prog
└── liba.so => /opt/a/liba.so [runpath]
    └── libb.so => /opt/b/libb.so [rpath]
        └── libmissing.so not found
`
	if diff := cmp.Diff(want, oh(t, "tree", "--root", root, "--why", "libmissing.so", "/bin/prog")); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	for _, name := range []string{"libb.so", "/opt/b/libb.so"} {
		var chains [][]treeNode
		if err := json.Unmarshal([]byte(oh(t, "tree", "--root", root, "--json", "--why", name, "/bin/prog", "/opt/b/libb.so")), &chains); err != nil {
			t.Fatal(err)
		}
		if len(chains) != 1 || len(chains[0]) != 3 || chains[0][2].Path != "/opt/b/libb.so" {
			t.Errorf("--why %s: %+v", name, chains)
		}
	}
	if _, err := call("tree", "--root", root, "--why", "libz.so", "/bin/prog"); err == nil {
		t.Error("no error although nothing needs the library")
	}
}

// The machine's own files, with its loader, cache and C library.
func TestTreeOfThisMachine(t *testing.T) {
	text := oh(t, "tree", "/bin/sh", "/bin/bash")
	if !strings.Contains(text, "libc.so.6 => /") || !strings.Contains(text, "/bash (/lib") {
		t.Errorf("tree printed %q", text)
	}
	if strings.Contains(text, "\x1b") {
		t.Error("styled although it is no terminal")
	}
}

// What cannot be read is named, and the rest still printed.
func TestTreeOfOtherFiles(t *testing.T) {
	dir := t.TempDir()
	lib, err := os.ReadFile(link(t, dir+"/lib.so"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"text":    "hello",
		"header":  string(lib[:40]),
		"i386":    string(lib[:4]) + "\x01" + string(lib[5:18]) + "\x03" + string(lib[19:]),
		"segment": string(lib[:200]),
	}
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	if err := os.Mkdir(dir+"/folder", 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfifo", dir+"/fifo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, want := range map[string]string{
		"text": "not an ELF file", "header": "truncated ELF header", "segment": "EOF", "i386": "EM_386",
		"folder": "not a regular file", "fifo": "not a regular file", "none": "does not exist",
	} {
		text, err := call("tree", dir+"/"+name, "/bin/sh")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
		if !strings.Contains(text, "libc") {
			t.Errorf("%s: the other file is not printed", name)
		}
	}
}

func TestTreeFollowsLibraryPathAndOpens(t *testing.T) {
	root := t.TempDir()
	dep := library(t, root+"/env/libdep.so")
	library(t, root+"/usr/lib/libopened.so", dep)
	link(t, root+"/prog")
	recipe := filepath.Join(t.TempDir(), "recipe.json")
	write(t, recipe, `{"name": "x", "opens": ["libopened.so"]}`)
	want := `/prog
└── libopened.so => /usr/lib/libopened.so [default] dlopen required
    └── libdep.so => /env/libdep.so [LD_LIBRARY_PATH]
`
	got := oh(t, "tree", "--root", root, "--library-path", "/env", "--opens", recipe, "/prog")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	library(t, root+"/opt/plugins/libone.so")
	library(t, root+"/opt/plugins/libtwo.so")
	write(t, recipe, `{"opens": ["/opt/*/lib*.so"]}`)
	want = `/prog
├── /opt/plugins/libone.so => /opt/plugins/libone.so [path] dlopen required
└── /opt/plugins/libtwo.so => /opt/plugins/libtwo.so [path] dlopen required
`
	if diff := cmp.Diff(want, oh(t, "tree", "--root", root, "--opens", recipe, "/prog")); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	write(t, recipe, `{"opens": ["/opt/none/*.so"]}`)
	if text, err := call("tree", "--root", root, "--opens", recipe, "/prog"); err == nil || !strings.Contains(text, "/opt/none/*.so not found") {
		t.Errorf("%v, %q although a pattern matches nothing", err, text)
	}
	write(t, recipe, `{"opens": ["libother.so"]}`)
	if _, err := call("tree", "--root", root, "--opens", recipe, "/prog"); err == nil {
		t.Error("no error although a library that is opened is missing")
	}
}
