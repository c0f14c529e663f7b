package bundler

import (
	"cmp"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// versionedCode needs versions of the C library and, with versionScript,
// defines some.
const versionedCode = `
#include <stdio.h>
int f(void) { return puts("f"); }
`

func versionScript(t testing.TB) string {
	return "-Wl,--version-script," + elftest.Write(t, filepath.Join(t.TempDir(), "v.map"), "V1 { global: f; local: *; };\nV2 { } V1;\n", 0o644)
}

// The standard library, which reads sections, is the reference.
func TestVersionsAgreeWithDebugELF(t *testing.T) {
	a, _ := hostMachine(t)
	files, err := filepath.Glob("/usr/lib/" + a.triplet + "/lib*.so.*")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, elftest.Library(t, filepath.Join(t.TempDir(), "libv.so"), versionedCode, versionScript(t)))
	compared := 0
	for _, name := range files {
		want, err := elf.Open(name)
		if err != nil {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := mustObject(t, name).readVersions(f)
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var defined []string
		if list, err := want.DynamicVersions(); err == nil {
			for _, d := range list {
				defined = append(defined, d.Name)
			}
		}
		var needed []*versionNeed
		if list, err := want.DynamicVersionNeeds(); err == nil {
			for _, n := range list {
				need := &versionNeed{library: n.Name}
				for _, d := range n.Needs {
					if d.Flags&elf.VER_FLG_WEAK == 0 {
						need.names = append(need.names, d.Dep)
					}
				}
				needed = append(needed, need)
			}
		}
		want.Close()
		slices.Sort(got.defined)
		slices.Sort(defined)
		slices.SortFunc(needed, byLibrary)
		slices.SortFunc(got.needed, byLibrary)
		if diff := gocmp.Diff(needed, got.needed, gocmp.AllowUnexported(versionNeed{}), cmpopts.IgnoreFields(versionNeed{}, "last")); diff != "" {
			t.Errorf("%s needs (-), read (+):\n%s", name, diff)
		}
		if diff := gocmp.Diff(defined, got.defined); diff != "" {
			t.Errorf("%s defines (-), read (+):\n%s", name, diff)
		}
		if len(defined) > 0 {
			compared++
		}
	}
	if compared < 20 {
		t.Fatalf("compared only %d files with versions", compared)
	}
}

func byLibrary(a, b *versionNeed) int { return cmp.Compare(a.library, b.library) }

// A symbol version that a library of the same name lacks is named, with who
// asks for it.
func TestMissingVersions(t *testing.T) {
	dir := t.TempDir()
	newer := elftest.Library(t, dir+"/new/libf.so", "int f(void){return 1;}", "-nostdlib", "-Wl,--version-script,"+elftest.Write(t, dir+"/2.map", "V1 { };\nV2 { f; } V1;\n", 0o644))
	elftest.Library(t, dir+"/lib/libf.so", "int f(void){return 1;}", "-nostdlib", "-Wl,--version-script,"+elftest.Write(t, dir+"/1.map", "V1 { f; };\n", 0o644))
	elftest.Compile(t, dir+"/prog", "int f(void); int g(void){return f();}", "-nostdlib", "-shared", "-fPIC", newer, "-Wl,-rpath,/lib")
	s := System{View: NewView(dir)}
	c, r, err := s.Closure("/prog")
	if err != nil {
		t.Fatal(err)
	}
	missing := r.MissingVersions(c)
	if len(missing) != 1 || missing[0].Version != "V2" || missing[0].Name != "libf.so" || missing[0].From.Path != "/prog" || missing[0].To.Path != "/lib/libf.so" {
		t.Errorf("%+v", missing)
	}
}

const dlopenNote = `
#define JSON "[{\"soname\":[\"libone.so.2\",\"libone.so.1\"],\"feature\":\"one\",\"priority\":\"required\"},{\"soname\":[\"libnone.so\"]}]"
static const struct { unsigned namesz, descsz, type; char owner[4], json[sizeof(JSON)]; } note
	__attribute__((section(".note.dlopen"), aligned(4), used)) = { 4, sizeof(JSON), 0x407c0c0a, "FDO", JSON };
`

func TestDlopenNotes(t *testing.T) {
	root := t.TempDir()
	elftest.Library(t, root+"/usr/lib/libdep.so", "int d(void){return 1;}", "-nostdlib")
	elftest.Library(t, root+"/usr/lib/libone.so.1", "int o(void){return 1;}", "-nostdlib", "-Wl,--no-as-needed", root+"/usr/lib/libdep.so")
	elftest.Library(t, root+"/prog.so", dlopenNote, "-nostdlib")
	s := System{View: NewView(root)}
	c, r, err := s.Closure("/prog.so")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Edges) != 0 {
		t.Errorf("notes are followed unasked: %+v", c.Edges)
	}
	if err := r.Extend(c, nil, true); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range c.Edges {
		path := "-"
		if e.To != nil {
			path = e.To.Path
		}
		got = append(got, strings.Join([]string{e.From.Path, e.Kind.String(), e.Name, e.Priority, path}, " "))
	}
	want := []string{
		"/prog.so dlopen libone.so.1 required /usr/lib/libone.so.1",
		"/prog.so dlopen libnone.so recommended -",
		"/usr/lib/libone.so.1 needed libdep.so  /usr/lib/libdep.so",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if missing := c.Missing(); len(missing) != 0 {
		t.Errorf("what is only recommended counts as missing: %+v", missing)
	}
}

// Reading notices that a file changed under it.
func TestSourceNoticesChanges(t *testing.T) {
	name := elftest.Library(t, filepath.Join(t.TempDir(), "libf.so"), "int f(void){return 1;}")
	s, err := openSource(name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.unchanged(); err != nil {
		t.Error(err)
	}
	if err := os.Truncate(name, 4096); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadObject(s); err == nil {
		t.Error("a file without its end was read")
	}
	if err := s.unchanged(); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("error %v does not name the file", err)
	}
}
