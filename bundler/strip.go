package bundler

import (
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// Strip cuts the symbol tables and the debugging information off every ELF
// file below root/prefix that is loaded, and returns how many bytes went.
//
// Only what follows the last segment is touched, so nothing that a loader maps
// changes or moves; a file edited by patchelf, which strip(1) may spoil, keeps
// working. Sections keep their numbers: the headers of those that go become
// SHT_NULL. A file in which something else follows, for example an archive that
// the program reads from its own end, is left alone.
func Strip(ctx context.Context, root, prefix string) (int64, error) {
	files, err := scan(ctx, root, prefix)
	if err != nil {
		return 0, err
	}
	var saved int64
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return saved, err
		}
		if f.object == nil || f.object.Foreign || f.object.shnum == 0 ||
			f.object.Type != elf.ET_EXEC && f.object.Type != elf.ET_DYN {
			continue
		}
		n, err := stripFile(f)
		if err != nil {
			return saved, fmt.Errorf("stripping %s: %w", f.path, err)
		}
		saved += n
	}
	return saved, nil
}

func stripFile(f *scanned) (int64, error) {
	file, err := tree.Open(f.host)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	end, tail, err := stripped(file, f.object, f.size)
	size := int64(end) + int64(len(tail))
	if err != nil || tail == nil || size >= f.size {
		return 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	out, err := os.OpenFile(f.host, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	table := binary.LittleEndian.AppendUint64(nil, uint64(size)-uint64(f.object.shnum)*shdrSize)
	if _, err := out.WriteAt(tail, int64(end)); err != nil {
		return 0, err
	}
	if _, err := out.WriteAt(table, shoffAt); err != nil {
		return 0, err
	}
	if err := out.Truncate(size); err != nil {
		return 0, err
	}
	if err := out.Close(); err != nil {
		return 0, err
	}
	return f.size - size, os.Chtimes(f.host, info.ModTime(), info.ModTime())
}

// shoffAt is the offset of e_shoff in the ELF header.
const shoffAt = 40

// stripped returns what shall follow the last segment, which ends at end: the
// sections that stay and the table of section headers. It is nil where nothing
// can be cut.
func stripped(r io.ReaderAt, o *Object, size int64) (end uint64, tail []byte, err error) {
	for _, p := range o.progs {
		end = max(end, p.end(), uint64(p.at)+phdrSize)
	}
	tableSize := uint64(o.shnum) * shdrSize
	if !inFile(o.shoff, tableSize, size) || end > uint64(size) || o.shoff < end {
		return 0, nil, nil
	}
	raw, err := readAt(r, o.shoff, int(tableSize))
	if err != nil {
		return 0, nil, err
	}
	sections := make([]elf.Section64, o.shnum)
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, sections); err != nil {
		return 0, nil, err
	}
	names, nameTable, err := sectionNames(r, sections, size)
	if err != nil || names == nil {
		return 0, nil, err
	}
	known := o.shoff + tableSize
	var kept []*elf.Section64
	symbolTables := symbolStrings(sections)
	delete(symbolTables, nameTable)
	for i := range sections {
		s := &sections[i]
		if s.Type == uint32(elf.SHT_NULL) || s.Type == uint32(elf.SHT_NOBITS) {
			continue
		}
		if !inFile(s.Off, s.Size, size) {
			return 0, nil, nil
		}
		known = max(known, s.Off+s.Size)
		switch {
		case s.Off+s.Size <= end || s.Size == 0:
		case s.Off < end:
			return 0, nil, nil
		case debugging(s, names[i]) || symbolTables[i]:
			*s = elf.Section64{}
		default:
			kept = append(kept, s)
		}
	}
	if known != uint64(size) {
		return 0, nil, nil
	}
	slices.SortStableFunc(kept, func(a, b *elf.Section64) int { return cmp.Compare(a.Off, b.Off) })
	align := func(to uint64) {
		for to > 1 && (end+uint64(len(tail)))%to != 0 {
			tail = append(tail, 0)
		}
	}
	for _, s := range kept {
		content, err := readAt(r, s.Off, int(s.Size))
		if err != nil {
			return 0, nil, err
		}
		align(min(s.Addralign, pageSize))
		s.Off = end + uint64(len(tail))
		tail = append(tail, content...)
	}
	align(8)
	var table bytes.Buffer
	if err := binary.Write(&table, binary.LittleEndian, sections); err != nil {
		return 0, nil, err
	}
	return end, append(tail, table.Bytes()...), nil
}

// pageSize bounds the alignment of a section outside all segments.
const pageSize = 4096

// debugging reports whether only debuggers read a section that is not loaded.
func debugging(s *elf.Section64, name string) bool {
	if s.Flags&uint64(elf.SHF_ALLOC) != 0 {
		return false
	}
	return s.Type == uint32(elf.SHT_SYMTAB) || s.Type == uint32(elf.SHT_SYMTAB_SHNDX) ||
		strings.HasPrefix(name, ".debug_") || strings.HasPrefix(name, ".zdebug_") || strings.HasPrefix(name, ".rela.debug_") ||
		name == ".gdb_index" || name == ".comment"
}

// symbolStrings returns the string tables that only the symbol tables use.
func symbolStrings(sections []elf.Section64) map[int]bool {
	used := map[int]bool{}
	for _, s := range sections {
		if s.Type == uint32(elf.SHT_SYMTAB) {
			used[int(s.Link)] = true
		}
	}
	for i, s := range sections {
		if s.Type != uint32(elf.SHT_SYMTAB) {
			delete(used, int(s.Link))
		}
		if used[i] && (s.Type != uint32(elf.SHT_STRTAB) || s.Flags&uint64(elf.SHF_ALLOC) != 0) {
			delete(used, i)
		}
	}
	return used
}

// sectionNames returns the names of the sections and the number of the section
// that holds them; nil where they cannot be read.
func sectionNames(r io.ReaderAt, sections []elf.Section64, size int64) ([]string, int, error) {
	index, err := readAt(r, shstrndxAt, 2)
	if err != nil {
		return nil, 0, err
	}
	i := int(binary.LittleEndian.Uint16(index))
	if i == 0 || i >= len(sections) || sections[i].Size > maxStrings || !inFile(sections[i].Off, sections[i].Size, size) {
		return nil, 0, nil
	}
	text, err := readAt(r, sections[i].Off, int(sections[i].Size))
	if err != nil {
		return nil, 0, err
	}
	names := make([]string, len(sections))
	for j, s := range sections {
		if uint64(s.Name) >= uint64(len(text)) {
			return nil, 0, nil
		}
		name, _, ok := bytes.Cut(text[s.Name:], []byte{0})
		if !ok {
			return nil, 0, nil
		}
		names[j] = string(name)
	}
	return names, i, nil
}

// shstrndxAt is the offset of e_shstrndx in the ELF header.
const shstrndxAt = 62
