package bundler

import (
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// Sealer makes the ELF files of a tree use the loader and the libraries of the
// tree only. It patches in place: PT_INTERP, DT_RPATH, DT_RUNPATH, PT_GNU_STACK,
// and the constants of the loader and the C library in Prefix/lib. No
// byte moves, and files that need no patch are not touched, so that sealing a
// sealed tree changes nothing.
type Sealer struct {
	Prefix  string      // absolute, for example "/openhands"
	Machine elf.Machine // files of others are left alone

	// InPlace writes the patches into the files instead of replacing each by a
	// patched copy: for a tree that nothing else reads or writes meanwhile.
	// What an error interrupts is written back, what a crash interrupts is not.
	// Files that run, that may not be written to, or that have hard links
	// outside the tree are replaced all the same.
	InPlace bool
}

// SealReport says what sealing did. Paths are those inside the tree.
type SealReport struct {
	Sealed  int        `json:"sealed"`            // files that were patched
	Already int        `json:"already"`           // dynamic files that needed no patch
	Refused []*Refusal `json:"refused,omitempty"` // files that cannot be sealed
	Static  []string   `json:"static,omitempty"`  // left alone: no dynamic loader involved, or relocatable
	Foreign []string   `json:"foreign,omitempty"` // left alone: another machine or another C library
	Notes   []Note     `json:"notes,omitempty"`   // patches that had no room, stacks that were executable
	Scripts []Note     `json:"scripts,omitempty"` // scripts whose interpreter is outside Prefix
}

// Note is a remark on one file.
type Note struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// Plan is what sealing a tree will do to its files.
type Plan struct {
	Report  *SealReport `json:"report"` // as Seal would return it
	Patches []Patch     `json:"edits"`  // by path and offset

	files []*plannedFile
}

type plannedFile struct {
	*scanned
	version version
	patches []Patch
	notes   []string
}

// Seal seals every ELF file below root/Prefix. All patches of all files are
// checked before the first is made; where a file cannot be sealed nothing is
// written. Each file is replaced as a whole: an error on the way leaves it as
// it was or sealed. The error holds a *Refusal for every file that is refused;
// the report then comes with it.
func (s *Sealer) Seal(ctx context.Context, root string) (*SealReport, error) {
	plan, err := s.Plan(ctx, root)
	if err != nil {
		return nil, err
	}
	if err := plan.Err(); err != nil {
		return plan.Report, err
	}
	return plan.Report, plan.apply(ctx, s.InPlace)
}

// Plan returns what Seal would do and changes nothing. Files that cannot be
// sealed are in the report, they are no error.
func (s *Sealer) Plan(ctx context.Context, root string) (*Plan, error) {
	if _, ok := abis[s.Machine]; !ok {
		return nil, fmt.Errorf("sealing for %v is not supported", s.Machine)
	}
	prefix, err := CleanPrefix(s.Prefix)
	if err != nil {
		return nil, fmt.Errorf("sealing %s: %w", root, err)
	}
	s = &Sealer{Prefix: prefix, Machine: s.Machine, InPlace: s.InPlace}
	files, err := scan(ctx, root, s.Prefix)
	if err != nil {
		return nil, fmt.Errorf("sealing %s: %w", root, err)
	}
	report := &SealReport{}
	plan := &Plan{Report: report, Patches: []Patch{}}
	for _, f := range files {
		switch {
		case f.broken != nil:
			report.Notes = append(report.Notes, Note{f.path, f.broken.Error() + "; left alone: remove the file or put a whole one in its place"})
		case f.script != "":
			if !strings.HasPrefix(f.script, s.Prefix+"/") {
				report.Scripts = append(report.Scripts, Note{f.path, f.script})
			}
		case f.object == nil:
		case f.object.Foreign || f.object.Machine != s.Machine || s.otherLibc(f.object):
			report.Foreign = append(report.Foreign, f.path)
		case !f.sealable(s.Machine):
			report.Static = append(report.Static, f.path)
		default:
			plan.files = append(plan.files, &plannedFile{scanned: f})
		}
	}
	err = plan.each(ctx, func(f *plannedFile) error { return s.planFile(f) })
	if err != nil {
		return nil, fmt.Errorf("sealing %s: %w", root, err)
	}
	for _, f := range plan.files {
		if len(f.patches) > 0 {
			report.Sealed++
		} else {
			report.Already++
		}
		for _, text := range f.notes {
			report.Notes = append(report.Notes, Note{f.path, text})
		}
		for _, p := range f.patches {
			p.Path = f.path
			plan.Patches = append(plan.Patches, p)
		}
	}
	slices.SortFunc(report.Notes, func(a, b Note) int { return strings.Compare(a.Path+a.Text, b.Path+b.Text) })
	return plan, nil
}

// apply makes the patches.
func (p *Plan) apply(ctx context.Context, inPlace bool) error {
	err := p.each(ctx, func(f *plannedFile) error {
		if len(f.patches) == 0 {
			return nil
		}
		if inPlace {
			err := patchInPlace(f.host, f.version, f.patches, f.links)
			if !errors.Is(err, unix.ETXTBSY) && !errors.Is(err, unix.EACCES) && !errors.Is(err, errShared) {
				return err
			}
		}
		return replace(f.host, f.version, f.patches, f.links)
	})
	if err != nil {
		return err
	}
	p.Report.Sealed -= len(p.Report.Refused)
	return p.Err()
}

// Err returns the files that cannot be sealed, each a *Refusal, as one error.
func (p *Plan) Err() error {
	errs := make([]error, len(p.Report.Refused))
	for i, r := range p.Report.Refused {
		errs[i] = r
	}
	return errors.Join(errs...)
}

// each calls do for every file. Where it fails the file leaves the plan for
// the list of refused ones; the others go on.
func (p *Plan) each(ctx context.Context, do func(*plannedFile) error) error {
	refused := make([]*Refusal, len(p.files))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, f := range p.files {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := do(f); err != nil {
				refused[i] = refusal(f.path, err)
			}
			return nil
		})
	}
	err := g.Wait()
	var kept []*plannedFile
	for i, f := range p.files {
		if refused[i] != nil {
			p.Report.Refused = append(p.Report.Refused, refused[i])
		} else {
			kept = append(kept, f)
		}
	}
	p.files = kept
	return err
}

