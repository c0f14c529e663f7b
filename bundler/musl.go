package bundler

import (
	"path"
	"strings"
)

// muslReserved reports whether a name stands for musl itself, which is all of
// these libraries (load_library in ldso/dynlink.c).
func muslReserved(name string) bool {
	rest, ok := strings.CutPrefix(name, "lib")
	if !ok {
		return false
	}
	for _, part := range []string{"c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."} {
		if strings.HasPrefix(rest, part) {
			return true
		}
	}
	return false
}

// findMusl searches as musl does: DT_RUNPATH counts like DT_RPATH, both are
// inherited by all that a file loads, and LD_LIBRARY_PATH comes first. The
// first file of the name is the only one that is tried.
func (r *Resolver) findMusl(f *found, from, program *Loaded, name string) {
	search := func(via Via, list string) bool {
		for _, dir := range splitMusl(list) {
			for _, d := range r.directories(dir, false) {
				if r.try(f, via, d, name) {
					return true
				}
			}
		}
		return false
	}
	if search(ViaLibraryPath, r.loader.LibraryPath) {
		return
	}
	for l := from; l != nil; l = l.loader {
		list, via := l.Object.Rpath, ViaRpath
		if l.Object.hasRunpath {
			list, via = l.Object.Runpath, ViaRunpath
		}
		if list, ok := muslExpand(list, path.Dir(l.Path)); ok && search(via, list) {
			return
		}
	}
	search(ViaDefault, strings.Join(r.loader.Dirs, ":"))
}

// splitMusl returns the elements of a search path; empty ones mean nothing.
func splitMusl(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ':' || c == '\n' })
}
