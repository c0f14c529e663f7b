package lab

import (
	"debug/elf"
	"io/fs"
	"os"
	"path/filepath"
)

// ELFFiles returns the regular files below a directory that begin with the ELF
// magic number, in lexical order.
func ELFFiles(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		var magic [len(elf.ELFMAG)]byte
		if n, _ := f.Read(magic[:]); string(magic[:n]) == elf.ELFMAG {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}
