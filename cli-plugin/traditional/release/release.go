// Package release gets the sources of a release of OpenHands from the Python
// index that this machine's pip is set up for.
package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
)

// project is the name of OpenHands on the Python index.
const project = "openhands-ai"

// Release is one version of OpenHands.
type Release struct {
	Version string
	Hashes  []string // SHA-256 in hexadecimal of what the index may give; empty: none is known
}

// New returns the release of a version, with the hashes that are known of it.
func New(version string, hashes []string) (Release, error) {
	if !validVersion.MatchString(version) {
		return Release{}, problem.New(problem.Usage, fmt.Sprintf("%q is no version of OpenHands", version), nil, "Write it as in 0.62.0")
	}
	return Release{Version: version, Hashes: hashes}, nil
}

var validVersion = regexp.MustCompile(`^[0-9][0-9A-Za-z.]{0,40}$`)

// Sources returns a folder of temporary files with the sources of the release,
// which is there until remove. Archives are kept in the user's cache folder.
func (r Release) Sources(ctx context.Context) (dir string, remove func() error, err error) {
	cache, err := state.Folder("")
	if err != nil {
		return "", nil, err
	}
	work, remove, err := state.WorkFolder()
	if err != nil {
		return "", nil, err
	}
	if dir, err = r.Unpack(ctx, cache, work); err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return dir, remove, nil
}

// Unpack puts the sources into a folder that it makes below work, which has to
// be empty. Archives are kept in the folder cache where they can be, and their
// hashes are checked each time.
func (r Release) Unpack(ctx context.Context, cache, work string) (string, error) {
	archive, err := r.archive(ctx, filepath.Join(cache, project, r.Version), work)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(work, "source")
	if filepath.Ext(archive) == ".whl" {
		err = unpackWheel(archive, dir)
	} else {
		err = unpackSource(archive, dir)
	}
	if err != nil {
		return "", fmt.Errorf("unpacking %s: %w", archive, err)
	}
	return dir, nil
}

// archive returns the archive of the release out of the folder cache, where
// it is put first if it is not there or not the right one.
func (r Release) archive(ctx context.Context, cache, work string) (string, error) {
	if kept, ok := r.kept(cache); ok {
		return kept, nil
	}
	scratch := filepath.Join(work, "download")
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return "", fmt.Errorf("making a folder for a download: %w", err)
	}
	fetched, err := r.download(ctx, scratch)
	if err == nil {
		err = r.check(fetched)
	}
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", problem.New(problem.NoRelease, fmt.Sprintf("%s %s cannot be fetched from the Python index", project, r.Version), err,
			"See that 'pip download' works on this machine, or name a checkout or an unpacked release with --source")
	}
	if kept, ok := r.kept(cache); ok { // another process was faster
		return kept, nil
	}
	err = errors.Join(os.RemoveAll(cache), os.MkdirAll(filepath.Dir(cache), 0o755))
	if err != nil || os.Rename(filepath.Dir(fetched), cache) != nil {
		return fetched, nil // and again the next time
	}
	return only(cache)
}

// kept returns the right archive out of the folder cache.
func (r Release) kept(cache string) (string, bool) {
	archive, err := only(cache)
	return archive, err == nil && r.check(archive) == nil
}

// check compares the archive with the hashes that are known.
func (r Release) check(archive string) error {
	if len(r.Hashes) == 0 {
		return nil
	}
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); !slices.Contains(r.Hashes, got) {
		return fmt.Errorf("%s has the SHA-256 %s, and not the %s that is known", filepath.Base(archive), got, strings.Join(r.Hashes, " or "))
	}
	return nil
}

// only returns the one file of a folder.
func only(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) != 1 {
		return "", fmt.Errorf("%s holds %d files and not one", dir, len(entries))
	}
	return filepath.Join(dir, entries[0].Name()), nil
}
