package pins

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// npm runs npm for the package in dir: by itself it would look for one, and for
// settings beside it, in the folders above, too.
func npm(ctx context.Context, dir, command string, args ...string) ([]byte, error) {
	return run(ctx, dir, "npm", append([]string{command, "--prefix", dir}, args...)...)
}

// lockNode has npm choose the newest versions that package.json allows. Where
// they come from is not locked: every registry has its own addresses.
func lockNode(ctx context.Context, dir string) error {
	if err := confineNode(dir); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, "package-lock.json")); err != nil {
		return err
	}
	_, err := npm(ctx, dir, "install", "--package-lock-only", "--omit-lockfile-registry-resolved", "--ignore-scripts", "--no-audit", "--no-fund")
	return err
}

func readNode(text []byte) (map[string]string, error) {
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, err
	}
	pins := map[string]string{}
	for path, p := range lock.Packages {
		if name, ok := strings.CutPrefix(path, "node_modules/"); ok {
			pins[name] = p.Version
		}
	}
	return pins, nil
}

// archive is a line of sha512sum(1) for a package of the npm registry.
var archive = regexp.MustCompile(`(?m)^[0-9a-f]{128}  ((?:@[a-z0-9._~-]+/)?[a-z0-9_~][a-z0-9._~-]*?)-([0-9][0-9A-Za-z.+-]*)\.tgz$`)

// refreshArchives asks npm for the newest version of each package that has the
// same major version.
func refreshArchives(ctx context.Context, dir string) error {
	file := filepath.Join(dir, "archives.sha512")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, line := range archive.FindAllSubmatch(text, -1) {
		name, version := string(line[1]), string(line[2])
		newest, sum, err := newest(ctx, dir, name, version)
		if err != nil {
			return err
		}
		text = bytes.Replace(text, line[0], fmt.Appendf(nil, "%s  %s-%s.tgz", sum, name, newest), 1)
	}
	return os.WriteFile(file, text, 0o644)
}

// newest returns the last version that is compatible with the given one, and
// the SHA-512 of its archive in hexadecimal.
func newest(ctx context.Context, dir, name, version string) (newest, sum string, err error) {
	major, _, _ := strings.Cut(version, ".")
	// npm prints an object for one version that fits, and a list for more.
	out, err := npm(ctx, dir, "view", name+"@"+major, "version", "dist.integrity", "--json")
	if err != nil {
		return "", "", err
	}
	if trimmed := bytes.TrimSpace(out); len(trimmed) > 0 && trimmed[0] != '[' {
		out = fmt.Appendf(nil, "[%s]", trimmed)
	}
	var found []struct {
		Version   string
		Integrity string `json:"dist.integrity"`
	}
	if err := json.Unmarshal(out, &found); err != nil {
		return "", "", fmt.Errorf("npm says of %s@%s: %q: %w", name, major, out, err)
	}
	if len(found) == 0 {
		return "", "", fmt.Errorf("npm knows no %s@%s", name, major)
	}
	last := found[0]
	for _, f := range found[1:] {
		if slices.Compare(numbers(f.Version), numbers(last.Version)) > 0 {
			last = f
		}
	}
	hash, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(last.Integrity, "sha512-"))
	if err != nil || len(hash) != sha512.Size {
		return "", "", fmt.Errorf("%s %s has no SHA-512 but %q", name, last.Version, last.Integrity)
	}
	return last.Version, hex.EncodeToString(hash), nil
}

// numbers are those of a version without pre-release, which ranges leave out.
func numbers(version string) []int {
	var all []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part)
		all = append(all, n)
	}
	return all
}

func readArchives(text []byte) (map[string]string, error) {
	return submatches(archive, text), nil
}
