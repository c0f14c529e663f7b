package bundler

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
)

// versions are the symbol versions of a file (DT_VERDEF and DT_VERNEED, the
// GNU extension of the gABI).
type versions struct {
	defined []string
	needed  []*versionNeed
}

// versionNeed are the versions that a file asks of one library, without those
// that it can do without (VER_FLG_WEAK).
type versionNeed struct {
	library string
	names   []string

	last atomic.Pointer[verdict] // on the library that was looked at last
}

type verdict struct {
	library *file
	missing []string
}

// missingOf returns the versions that a library does not define. One that
// defines none at all serves every version.
func (n *versionNeed) missingOf(library *file) []string {
	if last := n.last.Load(); last != nil && last.library == library {
		return last.missing
	}
	now := &verdict{library: library}
	defined := library.symbolVersions().defined
	for _, name := range n.names {
		if len(defined) > 0 && !slices.Contains(defined, name) {
			now.missing = append(now.missing, name)
		}
	}
	n.last.Store(now)
	return now.missing
}

// missingVersions returns the versions that the edge's library lacks.
func (e Edge) missingVersions() []string {
	for _, n := range e.From.file.symbolVersions().needed {
		if n.library == e.Name {
			return n.missingOf(e.To.file)
		}
	}
	return nil
}

// maxVersions bounds how many entries of a table are read.
const maxVersions = 1 << 14

// versionReader reads version tables out of a file's segments, a large piece
// at a time.
type versionReader struct {
	*Object
	r              io.ReaderAt
	tables         []byte
	at             uint64 // address of tables
	libraries, str piece
	left           int // entries that may still be read
}

// readVersions reads the symbol versions of a file as a loader does: by the
// tables that its dynamic section names.
func (o *Object) readVersions(r io.ReaderAt) (*versions, error) {
	v := &versions{}
	m := &versionReader{Object: o, r: r, left: maxVersions}
	m.libraries = piece{budget: maxStrings, size: 2 << 10}
	m.str = m.libraries
	if at, ok := o.value(elf.DT_VERNEED); ok {
		if err := m.needs(at, v); err != nil {
			return v, fmt.Errorf("%v: %w", elf.DT_VERNEED, err)
		}
	}
	if at, ok := o.value(elf.DT_VERDEF); ok {
		if err := m.definitions(at, v); err != nil {
			return v, fmt.Errorf("%v: %w", elf.DT_VERDEF, err)
		}
	}
	return v, nil
}

func (m *versionReader) needs(at uint64, v *versions) error {
	le := binary.LittleEndian
	for {
		b, err := m.entry(at, 16)
		if err != nil {
			return err
		}
		count, name, first, next := le.Uint16(b[2:]), le.Uint32(b[4:]), le.Uint32(b[8:]), le.Uint32(b[12:])
		n := &versionNeed{}
		if n.library, err = m.Object.str(m.r, uint64(name), &m.libraries); err != nil {
			return err
		}
		for aux := at + uint64(first); count > 0; count-- {
			if b, err = m.entry(aux, 16); err != nil {
				return err
			}
			step := le.Uint32(b[12:])
			if elf.DynamicVersionFlag(le.Uint16(b[4:]))&elf.VER_FLG_WEAK == 0 {
				s, err := m.Object.str(m.r, uint64(le.Uint32(b[8:])), &m.str)
				if err != nil {
					return err
				}
				n.names = append(n.names, s)
			}
			if step == 0 {
				break
			}
			aux += uint64(step)
		}
		v.needed = append(v.needed, n)
		if next == 0 {
			return nil
		}
		at += uint64(next)
	}
}

func (m *versionReader) definitions(at uint64, v *versions) error {
	le := binary.LittleEndian
	for {
		b, err := m.entry(at, 20)
		if err != nil {
			return err
		}
		first, next := le.Uint32(b[12:]), le.Uint32(b[16:])
		if b, err = m.entry(at+uint64(first), 8); err != nil {
			return err
		}
		s, err := m.Object.str(m.r, uint64(le.Uint32(b)), &m.str)
		if err != nil {
			return err
		}
		v.defined = append(v.defined, s)
		if next == 0 {
			return nil
		}
		at += uint64(next)
	}
}

// entry returns n bytes at an address of the memory image.
func (m *versionReader) entry(at uint64, n int) ([]byte, error) {
	if m.left--; m.left < 0 {
		return nil, fmt.Errorf("more than %d entries", maxVersions)
	}
	if at >= m.at && at-m.at <= uint64(len(m.tables)) && uint64(len(m.tables))-(at-m.at) >= uint64(n) {
		return m.tables[at-m.at:][:n], nil
	}
	for _, p := range m.progs {
		if elf.ProgType(p.Type) != elf.PT_LOAD || at < p.Vaddr || at-p.Vaddr >= p.Filesz {
			continue
		}
		room := p.Filesz - (at - p.Vaddr)
		if room < uint64(n) {
			break
		}
		off := p.Off + (at - p.Vaddr)
		if s, ok := m.r.(*source); ok {
			if b := s.cached(off); len(b) >= n {
				return b[:n], nil
			}
		}
		// Entries that point far apart cost a small read each.
		size := uint64(n)
		if m.tables == nil || at > m.at && at-m.at <= 1<<10 {
			size = min(room, 1<<10)
		}
		b, err := readAt(m.r, off, int(size))
		if err != nil && size > uint64(n) {
			b, err = readAt(m.r, off, n)
		}
		if err != nil {
			return nil, err
		}
		m.tables, m.at = b, at
		return b[:n], nil
	}
	return nil, fmt.Errorf("address %#x is in no segment", at)
}

// value returns the value of the last dynamic entry with the tag.
func (o *Object) value(t elf.DynTag) (uint64, bool) {
	if i := o.tag(t); i >= 0 {
		return o.dyn[i].Val, true
	}
	return 0, false
}
