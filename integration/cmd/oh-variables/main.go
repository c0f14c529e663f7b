// Oh-variables lists the environment variables that the programs of payloads
// know, by reading their sources and binaries:
//
//	oh-variables IMAGE...
//
// It prints a line "NAME WHERE" for each, sorted; WHERE is the first package or
// program that it was found in. It is a list to test with: some names mean
// something only to a part of a program that is never reached, and what is put
// together while a program runs is told from examples.
package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := list(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "oh-variables:", err)
		os.Exit(1)
	}
}

// composed are examples of names that programs put together: options of pip,
// npm, uvicorn and click's programs, fields of settings of FastMCP and others.
var composed = map[string]string{
	"PIP_CONFIG_FILE": "pip", "PIP_REQUIRE_VIRTUALENV": "pip", "PIP_TARGET": "pip", "PIP_USER": "pip", "PIP_NO_INDEX": "pip",
	"npm_config_prefix": "npm", "npm_config_userconfig": "npm", "npm_config_node_options": "npm", "NPM_CONFIG_PREFIX": "npm",
	"UVICORN_PORT": "uvicorn", "UVICORN_WORKERS": "uvicorn", "UVICORN_SSL_KEYFILE": "uvicorn", "UVICORN_RELOAD": "uvicorn",
	"FASTMCP_LOG_LEVEL": "fastmcp", "FASTMCP_PORT": "fastmcp", "FASTMCP_STATELESS_HTTP": "fastmcp",
	"GIT_CONFIG_KEY_0": "git", "GIT_CONFIG_VALUE_0": "git", "BASH_FUNC_ls%%": "bash",
}

func list(ctx context.Context, images []string) error {
	if len(images) == 0 {
		return errors.New("name a payload's image")
	}
	found := maps.Clone(composed)
	for _, image := range images {
		if err := read(ctx, image, found); err != nil {
			return fmt.Errorf("reading %s: %w", image, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		fmt.Println(name, found[name])
	}
	return nil
}

func read(ctx context.Context, image string, found map[string]string) (err error) {
	engine := lab.Engine{}
	container, err := engine.Docker(ctx, "create", image, "never started")
	if err != nil {
		return err
	}
	defer func() {
		_, e := engine.Docker(context.WithoutCancel(ctx), "rm", container)
		err = errors.Join(err, e)
	}()
	export := engine.Command(ctx, "export", container)
	export.Stderr = os.Stderr
	out, err := export.StdoutPipe()
	if err != nil {
		return err
	}
	if err := export.Start(); err != nil {
		return err
	}
	err = readArchive(tar.NewReader(out), found)
	_, copied := io.Copy(io.Discard, out)
	return errors.Join(err, copied, export.Wait())
}

func readArchive(files *tar.Reader, found map[string]string) error {
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(files)
		if err != nil {
			return err
		}
		for _, name := range names(header.Name, text) {
			if _, ok := found[name]; !ok {
				found[name] = origin(header.Name)
			}
		}
	}
}

// names finds names in a file, by what its own name says it is.
func names(file string, text []byte) (found []string) {
	switch path.Ext(file) {
	case ".py":
		return inSource(text, python)
	case ".js", ".mjs", ".cjs":
		return inSource(text, javaScript)
	}
	if !bytes.HasPrefix(text, []byte("\x7fELF")) {
		return nil
	}
	for word := range bytes.SplitSeq(text, []byte{0}) {
		if len(word) < longest && known.Match(word) {
			found = append(found, string(word))
		}
	}
	return found
}

// longest is more than any name has, in bytes.
const longest = 64

func inSource(text []byte, expressions []*regexp.Regexp) (found []string) {
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte("env")) && !bytes.Contains(line, []byte("ENV")) {
			continue
		}
		for _, expression := range expressions {
			for _, match := range expression.FindAllSubmatch(line, -1) {
				found = append(found, string(match[1]))
			}
		}
	}
	return found
}

const name = `([A-Za-z_][A-Za-z0-9_]{2,60})`

var (
	python = []*regexp.Regexp{
		regexp.MustCompile(`environb?(?:\.get|\.pop|\.setdefault)?[\[(]\s*[bru]?["']` + name + `["']`),
		regexp.MustCompile(`getenvb?\(\s*["']` + name + `["']`),
		regexp.MustCompile(`["']` + name + `["']\s+(?:not\s+)?in\s+(?:os\.)?environ`),
		regexp.MustCompile(`(?:envvar|env_var|env)\s*=\s*["']([A-Z][A-Z0-9_]{2,60})["']`),
		// Constants that hold a name, and the environment under another one.
		regexp.MustCompile(`^_?[A-Z_]*ENV[A-Z_]*(?:: [A-Za-z\[\]]+)? = ["']([A-Z][A-Z0-9_]{2,60})["']`),
		regexp.MustCompile(`\benv(?:ironment)?(?:\.get\(|\[)["']([A-Z][A-Z0-9_]{2,60})["']`),
	}
	javaScript = []*regexp.Regexp{regexp.MustCompile(`\benv\b(?:\.|\[["'])([A-Za-z_][A-Za-z0-9_]{2,60})`)}

	// known are families of names that C, Rust and Go programs of the payload
	// read: whole strings of a binary.
	known = regexp.MustCompile(`^(?:` + families + `)[A-Z0-9_]*$`)
)

const families = `PYTHON|OPENSSL_|SSL_|SSLKEYLOG|CTLOG_|GLIBC_|MALLOC_|LD_|LOCPATH|NLSPATH|LANGUAGE|OUTPUT_CHARSET|GCONV_|RES_OPTIONS|` +
	`HOSTALIASES|LOCALDOMAIN|RESOLV_|TZDIR|GETCONF_|POSIXLY_|NODE_|UV_|TMUX|EVENT_|TERMINFO|TERMCAP|NCURSES_|ESCDELAY|` +
	`GIT_|SSH_|CURL_|RIPGREP_|GREP_|LESS|JQ_|INPUTRC|HISTFILE|BASH_|PROMPT_COMMAND|XDG_|FONTCONFIG_|FC_|G_|GIO_|GTK_|GSETTINGS_|DBUS_|` +
	`NSS_|NSPR_|CHROME_|CHROMIUM_|GOOGLE_|VK_|LIBGL_|MESA_|EGL_|LIBVA_|ALSA_|PULSE_|KRB5|SQLITE_|TCL|MAGIC`

// origin names a package of Python or of Node.js, or the program itself.
func origin(file string) string {
	parts := strings.Split(file, "/")
	for _, folder := range []string{"site-packages", "node_modules"} {
		if i := slices.Index(parts, folder); i >= 0 && i+1 < len(parts) {
			return strings.TrimSuffix(parts[i+1], ".py")
		}
	}
	for i, part := range parts {
		if strings.HasPrefix(part, "python3.") && i+1 < len(parts) {
			return "python"
		}
	}
	return path.Base(file)
}
