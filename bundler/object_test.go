package bundler

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// The machine's own files, read by the standard library, are the reference.
func TestReadObjectAgreesWithDebugELF(t *testing.T) {
	a, _ := hostMachine(t)
	var files []string
	for _, pattern := range []string{"/usr/bin/*", "/usr/lib/" + a.triplet + "/*.so*"} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, matches...)
	}
	compared := 0
	for _, name := range files {
		want, err := elf.Open(name)
		if err != nil {
			continue
		}
		got := mustObject(t, name)
		if got.Foreign || want.Class != elf.ELFCLASS64 {
			want.Close()
			continue
		}
		for tag, have := range map[elf.DynTag][]string{
			elf.DT_NEEDED: got.Needed, elf.DT_SONAME: {got.Soname}, elf.DT_RPATH: {got.Rpath}, elf.DT_RUNPATH: {got.Runpath},
		} {
			list, err := want.DynString(tag)
			if err != nil || len(list) == 0 && tag != elf.DT_NEEDED {
				list = []string{""}
			}
			if !slices.Equal(list, have) && !(len(list) <= 1 && len(have) == 0) {
				t.Errorf("%s: %v is %q, want %q", name, tag, have, list)
			}
		}
		if s := want.Section(".interp"); s != nil {
			data, err := s.Data()
			if err != nil {
				t.Fatal(err)
			}
			if interp := strings.TrimRight(string(data), "\x00"); interp != got.Interp {
				t.Errorf("%s: interpreter %q, want %q", name, got.Interp, interp)
			}
		}
		if got.Machine != want.Machine || got.Type != want.Type {
			t.Errorf("%s: %v %v, want %v %v", name, got.Machine, got.Type, want.Machine, want.Type)
		}
		want.Close()
		compared++
	}
	if compared < 100 {
		t.Fatalf("compared only %d files", compared)
	}
}

func TestReadObjectOfOtherFiles(t *testing.T) {
	dir := t.TempDir()
	object := elftest.Compile(t, filepath.Join(dir, "o.o"), "int f(void){return 1;}", "-c")
	if o := mustObject(t, object); o.Type != elf.ET_REL || o.Dynamic {
		t.Errorf("relocatable file: %v, dynamic %v", o.Type, o.Dynamic)
	}
	static := elftest.Compile(t, filepath.Join(dir, "static"), "int main(){return 0;}", "-static")
	if o := mustObject(t, static); !o.Static() {
		t.Error("a static program is not recognised")
	}
	pie := elftest.Compile(t, filepath.Join(dir, "static-pie"), "int main(){return 0;}", "-static-pie")
	if o := mustObject(t, pie); !o.Static() {
		t.Error("a static position-independent program is not recognised")
	}
	data, err := os.ReadFile(static)
	if err != nil {
		t.Fatal(err)
	}
	data[elf.EI_CLASS] = byte(elf.ELFCLASS32)
	if o, err := ReadObject(bytes.NewReader(data)); err != nil || !o.Foreign {
		t.Errorf("32-bit file: %+v, %v", o, err)
	}
	data[elf.EI_CLASS], data[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2MSB)
	if o, err := ReadObject(bytes.NewReader(data)); err != nil || !o.Foreign {
		t.Errorf("big-endian file: %+v, %v", o, err)
	}
	for _, text := range []string{"", "#!", "#!/bin/sh\n", "\x7fEL"} {
		if _, err := ReadObject(strings.NewReader(text)); !errors.Is(err, ErrNotELF) {
			t.Errorf("%q: %v, want ErrNotELF", text, err)
		}
	}
}

// A file cut anywhere is an error or, beyond what a loader reads of it, the
// same object; it is never a panic.
func TestReadObjectOfTruncatedFile(t *testing.T) {
	name := elftest.Library(t, filepath.Join(t.TempDir(), "libt.so"), "int f(void){return 1;}")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	dynamic := mustObject(t, name).dynOff
	for n := range len(data) {
		_, err := ReadObject(bytes.NewReader(data[:n]))
		if int64(n) <= dynamic && err == nil {
			t.Fatalf("%d bytes of %d: no error", n, len(data))
		}
	}
}

func FuzzReadObject(f *testing.F) {
	dir := f.TempDir()
	for _, name := range []string{
		elftest.Library(f, filepath.Join(dir, "libf.so"), "int f(void){return 1;}", "-Wl,-rpath,$ORIGIN/x", "-nostdlib"),
		elftest.Library(f, filepath.Join(dir, "libv.so"), dlopenNote+versionedCode, versionScript(f)),
		elftest.Compile(f, filepath.Join(dir, "prog"), "void _start(void){}", "-nostdlib", "-pie", "-fPIE"),
	} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var o *Object
		var err error
		withinMemory(t, 2<<20+8*len(data), func() {
			if o, err = ReadObject(bytes.NewReader(data)); err == nil {
				o.readVersions(bytes.NewReader(data))
				o.ReadOpens(bytes.NewReader(data))
			}
		})
		if err != nil {
			return
		}
		sameFromFile(t, data, o)
		// What can be read can be planned, or refused.
		s := Sealer{Prefix: testPrefix, Machine: o.Machine}
		file := &scanned{location: location{path: testPrefix + "/bin/x"}, size: int64(len(data)), object: o}
		if patches, _, err := s.patches(bytes.NewReader(data), file); err == nil {
			if err := checkPatches(bytes.NewReader(data), patches); err != nil {
				t.Errorf("the plan does not fit the file: %v", err)
			}
		}
	})
}

// sameFromFile reads an object the way that a Resolver does, from a file and a
// piece at a time, and compares.
func sameFromFile(t *testing.T, data []byte, want *Object) {
	t.Helper()
	fd, err := unix.MemfdCreate("object", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Pwrite(fd, data, 0); err != nil {
		t.Fatal(err)
	}
	s, err := sources.Get().(*source).begin("object", fd)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := ReadObject(s)
	if err != nil {
		t.Fatalf("read from memory, but from a file: %v", err)
	}
	for _, o := range []*Object{want, got} { // none is nil
		o.progs, o.dyn = append([]prog(nil), o.progs...), append([]elf.Dyn64(nil), o.dyn...)
	}
	if !reflect.DeepEqual(want, got) {
		t.Errorf("read from memory and from a file:\n%+v\n%+v", want, got)
	}
	inMemory, err := want.readVersions(bytes.NewReader(data))
	if err != nil {
		return
	}
	if inFile, err := got.readVersions(s); err != nil || !reflect.DeepEqual(inMemory, inFile) {
		t.Errorf("versions read from memory and from a file: %+v, %+v, %v", inMemory, inFile, err)
	}
}
