package bundler

import (
	"errors"
	"sync"
)

// file is what is known of a file of this machine.
type file struct {
	host     string
	object   *Object // nil where err says why
	err      error
	inode    [2]uint64 // device and inode of a file with several hard links
	versions *versions
	once     sync.Once // of read
}

// files are the files that were read. Hard links are one file, as they are to
// a loader. They are safe for concurrent use.
type files struct {
	mu      sync.Mutex
	byHost  map[string]*file
	byInode map[[2]uint64]*file
	closed  bool // no others are read
}

func newFiles() *files {
	return &files{byHost: map[string]*file{}, byInode: map[[2]uint64]*file{}}
}

// get returns the file at a host path, or another link of it.
func (t *files) get(host string) *file {
	t.mu.Lock()
	f, ok := t.byHost[host]
	if !ok {
		f = &file{host: host}
		if t.closed {
			f.err = ErrNotELF
		}
		t.byHost[host] = f
	}
	t.mu.Unlock()
	f.once.Do(f.read)
	if f.inode == [2]uint64{} {
		return f
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if first := t.byInode[f.inode]; first != nil {
		return first
	}
	t.byInode[f.inode] = f
	return f
}

// read reads the object and the symbol versions of the file.
func (f *file) read() {
	if f.object != nil || f.err != nil {
		return // known from elsewhere
	}
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
	} else {
		f.versions, _ = f.object.readVersions(s)
	}
	if f.object != nil {
		f.object.layout = nil // the source's
	}
}

// symbolVersions returns none for a file that cannot be read. Only a file that
// somebody else has read is read again; those are for one goroutine.
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
