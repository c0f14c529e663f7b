package pack

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

func TestDebianOwners(t *testing.T) {
	root, out := t.TempDir(), t.TempDir()
	elftest.Write(t, root+"/var/lib/dpkg/status", `Package: tool
Status: install ok installed
Version: 1:2.3-4

Package: libtool1
Multi-Arch: same
Version: 5

Package: other
Version: 6

Package: old
Version: 7
`, 0o644)
	lists := map[string]string{
		"tool.list": "/.\n/usr\n/usr/bin/tool\n", "libtool1:amd64.list": "/usr/lib/libtool.so.1.2\n",
		"other.list": "/usr/bin/other\n/usr/share/doc/other/README\n", "old.list": "/lib/libold.so.1\n",
	}
	for name, text := range lists {
		elftest.Write(t, root+"/var/lib/dpkg/info/"+name, text, 0o644)
	}
	elftest.Write(t, root+"/usr/bin/tool", "a tool", 0o755)
	elftest.Write(t, root+"/usr/bin/other", "another", 0o755)
	elftest.Write(t, out+"/openhands/bin/tool", "a tool", 0o755)
	elftest.Write(t, out+"/openhands/bin/other", "changed", 0o755) // same size, not the package's
	elftest.Write(t, out+"/openhands/README", "", 0o644)
	got, err := debianOwners(root, out, []string{"/usr/lib/libtool.so.1.2", "/usr/lib/libold.so.1"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Package{{"deb", "libtool1", "5"}, {"deb", "old", "7"}, {"deb", "tool", "1:2.3-4"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if none, err := debianOwners(t.TempDir(), out, nil); err != nil || none != nil {
		t.Errorf("without a database: %v, %v", none, err)
	}
}

func TestMeasure(t *testing.T) {
	root := t.TempDir()
	site := root + "/openhands/site-packages"
	elftest.Write(t, site+"/Foo_Bar-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: Foo.Bar\nVersion: 1.0\n\nVersion: 9\n", 0o644)
	elftest.Write(t, site+"/foo/METADATA", "Name: not\nVersion: 1\n", 0o644)
	elftest.Symlink(t, "foo", site+"/link")
	modules := root + "/openhands/vscode/node_modules"
	elftest.Write(t, modules+"/one/package.json", `{"name": "one", "version": "1.0.0"}`, 0o644)
	elftest.Write(t, modules+"/@scope/two/node_modules/one/package.json", `{"name": "one", "version": "2.0.0"}`, 0o644)
	elftest.Write(t, modules+"/@scope/two/package.json", `{"name": "@scope/two", "version": "3.0.0"}`, 0o644)
	elftest.Write(t, modules+"/one/lib/package.json", `{"name": "part", "version": "9.0.0"}`, 0o644)
	elftest.Write(t, modules+"/private/package.json", `{"type": "module"}`, 0o644)
	elftest.Write(t, modules+"/template/package.json", "{{name}}", 0o644)
	got, err := Measure(root, testPrefix)
	if err != nil {
		t.Fatal(err)
	}
	want := &Contents{Files: 8, Bytes: 61 + 21 + 35 + 35 + 42 + 36 + 18 + 8, Packages: []Package{
		{"npm", "@scope/two", "3.0.0"}, {"npm", "one", "1.0.0"}, {"npm", "one", "2.0.0"}, {"pypi", "Foo.Bar", "1.0"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
