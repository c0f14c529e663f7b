package traditional

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// WriteContext writes the build context of the Dockerfile into the folder dir,
// which exists: the Dockerfile, and in code/ the package openhands without byte
// code and Markdown, the agents' skills, pyproject.toml and poetry.lock. Files
// that are there already are replaced. Links are followed.
func (s *Source) WriteContext(dir, dockerfile string) error {
	code, err := s.code(dockerfile)
	if err != nil {
		return err
	}
	err = s.copy(code, filepath.Join(dir, codeFolder))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, dockerfileName), []byte(dockerfile), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the build context: %w", err)
	}
	return nil
}

// ContextFiles lists the files of the build context, sorted.
func (s *Source) ContextFiles(dockerfile string) ([]string, error) {
	code, err := s.code(dockerfile)
	if err != nil {
		return nil, err
	}
	list := append(code.list(codeFolder), dockerfileName)
	slices.Sort(list)
	return list, nil
}

const (
	codeFolder     = "code"
	dockerfileName = "Dockerfile"
)

// code is the folder of the build context that holds the sources.
func (s *Source) code(dockerfile string) (*node, error) {
	code := &node{mode: fs.ModeDir}
	add := func(name, path string, skip func(name string, dir bool) bool) error {
		n, err := s.scan(path, skip)
		if err != nil {
			return s.broken("the sources cannot be read", err)
		}
		code.entries = append(code.entries, entry{name, n})
		return nil
	}
	all := func(string, bool) bool { return false }
	err := add(packageName, packageName, func(name string, _ bool) bool {
		return strings.HasSuffix(name, ".pyc") || strings.HasSuffix(name, ".md")
	})
	if err != nil {
		return nil, err
	}
	if skills := s.skills(dockerfile); skills != "" {
		if err := add(skills, skills, all); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{projectFile, lockFile} {
		path, err := s.locate(name)
		if err != nil {
			return nil, err
		}
		if err := add(name, path, all); err != nil {
			return nil, err
		}
	}
	return code, nil
}

// list returns the files below a folder that is called name, in no order.
func (n *node) list(name string) []string {
	if !n.mode.IsDir() {
		return []string{name}
	}
	var files []string
	for _, e := range n.entries {
		files = append(files, e.list(name+"/"+e.name)...)
	}
	return files
}

// skills is the folder of the agents' skills: "microagents" in former versions
// and "skills" in later ones. Where both are there, the Dockerfile tells.
func (s *Source) skills(dockerfile string) string {
	names := []string{"microagents", "skills"}
	if strings.Contains(dockerfile, "code/skills") {
		names = []string{"skills", "microagents"}
	}
	for _, name := range names {
		if info, err := s.files.Stat(name); err == nil && info.IsDir() {
			return name
		}
	}
	return ""
}

// copy copies a file, or a folder with all that is in it.
func (s *Source) copy(n *node, path string) error {
	if !n.mode.IsDir() {
		return s.copyFile(n.path, path)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	for _, e := range n.entries {
		if err := s.copy(e.node, filepath.Join(path, e.name)); err != nil {
			return err
		}
	}
	if n.path == "" { // made up
		return nil
	}
	info, err := s.files.Stat(n.path)
	if err != nil {
		return err
	}
	return keepAttributes(info, path)
}

// copyFile copies content, permissions and the time of the last change.
func (s *Source) copyFile(from, to string) (err error) {
	source, err := s.files.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	if err := errors.Join(err, target.Close()); err != nil {
		return err
	}
	return keepAttributes(info, to)
}

func keepAttributes(info fs.FileInfo, path string) error {
	mode := info.Mode().Perm()
	if info.IsDir() {
		mode |= 0o700 // or it could not be removed
	}
	return errors.Join(os.Chmod(path, mode), os.Chtimes(path, info.ModTime(), info.ModTime()))
}

// AppendConfig tells the scripts that build from a prepared folder its tags:
// they are appended to the folder's config.sh.
func (n Names) AppendConfig(dir string) (err error) {
	file, err := os.OpenFile(filepath.Join(dir, "config.sh"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err == nil {
		_, err = fmt.Fprintf(file, "\nDOCKER_IMAGE_TAG=%s\nDOCKER_IMAGE_SOURCE_TAG=%s\n", n.Older, n.Source)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return fmt.Errorf("writing the tags into the build folder: %w", err)
	}
	return nil
}
