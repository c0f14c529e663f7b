package pack

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// Package is an upstream package. Type is that of the package URL
// specification.
type Package struct {
	Type, Name, Version string
}

func sortPackages(packages []Package) []Package {
	slices.SortFunc(packages, func(a, b Package) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
	return slices.Compact(packages)
}

// debianOwners returns the packages that brought the files of a tree, according
// to dpkg's database below root: those that own one of the paths in sources,
// and those that own a file of the same name, size and content as one in the
// tree. Without a database there are none.
func debianOwners(root, out string, sources []string) ([]Package, error) {
	versions, err := dpkgVersions(filepath.Join(root, "var/lib/dpkg/status"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := origin{root: root, paths: make(map[string]bool, 2*len(sources)), copies: map[string]map[int64][]string{}}
	for _, p := range sources {
		o.paths[p] = true
		if merged, ok := strings.CutPrefix(p, "/usr/"); ok {
			o.paths["/"+merged] = true // packages older than the merge of /usr
		}
	}
	if err := o.index(out); err != nil {
		return nil, err
	}
	lists, err := filepath.Glob(filepath.Join(root, "var/lib/dpkg/info/*.list"))
	if err != nil {
		return nil, err
	}
	var owners []Package
	for _, list := range lists {
		owns, err := o.ownsAny(list)
		if err != nil {
			return nil, err
		}
		if owns {
			name, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(list), ".list"), ":")
			owners = append(owners, Package{"deb", name, versions[name]})
		}
	}
	return sortPackages(owners), nil
}

// origin recognises files of packages.
type origin struct {
	root   string
	paths  map[string]bool
	copies map[string]map[int64][]string // host paths by last element and size
}

// index adds the files of a tree.
func (o *origin) index(out string) error {
	return filepath.WalkDir(out, func(host string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() == 0 {
			return err
		}
		if o.copies[d.Name()] == nil {
			o.copies[d.Name()] = map[int64][]string{}
		}
		o.copies[d.Name()][info.Size()] = append(o.copies[d.Name()][info.Size()], host)
		return nil
	})
}

// ownsAny reports whether a package with the given list of files brought one.
func (o *origin) ownsAny(list string) (bool, error) {
	text, err := os.ReadFile(list)
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(text)) {
		p := strings.TrimSuffix(line, "\n")
		if o.paths[p] {
			return true, nil
		}
		sizes := o.copies[path.Base(p)]
		if sizes == nil {
			continue
		}
		installed := filepath.Join(o.root, p)
		info, err := os.Lstat(installed)
		if err != nil || !info.Mode().IsRegular() {
			continue // removed from the image, or a directory
		}
		for _, host := range sizes[info.Size()] {
			if same, err := tree.SameContent(installed, host); same || err != nil {
				return same, err
			}
		}
	}
	return false, nil
}

// dpkgVersions reads the versions by package name out of a status file.
func dpkgVersions(status string) (map[string]string, error) {
	f, err := os.Open(status)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	versions := map[string]string{}
	name := ""
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "Package: "); ok {
			name = v
		} else if v, ok := strings.CutPrefix(lines.Text(), "Version: "); ok {
			versions[name] = v
		}
	}
	return versions, lines.Err()
}

// Contents is what a tree holds.
type Contents struct {
	Files    int       // regular files, hard links once
	Bytes    int64     // sum of their sizes
	Packages []Package // Python distributions and npm packages that lie there installed
}

// Measure walks root/prefix.
func Measure(root, prefix string) (*Contents, error) {
	c := &Contents{}
	inodes := map[[2]uint64]bool{}
	err := tree.Walk(root, prefix, func(host string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if key, linked := tree.Inode(info); linked {
			if inodes[key] {
				return nil
			}
			inodes[key] = true
		}
		c.Files++
		c.Bytes += info.Size()
		p, err := installedPackage(host)
		if p.Version != "" {
			c.Packages = append(c.Packages, p)
		}
		return err
	})
	c.Packages = sortPackages(c.Packages)
	return c, err
}

// installedPackage returns the package whose description the file is; a zero
// Package where it is none.
func installedPackage(host string) (Package, error) {
	dir, name := path.Split(filepath.ToSlash(host))
	dir = path.Clean(dir)
	switch {
	case name == "METADATA" && strings.HasSuffix(dir, ".dist-info"):
		return pythonPackage(host)
	case name == "package.json" && inNodeModules(dir):
		return npmPackage(host)
	}
	return Package{}, nil
}

// inNodeModules reports whether a folder is one that npm installs a package
// in: node_modules/NAME or node_modules/@SCOPE/NAME.
func inNodeModules(dir string) bool {
	parent := path.Dir(dir)
	if strings.HasPrefix(path.Base(parent), "@") {
		parent = path.Dir(parent)
	}
	return path.Base(parent) == "node_modules"
}

// npmPackage reads a package.json. One without a version is no package of a
// registry, and one that is not JSON is test data of somebody's.
func npmPackage(description string) (Package, error) {
	text, err := os.ReadFile(description)
	if err != nil {
		return Package{}, err
	}
	var p struct{ Name, Version string }
	if json.Unmarshal(text, &p) != nil || p.Name == "" || p.Version == "" {
		return Package{}, nil
	}
	return Package{"npm", p.Name, p.Version}, nil
}

// pythonPackage reads the header of a METADATA file (Python core metadata).
func pythonPackage(metadata string) (Package, error) {
	p := Package{Type: "pypi"}
	f, err := os.Open(metadata)
	if err != nil {
		return p, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && lines.Text() != "" && (p.Name == "" || p.Version == "") {
		if v, ok := strings.CutPrefix(lines.Text(), "Name: "); ok {
			p.Name = strings.TrimSpace(v)
		} else if v, ok := strings.CutPrefix(lines.Text(), "Version: "); ok {
			p.Version = strings.TrimSpace(v)
		}
	}
	return p, lines.Err()
}
