package traditional

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/big"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// hashDigits is the length of a hash inside a tag.
const hashDigits = 16

// truncate writes the number that sum is in base 36, the least significant
// digit first, and at most 16 digits of it.
func truncate(sum []byte) string {
	value, base, digit := new(big.Int).SetBytes(sum), big.NewInt(36), new(big.Int)
	var text strings.Builder
	for value.Sign() > 0 && text.Len() < hashDigits {
		value.QuoRem(value, base, digit)
		text.WriteString(digit.Text(36))
	}
	return text.String()
}

// lockHash is over the base reference as it was written, the choice against a
// browser, and the two files that fix the dependencies.
func (s *Source) lockHash(base string, browser bool) (string, error) {
	sum := md5.New()
	io.WriteString(sum, base)
	if !browser {
		io.WriteString(sum, "False")
	}
	for _, name := range []string{projectFile, lockFile} {
		path, err := s.locate(name)
		if err != nil {
			return "", err
		}
		if err := s.addFile(sum, path); err != nil {
			return "", s.broken("the sources cannot be read", err)
		}
	}
	return truncate(sum.Sum(nil)), nil
}

// sourceHash is over every file of the package openhands but byte code and
// hidden folders: the Dirhash Standard v0.1.0 with MD5 and the entry
// properties name and data, links followed and empty folders left out.
func (s *Source) sourceHash(ctx context.Context) (string, error) {
	root, err := s.scan(packageName, func(name string, dir bool) bool {
		return strings.HasSuffix(name, ".pyc") || dir && (strings.HasPrefix(name, ".") || name == "__pycache__")
	})
	if err != nil {
		return "", s.broken("the sources cannot be read", err)
	}
	hasher := treeHasher{source: s, sums: map[*node]string{}}
	sum, err := hasher.sum(ctx, root)
	if err != nil {
		return "", err
	}
	if sum == "" {
		return "", s.broken(fmt.Sprintf("the folder %s in %s holds no file", packageName, s.root), nil)
	}
	raw, err := hex.DecodeString(sum)
	return truncate(raw), err
}

// treeHasher keeps the hash of each file and folder, in hexadecimal; that of a
// folder without files is empty.
type treeHasher struct {
	source *Source
	sums   map[*node]string
}

func (h treeHasher) sum(ctx context.Context, root *node) (string, error) {
	files := collect(root, map[*node]bool{})
	sums := make([]string, len(files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, file := range files {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			sum := md5.New()
			if err := h.source.addFile(sum, file.path); err != nil {
				return err
			}
			sums[i] = hex.EncodeToString(sum.Sum(nil))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", fmt.Errorf("hashing the sources: %w", err)
	}
	for i, file := range files {
		h.sums[file] = sums[i]
	}
	return h.folder(root), nil
}

// collect returns the files below n, each once.
func collect(n *node, seen map[*node]bool) []*node {
	if seen[n] {
		return nil
	}
	seen[n] = true
	if !n.mode.IsDir() {
		return []*node{n}
	}
	var files []*node
	for _, e := range n.entries {
		files = append(files, collect(e.node, seen)...)
	}
	return files
}

// folder hashes the sorted descriptors of a folder's entries.
func (h treeHasher) folder(n *node) string {
	if sum, known := h.sums[n]; known {
		return sum
	}
	var descriptors []string
	for _, e := range n.entries {
		property := "data:"
		if e.mode.IsDir() {
			property = "dirhash:"
		}
		if sum := h.folder(e.node); sum != "" {
			descriptors = append(descriptors, property+sum+"\x00name:"+e.name)
		}
	}
	if len(descriptors) > 0 {
		slices.Sort(descriptors)
		sum := md5.Sum([]byte(strings.Join(descriptors, "\x00\x00")))
		h.sums[n] = hex.EncodeToString(sum[:])
	} else {
		h.sums[n] = ""
	}
	return h.sums[n]
}

func (s *Source) addFile(sum hash.Hash, path string) error {
	file, err := s.files.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(sum, file)
	return err
}
