package bundler

import (
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"
)

// newCache writes a cache in the new format; entries descend by name.
func newCache(entries []cacheLine, folders ...string) string {
	le := binary.LittleEndian
	size := newHeaderSize + len(entries)*newEntrySize
	var table strings.Builder
	text := func(s string) uint32 {
		at := size + table.Len()
		table.WriteString(s + "\x00")
		return uint32(at)
	}
	var list []byte
	for _, e := range entries {
		list = le.AppendUint32(list, e.flags)
		list = le.AppendUint32(list, text(e.name))
		list = le.AppendUint32(list, text(e.path))
		list = le.AppendUint32(list, 0)
		list = le.AppendUint64(list, e.hwcap)
	}
	var names []byte
	for _, f := range folders {
		names = le.AppendUint32(names, text(f))
	}
	for (size+table.Len())%4 != 0 {
		table.WriteByte(0)
	}
	extension := size + table.Len()
	header := make([]byte, newHeaderSize)
	copy(header, newCacheMagic)
	le.PutUint32(header[20:], uint32(len(entries)))
	le.PutUint32(header[24:], uint32(table.Len()))
	header[28] = 2
	le.PutUint32(header[32:], uint32(extension))
	var tail []byte
	for _, v := range []int{cacheExtensions, 1, cacheHwcapTag, 0, extension + 24, len(names)} {
		tail = le.AppendUint32(tail, uint32(v))
	}
	return string(header) + string(list) + table.String() + string(tail) + string(names)
}

type cacheLine struct {
	name, path string
	flags      uint32
	hwcap      uint64
}

func sampleCache() string {
	return newCache([]cacheLine{
		{"libb.so.10", "/b10", 0x0303, 0},
		{"libb.so.9", "/b9", 0x0303, 0},
		{"liba.so", "/a-v3", 0x0303, namedHwcap | 1},
		{"liba.so", "/a-v2", 0x0303, namedHwcap},
		{"liba.so", "/a-32", 0x0003, 0},
		{"liba.so", "/a", 0x0303, 0},
		{"liba.so", "/a-second", 0x0303, 0},
		{"liba.so", "/a-arm", 0x0a03, 0},
	}, "x86-64-v2", "x86-64-v3")
}

func TestCacheLookup(t *testing.T) {
	c, err := parseCache(sampleCache())
	if err != nil {
		t.Fatal(err)
	}
	v2, v3 := "glibc-hwcaps/x86-64-v2", "glibc-hwcaps/x86-64-v3"
	for _, q := range []struct {
		name    string
		machine elf.Machine
		hwcaps  []string
		want    string
	}{
		{"liba.so", elf.EM_X86_64, nil, "/a"},
		{"liba.so", elf.EM_X86_64, []string{v2}, "/a-v2"},
		{"liba.so", elf.EM_X86_64, []string{v3, v2}, "/a-v3"},
		{"liba.so", elf.EM_AARCH64, []string{v3}, "/a-arm"},
		{"libb.so.9", elf.EM_X86_64, nil, "/b9"},
		{"libb.so.10", elf.EM_X86_64, nil, "/b10"},
		{"libb.so", elf.EM_X86_64, nil, ""},
		{"libb.so.11", elf.EM_X86_64, nil, ""},
		{"", elf.EM_X86_64, nil, ""},
	} {
		if got, ok := c.Lookup(q.name, q.machine, q.hwcaps); got != q.want || ok != (q.want != "") {
			t.Errorf("%s for %v with %v: %q, %v; want %q", q.name, q.machine, q.hwcaps, got, ok, q.want)
		}
	}
}

func TestParseCacheRefuses(t *testing.T) {
	good := sampleCache()
	many := []byte(good)
	binary.LittleEndian.PutUint32(many[20:], 1<<31)
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "magic alone": newCacheMagic, "old magic alone": oldCacheMagic + "\x00",
		"more entries than bytes": string(many), "big-endian": good[:28] + "\x03" + good[29:],
		"old with more entries than bytes": oldCacheMagic + "\x00\xff\xff\xff\xff",
	} {
		if _, err := parseCache(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// No cache may panic, hang or take memory beyond what it is itself.
func FuzzCache(f *testing.F) {
	good := sampleCache()
	f.Add(good, "liba.so")
	f.Add(oldCacheMagic+"\x00\x01\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00libz.so\x00/z\x00", "libz.so")
	f.Add(oldCacheMagic+"\x00\x00\x00\x00\x00"+good, "libb.so.9")
	f.Fuzz(func(t *testing.T, text, name string) {
		withinMemory(t, 64<<10+2*len(text), func() {
			c, err := parseCache(text)
			if err != nil {
				return
			}
			for _, m := range []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64} {
				if p, ok := c.Lookup(name, m, []string{"glibc-hwcaps/x86-64-v3", "tls"}); ok && p == "" {
					t.Error("found the empty path")
				}
			}
		})
	})
}
