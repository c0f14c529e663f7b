package bundler

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// found is the outcome of a search.
type found struct {
	entry  Entry
	file   *file // nil: not found
	via    Via
	err    error // why the loader gives up
	broken []Note
}

// find searches a name that no loaded object answers to, on behalf of from in
// the closure of program. What it returns is good until the next search.
func (r *Resolver) find(from, program *Loaded, name string) *found {
	r.search = found{}
	f := &r.search
	switch {
	case strings.Contains(name, "/"):
		if d, base := path.Split(name); base != "" {
			for _, d := range r.directories(d, false) {
				r.try(f, ViaPath, d, base)
			}
		}
	case r.loader.Musl:
		r.findMusl(f, from, program, name)
	default:
		return r.findGlibc(f, from, program, name)
	}
	return f
}

// findGlibc searches as _dl_map_object (elf/dl-load.c) does.
func (r *Resolver) findGlibc(f *found, from, program *Loaded, name string) *found {
	search := func(via Via, list, separators string, owner *Loaded) bool {
		if list == "" {
			return false
		}
		t := r.tokens(owner)
		for element := range fields(list, separators) {
			if !r.look() {
				return false
			}
			dir, ok := t.expand(element)
			if !ok || dir == "" && element != "" {
				continue
			}
			for _, d := range r.directories(dir, true) {
				if r.try(f, via, d, name) {
					return f.file != nil || f.err != nil
				}
			}
		}
		return false
	}
	if !from.Object.hasRunpath {
		for l := from; l != nil; l = l.loader { // ends with the program
			if !l.Object.hasRunpath && search(ViaRpath, l.Object.Rpath, ":", l) {
				return f
			}
		}
	}
	if search(ViaLibraryPath, r.loader.LibraryPath, ":;", program) || search(ViaRunpath, from.Object.Runpath, ":", from) {
		return f
	}
	// The rest is the same for all who ask.
	key := name
	if from.Object.NoDefault {
		key += "/"
	}
	rest, ok := r.common[key]
	if !ok {
		rest = &found{}
		r.findCommon(rest, from.Object.NoDefault, name)
		r.common[key] = rest
	}
	if len(f.broken) == 0 {
		return rest
	}
	f.entry, f.file, f.via, f.err = rest.entry, rest.file, rest.via, rest.err
	f.broken = append(f.broken, rest.broken...)
	return f
}

// findCommon searches the cache and the default directories. DF_1_NODEFLIB
// excludes the default directories, in the cache too.
func (r *Resolver) findCommon(f *found, noDefault bool, name string) {
	f.broken = append(f.broken, r.loader.Broken...)
	if p, ok := r.loader.Cache.Lookup(name, r.loader.Machine, r.loader.Hwcaps); ok && !(noDefault && r.isDefault(p)) {
		if d := r.view.dir(path.Dir(p)); d != nil && r.try(f, ViaCache, d, path.Base(p)) && (f.file != nil || f.err != nil) {
			return
		}
	}
	if noDefault {
		return
	}
	for _, dir := range r.loader.Dirs {
		for _, d := range r.directories(dir, true) {
			if r.try(f, ViaDefault, d, name) {
				return
			}
		}
	}
}

func (r *Resolver) isDefault(p string) bool {
	for _, dir := range r.loader.Dirs {
		if strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return false
}

// fields splits a search path. An empty path has no elements, but between
// separators the empty element stands for the working directory.
func fields(list, separators string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if list == "" {
			return
		}
		for {
			i := strings.IndexAny(list, separators)
			if i < 0 {
				yield(list)
				return
			}
			if !yield(list[:i]) {
				return
			}
			list = list[i+1:]
		}
	}
}

func (r *Resolver) tokens(l *Loaded) tokens {
	return tokens{path.Dir(l.Path), r.loader.Lib, r.loader.Platform}
}

// directories returns the directories to look into for an element of a search
// path: those for the CPU that exist, then its own.
func (r *Resolver) directories(dir string, hwcaps bool) []*directory {
	if !strings.HasPrefix(dir, "/") {
		if r.loader.Cwd == "" {
			return nil
		}
		dir = r.loader.Cwd + "/" + dir
	}
	if !hwcaps || len(r.loader.Hwcaps) == 0 || r.loader.Musl {
		if d := r.view.dir(dir); d != nil {
			return []*directory{d}
		}
		return nil
	}
	list, ok := r.dirs[dir]
	if ok {
		return list
	}
	if own := r.view.dir(dir); own != nil {
		for _, h := range r.loader.Hwcaps {
			if d := r.view.dir(dir + "/" + h); d != nil {
				list = append(list, d)
			}
		}
		list = append(list, own)
	}
	r.dirs[dir] = list
	return list
}

// try looks for name in one directory and reports whether the search of the
// path that the directory is part of ends here: with a file, with an error, or,
// at a cyclic link, with neither.
func (r *Resolver) try(f *found, via Via, d *directory, name string) bool {
	e, err := r.view.in(d, name)
	if err != nil {
		if _, there := d.names[name]; there {
			f.broken = append(f.broken, Note{path.Join(d.path, name), linkFault(err)})
		}
		return errors.Is(err, errLinks)
	}
	lib := r.files.get(e.Host)
	skip, err := unusable(lib, r.loader)
	if skip {
		return false
	}
	f.via = via
	if err != nil {
		f.via, f.err = 0, fmt.Errorf("%s: %w", e.Path, err)
		return true
	}
	f.entry, f.file = e, lib
	return true
}

func linkFault(err error) string {
	if errors.Is(err, errLinks) {
		return "cyclic link"
	}
	return "dangling link"
}

// Why a loader gives up at a file that it has found.
var (
	errBigEndian   = errors.New("ELF file data encoding is not little-endian")
	errExecutable  = errors.New("a program, not a library")
	errNoDynamic   = errors.New("no dynamic section")
	errNotLoadable = errors.New("neither ET_DYN nor ET_EXEC")
	errMachine     = errors.New("for another machine")
)

// unusable reports whether a loader passes over a file as if it were not
// there, or else why it gives up.
func unusable(f *file, l Loader) (skip bool, err error) {
	o := f.object
	switch {
	case errors.Is(f.err, fs.ErrPermission), errors.Is(f.err, fs.ErrNotExist):
		return true, nil
	case o == nil:
		return false, f.err
	case o.Foreign && o.Class == elf.ELFCLASS64:
		return false, errBigEndian
	case o.Foreign, l.Machine != 0 && o.Machine != l.Machine:
		if l.Musl {
			return false, errMachine
		}
		return true, nil
	case f.err != nil:
		return false, f.err
	case o.Type != elf.ET_DYN && o.Type != elf.ET_EXEC:
		return false, errNotLoadable
	case !o.Dynamic:
		return false, errNoDynamic
	case !l.Musl && (o.Type == elf.ET_EXEC || o.isPIE):
		return false, errExecutable
	}
	return false, nil
}
