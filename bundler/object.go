package bundler

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// ErrNotELF is returned for a file without the ELF magic number.
var ErrNotELF = errors.New("not an ELF file")

// Sizes of the structures of a 64-bit ELF file, and bounds on what is read of
// one: a real file stays far below them, a hostile one must not cost memory.
const (
	ehdrSize   = 64
	phdrSize   = 56
	shdrSize   = 64
	dynSize    = 16
	maxPhdrs   = 1 << 10
	maxDynamic = 1 << 12
	maxString  = 1 << 14
	maxStrings = 1 << 19 // of all that is read to find the strings of one file
	maxAhead   = 1 << 14 // that is read before it is asked for
)

// Object is what a dynamic loader reads of an ELF file. Only 64-bit
// little-endian files are read beyond their identification; Foreign is true
// for all others and the remaining fields but Class and Machine are then zero.
type Object struct {
	Class   elf.Class
	Type    elf.Type
	Machine elf.Machine
	Foreign bool

	Interp    string   // PT_INTERP, empty without one
	Dynamic   bool     // has a dynamic section
	Needed    []string // DT_NEEDED, in order
	Filters   []Filter // DT_AUXILIARY and DT_FILTER, in order
	Soname    string
	Rpath     string // DT_RPATH as written, ignored by loaders where DT_RUNPATH is there
	Runpath   string
	NoDefault bool // DF_1_NODEFLIB: default directories are not searched
	ExecStack bool // PT_GNU_STACK asks for an executable stack, or is missing where the machine defaults to one
	TextRel   bool // DT_TEXTREL or DF_TEXTREL: relocations write to read-only segments

	hasRunpath bool // DT_RUNPATH is there, if only as an empty string
	isPIE      bool // DF_1_PIE
	notes      []segment

	*layout // nil for an object of a closure, which is not patched
}

// layout is where the parts of a file lie.
type layout struct {
	shoff  uint64
	shnum  int
	progs  []prog
	dyn    []elf.Dyn64 // up to and including the first DT_NULL
	dynOff int64       // file offset of dyn
	spare  int         // empty entries after dyn
	strtab uint64      // virtual address
}

// segment is a part of the file.
type segment struct{ off, size, align uint64 }

// Filter is a library that is loaded to answer in the place of another.
type Filter struct {
	Name     string
	Optional bool // DT_AUXILIARY: the program runs without it
}

// prog is a program header and its place in the file.
type prog struct {
	elf.Prog64
	at int64
}

// end returns the file offset after the segment.
func (p prog) end() uint64 { return p.Off + p.Filesz }

// ReadObject reads the ELF header, the program headers and the dynamic section
// of r, with a few small reads. It returns an error that wraps ErrNotELF for a
// file of another format and does not trust any offset or length in the file.
// Section headers are not used.
func ReadObject(r io.ReaderAt) (*Object, error) {
	h, err := readHead(r)
	n := len(h)
	if n < len(elf.ELFMAG) || string(h[:4]) != elf.ELFMAG {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, ErrNotELF
	}
	if n < ehdrSize-12 { // the header of a 32-bit file has 52 bytes
		return nil, errors.New("truncated ELF header")
	}
	le := binary.LittleEndian
	o := &Object{Class: elf.Class(h[elf.EI_CLASS]), layout: &layout{}}
	if s, ok := r.(*source); ok {
		o.layout = s.layout()
	}
	if elf.Data(h[elf.EI_DATA]) != elf.ELFDATA2LSB {
		o.Machine = elf.Machine(binary.BigEndian.Uint16(h[18:]))
		o.Foreign = true
		return o, nil
	}
	o.Machine = elf.Machine(le.Uint16(h[18:]))
	if o.Class != elf.ELFCLASS64 {
		o.Foreign = true
		return o, nil
	}
	if n < ehdrSize {
		return nil, errors.New("truncated ELF header")
	}
	o.Type = elf.Type(le.Uint16(h[16:]))
	o.shoff = le.Uint64(h[40:])
	o.shnum = int(le.Uint16(h[60:]))
	phoff, phentsize, phnum := le.Uint64(h[32:]), le.Uint16(h[54:]), int(le.Uint16(h[56:]))
	if phnum == 0 {
		return o, nil
	}
	if phentsize != phdrSize || phnum > maxPhdrs {
		return o, fmt.Errorf("%d program headers of %d bytes", phnum, phentsize)
	}
	table := h[min(phoff, uint64(n)):n]
	if len(table) < phnum*phdrSize {
		if table, err = readAt(r, phoff, phnum*phdrSize); err != nil {
			return o, fmt.Errorf("program headers: %w", err)
		}
	}
	o.progs = slices.Grow(o.progs, phnum)[:phnum]
	for i := range o.progs {
		b := table[i*phdrSize:]
		o.progs[i] = prog{elf.Prog64{
			Type: le.Uint32(b), Flags: le.Uint32(b[4:]), Off: le.Uint64(b[8:]),
			Vaddr: le.Uint64(b[16:]), Paddr: le.Uint64(b[24:]), Filesz: le.Uint64(b[32:]),
			Memsz: le.Uint64(b[40:]), Align: le.Uint64(b[48:]),
		}, int64(phoff) + int64(i*phdrSize)}
	}
	return o, o.readSegments(r)
}

