package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// keepInside takes away the links by which those of the names in the workspace
// lead out of it: the server writes there as root, and lets everybody write to
// settings.
func (c *call) keepInside(names []string) error {
	if c.ids.euid != 0 {
		return nil
	}
	workspace, err := os.OpenRoot(c.path(payload.Workspace))
	if err != nil {
		if _, err := os.Lstat(c.path(payload.Workspace) + "/."); err != nil {
			return nil // the server cannot write there either
		}
		return err
	}
	defer workspace.Close()
	for _, name := range names {
		link, err := wayOut(workspace, name)
		if err != nil || link == "" {
			continue // what cannot be looked into cannot be written to
		}
		full := path.Join(payload.Workspace, link)
		if err := workspace.Remove(link); err != nil {
			return fmt.Errorf("%s is a link out of the workspace that root does not write through, and cannot be taken away: %w; "+
				"remove it, or mount the workspace so that it can be written to", full, err)
		}
		fmt.Fprintf(c.stderr, "%s: took away %s, a link out of the workspace that root does not write through\n", c.name, full)
	}
	return nil
}

// wayOut follows a name in the workspace as the kernel does, also by absolute
// links that lead back to it, and returns the link that leads elsewhere.
func wayOut(workspace *os.Root, name string) (link string, err error) {
	at := "." // no part of it is a link
	for links := 0; name != ""; {
		var element string
		element, name, _ = strings.Cut(name, "/")
		switch next := path.Join(at, element); {
		case element == "" || element == ".":
		case element == ".." && at == ".":
			return link, nil
		case element == "..":
			at = path.Dir(at)
		default:
			info, err := workspace.Lstat(next)
			if errors.Is(err, fs.ErrNotExist) {
				info, err = nil, nil // what comes after it is to be made
			}
			if err != nil {
				return "", err
			}
			if info == nil || info.Mode()&fs.ModeSymlink == 0 {
				at = next
				break
			}
			if links++; links > 40 {
				return "", syscall.ELOOP
			}
			link = next
			target, err := workspace.Readlink(next)
			if err != nil {
				return "", err
			}
			if path.IsAbs(target) {
				below, inside := strings.CutPrefix(target+"/", payload.Workspace+"/")
				if !inside {
					return link, nil
				}
				at, target = ".", below
			}
			name = target + "/" + name
		}
	}
	return "", nil
}
