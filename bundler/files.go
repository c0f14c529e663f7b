package bundler

import "errors"

// file is what is known of a file of this machine.
type file struct {
	host     string
	object   *Object // nil where err says why
	err      error
	inode    [2]uint64 // device and inode of a file with several hard links
	versions *versions
}

// files are the files that were read. Hard links are one file, as they are to
// a loader.
type files struct {
	byHost  map[string]*file
	byInode map[[2]uint64]*file
}

func newFiles() *files {
	return &files{map[string]*file{}, map[[2]uint64]*file{}}
}

// get returns the file at a host path.
func (t *files) get(host string) *file {
	f, ok := t.byHost[host]
	if !ok {
		f = &file{host: host}
		f.read()
		f = t.add(f)
	}
	return f
}

// add keeps a file that has been read, or returns another link of it.
func (t *files) add(f *file) *file {
	first := f
	if f.inode != [2]uint64{} {
		if same := t.byInode[f.inode]; same != nil {
			first = same
		}
		t.byInode[f.inode] = first
	}
	t.byHost[f.host] = first
	return first
}

// read reads the object and the symbol versions of the file.
func (f *file) read() {
	s, err := openSource(f.host)
	if err != nil {
		f.err = err
		return
	}
	defer s.Close()
	if s.st.Nlink > 1 {
		f.inode = [2]uint64{uint64(s.st.Dev), s.st.Ino}
	}
	if f.object, f.err = ReadObject(s); f.err != nil {
		f.err = errors.Join(f.err, s.unchanged())
		return
	}
	f.versions, _ = f.object.readVersions(s)
}

// symbolVersions returns none for a file that cannot be read.
func (f *file) symbolVersions() *versions {
	if f.versions == nil {
		f.versions = &versions{}
		if s, err := openSource(f.host); err == nil {
			defer s.Close()
			f.versions, _ = f.object.readVersions(s)
		}
	}
	return f.versions
}