// readHead reads the ELF header and as many program headers as most files have,
// which follow it nearly always, or all of a shorter file.
func readHead(r io.ReaderAt) ([]byte, error) {
	if s, ok := r.(*source); ok {
		return s.head[:s.n], nil
	}
	h := make([]byte, len(source{}.head))
	n, err := r.ReadAt(h, 0)
	return h[:n], err
}

func (o *Object) readSegments(r io.ReaderAt) error {
	stack := false
	for i := range o.progs {
		p := &o.progs[i]
		switch elf.ProgType(p.Type) {
		case elf.PT_NOTE:
			o.notes = append(o.notes, segment{p.Off, p.Filesz, p.Align})
		case elf.PT_INTERP:
			if p.Filesz == 0 || p.Filesz > maxString {
				return fmt.Errorf("PT_INTERP of %d bytes", p.Filesz)
			}
			b, err := readAt(r, p.Off, int(p.Filesz))
			if err != nil {
				return fmt.Errorf("PT_INTERP: %w", err)
			}
			name, _, ok := bytes.Cut(b, []byte{0})
			if !ok {
				return errors.New("PT_INTERP does not end in NUL")
			}
			o.Interp = string(name)
		case elf.PT_GNU_STACK:
			stack = true
			o.ExecStack = elf.ProgFlag(p.Flags)&elf.PF_X != 0
		case elf.PT_DYNAMIC:
			if err := o.readDynamic(r, *p); err != nil {
				return fmt.Errorf("dynamic section: %w", err)
			}
		}
	}
	if o.Dynamic && !stack {
		o.ExecStack = abis[o.Machine].execStack
	}
	return nil
}

func (o *Object) readDynamic(r io.ReaderAt, p prog) error {
	n := int(min(p.Filesz/dynSize, maxDynamic))
	table, err := readAt(r, p.Off, n*dynSize)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	o.Dynamic, o.dynOff = true, int64(p.Off)
	used, needed := 0, 0
	for used < n && le.Uint64(table[used*dynSize:]) != uint64(elf.DT_NULL) {
		if le.Uint64(table[used*dynSize:]) == uint64(elf.DT_NEEDED) {
			needed++
		}
		used++
	}
	o.dyn = slices.Grow(o.dyn[:0], used+1)
	if needed > 0 {
		o.Needed = make([]string, 0, needed)
	}
	strtab, ended := false, false
	for i := range n {
		d := elf.Dyn64{Tag: int64(le.Uint64(table[i*dynSize:])), Val: le.Uint64(table[i*dynSize+8:])}
		o.dyn = append(o.dyn, d)
		if ended = elf.DynTag(d.Tag) == elf.DT_NULL; ended {
			break
		}
		if elf.DynTag(d.Tag) == elf.DT_STRTAB {
			o.strtab, strtab = d.Val, true
		}
	}
	switch {
	case ended:
		o.spare = len(zeros(table[len(o.dyn)*dynSize:])) / dynSize
	case n == maxDynamic:
		return errors.New("no DT_NULL")
	default:
		// GNU ld without spare entries makes none: loaders read on into the
		// global offset table, where nothing means anything to them.
		o.dyn = append(o.dyn, elf.Dyn64{})
	}
	if s, ok := r.(*source); ok && strtab {
		o.readAhead(s)
	}
	last := piece{budget: maxStrings, size: 512}
	for _, d := range o.dyn {
		switch elf.DynTag(d.Tag) {
		case elf.DT_NEEDED, elf.DT_SONAME, elf.DT_RPATH, elf.DT_RUNPATH, elf.DT_AUXILIARY, elf.DT_FILTER:
			if !strtab {
				return errors.New("no DT_STRTAB")
			}
			s, err := o.str(r, d.Val, &last)
			if err != nil {
				return fmt.Errorf("string of %v: %w", elf.DynTag(d.Tag), err)
			}
			switch elf.DynTag(d.Tag) {
			case elf.DT_NEEDED:
				o.Needed = append(o.Needed, s)
			case elf.DT_SONAME:
				o.Soname = s
			case elf.DT_RPATH:
				o.Rpath = s
			case elf.DT_RUNPATH:
				o.Runpath, o.hasRunpath = s, true
			case elf.DT_AUXILIARY, elf.DT_FILTER:
				o.Filters = append(o.Filters, Filter{s, elf.DynTag(d.Tag) == elf.DT_AUXILIARY})
			}
		case elf.DT_FLAGS_1:
			o.NoDefault = elf.DynFlag1(d.Val)&elf.DF_1_NODEFLIB != 0
			o.isPIE = elf.DynFlag1(d.Val)&elf.DF_1_PIE != 0
		case elf.DT_TEXTREL:
			o.TextRel = true
		case elf.DT_FLAGS:
			o.TextRel = o.TextRel || elf.DynFlag(d.Val)&elf.DF_TEXTREL != 0
		}
	}
	return nil
}

