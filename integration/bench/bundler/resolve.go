package main

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// resolving asks for the closure of every dynamic ELF file below /usr.
func (b *bench) resolving(ctx context.Context) error {
	if err := ensure(ctx, map[string]string{"libtree": "libtree", "lddtree": "pax-utils", "time": "time"}); err != nil {
		return err
	}
	if _, err := os.Stat("/usr/lib/python3/dist-packages/elftools"); err != nil { // only recommended by pax-utils
		if err := lab.EnsureProgram(ctx, os.Stderr, "elftools", "python3-pyelftools"); err != nil {
			return err
		}
	}
	names, err := dynamicFiles("/usr", "")
	if err != nil {
		return err
	}
	list := filepath.Join(b.work, "files")
	if err := os.WriteFile(list, []byte(strings.Join(names, "\n")), 0o644); err != nil {
		return err
	}
	fast := []candidate{
		{"`oh-bundle tree`", nil, onList(list, b.bundle, "tree")},
		{"`oh-bundle tree --missing`", nil, onList(list, b.bundle, "tree", "--missing")},
		{"`libtree`", nil, onList(list, "libtree")},
		{"`libtree -v`", nil, onList(list, "libtree", "-v")},
	}
	costs, err := b.compare(ctx, 31, fast)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	slow := []candidate{
		{"`ldd`, one call", nil, onList(list, "ldd")},
		{"u-root's `pkg/ldd`, one call a file", nil, onList(list, self, urootTool)},
		{"`lddtree` (Python)", nil, onList(list, "/usr/bin/python3", "/usr/bin/lddtree")},
	}
	more, err := b.compare(ctx, 1, slow)
	if err != nil {
		return err
	}
	fmt.Fprintf(&b.report, "\n## Resolving\n\nAll %d dynamic ELF files of this machine below /usr, in the page cache, output to nowhere. "+
		"Medians and least times of 31 runs in turn, of the slow tools one; memory is the largest resident set.\n", len(names))
	b.table(append(fast, slow...), append(costs, more...))
	b.report.WriteString("\n`oh-bundle` finds the whole closure of every file and checks every symbol version, on all processors; `--missing` prints only the trees that lack something. " +
		"`libtree` looks no further than a library that it has seen, and leaves out the C library and its like, which `-v` shows; neither checks versions. " +
		"`ldd` and `pkg/ldd` run the loader of each file, which serves this machine's files alone.\n")
	return b.scaling(ctx)
}

// scaling resolves the files of one root file system, and ten times as many.
func (b *bench) scaling(ctx context.Context) error {
	suite, err := lab.DebianRoot(ctx, "trixie", os.Stderr)
	if err != nil {
		return err
	}
	root := filepath.Join(b.work, "root")
	if err := command(ctx, "cp", "-a", suite, root); err != nil {
		return err
	}
	names, err := dynamicFiles(filepath.Join(root, "usr"), root)
	if err != nil {
		return err
	}
	var all []string
	for n := range 10 {
		for _, name := range names {
			copied := fmt.Sprintf("/copy%d%s", n, name)
			all = append(all, copied)
			if err := copyFile(filepath.Join(root, name), filepath.Join(root, copied)); err != nil {
				return err
			}
		}
	}
	var candidates []candidate
	for _, list := range [][]string{all[:len(names)], all} {
		file := filepath.Join(b.work, fmt.Sprintf("files-%d", len(list)))
		if err := os.WriteFile(file, []byte(strings.Join(list, "\n")), 0o644); err != nil {
			return err
		}
		candidates = append(candidates, candidate{fmt.Sprintf("%d files", len(list)), nil, onList(file, b.bundle, "tree", "--missing", "--root", root)})
	}
	costs, err := b.compare(ctx, 21, candidates)
	if err != nil {
		return err
	}
	b.report.WriteString("\nA root file system of Debian 13, and ten copies of its files:\n")
	b.table(candidates, costs)
	return nil
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// onList runs a tool on the files that a file lists. Its exit status says what
// the files lack, and does not count.
func onList(list string, argv ...string) []string {
	script := `list=$1; shift; xargs -d '\n' -x -s 1900000 -n 100000 -a "$list" "$@" >/dev/null 2>&1; true`
	return append([]string{"sh", "-c", script, "sh", list}, argv...)
}

// dynamicFiles returns the files below dir that a loader of this machine maps,
// as paths below root.
func dynamicFiles(dir, root string) ([]string, error) {
	files, err := lab.ELFFiles(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, host := range files {
		o, err := readObject(host)
		if err == nil && o.Machine == elf.EM_X86_64 && !o.Foreign && o.Dynamic && !o.Static() {
			names = append(names, "/"+strings.TrimPrefix(strings.TrimPrefix(host, root), "/"))
		}
	}
	return names, nil
}

func readObject(host string) (*bundler.Object, error) {
	f, err := os.Open(host)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return bundler.ReadObject(f)
}
