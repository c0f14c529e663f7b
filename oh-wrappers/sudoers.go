package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/docker-openhands/docker-openhands/internal/account"
)

// Where the rules are. The folder is read because the file says so, or in the
// place of one that is missing or empty.
const (
	sudoersFile   = "/etc/sudoers"
	sudoersFolder = "/etc/sudoers.d"
)

// permitted reports whether /etc/sudoers, with what it includes, lets user run
// every command as every user without a password. As in sudoers(5) lines count
// in the order in which they are read, and the last rule that concerns the user
// decides. One of another form than everything for everybody takes the
// permission away, and so does a line that is not understood: it may concern
// the user. Settings that this sudo does not carry out take it away as well,
// until they are undone.
func permitted(root string, accounts *account.Accounts, user account.User) (bool, error) {
	names := []string{user.Name, "ALL"}
	for _, gid := range accounts.GroupsOf(user) {
		if g, ok := accounts.GroupOf(gid); ok {
			names = append(names, "%"+g.Name)
		}
	}
	p := newSudoPolicy(root, names)
	text, err := readTrusted(root + sudoersFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if strings.TrimSpace(text) == "" {
		text = "@includedir " + sudoersFolder + "\n"
	}
	if err := p.read(text, sudoersFile); err != nil {
		return false, err
	}
	return p.permits()
}

// sudoPolicy is what the lines read so far come to for one user.
type sudoPolicy struct {
	root    string
	names   []string // what the user goes by: first the account, then its groups with a "%", and ALL
	files   int      // read
	allowed bool
	// restricted holds the settings in force that this sudo does not carry out.
	// Those for commands have a "!" before their name: they count after all
	// others.
	restricted map[string]bool
	syntax     sudoersSyntax
}

// sudoersSyntax is compiled for a policy, since most calls of this binary are
// for other programs.
type sudoersSyntax struct{ comment, comma, alias, defaults, setting, include, plain, grant *regexp.Regexp }

func newSudoPolicy(root string, names []string) *sudoPolicy {
	return &sudoPolicy{root: root, names: names, restricted: map[string]bool{}, syntax: sudoersSyntax{
		// A number after # is a user ID, anything else a comment.
		comment:  regexp.MustCompile(`#([^0-9-].*)?$`),
		comma:    regexp.MustCompile(`\s*,\s*`),
		alias:    regexp.MustCompile(`^(User|Runas|Host|Cmnd|Cmd)_Alias\s`),
		defaults: regexp.MustCompile(`^Defaults(?:([@:!>])\s*(\S+))?\s+(.+)$`),
		setting:  regexp.MustCompile(`^(!*)\s*([a-z_]+)\s*(?:[-+]?=\s*(.*))?$`),
		include:  regexp.MustCompile(`^[#@]include(dir)?\s+(?:"([^"\\%#]+)"|([^"\\%#\s]+))$`),
		// The name of a user or, with %, a group. An alias has no small letters.
		plain: regexp.MustCompile(`^%?[\w.-]*[a-z][\w.-]*\$?$`),
		// No option chooses a group, so one in the rule changes nothing.
		grant: regexp.MustCompile(`^ALL\s*=\s*\(\s*ALL\s*(:\s*ALL\s*)?\)\s*NOPASSWD\s*:\s*ALL$`),
	}}
}

// permits reports whether the user may run everything as root. A rule that says
// so is not enough where settings are in force that this sudo does not carry out:
// the error names them.
func (p *sudoPolicy) permits() (bool, error) {
	if p.allowed && len(p.restricted) > 0 {
		return false, fmt.Errorf("%s may not use sudo: %s sets what this sudo does not carry out: %s",
			p.names[0], sudoersFile, strings.Join(slices.Sorted(maps.Keys(p.restricted)), ", "))
	}
	return p.allowed, nil
}

// maxSudoers is how many files are read. One can include itself.
const maxSudoers = 1000

// read applies the lines of a file. Of a line that can be read in two ways, with
// the one after it or without, neither grants anything.
func (p *sudoPolicy) read(text, file string) error {
	if p.files++; p.files > maxSudoers {
		return fmt.Errorf("%s and what it includes are more than %d files", sudoersFile, maxSudoers)
	}
	begun, doubtful := "", false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		start := strings.TrimSpace(line)
		directive := strings.HasPrefix(start, "@") || strings.HasPrefix(start, "#")
		if begun == "" && p.syntax.comment.FindString(start) == start && start != "" && !strings.HasPrefix(start, "#include") {
			doubtful = doubtful && strings.HasSuffix(start, `\`)
			continue // a comment ends with its line, whatever is at its end
		}
		body, continued := strings.CutSuffix(strings.TrimRight(line, " \t"), `\`)
		unclear := begun != "" && directive || continued && (body+`\` != line || strings.HasSuffix(body, `\`) || strings.Contains(body, "#"))
		if continued && !unclear {
			begun += body
			continue
		}
		if err := p.apply(begun+body, file); err != nil {
			return err
		}
		if unclear || doubtful {
			p.allowed = false
		}
		if begun != "" && directive {
			p.restricted["!"+start] = true // of a file that may have been meant
		}
		begun, doubtful = "", unclear
	}
	if begun != "" {
		p.allowed = false
	}
	return nil
}

// apply applies one line without its end.
func (p *sudoPolicy) apply(line, file string) error {
	line = strings.TrimSpace(line)
	switch {
	case p.syntax.alias.MatchString(line):
		return nil
	case strings.HasPrefix(line, "Defaults"):
		p.set(line)
		return nil
	case strings.HasPrefix(line, "#include"), strings.HasPrefix(line, "@"):
		return p.include(line, file)
	}
	line = p.syntax.comma.ReplaceAllString(p.syntax.comment.ReplaceAllString(line, ""), ",")
	who, rule, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(line, "\t", " ")), " ")
	if who == "" {
		return nil
	}
	concerned := slices.ContainsFunc(strings.Split(who, ","), func(name string) bool {
		return slices.Contains(p.names, name) || !p.syntax.plain.MatchString(name)
	})
	if concerned {
		p.allowed = who != "ALL" && slices.Contains(p.names, who) && p.syntax.grant.MatchString(strings.TrimSpace(rule))
	}
	return nil
}

// include reads a file, or those of a folder in the order of their names. As
// sudo does, it passes over a folder that is missing, and in a folder over names
// with a dot or a tilde at the end, which are backups and what package managers
// leave.
func (p *sudoPolicy) include(line, file string) error {
	match := p.syntax.include.FindStringSubmatch(line)
	if match == nil {
		p.allowed = false
		return nil
	}
	path := match[2] + match[3]
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(file), path)
	}
	files := []string{path}
	if match[1] != "" {
		var err error
		if files, err = p.list(path); err != nil {
			return err
		}
	}
	for _, file := range files {
		text, err := readTrusted(p.root + file)
		if errors.Is(err, fs.ErrNotExist) {
			p.allowed = false
			continue
		}
		if err != nil {
			return err
		}
		if err := p.read(text, file); err != nil {
			return err
		}
	}
	return nil
}

func (p *sudoPolicy) list(folder string) (files []string, err error) {
	info, err := os.Lstat(p.root + folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() || !trusted(info) {
		return nil, fmt.Errorf("%s must be a folder of root that nobody else can write to", folder)
	}
	entries, err := os.ReadDir(p.root + folder)
	for _, entry := range entries {
		if name := entry.Name(); !entry.IsDir() && !strings.Contains(name, ".") && !strings.HasSuffix(name, "~") {
			files = append(files, filepath.Join(folder, name))
		}
	}
	return files, err
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
