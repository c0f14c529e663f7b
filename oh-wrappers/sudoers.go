package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// sudoersRules are the forms of a rule that grant anything, without the user
// and without blanks. The group in the second form changes nothing here, as no
// option chooses one.
var sudoersRules = []string{
	"ALL=(ALL)NOPASSWD:ALL",
	"ALL=(ALL:ALL)NOPASSWD:ALL",
}

// permitted reports whether /etc/sudoers or a file of /etc/sudoers.d lets user
// run every command as every user without a password. As in sudoers(5) the
// last line that concerns the user decides. One in any other form than
// sudoersRules takes the permission away, and so does one that is not
// understood: it may concern the user.
func permitted(root string, accounts *accounts, user account) (bool, error) {
	names := []string{user.name, "ALL"}
	for _, gid := range accounts.groupsOf(user) {
		if g, ok := accounts.groupOf(gid); ok {
			names = append(names, "%"+g.name)
		}
	}
	files, err := sudoersFiles(root)
	if err != nil {
		return false, err
	}
	allowed := false
	for _, file := range files {
		text, err := readTrusted(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		allowed = decide(text, names, allowed)
	}
	return allowed, nil
}

// decide applies the lines of one file to the decision so far. names are what
// the user goes by: the account, its groups with a "%", and ALL.
func decide(text string, names []string, allowed bool) bool {
	// Compiled here, since most calls of this binary are for other programs.
	var (
		// A number after # is a user ID, anything else a comment.
		comment = regexp.MustCompile(`#([^0-9].*)?$`)
		comma   = regexp.MustCompile(`\s*,\s*`)
		// What decides nothing: settings, the meaning of aliases, and the folder
		// that is read in any case.
		noRule  = regexp.MustCompile(`^(Defaults([:@!>].*)?|(User|Runas|Host|Cmnd|Cmd)_Alias)\s|^[#@]includedir\s+"?/etc/sudoers\.d/?"?$`)
		include = regexp.MustCompile(`^[#@]include(dir)?\s`)
		// The name of a user or, with %, a group. An alias has no small letters.
		plain = regexp.MustCompile(`^%?[\w.-]*[a-z][\w.-]*\$?$`)
	)
	text = strings.ReplaceAll(text, "\\\n", "")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if noRule.MatchString(line) {
			continue
		}
		if include.MatchString(line) {
			allowed = false
			continue
		}
		line = comma.ReplaceAllString(comment.ReplaceAllString(line, ""), ",")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		who := fields[0]
		concerned := slices.ContainsFunc(strings.Split(who, ","), func(name string) bool {
			return slices.Contains(names, name) || !plain.MatchString(name)
		})
		if concerned {
			allowed = who != "ALL" && slices.Contains(names, who) &&
				slices.Contains(sudoersRules, strings.Join(fields[1:], ""))
		}
	}
	return allowed
}

// sudoersFiles returns the files in the order in which they count. As sudo
// does, it passes over names with a dot or a tilde at the end, which are
// backups and what package managers leave.
func sudoersFiles(root string) ([]string, error) {
	files := []string{root + "/etc/sudoers"}
	folder := root + "/etc/sudoers.d"
	info, err := os.Lstat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() || !trusted(info) {
		return nil, fmt.Errorf("%s must be a folder of root that nobody else can write to", folder)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if name := entry.Name(); !strings.Contains(name, ".") && !strings.HasSuffix(name, "~") {
			files = append(files, folder+"/"+name)
		}
	}
	return files, nil
}

// readTrusted reads a file that only root can have written.
func readTrusted(file string) (string, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || !trusted(info) {
		return "", fmt.Errorf("%s must be a regular file of root that nobody else can write to", file)
	}
	text, err := io.ReadAll(f)
	return string(text), err
}

func trusted(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0 && info.Mode().Perm()&0o022 == 0
}
