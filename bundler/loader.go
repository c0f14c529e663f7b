package bundler

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Loader is what a dynamic loader goes by when it searches: what it has
// compiled in, and what it reads of the system around it. The zero value of a
// field switches that part of the search off.
type Loader struct {
	Machine elf.Machine // files of others are passed over
	Musl    bool        // search as musl does, not as the GNU C library
	Path    string      // of the loader; it counts as loaded from the beginning

	LibraryPath string   // LD_LIBRARY_PATH
	Cache       *Cache   // of ldconfig(8)
	Broken      []Note   // what of the configuration cannot be used
	Dirs        []string // default directories, in order
	Hwcaps      []string // subdirectories that are tried before each directory itself
	Lib         string   // $LIB
	Platform    string   // $PLATFORM
	Cwd         string   // what relative elements are relative to
}

// Where loaders keep their configuration.
const (
	glibcCache  = "/etc/ld.so.cache"
	muslConfig  = "/etc/ld-musl-"
	muslDefault = "/lib:/usr/local/lib:/usr/lib"
)

// muslArch is how musl spells the machines.
var muslArch = map[elf.Machine]string{elf.EM_X86_64: "x86_64", elf.EM_AARCH64: "aarch64"}

// FindLoader returns the loader that o is started with: its PT_INTERP, or for
// a library the loader of the C library that it needs. Default directories,
// $LIB, hardware-capability folders and the name of the cache are read out of
// the loader's file, so that those of any distribution, and sealed ones, search
// as they really do. Where the loader is not there, Path is empty and the rest
// as a Debian system has it.
func FindLoader(v *View, o *Object, cpu CPU) (Loader, error) {
	a, ok := abis[o.Machine]
	if !ok || o.Foreign {
		return Loader{}, fmt.Errorf("%v for %v: loaders are known for 64-bit amd64 and arm64 only", o.Class, o.Machine)
	}
	for _, name := range interpreters(o, a) {
		e, err := v.Lookup(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Loader{}, fmt.Errorf("the loader: %w", err)
		}
		data, err := readHost(e.Host)
		if err != nil {
			return Loader{}, fmt.Errorf("the loader %s: %w", name, err)
		}
		l := Loader{Machine: o.Machine, Path: name}
		if bytes.Contains(data, []byte(muslConfig)) {
			l.musl(v, data)
			return l, nil
		}
		l.glibc(v, data, cpu)
		return l, nil
	}
	l := Loader{Machine: o.Machine, Dirs: compiledIn(a), Lib: "lib/" + a.triplet, Platform: platform(o.Machine, cpu)}
	l.readCache(v)
	return l, nil
}

// interpreters returns the paths of the loaders that o may be meant for.
func interpreters(o *Object, a abi) []string {
	if o.Interp != "" {
		return []string{o.Interp}
	}
	musl := "/lib/ld-musl-" + muslArch[o.Machine] + ".so.1"
	for _, name := range o.Needed {
		if name == "libc.so" || strings.HasPrefix(name, "libc.musl-") {
			return []string{musl, a.interp}
		}
	}
	return []string{a.interp, musl}
}

func (l *Loader) glibc(v *View, data []byte, cpu CPU) {
	if l.Dirs = systemDirs(data); l.Dirs == nil {
		l.Dirs = compiledIn(abis[l.Machine])
	}
	// DL_DST_LIB is the last part of the directory of the C library.
	l.Lib = l.Dirs[0][strings.LastIndex(l.Dirs[0], "/lib")+1:]
	l.Platform = platform(l.Machine, cpu)
	l.Hwcaps = hwcapFolders(data, l.Machine, cpu)
	if hasString(data, glibcCache) {
		l.readCache(v)
	}
}

// readCache reads the cache. One that cannot be used is passed over, as the
// loader does.
func (l *Loader) readCache(v *View) {
	var err error
	if l.Cache, err = ReadCache(v, glibcCache); err != nil {
		l.Broken = []Note{{glibcCache, err.Error()}}
	}
}

func (l *Loader) musl(v *View, data []byte) {
	l.Musl = true
	l.Dirs = splitMusl(muslDefault)
	// The prefix of the loader's own path is that of its configuration too.
	prefix := strings.TrimSuffix(path.Dir(path.Dir(l.Path)), "/")
	text, err := readText(v, prefix+muslConfig+muslArch[l.Machine]+".path")
	if err == nil {
		l.Dirs = splitMusl(text)
	} else if !errors.Is(err, fs.ErrNotExist) {
		l.Dirs = nil
	}
}

// compiledIn returns Debian's default directories.
func compiledIn(a abi) []string {
	return []string{"/lib/" + a.triplet, "/usr/lib/" + a.triplet, "/lib", "/usr/lib"}
}

// systemDirs returns the default directories of a loader of the GNU C library:
// the strings of its SYSTEM_DIRS, which follow each other and all end in a
// slash.
func systemDirs(data []byte) []string {
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte("/\x00"))
		if i < 0 {
			return nil
		}
		end := at + i + 1
		start := bytes.LastIndexByte(data[:end], 0) + 1
		at = end
		if data[start] != '/' || !bytes.Contains(data[start:end], []byte("lib")) {
			continue
		}
		var dirs []string
		for {
			dir, rest, ok := bytes.Cut(data[start:], []byte{0})
			if !ok || len(dir) < 2 || len(dir) > 1<<12 || dir[0] != '/' || dir[len(dir)-1] != '/' {
				return dirs
			}
			dirs = append(dirs, "/"+strings.Trim(string(dir), "/"))
			start = len(data) - len(rest)
		}
	}
}

// hasString reports whether a NUL-terminated string is among the constants.
func hasString(data []byte, s string) bool { return bytes.Contains(data, []byte("\x00"+s+"\x00")) }
