package bundler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// The rules that Permissions checks.
const (
	RuleOwner = "owner" // everything belongs to root
	RuleMode  = "mode"  // everybody may read, only root may write, nothing raises privileges
)

// Permissions checks that the tree root/prefix can be used by every user and
// changed by root alone. Findings are in lexical order of their paths.
func Permissions(ctx context.Context, root, prefix string) ([]Finding, error) {
	prefix, err := CleanPrefix(prefix)
	if err != nil {
		return nil, fmt.Errorf("looking at the permissions in %s: %w", root, err)
	}
	var findings []Finding
	err = tree.Walk(root, prefix, func(host string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var uid, gid int
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			uid, gid = int(st.Uid), int(st.Gid)
		}
		mode := info.Mode()
		capable := mode.IsRegular() && mode&0o111 != 0 && hasCapabilities(host)
		findings = append(findings, permissionFaults(tree.Inside(root, host), mode, uid, gid, capable)...)
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("looking at the permissions below %s: %w", filepath.Join(root, prefix), err)
	}
	return findings, nil
}

// permissionFaults returns what is wrong with the owner and the mode of a file,
// capable where it has file capabilities.
func permissionFaults(name string, mode fs.FileMode, uid, gid int, capable bool) []Finding {
	var findings []Finding
	if uid != 0 || gid != 0 {
		findings = append(findings, Finding{Path: name, Rule: RuleOwner, Detail: fmt.Sprintf("belongs to %d:%d", uid, gid)})
	}
	if fault := modeFault(mode); fault != "" {
		findings = append(findings, Finding{Path: name, Rule: RuleMode, Detail: fmt.Sprintf("%s %s", mode, fault)})
	} else if capable && mode.IsRegular() && mode&0o111 != 0 {
		findings = append(findings, Finding{Path: name, Rule: RuleMode, Detail: "has file capabilities"})
	}
	return findings
}

// modeFault says what is wrong with a mode; the one of a symbolic link has no
// meaning.
func modeFault(mode fs.FileMode) string {
	others := mode.Perm() & 0o007
	switch {
	case mode&fs.ModeSymlink != 0:
		return ""
	case !mode.IsRegular() && !mode.IsDir():
		return "is neither a file nor a folder"
	case mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0:
		return "has a bit beside those for reading, writing and executing"
	case mode.Perm()&0o022 != 0:
		return "can be written by others than root"
	case others&0o004 == 0:
		return "cannot be read by everybody"
	case (mode.IsDir() || mode.Perm()&0o111 != 0) && others&0o001 == 0:
		return "cannot be entered or executed by everybody"
	}
	return ""
}

// hasCapabilities reports whether a program gets capabilities when it is
// executed, see capabilities(7).
func hasCapabilities(host string) bool {
	n, err := unix.Getxattr(host, "security.capability", nil)
	return n > 0 || errors.Is(err, syscall.ERANGE)
}