// otherLibc reports whether a program wants a loader that ours cannot stand in for.
func (s *Sealer) otherLibc(o *Object) bool {
	return o.Interp != "" && o.Interp != s.Prefix+interpName && path.Base(o.Interp) != abis[s.Machine].loader
}

// planFile fills in the patches of one file.
func (s *Sealer) planFile(f *plannedFile) error {
	r, err := tree.Open(f.host)
	if err != nil {
		return err
	}
	defer r.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(r.Fd()), &st); err != nil {
		return err
	}
	f.version = versionOf(&st)
	if st.Size != f.size {
		return errChanged
	}
	f.patches, f.notes, err = s.patches(r, f.scanned)
	return err
}

// errContradiction is the error for a file whose structures lie in each other,
// so that one patch would undo another.
var errContradiction = &remedied{errors.New("the parts of the file overlap"), "build the file anew: no linker makes such a one"}

// patches returns the patches that seal one dynamically linked file, by offset,
// and remarks on it. That they fit the file is checked. That they seal it is
// proved: the file is parsed again with the patches made, and nothing is then
// left to decide.
func (s *Sealer) patches(r io.ReaderAt, f *scanned) ([]Patch, []string, error) {
	patches, notes, err := s.decide(r, f)
	if err != nil || len(patches) == 0 {
		return nil, notes, err
	}
	slices.SortFunc(patches, func(a, b Patch) int { return cmp.Compare(a.Offset, b.Offset) })
	if err := checkPatches(r, patches); err != nil {
		return nil, nil, err
	}
	after, sealed := patched{r, patches}, *f
	if sealed.object, err = ReadObject(after); err != nil {
		return nil, nil, errContradiction
	}
	if again, _, err := s.decide(after, &sealed); err != nil || len(again) > 0 {
		return nil, nil, errContradiction
	}
	return patches, notes, nil
}

