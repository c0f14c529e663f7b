package traditional

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// node is a regular file or a folder. Links are followed, and a file or folder
// that several links lead to is one node.
type node struct {
	path    string // real, relative to the sources; empty for a folder that is made up
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
	files *os.Root
	root  string                           // real path of files
	skip  func(name string, dir bool) bool // leaves an entry out
	known map[string]*node                 // by real path; nil while its folder is being read
}

// scan reads the file name of the sources, or the tree below the folder name.
// Links that lead nowhere and special files are left out; a link to a folder
// that it lies in is an error, and so is one that leads out of the sources.
func (s *Source) scan(name string, skip func(name string, dir bool) bool) (*node, error) {
	root, err := filepath.EvalSymlinks(s.root)
	if err != nil {
		return nil, err
	}
	scan := scanner{files: s.files, root: root, skip: skip, known: map[string]*node{}}
	resolved, err := scan.follow(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	path, err := scan.inside(name, resolved)
	if err != nil {
		return nil, err
	}
	info, err := scan.files.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return &node{path: path, mode: info.Mode()}, nil
	}
	return scan.folder(path, info)
}

// follow returns the absolute path that a path below the sources leads to.
func (s *scanner) follow(path string) (string, error) {
	return filepath.EvalSymlinks(filepath.Join(s.root, path))
}

// inside makes a real path relative to the sources.
func (s *scanner) inside(link, resolved string) (string, error) {
	path, err := filepath.Rel(s.root, resolved)
	if err != nil || !filepath.IsLocal(path) {
		return "", fmt.Errorf("the link %s leads out of the sources, to %s: put a copy in its place", link, resolved)
	}
	return path, nil
}

func (s *scanner) folder(path string, info fs.FileInfo) (*node, error) {
	n := &node{path: path, mode: info.Mode()}
	s.known[path] = nil
	list, err := s.list(path)
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

// list returns the entries of a folder, sorted by name.
func (s *scanner) list(path string) ([]fs.DirEntry, error) {
	folder, err := s.files.Open(path)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	list, err := folder.ReadDir(-1)
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, err
}

// entry returns what stands at path, or nil where it is left out.
func (s *scanner) entry(path string, item fs.DirEntry) (*node, error) {
	resolved := filepath.Join(s.root, path)
	if item.Type()&fs.ModeSymlink != 0 {
		var err error
		if resolved, err = s.follow(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	info, err := os.Lstat(resolved)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() || s.skip(item.Name(), info.IsDir()) {
		return nil, nil
	}
	target, err := s.inside(path, resolved)
	if err != nil {
		return nil, err
	}
	if known, seen := s.known[target]; known != nil {
		return known, nil
	} else if seen {
		return nil, fmt.Errorf("the link %s leads to a folder that it lies in", path)
	}
	if info.IsDir() {
		return s.folder(target, info)
	}
	n := &node{path: target, mode: info.Mode()}
	s.known[target] = n
	return n, nil
}
