package traditional

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// WriteContext writes the build context of the Dockerfile into the folder dir,
// which exists: the Dockerfile, and in code/ the package openhands without byte
// code and Markdown, the agents' skills, pyproject.toml and poetry.lock. Files
// that are there already are replaced. Links are followed.
func (s *Source) WriteContext(dir, dockerfile string) error {
	code := filepath.Join(dir, "code")
	if err := s.copyTree(s.folder(), filepath.Join(code, packageName), func(name string, _ bool) bool {
		return strings.HasSuffix(name, ".pyc") || strings.HasSuffix(name, ".md")
	}); err != nil {
		return err
	}
	if skills := s.skills(dockerfile); skills != "" {
		all := func(string, bool) bool { return false }
		if err := s.copyTree(filepath.Join(s.root, skills), filepath.Join(code, skills), all); err != nil {
			return err
		}
	}
	for _, name := range []string{projectFile, lockFile} {
		path, err := s.locate(name)
		if err != nil {
			return err
		}
		if err := copyFile(path, filepath.Join(code, name)); err != nil {
			return fmt.Errorf("writing the build context: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		return fmt.Errorf("writing the build context: %w", err)
	}
	return nil
}

// skills is the folder of the agents' skills: "microagents" in former versions
// and "skills" in later ones. Where both are there, the Dockerfile tells.
func (s *Source) skills(dockerfile string) string {
	names := []string{"microagents", "skills"}
	if strings.Contains(dockerfile, "code/skills") {
		names = []string{"skills", "microagents"}
	}
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(s.root, name)); err == nil && info.IsDir() {
			return name
		}
	}
	return ""
}

func (s *Source) copyTree(from, to string, skip func(name string, dir bool) bool) error {
	root, err := scan(from, skip)
	if err != nil {
		return s.broken("the sources cannot be read", err)
	}
	if err := root.copyTo(to); err != nil {
		return fmt.Errorf("writing the build context: %w", err)
	}
	return nil
}

// copyTo copies a file, or a folder with all that is in it.
func (n *node) copyTo(path string) error {
	if !n.mode.IsDir() {
		return copyFile(n.path, path)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	for _, e := range n.entries {
		if err := e.copyTo(filepath.Join(path, e.name)); err != nil {
			return err
		}
	}
	return keepAttributes(n.path, path)
}

// copyFile copies content, permissions and the time of the last change.
func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	if err := errors.Join(err, target.Close()); err != nil {
		return err
	}
	return keepAttributes(from, to)
}

func keepAttributes(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	mode := info.Mode().Perm()
	if info.IsDir() {
		mode |= 0o700 // or it could not be removed
	}
	return errors.Join(os.Chmod(to, mode), os.Chtimes(to, info.ModTime(), info.ModTime()))
}

// AppendConfig tells the scripts that build from a prepared folder its tags:
// they are appended to the folder's config.sh.
func (n Names) AppendConfig(dir string) (err error) {
	file, err := os.OpenFile(filepath.Join(dir, "config.sh"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, fs.FileMode(0o644))
	if err == nil {
		_, err = fmt.Fprintf(file, "\nDOCKER_IMAGE_TAG=%s\nDOCKER_IMAGE_SOURCE_TAG=%s\n", n.Older, n.Source)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return fmt.Errorf("writing the tags into the build folder: %w", err)
	}
	return nil
}