// decide returns what has to be patched of one file, in no order, and remarks
// on it.
func (s *Sealer) decide(r io.ReaderAt, f *scanned) (patches []Patch, notes []string, err error) {
	o, a := f.object, abis[s.Machine]
	for _, p := range o.progs {
		switch elf.ProgType(p.Type) {
		case elf.PT_INTERP:
			to := s.Prefix + interpName
			size := uint64(len(to)) + 1
			if o.Interp == to && p.Filesz == size {
				break
			}
			if size > p.Filesz {
				return nil, nil, &remedied{fmt.Errorf("no room for the interpreter %s in %d bytes", to, p.Filesz),
					"link it again with the interpreter " + a.interp + ", or choose a shorter prefix"}
			}
			old, err := readAt(r, p.Off, int(p.Filesz))
			if err != nil {
				return nil, nil, err
			}
			padded := make([]byte, len(old))
			copy(padded, to)
			// Not every reader ends the string at its first NUL.
			patches = append(patches, Patch{Offset: int64(p.Off), Old: old, New: padded, Reason: "interpreter"},
				Patch{Offset: p.at + 32, Old: append(le64(p.Filesz), le64(p.Memsz)...), New: append(le64(size), le64(size)...), Reason: "the interpreter's segment shrinks"})
		case elf.PT_GNU_STACK:
			if o.ExecStack {
				flags := elf.ProgFlag(p.Flags)
				patches = append(patches, Patch{Offset: p.at + 4, Old: le32(uint32(flags)), New: le32(uint32(flags &^ elf.PF_X)), Reason: "stack not executable"})
				notes = append(notes, "asked for an executable stack")
			}
		}
	}
	if s.own(f) && (o.Soname == a.loader || o.Soname == libcSoname) {
		more, err := constantPatches(r, f.size, s.Machine, o.Soname, s.Prefix)
		if err != nil {
			return nil, nil, err
		}
		patches = append(patches, more...)
	}
	more, note, err := s.rpathPatches(r, f)
	if err != nil {
		return nil, nil, err
	}
	if note != "" {
		notes = append(notes, note)
	}
	return append(patches, more...), notes, nil
}

// rpathPatches returns the patches of the dynamic section. Elements of DT_RPATH or
// DT_RUNPATH that lie in the prefix are kept, as DT_RPATH; others are dropped.
// Programs get Prefix/lib added, so that they find their libraries even under
// a loader that obeys LD_LIBRARY_PATH. Libraries need none: they inherit the
// program's, and Prefix/lib is the loader's default.
func (s *Sealer) rpathPatches(r io.ReaderAt, f *scanned) ([]Patch, string, error) {
	o := f.object
	old, tag := o.Runpath, elf.DT_RUNPATH
	if i := o.tag(elf.DT_RUNPATH); i < 0 {
		old, tag = o.Rpath, elf.DT_RPATH
	}
	at := o.tag(tag)
	kept, err := s.keepAll(old, f)
	if err != nil {
		return nil, "", err
	}
	want := slices.Clone(kept)
	lib := s.Prefix + libFolder
	if o.Interp != "" && !slices.Contains(want, lib) && !s.own(f) {
		want = append(want, lib)
	}
	dyn := slices.Clone(o.dyn)
	note := ""
	var patches []Patch
	value, found := uint64(0), len(want) == 0
	for _, list := range [][]string{want, kept} {
		if found || len(list) == 0 {
			break
		}
		value, patches, found, err = s.stringOffset(r, f, strings.Join(list, ":"), old, at)
		if err != nil {
			return nil, "", err
		}
		if found {
			want = list
			break
		}
		note = "no room for DT_RPATH " + strings.Join(list, ":")
	}
	covered := "; the default directories of " + s.Prefix + interpName + " cover " + lib
	switch {
	case !found && len(kept) > 0:
		return nil, note + fmt.Sprintf("; the old one, %s, stays: link the file again with a search path below %s only", old, s.Prefix), nil
	case !found:
		want, note = nil, note+covered
	case note != "":
		note += covered
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
			return nil, "no room for DT_RPATH in the dynamic section" + covered, nil
		}
		dyn[i] = elf.Dyn64{Tag: int64(elf.DT_RPATH), Val: value}
	}
	return append(patches, dynamicPatches(o, dyn)...), note, nil
}

