package templates

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ReleaseList tells which releases a component can be made of.
type ReleaseList struct {
	Package string // on the Python index

	// File is a requirements file of pip in the component's folder, which pins
	// the package in each release. Without one, the folder LocksFolder has a
	// lock for each.
	File string

	First string // the oldest release that can have a lock
	Final bool   // later releases of the package do not hold the server
}

// LocksFolder is the folder of a component with its locks. VERSION.txt is that
// of a release: a requirements file of pip with a line for each package,
//
//	NAME==VERSION --hash=sha256:HEX ...
//
// A payload gets the lock of its release alone.
const LocksFolder = "locks"

// hashOption comes before each hash in a lock.
const hashOption = " --hash=sha256:"

// maxLock is more than any lock has, in bytes.
const maxLock = 1 << 20

var (
	release = regexp.MustCompile(`^[0-9][0-9A-Za-z.]{0,40}$`)
	locked  = regexp.MustCompile(`^([a-z0-9][a-z0-9._-]*)==([0-9][0-9A-Za-z.!+]*)$`)
)

// IsRelease reports whether a text has the form of a release's version.
func IsRelease(version string) bool { return release.MatchString(version) }

// CompareReleases is negative where the version a is older than b, and positive
// where it is newer. Parts that are no numbers count as 0.
func CompareReleases(a, b string) int {
	numbers := func(version string) (all []int) {
		for part := range strings.SplitSeq(version, ".") {
			number, _ := strconv.Atoi(part)
			all = append(all, number)
		}
		return all
	}
	return slices.Compare(numbers(a), numbers(b))
}

// Releases returns the versions that the payload of a server can be of, the
// newest last, and whether there will be no newer one.
func Releases(all []Component, server string) (versions []string, final bool) {
	c, ok := released(all, server)
	if !ok {
		return nil, false
	}
	return slices.SortedFunc(maps.Keys(c.pins()), CompareReleases), c.Releases.Final
}

// ReleaseHashes returns the SHA-256 in hexadecimal of the archives that the
// release of a server's sources may have; none where the release is not known.
func ReleaseHashes(all []Component, server, version string) []string {
	c, ok := released(all, server)
	if !ok {
		return nil
	}
	return c.pins()[version]
}

// Locked returns the component of a server that has a lock for each release, and
// the oldest release that can have one. It is false for other servers.
func Locked(all []Component, server string) (c Component, first string, ok bool) {
	if c, ok = released(all, server); !ok || c.Releases.File != "" {
		return Component{}, "", false
	}
	return c, c.Releases.First, true
}

// AddLocks returns the components with the locks in a folder for releases of a
// server: they come in the place of the component's own. A file that is no lock
// of the release that it is named after counts for nothing.
func AddLocks(all []Component, server string, folder fs.FS) ([]Component, error) {
	c, _, ok := Locked(all, server)
	if !ok {
		return all, nil
	}
	names, err := fs.Glob(folder, "*.txt")
	if err != nil {
		return nil, fmt.Errorf("looking for locks: %w", err)
	}
	files := maps.Clone(c.Files)
	for _, name := range names {
		text, err := readLock(folder, name)
		if err != nil {
			return nil, fmt.Errorf("reading a lock: %w", err)
		}
		if c.Releases.checkLock(name, text) == nil {
			files[path.Join(LocksFolder, name)] = text
		}
	}
	all = slices.Clone(all)
	for i := range all {
		if all[i].Name == c.Name {
			all[i].Files = files
		}
	}
	return all, nil
}

// readLock reads as much of a file as a lock can have, and a byte more.
func readLock(folder fs.FS, name string) ([]byte, error) {
	file, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxLock+1))
}

// checkLock refuses a file that is not the lock of a release.
func (l ReleaseList) checkLock(name string, text []byte) error {
	version, ok := strings.CutSuffix(path.Base(name), ".txt")
	if !ok || !IsRelease(version) {
		return fmt.Errorf("%q is not the name of a lock, VERSION.txt", name)
	}
	if len(text) > maxLock {
		return fmt.Errorf("%q has more than %d bytes", name, maxLock)
	}
	found := false
	for line := range strings.Lines(string(text)) {
		what, hashes, _ := strings.Cut(strings.TrimSuffix(line, "\n"), hashOption)
		pin := locked.FindStringSubmatch(what)
		if pin == nil || !areHashes(hashes) {
			return fmt.Errorf("%q has a line that is not NAME==VERSION --hash=sha256:HEX: %.80q", name, line)
		}
		found = found || pin[1] == l.Package && pin[2] == version
	}
	if !found {
		return fmt.Errorf("%q does not lock %s==%s", name, l.Package, version)
	}
	return nil
}

// areHashes reports whether a text is of SHA-256 in hexadecimal, with hashOption
// between each and the next. Every command asks that of thousands, for which a
// regular expression takes long.
func areHashes(text string) bool {
	for hash := range strings.SplitSeq(text, hashOption) {
		if len(hash) != 64 || strings.Trim(hash, "0123456789abcdef") != "" {
			return false
		}
	}
	return true
}

// released returns the component that decides which releases there are.
func released(all []Component, server string) (Component, bool) {
	i := slices.IndexFunc(all, func(c Component) bool { return c.Releases != nil && c.serves(server) })
	if i < 0 {
		return Component{}, false
	}
	return all[i], true
}

// of returns the component with the lock of one release alone.
func (c Component) of(version string) Component {
	if c.Releases == nil || c.Releases.File != "" {
		return c
	}
	c.Files = maps.Clone(c.Files)
	maps.DeleteFunc(c.Files, func(name string, _ []byte) bool {
		return isLock(name) && name != path.Join(LocksFolder, version+".txt")
	})
	return c
}

// isLock reports whether a file of a component lies in the folder of its locks.
func isLock(name string) bool { return path.Dir(name) == LocksFolder }

// pins are the releases that the component's files pin, each with its hashes.
func (c Component) pins() map[string][]string {
	found := map[string][]string{}
	for name, text := range c.Files {
		if c.Releases.File != "" && name == c.Releases.File || c.Releases.File == "" && isLock(name) {
			maps.Copy(found, pinned(string(text), c.Releases.Package))
		}
	}
	return found
}

// pinned are the versions of a package in a requirements file of pip, each with
// its hashes. A backslash continues a line.
func pinned(text, name string) map[string][]string {
	found := map[string][]string{}
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		pin, ok := strings.CutPrefix(line, name+"==")
		words := strings.Fields(pin)
		if !ok || len(words) == 0 {
			continue
		}
		var hashes []string
		for _, word := range words[1:] {
			if hash, ok := strings.CutPrefix(word, "--hash=sha256:"); ok {
				hashes = append(hashes, hash)
			}
		}
		found[words[0]] = hashes
	}
	return found
}