// readAhead reads at once what lies close together in most files: the strings
// that the dynamic section names, the version tables, which linkers put after
// the string table, and the names of versions.
func (o *Object) readAhead(s *source) {
	start, end := uint64(math.MaxUint64), uint64(0)
	for _, d := range o.dyn {
		switch elf.DynTag(d.Tag) {
		case elf.DT_NEEDED, elf.DT_SONAME, elf.DT_RPATH, elf.DT_RUNPATH:
			start, end = min(start, o.strtab+d.Val), max(end, o.strtab+d.Val+256)
		case elf.DT_VERNEED, elf.DT_VERDEF:
			start, end = min(start, d.Val), max(end, d.Val+512)
		}
	}
	for i := range o.progs {
		p := &o.progs[i]
		if elf.ProgType(p.Type) != elf.PT_LOAD || start < p.Vaddr || start-p.Vaddr >= p.Filesz {
			continue
		}
		off, n := p.Off+(start-p.Vaddr), min(end, p.Vaddr+p.Filesz)-start
		if n <= maxAhead && uint64(len(s.cached(off))) < n {
			s.ahead(off, int(n))
		}
		return
	}
}

// piece is the part of a string table that was read last.
type piece struct {
	off    uint64
	data   []byte
	budget int // bytes of strings that may still be read
	size   int // of the first try
}

// str reads a string of the dynamic string table. Like a loader it takes the
// table's address as a base only and does not look at DT_STRSZ: a string may
// lie anywhere in the file's segments. Names tend to lie close together, so
// the last piece read is kept.
func (o *Object) str(r io.ReaderAt, val uint64, last *piece) (string, error) {
	spend := func(n int) error {
		if last.budget -= n; last.budget < 0 {
			return fmt.Errorf("more than %d bytes of strings", maxStrings)
		}
		return nil
	}
	addr := o.strtab + val
	for i := range o.progs {
		p := &o.progs[i]
		if elf.ProgType(p.Type) != elf.PT_LOAD || addr < p.Vaddr || addr-p.Vaddr >= p.Filesz {
			continue
		}
		off := p.Off + (addr - p.Vaddr)
		room := min(p.Filesz-(addr-p.Vaddr), maxString)
		if s, ok := r.(*source); ok {
			b := s.cached(off)
			if n := bytes.IndexByte(b[:min(uint64(len(b)), room)], 0); n >= 0 {
				return string(b[:n]), spend(n)
			}
		}
		if off >= last.off && off-last.off < uint64(len(last.data)) {
			if s, _, ok := bytes.Cut(last.data[off-last.off:], []byte{0}); ok {
				return string(s), spend(len(s))
			}
		}
		for size := min(room, uint64(last.size)); ; size = room {
			if err := spend(int(size)); err != nil {
				return "", err
			}
			b, err := readAt(r, off, int(size))
			if err != nil {
				return "", err
			}
			last.off, last.data = off, b
			if s, _, ok := bytes.Cut(b, []byte{0}); ok {
				return string(s), spend(len(s))
			}
			if size == room {
				return "", errors.New("does not end")
			}
		}
	}
	return "", fmt.Errorf("address %#x is in no segment", addr)
}

// tag returns the index of the last dynamic entry with the tag, or -1.
func (o *Object) tag(t elf.DynTag) int {
	for i := len(o.dyn) - 1; i >= 0; i-- {
		if elf.DynTag(o.dyn[i].Tag) == t {
			return i
		}
	}
	return -1
}

// Static reports whether the file runs without a dynamic loader.
func (o *Object) Static() bool {
	return o.Interp == "" && (o.Type == elf.ET_EXEC || o.Type == elf.ET_DYN && (!o.Dynamic || o.isPIE))
}

// zeros returns the longest prefix of b that is all zero.
func zeros(b []byte) []byte { return b[:len(b)-len(bytes.TrimLeft(b, "\x00"))] }

// readAt reads exactly n bytes. What it reads of a source is good until that is
// closed.
func readAt(r io.ReaderAt, off uint64, n int) ([]byte, error) {
	if off > math.MaxInt64-uint64(n) {
		return nil, fmt.Errorf("offset %#x is out of range", off)
	}
	if s, ok := r.(*source); ok {
		return s.bytes(off, n)
	}
	if n > maxPiece {
		return readLong(r, off, n)
	}
	b := make([]byte, n)
	return b, readFull(r, off, b)
}

func readFull(r io.ReaderAt, off uint64, b []byte) error {
	if got, err := r.ReadAt(b, int64(off)); got < len(b) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}

// maxPiece is how much memory is taken on the word of a file alone.
const maxPiece = 1 << 16

// readLong takes memory as the bytes come.
func readLong(r io.ReaderAt, off uint64, n int) ([]byte, error) {
	b, err := io.ReadAll(io.NewSectionReader(r, int64(off), int64(n)))
	if err == nil && len(b) < n {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}
