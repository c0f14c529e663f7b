package traditional

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// node is a regular file or a folder. Links are followed, and a file or folder
// that several links lead to is one node.
type node struct {
	path    string // real; empty for a folder that is made up
	mode    fs.FileMode
	entries []entry // of a folder, sorted by name
}

type entry struct {
	name string
	*node
}

// scanner reads a tree. Each file and folder is looked at once, however many
// links lead to it.
type scanner struct {
	skip  func(name string, dir bool) bool // leaves an entry out
	known map[string]*node                 // by real path; nil while its folder is being read
}

// scan reads the file root, or the tree below the folder root. Links that lead nowhere and
// special files are left out; a link to a folder that it lies in is an error.
func scan(root string, skip func(name string, dir bool) bool) (*node, error) {
	path, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	s := scanner{skip: skip, known: map[string]*node{}}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return &node{path: path, mode: info.Mode()}, nil
	}
	return s.folder(path, info)
}

func (s *scanner) folder(path string, info fs.FileInfo) (*node, error) {
	n := &node{path: path, mode: info.Mode()}
	s.known[path] = nil
	list, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	for _, item := range list {
		child, err := s.entry(filepath.Join(path, item.Name()), item)
		if err != nil {
			return nil, err
		}
		if child != nil {
			n.entries = append(n.entries, entry{item.Name(), child})
		}
	}
	s.known[path] = n
	return n, nil
}

// entry returns what stands at path, or nil where it is left out.
func (s *scanner) entry(path string, item fs.DirEntry) (*node, error) {
	real := path
	if item.Type()&fs.ModeSymlink != 0 {
		var err error
		if real, err = filepath.EvalSymlinks(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	info, err := os.Lstat(real)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() || s.skip(item.Name(), info.IsDir()) {
		return nil, nil
	}
	if known, seen := s.known[real]; known != nil {
		return known, nil
	} else if seen {
		return nil, fmt.Errorf("the link %s leads to a folder that it lies in", path)
	}
	if info.IsDir() {
		return s.folder(real, info)
	}
	n := &node{path: real, mode: info.Mode()}
	s.known[real] = n
	return n, nil
}
