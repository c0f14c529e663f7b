package bundler

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Cache is an ld.so.cache, written by ldconfig(8). Both formats are read: the
// old one of libc5's time ("ld.so-1.7.0") and the new one ("glibc-ld.so.cache1.1"),
// by itself or behind an old one (sysdeps/generic/dl-cache.h of the GNU C
// library). It is searched where it lies, as loaders do: nothing in it is
// trusted, and a Cache takes no memory beyond the file's.
type Cache struct {
	text      string // entries refer to it by offset
	strings   int    // what the offsets of the old format are relative to
	first     int    // offset of the entries
	entrySize int
	n         int
	named     string // offsets of the names of glibc-hwcaps folders
}

const (
	oldCacheMagic = "ld.so-1.7.0"
	newCacheMagic = "glibc-ld.so.cache1.1"
	oldHeaderSize = 16
	oldEntrySize  = 12
	newHeaderSize = 48
	newEntrySize  = 24

	cacheExtensions = 0xeaa42174
	cacheHwcapTag   = 1
	namedHwcap      = 1 << 62     // the entry is from a glibc-hwcaps folder
	hwcapISALevels  = 0x3ff << 32 // of such an entry, what its folder's name says as well
	tlsHwcap        = 1 << 63     // old scheme: from a folder tls
)

// cacheFlags are the kinds of library that the loaders take from a cache: ELF,
// libc6, and the machine's ABI.
var cacheFlags = map[elf.Machine]uint32{elf.EM_X86_64: 0x0303, elf.EM_AARCH64: 0x0a03}

