package bundler

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Sealer makes the ELF files of a tree use the loader and the libraries of the
// tree only. It edits in place: PT_INTERP, DT_RPATH, DT_RUNPATH, PT_GNU_STACK,
// and the constants of the loader and the C library in Prefix/lib. No
// byte moves, and files that need no edit are not touched, so that sealing a
// sealed tree changes nothing.
type Sealer struct {
	Prefix  string      // absolute, for example "/openhands"
	Machine elf.Machine // files of others are left alone
}

// SealReport says what sealing did. Paths are those inside the tree.
type SealReport struct {
	Sealed  int      `json:"sealed"`            // files that were edited
	Already int      `json:"already"`           // dynamic files that needed no edit
	Static  []string `json:"static,omitempty"`  // left alone: no dynamic loader involved, or relocatable
	Foreign []string `json:"foreign,omitempty"` // left alone: another machine or another C library
	Notes   []Note   `json:"notes,omitempty"`   // edits that had no room, stacks that were executable
	Scripts []Note   `json:"scripts,omitempty"` // scripts whose interpreter is outside Prefix
}

// Note is a remark on one file.
type Note struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// Seal seals every ELF file below root/Prefix. All edits of a file are checked
// before it is replaced; an error stops the work and leaves each file either
// as it was or sealed.
func (s *Sealer) Seal(ctx context.Context, root string) (*SealReport, error) {
	files, err := scan(ctx, root, s.Prefix)
	if err != nil {
		return nil, fmt.Errorf("sealing %s: %w", root, err)
	}
	report := &SealReport{}
	var mu sync.Mutex
	var failed []error
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, f := range files {
		switch {
		case f.broken != nil:
			report.Notes = append(report.Notes, Note{f.path, f.broken.Error()})
			continue
		case f.script != "":
			if !strings.HasPrefix(f.script, s.Prefix+"/") {
				report.Scripts = append(report.Scripts, Note{f.path, f.script})
			}
			continue
		case f.object == nil:
			continue
		case f.object.Foreign || f.object.Machine != s.Machine || s.otherLibc(f.object):
			report.Foreign = append(report.Foreign, f.path)
			continue
		case !f.sealable(s.Machine):
			report.Static = append(report.Static, f.path)
			continue
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			edited, notes, err := s.sealFile(f)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, fmt.Errorf("sealing %s: %w", f.path, err))
			}
			if edited {
				report.Sealed++
			} else {
				report.Already++
			}
			for _, text := range notes {
				report.Notes = append(report.Notes, Note{f.path, text})
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(report.Notes, func(a, b Note) int { return strings.Compare(a.Path+a.Text, b.Path+b.Text) })
	return report, errors.Join(failed...)
}

// otherLibc reports whether a program wants a loader that ours cannot stand in for.
func (s *Sealer) otherLibc(o *Object) bool {
	return o.Interp != "" && o.Interp != s.Prefix+interpName && path.Base(o.Interp) != abis[s.Machine].loader
}

func (s *Sealer) sealFile(f *scanned) (edited bool, notes []string, err error) {
	r, err := os.Open(f.host)
	if err != nil {
		return false, nil, err
	}
	defer r.Close()
	patches, notes, err := s.plan(r, f)
	if err != nil {
		return false, notes, err
	}
	return len(patches) > 0, notes, edit(f.host, patches, f.links)
}

// plan returns the edits that seal one dynamically linked file.
func (s *Sealer) plan(r io.ReaderAt, f *scanned) (patches []patch, notes []string, err error) {
	o, a := f.object, abis[s.Machine]
	for _, p := range o.progs {
		switch elf.ProgType(p.Type) {
		case elf.PT_INTERP:
			to := s.Prefix + interpName
			if o.Interp == to {
				break
			}
			if uint64(len(to)) >= p.Filesz {
				return nil, nil, fmt.Errorf("no room for the interpreter %s in %d bytes", to, p.Filesz)
			}
			old, err := readAt(r, p.Off, int(p.Filesz))
			if err != nil {
				return nil, nil, err
			}
			padded := make([]byte, len(old))
			copy(padded, to)
			patches = append(patches, patch{int64(p.Off), old, padded})
		case elf.PT_GNU_STACK:
			if o.ExecStack {
				flags := elf.ProgFlag(p.Flags)
				patches = append(patches, patch{p.at + 4, le32(uint32(flags)), le32(uint32(flags &^ elf.PF_X))})
				notes = append(notes, "asked for an executable stack")
			}
		}
	}
	own := path.Dir(f.path) == s.Prefix+libFolder
	if own && (o.Soname == a.loader || o.Soname == libcSoname) {
		more, err := constantPatches(r, f.size, a, o.Soname, s.Prefix)
		if err != nil {
			return nil, nil, err
		}
		patches = append(patches, more...)
	}
	more, note, err := s.planRpath(r, f)
	if err != nil {
		return nil, nil, err
	}
	if note != "" {
		notes = append(notes, note)
	}
	return append(patches, more...), notes, nil
}

// planRpath returns the edits of the dynamic section. Elements of DT_RPATH or
// DT_RUNPATH that lie in the prefix are kept, as DT_RPATH; others are dropped.
// Programs get Prefix/lib added, so that they find their libraries even under
// a loader that obeys LD_LIBRARY_PATH. Libraries need none: they inherit the
// program's, and Prefix/lib is the loader's default.
func (s *Sealer) planRpath(r io.ReaderAt, f *scanned) ([]patch, string, error) {
	o := f.object
	old, tag := o.Runpath, elf.DT_RUNPATH
	if i := o.tag(elf.DT_RUNPATH); i < 0 {
		old, tag = o.Rpath, elf.DT_RPATH
	}
	at := o.tag(tag)
	kept := s.keep(old, path.Dir(f.path))
	want := slices.Clone(kept)
	lib := s.Prefix + libFolder
	if o.Interp != "" && !slices.Contains(want, lib) && path.Dir(f.path) != lib {
		want = append(want, lib)
	}
	dyn := slices.Clone(o.dyn)
	note := ""
	var patches []patch
	value, found := uint64(0), len(want) == 0
	for _, list := range [][]string{want, kept} {
		if found || len(list) == 0 {
			break
		}
		var grown []patch
		var err error
		value, grown, found, err = s.place(r, f, strings.Join(list, ":"), old, at)
		if err != nil {
			return nil, "", err
		}
		if found {
			patches, want = grown, list
			break
		}
		note = "no room for DT_RPATH " + strings.Join(list, ":")
	}
	if !found && len(kept) > 0 {
		return nil, note + "; the old one stays", nil
	}
	if !found {
		want = nil
	}
	switch {
	case len(want) == 0:
		dyn = slices.DeleteFunc(dyn, isSearchPath)
	case at >= 0:
		dyn[at] = elf.Dyn64{Tag: int64(elf.DT_RPATH), Val: value}
		entry := dyn[at]
		dyn = slices.DeleteFunc(dyn, func(d elf.Dyn64) bool { return isSearchPath(d) && d != entry })
	case o.spare > 0:
		dyn = slices.Insert(dyn, len(dyn)-1, elf.Dyn64{Tag: int64(elf.DT_RPATH), Val: value})
	default:
		// The counts of relative relocations only save the loader time.
		i := max(o.tag(elf.DT_RELACOUNT), o.tag(elf.DT_RELCOUNT))
		if i < 0 {
			return nil, "no room for DT_RPATH in the dynamic section", nil
		}
		dyn[i] = elf.Dyn64{Tag: int64(elf.DT_RPATH), Val: value}
	}
	before, after := encodeDynamic(o.dyn), encodeDynamic(dyn)
	for len(before) < len(after) {
		before = append(before, 0)
	}
	for len(after) < len(before) {
		after = append(after, 0)
	}
	if !bytes.Equal(before, after) {
		patches = append(patches, patch{o.dynOff, before, after})
	}
	return patches, note, nil
}

func isSearchPath(d elf.Dyn64) bool {
	return elf.DynTag(d.Tag) == elf.DT_RPATH || elf.DynTag(d.Tag) == elf.DT_RUNPATH
}

// keep returns the elements of a search path that lie in the prefix for a file
// in origin.
func (s *Sealer) keep(list, origin string) []string {
	var kept []string
	for element := range strings.SplitSeq(list, ":") {
		dir := expandOrigin(element, origin)
		if strings.Contains(dir, "$") || !within(path.Clean(dir), s.Prefix) || slices.Contains(kept, element) {
			continue
		}
		kept = append(kept, element)
	}
	return kept
}

// within reports whether a clean path is dir or lies below it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// place finds a string table offset for a search path: the old string where it
// ends in the wanted one, any equal string of the table, or new bytes in the
// padding after a read-only segment, which the returned patches add.
func (s *Sealer) place(r io.ReaderAt, f *scanned, want, old string, at int) (uint64, []patch, bool, error) {
	o := f.object
	if at >= 0 && strings.HasSuffix(old, want) {
		return o.dyn[at].Val + uint64(len(old)-len(want)), nil, true, nil
	}
	text := append([]byte(want), 0)
	if i := o.tag(elf.DT_STRSZ); i >= 0 && o.dyn[i].Val < 4<<20 {
		if off, ok := o.offset(o.strtab); ok {
			if table, err := readAt(r, off, int(o.dyn[i].Val)); err == nil {
				if at := bytes.Index(table, text); at >= 0 {
					return uint64(at), nil, true, nil
				}
			}
		}
	}
	p, err := o.padding(r, f.size, uint64(len(text)))
	if err != nil || p == nil {
		return 0, nil, false, err
	}
	grown := p.Filesz + uint64(len(text))
	return p.Vaddr + p.Filesz - o.strtab, []patch{
		{int64(p.end()), make([]byte, len(text)), text},
		{p.at + 32, append(le64(p.Filesz), le64(p.Memsz)...), append(le64(grown), le64(grown)...)},
	}, true, nil
}

// offset returns the file offset of a virtual address.
func (o *Object) offset(addr uint64) (uint64, bool) {
	for _, p := range o.progs {
		if elf.ProgType(p.Type) == elf.PT_LOAD && addr >= p.Vaddr && addr-p.Vaddr < p.Filesz {
			return p.Off + (addr - p.Vaddr), true
		}
	}
	return 0, false
}

// padding returns a read-only segment above the string table that can grow by
// n bytes into zero bytes which nothing else of the file or the memory image
// uses, or nil.
func (o *Object) padding(r io.ReaderAt, size int64, n uint64) (*prog, error) {
	used, err := o.extents(r)
	if err != nil {
		return nil, err
	}
	for i := range o.progs {
		p := &o.progs[i]
		if elf.ProgType(p.Type) != elf.PT_LOAD || elf.ProgFlag(p.Flags)&elf.PF_W != 0 ||
			p.Filesz == 0 || p.Filesz != p.Memsz || p.Vaddr+p.Filesz <= o.strtab ||
			p.end() < p.Off || p.end() > uint64(size)-min(n, uint64(size)) {
			continue
		}
		free := !slices.ContainsFunc(used, func(e extent) bool { return e.start < p.end()+n && p.end() < e.end })
		for _, q := range o.progs {
			page := max(q.Align, 1<<12)
			if elf.ProgType(q.Type) == elf.PT_LOAD && q.Vaddr > p.Vaddr && q.Vaddr/page*page < p.Vaddr+p.Memsz+n {
				free = false
			}
		}
		if !free {
			continue
		}
		gap, err := readAt(r, p.end(), int(n))
		if err != nil {
			return nil, err
		}
		if uint64(len(zeros(gap))) == n {
			return p, nil
		}
	}
	return nil, nil
}

// extent is a range of file offsets.
type extent struct{ start, end uint64 }

// extents returns what the headers, segments and sections occupy in the file.
func (o *Object) extents(r io.ReaderAt) ([]extent, error) {
	used := []extent{{0, ehdrSize}, {o.shoff, o.shoff + uint64(o.shnum)*shdrSize}}
	for _, p := range o.progs {
		if p.Filesz > 0 {
			used = append(used, extent{p.Off, p.end()})
		}
		used = append(used, extent{uint64(p.at), uint64(p.at) + phdrSize})
	}
	if o.shoff == 0 || o.shnum == 0 {
		return used, nil
	}
	table, err := readAt(r, o.shoff, o.shnum*shdrSize)
	if err != nil {
		return nil, fmt.Errorf("section headers: %w", err)
	}
	le := binary.LittleEndian
	for i := range o.shnum {
		b := table[i*shdrSize:]
		if kind := elf.SectionType(le.Uint32(b[4:])); kind != elf.SHT_NOBITS && kind != elf.SHT_NULL {
			off := le.Uint64(b[24:])
			used = append(used, extent{off, off + le.Uint64(b[32:])})
		}
	}
	return used, nil
}

func encodeDynamic(dyn []elf.Dyn64) []byte {
	var b []byte
	for _, d := range dyn {
		b = append(append(b, le64(uint64(d.Tag))...), le64(d.Val)...)
	}
	return b
}

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
