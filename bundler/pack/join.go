package pack

import (
	"context"
	"crypto/sha256"
	"io"
	"io/fs"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// identity is what two files must share to become one: permissions and content.
type identity struct {
	mode fs.FileMode
	size int64
	sum  [sha256.Size]byte
}

// joinEqual makes equal files below root/prefix hard links of one, which image
// layers hold once, and returns how many bytes that saved. The tree must be
// finished: a patch in place of one would change all.
func joinEqual(ctx context.Context, root, prefix string) (int64, error) {
	bySize := map[int64][]string{}
	err := tree.Walk(root, prefix, func(host string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if _, linked := tree.Inode(info); err == nil && !linked && info.Size() > 0 {
			bySize[info.Size()] = append(bySize[info.Size()], host)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	var saved int64
	for size, hosts := range bySize {
		if len(hosts) < 2 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return saved, err
		}
		first := map[identity]string{}
		for _, host := range hosts {
			id, err := identify(host, size)
			if err != nil {
				return saved, err
			}
			if first[id] == "" {
				first[id] = host
				continue
			}
			if err := tree.Relink(first[id], host); err != nil {
				return saved, err
			}
			saved += size
		}
	}
	return saved, nil
}

func identify(host string, size int64) (identity, error) {
	file, err := tree.Open(host)
	if err != nil {
		return identity{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return identity{}, err
	}
	id := identity{mode: info.Mode(), size: size}
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return identity{}, err
	}
	sum.Sum(id.sum[:0])
	return id, nil
}
