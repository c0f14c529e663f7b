package elftest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// Object describes a dynamically linked ELF file for amd64 without code: enough
// for who reads what a loader reads, the same everywhere, and made without a
// compiler.
type Object struct {
	Interp  string // empty for a library
	Soname  string
	Needed  []string
	Runpath string
}

const (
	headerSize  = 64
	programSize = 56
)

// Bytes returns the file. Its dynamic section has three spare entries.
func (o Object) Bytes() []byte {
	names := []byte{0}
	add := func(name string) uint64 {
		at := uint64(len(names))
		names = append(append(names, name...), 0)
		return at
	}
	var dynamic []elf.Dyn64
	entry := func(tag elf.DynTag, value uint64) {
		dynamic = append(dynamic, elf.Dyn64{Tag: int64(tag), Val: value})
	}
	for _, name := range o.Needed {
		entry(elf.DT_NEEDED, add(name))
	}
	if o.Soname != "" {
		entry(elf.DT_SONAME, add(o.Soname))
	}
	if o.Runpath != "" {
		entry(elf.DT_RUNPATH, add(o.Runpath))
	}
	kinds := []elf.ProgType{elf.PT_LOAD, elf.PT_DYNAMIC, elf.PT_GNU_STACK}
	if o.Interp != "" {
		kinds = append(kinds, elf.PT_INTERP)
	}
	interpAt := uint64(headerSize + programSize*len(kinds))
	interp := append([]byte(o.Interp), 0)
	namesAt := interpAt + uint64(len(interp))
	entry(elf.DT_STRTAB, namesAt)
	entry(elf.DT_STRSZ, uint64(len(names)))
	for range 4 {
		entry(elf.DT_NULL, 0)
	}
	dynamicAt := (namesAt + uint64(len(names)) + 7) &^ 7
	size := dynamicAt + 16*uint64(len(dynamic))

	header := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: headerSize, Ehsize: headerSize, Phentsize: programSize, Phnum: uint16(len(kinds)), Shentsize: 64,
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA], header.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	var file bytes.Buffer
	write := func(part any) { binary.Write(&file, binary.LittleEndian, part) }
	write(header)
	for _, kind := range kinds {
		p := elf.Prog64{Type: uint32(kind), Flags: uint32(elf.PF_R | elf.PF_W)}
		switch kind {
		case elf.PT_LOAD:
			p.Filesz, p.Align = size, 1<<12
		case elf.PT_DYNAMIC:
			p.Off, p.Filesz = dynamicAt, size-dynamicAt
		case elf.PT_INTERP:
			p.Off, p.Filesz = interpAt, uint64(len(interp))
		}
		p.Vaddr, p.Paddr, p.Memsz = p.Off, p.Off, p.Filesz
		write(p)
	}
	write(interp)
	write(names)
	write(make([]byte, dynamicAt-namesAt-uint64(len(names))))
	write(dynamic)
	return file.Bytes()
}
