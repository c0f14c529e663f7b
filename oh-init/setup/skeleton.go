package setup

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/account"
)

// skeleton is where the files of new homes come from, see useradd(8).
const skeleton = "/etc/skel"

// Limits of what is copied of a skeleton. All of it is in memory for a while,
// and in each image.
const (
	maxSkeleton        = 16 << 20 // bytes of its files together
	maxSkeletonEntries = 10_000
	maxSkeletonDepth   = 64
)

// copied is what a new home gets of a skeleton.
type copied struct {
	Change        // its Content is still missing
	source string // resolved path of a regular file in the skeleton
	size   int64  // in bytes
}

// copySkeleton copies the skeleton, if there is one, into the new home at the
// resolved path to. Links are copied as they are, and of files together larger
// than maxSkeleton the largest are left out. A skeleton with more entries or
// deeper than the other limits, as one that holds itself is, is left out whole.
//
// All of its files are asked for before an error is returned.
func (s *stage) copySkeleton(to string, owner account.User) error {
	system := *s
	system.shared = s.live // the skeleton is in no folder of the user's
	from, e, ok, err := system.resolve(skeleton)
	var odd *obstacle
	switch {
	case errors.As(err, &odd):
		s.note("new homes get nothing of %s: %v", skeleton, odd)
		return nil
	case err != nil || !ok || !e.Mode.IsDir():
		return err
	case from == "/" || below(to, from):
		s.note("new homes get nothing of %s: it leads to %s, which they are in", skeleton, from)
		return nil
	}
	found, whole, err := s.listSkeleton(from, to, owner)
	if err != nil {
		return err
	}
	if !whole {
		s.note("new homes get nothing of %s: it has more than %d entries, or folders in more than %d others", skeleton, maxSkeletonEntries, maxSkeletonDepth)
		return nil
	}
	var failed error
	for _, c := range s.smallest(found) {
		if c.source != "" {
			if c.Content, err = s.content(c.source); err != nil {
				failed = cmp.Or(failed, err)
				continue
			}
		}
		if err := s.put(c.Change); err != nil {
			return err
		}
	}
	return failed
}

// listSkeleton lists the files, links and directories below the resolved path
// from, each directory before what is in it. Whole is false where there is more
// than the limits allow.
func (s *stage) listSkeleton(from, to string, owner account.User) (found []copied, whole bool, err error) {
	type folder struct {
		from, to string
		depth    int
	}
	for rest := []folder{{from, to, 0}}; len(rest) > 0; {
		dir := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		names, err := s.root.ReadDir(dir.from)
		if err != nil {
			return nil, false, err
		}
		if len(found)+len(names) > maxSkeletonEntries || dir.depth > maxSkeletonDepth {
			return nil, false, nil
		}
		slices.Sort(names)
		for _, name := range names {
			source := path.Join(dir.from, name)
			e, ok, err := s.lstat(source)
			if err != nil {
				return nil, false, err
			}
			if !ok {
				continue // the payload
			}
			c := copied{Change: Change{Path: path.Join(dir.to, name), Mode: e.Mode, UID: owner.UID, GID: owner.GID, Target: e.Target}}
			switch e.Mode.Type() {
			case 0:
				c.source, c.size = source, e.Size
			case fs.ModeDir:
				rest = append(rest, folder{source, c.Path, dir.depth + 1})
			case fs.ModeSymlink:
			default:
				continue
			}
			found = append(found, c)
		}
	}
	return found, true, nil
}

// smallest leaves out the largest files of a skeleton so that the others are no
// more than maxSkeleton.
func (s *stage) smallest(found []copied) []copied {
	slices.SortStableFunc(found, func(a, b copied) int {
		return cmp.Or(cmp.Compare(a.size, b.size), strings.Compare(a.Path, b.Path))
	})
	total := int64(0)
	for i, c := range found {
		if c.size > maxSkeleton-total {
			s.note("new homes get %d of the %d files and folders of %s: together the larger files have more than %d MB", i, len(found), skeleton, maxSkeleton>>20)
			return found[:i]
		}
		total += c.size
	}
	return found
}
