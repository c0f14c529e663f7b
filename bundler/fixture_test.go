package bundler

import (
	"debug/elf"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

const testPrefix = "/openhands"

func mustObject(t testing.TB, host string) *Object {
	t.Helper()
	f, err := os.Open(host)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o, err := ReadObject(f)
	if err != nil {
		t.Fatalf("%s: %v", host, err)
	}
	return o
}

// testTree is a tree of files for a machine.
type testTree struct {
	Machine elf.Machine
	Out     string // stands for "/"
}

// hostMachine returns what the tests run on, and an empty tree for it.
func hostMachine(t testing.TB) (abi, testTree) {
	t.Helper()
	machine, err := Machine(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	return abis[machine], testTree{machine, t.TempDir()}
}

// seal gives the tree copies of programs of this machine, of the libraries that
// its files and opens need, and of the C library's texts, and seals it.
func (tree testTree) seal(t testing.TB, programs, opens []string) (*Dependencies, *SealReport) {
	t.Helper()
	for _, name := range programs {
		copyTo(t, name, tree.Out+testPrefix+"/bin/"+filepath.Base(name))
	}
	found, err := FindDependencies(t.Context(), DependencyOptions{
		Prefix: testPrefix, Tree: tree.Out, Root: "/", Machine: tree.Machine, Opens: opens,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range found.Libraries {
		copyTo(t, l.Source, tree.Out+l.Path)
	}
	for _, l := range found.Links {
		elftest.Symlink(t, l.Target, tree.Out+l.Path)
	}
	for _, d := range found.Data {
		if _, err := os.Stat(d.From); err != nil {
			continue // of another release
		}
		if err := os.CopyFS(tree.Out+d.To, os.DirFS(d.From)); err != nil {
			t.Fatal(err)
		}
		for _, name := range d.Exclude {
			os.Remove(tree.Out + d.To + "/" + name)
		}
	}
	for _, text := range found.Texts {
		elftest.Write(t, tree.Out+text.Path, text.Content, 0o644)
	}
	report, err := (&Sealer{Prefix: testPrefix, Machine: tree.Machine, InPlace: true}).Seal(t.Context(), tree.Out)
	if err != nil {
		t.Fatal(err)
	}
	return found, report
}

func copyTo(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	elftest.Write(t, to, string(data), 0o755)
}
