package bundler

import (
	"bytes"
	"debug/elf"
	"math"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// What is planned for a file, hostile or not, fits it, keeps its size, seals
// it, and costs memory in proportion to it.
func FuzzSeal(f *testing.F) {
	dir := f.TempDir()
	const start = "void _start(void){}"
	for i, args := range [][]string{
		{"-pie", "-fPIE"},
		{"-no-pie", "-z", "execstack"},
		{"-pie", "-fPIE", "-Wl,-rpath,/build:$ORIGIN/../lib"},
		{"-pie", "-fPIE", "-Wl,--spare-dynamic-tags=0", "-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN:/build"},
		{"-shared", "-fPIC", "-Wl,-rpath,/build/lib"},
	} {
		name := elftest.Compile(f, filepath.Join(dir, string(rune('a'+i))), start, append(args, "-nostdlib", "-Wl,-z,max-page-size=4096,-z,noseparate-code,-z,norelro", "-s")...)
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		withinMemory(t, 1<<20+16*len(data), func() {
			o, err := ReadObject(bytes.NewReader(data))
			if err != nil {
				return
			}
			s := Sealer{Prefix: testPrefix, Machine: o.Machine}
			file := &scanned{location: location{path: testPrefix + "/bin/x"}, size: int64(len(data)), object: o}
			if o.Foreign || !file.sealable(o.Machine) || abis[o.Machine].loader == "" {
				return
			}
			patches, _, err := s.patches(bytes.NewReader(data), file)
			if err != nil {
				return
			}
			sealed := slices.Clone(data)
			for _, p := range patches {
				copy(sealed[p.Offset:], p.New)
			}
			if file.object, err = ReadObject(bytes.NewReader(sealed)); err != nil {
				t.Fatalf("cannot be read after sealing: %v", err)
			}
			if patches, _, err := s.patches(bytes.NewReader(sealed), file); err != nil || len(patches) > 0 {
				t.Errorf("sealing again: %v, %v", patches, err)
			}
			if file.object.ExecStack && hasStack(file.object) || file.object.Interp != "" && file.object.Interp != testPrefix+interpName {
				t.Errorf("not sealed: interpreter %q, stack executable %v", file.object.Interp, file.object.ExecStack)
			}
		})
	})
}

func hasStack(o *Object) bool {
	return slices.ContainsFunc(o.progs, func(p prog) bool { return elf.ProgType(p.Type) == elf.PT_GNU_STACK })
}

// withinMemory fails where do allocates more than a number of bytes. Others in
// the process may allocate too, so that only what happens again counts.
func withinMemory(t *testing.T, limit int, do func()) {
	t.Helper()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	least := uint64(math.MaxUint64)
	for range 3 {
		metrics.Read(sample)
		before := sample[0].Value.Uint64()
		do()
		metrics.Read(sample)
		if least = min(least, sample[0].Value.Uint64()-before); least <= uint64(limit) {
			return
		}
	}
	t.Errorf("%d bytes allocated, more than %d", least, limit)
}

// Any file that goes by the name of a loader or C library is sealed in all
// its places or refused.
func FuzzConstants(f *testing.F) {
	text := func(a abi, soname, release string) string {
		list, err := constants(a, glibcReleases[release][elf.EM_X86_64], soname, testPrefix)
		if err != nil {
			f.Fatal(err)
		}
		var b strings.Builder
		b.WriteString("stable release version " + release + ".\n")
		for _, c := range list {
			b.WriteString(strings.Repeat(c.old, c.count))
		}
		return b.String()
	}
	for machine, a := range abis {
		check := "\x80\x38L\x75\x00\x80\x78\x01D\x75\x00\x80\x78\x02_\x75\x00"
		if machine == elf.EM_AARCH64 {
			check = "\x02\x00\x40\x39\x5f\x30\x01\x71\x81\xff\xff\x54\x02\x04\x40\x39\x5f\x10\x01\x71\x21\xff\xff\x54\x02\x08\x40\x39\x5f\x7c\x01\x71\xc1\xfe\xff\x54"
		}
		for _, soname := range []string{a.loader, libcSoname} {
			f.Add([]byte(check+text(a, soname, "2.41")), machine == elf.EM_AARCH64, soname == libcSoname)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, arm, libc bool) {
		machine := elf.EM_X86_64
		if arm {
			machine = elf.EM_AARCH64
		}
		soname := abis[machine].loader
		if libc {
			soname = libcSoname
		}
		plan := func(data []byte) ([]Patch, error) {
			return constantPatches(bytes.NewReader(data), int64(len(data)), machine, soname, testPrefix)
		}
		patches, err := plan(data)
		if err != nil {
			return
		}
		if err := checkPatches(bytes.NewReader(data), byOffset(patches)); err != nil {
			t.Fatalf("the plan does not fit the file: %v", err)
		}
		sealed := slices.Clone(data)
		for _, p := range patches {
			copy(sealed[p.Offset:], p.New)
		}
		for _, p := range patches {
			if !bytes.Equal(sealed[p.Offset:][:len(p.New)], p.New) {
				t.Errorf("%s at %#x is not as planned", p.Reason, p.Offset)
			}
		}
	})
}

// A rewrite keeps the file's size and all but the strings that it names.
func FuzzRewrite(f *testing.F) {
	f.Add([]byte("a\x00/usr/lib/x:/usr/lib\x00b/usr\x00"), "/usr", "/o", 2, false)
	f.Add([]byte("/etc/x\x00"), "/etc", "/e/c", 1, true)
	f.Fuzz(func(t *testing.T, data []byte, old, replacement string, count int, slash bool) {
		w := Rewrite{File: testPrefix + "/x", Old: old, New: replacement, Count: count}
		if slash {
			w.Pad = PadSlash
		}
		if w.Check() != nil {
			return
		}
		patches, err := w.plan(bytes.NewReader(data))
		if err != nil {
			return
		}
		if err := checkPatches(bytes.NewReader(data), byOffset(patches)); err != nil {
			t.Fatalf("the plan does not fit the file: %v", err)
		}
		if len(patches) > 0 && len(patches) != count {
			t.Errorf("%d edits, want %d", len(patches), count)
		}
	})
}

func byOffset(patches []Patch) []Patch {
	slices.SortFunc(patches, func(a, b Patch) int { return int(a.Offset - b.Offset) })
	return patches
}