// ReadCache reads the cache at a path of the View, nil where there is none.
func ReadCache(v *View, name string) (*Cache, error) {
	text, err := readText(v, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseCache(text)
}

// parseCache reads the header of a cache.
func parseCache(text string) (*Cache, error) {
	if strings.HasPrefix(text, newCacheMagic) {
		return parseNewCache(text)
	}
	if !strings.HasPrefix(text, oldCacheMagic) || len(text) < oldHeaderSize {
		return nil, errors.New("not a cache of ldconfig")
	}
	n := uint64(u32(text, 12))
	end := oldHeaderSize + n*oldEntrySize
	if end > uint64(len(text)) {
		return nil, fmt.Errorf("%d entries do not fit in %d bytes", n, len(text))
	}
	// The new part begins at the next multiple of its alignment.
	if at := (end + 7) &^ 7; at <= uint64(len(text)) && strings.HasPrefix(text[at:], newCacheMagic) {
		return parseNewCache(text[at:])
	}
	return &Cache{text: text, strings: int(end), first: oldHeaderSize, entrySize: oldEntrySize, n: int(n)}, nil
}

func parseNewCache(text string) (*Cache, error) {
	if len(text) < newHeaderSize {
		return nil, errors.New("truncated header")
	}
	if order := text[28] & 3; order != 0 && order != 2 {
		return nil, errors.New("not little-endian")
	}
	n := uint64(u32(text, 20))
	if newHeaderSize+n*newEntrySize > uint64(len(text)) {
		return nil, fmt.Errorf("%d entries do not fit in %d bytes", n, len(text))
	}
	return &Cache{
		text: text, first: newHeaderSize, entrySize: newEntrySize, n: int(n),
		named: cacheHwcaps(text, u32(text, 32)),
	}, nil
}

// cacheHwcaps returns the offsets of the names of the glibc-hwcaps folders,
// which entries name by index.
func cacheHwcaps(text string, at uint32) string {
	header := section(text, at, 8)
	if at == 0 || header == "" || u32(header, 0) != cacheExtensions {
		return ""
	}
	const size = 16 // tag, flags, offset, size
	for i := range u32(header, 4) {
		s := section(text, at+8+i*size, size)
		if s == "" {
			return ""
		}
		if u32(s, 0) == cacheHwcapTag {
			return section(text, u32(s, 8), u32(s, 12))
		}
	}
	return ""
}

// Lookup returns the path of a library for a machine. Of the builds for
// special CPUs the loader takes the best whose folder is among hwcaps, else
// the first build for all.
func (c *Cache) Lookup(name string, machine elf.Machine, hwcaps []string) (string, bool) {
	if c == nil {
		return "", false
	}
	i, ok := c.search(name)
	if !ok {
		return "", false
	}
	best, rank := "", len(hwcaps)
	for ; i < c.n; i++ {
		e := c.entry(i)
		if compareNames(name, c.string(u32(e, 4))) != 0 {
			break
		}
		if u32(e, 0) != cacheFlags[machine] {
			continue
		}
		hwcap := uint64(0)
		if c.entrySize == newEntrySize {
			hwcap = uint64(u32(e, 16)) | uint64(u32(e, 20))<<32
		}
		switch {
		case hwcap&^(hwcapISALevels|0xffffffff) == namedHwcap:
			if r := c.rank(uint32(hwcap), hwcaps); r < rank {
				best, rank = c.path(u32(e, 8)), r
			}
		case best != "":
			return best, true
		case hwcap == 0 || hwcap == tlsHwcap && slices.Contains(hwcaps, "tls"):
			best = c.path(u32(e, 8))
			return best, best != ""
		}
	}
	return best, best != ""
}

// search returns the first entry of a name. Names descend.
func (c *Cache) search(name string) (int, bool) {
	left, right := 0, c.n-1
	for left <= right {
		middle := (left + right) / 2
		switch d := compareNames(name, c.string(u32(c.entry(middle), 4))); {
		case d < 0:
			left = middle + 1
		case d > 0:
			right = middle - 1
		default:
			for middle > 0 && compareNames(name, c.string(u32(c.entry(middle-1), 4))) == 0 {
				middle--
			}
			return middle, true
		}
	}
	return 0, false
}

// rank returns the place among hwcaps of the folder with an index.
func (c *Cache) rank(index uint32, hwcaps []string) int {
	if uint64(index) < uint64(len(c.named)/4) {
		folder := c.string(u32(c.named, int(index)*4))
		for i, h := range hwcaps {
			if h, ok := strings.CutPrefix(h, "glibc-hwcaps/"); ok && strings.HasPrefix(folder, h+"\x00") {
				return i
			}
		}
	}
	return len(hwcaps)
}

func (c *Cache) entry(i int) string { return c.text[c.first+i*c.entrySize:][:c.entrySize] }

// string returns what begins at an offset and ends with the first NUL. No file
// name is longer than NAME_MAX, so little of the text is enough to compare.
func (c *Cache) string(at uint32) string {
	const nameMax = 255
	if table := c.text[c.strings:]; uint64(at) < uint64(len(table)) {
		return table[at:][:min(nameMax+1, len(table)-int(at))]
	}
	return ""
}

func (c *Cache) path(at uint32) string {
	if table := c.text[c.strings:]; uint64(at) < uint64(len(table)) {
		if s, _, ok := strings.Cut(table[at:][:min(maxString, len(table)-int(at))], "\x00"); ok {
			return s
		}
	}
	return ""
}

// compareNames orders as _dl_cache_libcmp does: runs of digits by their value.
// The text b goes on after its end, a NUL.
func compareNames(a, b string) int {
	at := func(s string, i int) int {
		if i < len(s) {
			return int(s[i])
		}
		return 0
	}
	digit := func(c int) bool { return c >= '0' && c <= '9' }
	i, j := 0, 0
	for i < len(a) {
		x, y := at(a, i), at(b, j)
		switch {
		case digit(x) && digit(y):
			var v, w int32
			for ; digit(at(a, i)); i++ {
				v = v*10 + int32(at(a, i)-'0')
			}
			for ; digit(at(b, j)); j++ {
				w = w*10 + int32(at(b, j)-'0')
			}
			if v != w {
				return int(v) - int(w)
			}
		case digit(x):
			return 1
		case digit(y):
			return -1
		case x != y:
			return x - y
		default:
			i, j = i+1, j+1
		}
	}
	return -at(b, j)
}

// section returns n bytes from an offset on, empty where the text is shorter.
func section(text string, at, n uint32) string {
	if uint64(at)+uint64(n) > uint64(len(text)) {
		return ""
	}
	return text[at:][:n]
}

func u32(s string, at int) uint32 { return binary.LittleEndian.Uint32([]byte(s[at : at+4])) }