// dynamicPatches returns the patches that make dyn the dynamic section of o, one
// for each run of entries that differ.
func dynamicPatches(o *Object, dyn []elf.Dyn64) []Patch {
	before, after := o.dyn, dyn
	for len(before) < len(after) {
		before = append(before[:len(before):len(before)], elf.Dyn64{})
	}
	for len(after) < len(before) {
		after = append(after, elf.Dyn64{})
	}
	var patches []Patch
	for i := 0; i < len(before); i++ {
		first := i
		for i < len(before) && before[i] != after[i] {
			i++
		}
		if i > first {
			patches = append(patches, Patch{Offset: o.dynOff + int64(first)*dynSize, Old: encodeDynamic(before[first:i]), New: encodeDynamic(after[first:i]), Reason: "dynamic section: search path"})
		}
	}
	return patches
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
		if strings.Contains(dir, "$") || !tree.Within(path.Clean(dir), s.Prefix) || slices.Contains(kept, element) {
			continue
		}
		kept = append(kept, element)
	}
	return kept
}

// keepAll is keep for every hard link of a file, which must agree: the file has
// one search path.
func (s *Sealer) keepAll(list string, f *scanned) ([]string, error) {
	kept := s.keep(list, path.Dir(f.path))
	for _, l := range f.links {
		if other := s.keep(list, path.Dir(l.path)); !slices.Equal(kept, other) {
			return nil, &remedied{fmt.Errorf("the search path %s keeps %q for it and %q for its hard link %s", list, kept, other, l.path),
				"make one of the two a symbolic link or a file of its own"}
		}
	}
	return kept, nil
}

// own reports whether one of a file's names is in Prefix/lib.
func (s *Sealer) own(f *scanned) bool {
	return slices.ContainsFunc(f.locations(), func(p location) bool { return path.Dir(p.path) == s.Prefix+libFolder })
}

// stringOffset finds a string table offset for a search path: the old string where it
// ends in the wanted one, any equal string of the table, or new bytes in the
// padding after a read-only segment, which the returned patches add.
func (s *Sealer) stringOffset(r io.ReaderAt, f *scanned, want, old string, at int) (uint64, []Patch, bool, error) {
	o := f.object
	if at >= 0 && strings.HasSuffix(old, want) {
		return o.dyn[at].Val + uint64(len(old)-len(want)), nil, true, nil
	}
	text := append([]byte(want), 0)
	if i := o.tag(elf.DT_STRSZ); i >= 0 && o.dyn[i].Val < 4<<20 {
		if off, ok := o.offset(o.strtab); ok && inFile(off, o.dyn[i].Val, f.size) {
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
	return p.Vaddr + p.Filesz - o.strtab, []Patch{
		{Offset: int64(p.end()), Old: make([]byte, len(text)), New: text, Reason: "string " + want},
		{Offset: p.at + 32, Old: append(le64(p.Filesz), le64(p.Memsz)...), New: append(le64(grown), le64(grown)...), Reason: "the segment of the string grows"},
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
	used, err := o.extents(r, size)
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

// inFile reports whether n bytes at off lie in a file of the given size.
func inFile(off, n uint64, size int64) bool {
	return off <= uint64(size) && n <= uint64(size)-off
}

// extent is a range of file offsets.
type extent struct{ start, end uint64 }

// extents returns what the headers, segments and sections occupy in the file.
func (o *Object) extents(r io.ReaderAt, size int64) ([]extent, error) {
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
	if !inFile(o.shoff, uint64(o.shnum)*shdrSize, size) {
		return nil, fmt.Errorf("section headers: %w", io.ErrUnexpectedEOF)
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
