package traditional

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/templates"
)

// serverFile is what makes sources those of the action execution server.
const serverFile = packageName + "/runtime/action_execution_server.py"

// PayloadFiles returns what a payload takes of the sources, by slash-separated
// path: the package openhands, the agents' skills, pyproject.toml and
// poetry.lock. Byte code, hidden files and what package managers leave stay
// out. Links are followed. Errors are *problem.Error.
func (s *Source) PayloadFiles() (map[string]templates.File, error) {
	if _, err := s.files.Stat(serverFile); err != nil {
		return nil, problem.New(problem.BadSource, fmt.Sprintf("the sources in %s, version %s, do not hold the action execution server", s.root, s.version), err,
			"Name a checkout of a version up to 1.6.0, or choose the successor with --server agent-server and without --source")
	}
	files := map[string]templates.File{}
	for _, name := range []string{projectFile, lockFile} {
		file, err := s.locate(name)
		if err != nil {
			return nil, err
		}
		if err := s.addFiles(files, name, file); err != nil {
			return nil, s.broken("the sources cannot be read", err)
		}
	}
	for _, folder := range []string{packageName, "microagents", "skills", "third_party"} {
		err := s.addFiles(files, folder, folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, s.broken("the sources cannot be read", err)
		}
	}
	return files, nil
}

// addFiles adds a file, or those of a tree, under name.
func (s *Source) addFiles(files map[string]templates.File, name, root string) error {
	found, err := s.scan(root, func(name string, dir bool) bool {
		return strings.HasPrefix(name, ".") || dir && slices.Contains([]string{"__pycache__", "node_modules"}, name) || strings.HasSuffix(name, ".pyc")
	})
	if err != nil {
		return err
	}
	return s.read(found, name, files)
}

func (s *Source) read(n *node, name string, files map[string]templates.File) error {
	for _, e := range n.entries {
		if err := s.read(e.node, path.Join(name, e.name), files); err != nil {
			return err
		}
	}
	if n.mode.IsDir() {
		return nil
	}
	file := templates.File{Mode: 0o644}
	if n.mode&0o111 != 0 {
		file.Mode = 0o755
	}
	var err error
	if file.Data, err = s.files.ReadFile(n.path); err != nil {
		return err
	}
	files[name] = file
	return nil
}
