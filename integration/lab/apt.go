package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// aptInstall installs a Debian package without its recommendations and
// without a question.
func aptInstall(ctx context.Context, log io.Writer, pkg string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s is missing and this machine has no apt-get: please install it by hand", pkg)
	}
	fmt.Fprintf(log, "apt-get: installing %s\n", pkg)
	install := func() error {
		_, err := output(apt(ctx, "install", "-y", "--no-install-recommends", pkg))
		return err
	}
	if err := install(); err == nil {
		return nil
	}
	// The package lists may be missing or too old.
	if _, err := output(apt(ctx, "update")); err != nil {
		return err
	}
	return install()
}

func apt(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-q"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return cmd
}

// aptMirrors returns where this machine's apt finds Debian: the addresses of
// sources (an /etc/apt folder) that serve a Debian release's main section,
// in their order, each once.
func aptMirrors(etc fs.FS) ([]string, error) {
	names, err := fs.Glob(etc, "sources.list.d/*")
	if err != nil {
		return nil, err
	}
	var mirrors []string
	for _, name := range append([]string{"sources.list"}, names...) {
		file, err := etc.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading apt's sources: %w", err)
		}
		var found []source
		switch filepath.Ext(name) {
		case ".list":
			found, err = parseList(file)
		case ".sources":
			found, err = parseDeb822(file)
		}
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		for _, s := range found {
			if s.debian() && !slices.Contains(mirrors, s.uri) {
				mirrors = append(mirrors, s.uri)
			}
		}
	}
	if len(mirrors) == 0 {
		return nil, errors.New("apt's sources of this machine name no Debian mirror")
	}
	return mirrors, nil
}

// source is one entry of sources.list(5).
type source struct{ uri, suite, components string }

func (s source) debian() bool {
	switch s.suite {
	case "bullseye", "bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable":
		return slices.Contains(strings.Fields(s.components), "main")
	}
	return false
}

// parseList reads the one-line style of sources.list(5).
func parseList(r io.Reader) ([]source, error) {
	var found []source
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "deb ")
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			_, rest, _ = strings.Cut(rest, "]")
		}
		fields := strings.Fields(rest)
		if len(fields) >= 3 {
			found = append(found, source{strings.TrimSuffix(fields[0], "/"), fields[1], strings.Join(fields[2:], " ")})
		}
	}
	return found, lines.Err()
}

// parseDeb822 reads the stanza style of sources.list(5).
func parseDeb822(r io.Reader) ([]source, error) {
	var found []source
	stanza := map[string]string{}
	end := func() {
		if slices.Contains(strings.Fields(stanza["types"]), "deb") && stanza["enabled"] != "no" {
			for _, uri := range strings.Fields(stanza["uris"]) {
				for _, suite := range strings.Fields(stanza["suites"]) {
					found = append(found, source{strings.TrimSuffix(uri, "/"), suite, stanza["components"]})
				}
			}
		}
		clear(stanza)
	}
	field := ""
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			end()
		case line[0] == ' ' || line[0] == '\t':
			stanza[field] += " " + strings.TrimSpace(line)
		default:
			name, value, _ := strings.Cut(line, ":")
			field = strings.ToLower(name)
			stanza[field] = strings.TrimSpace(value)
		}
	}
	end()
	return found, lines.Err()
}
