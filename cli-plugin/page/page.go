// Package page shows an image as one page of HTML: what its payload holds, its
// layers and who shares them, the licences of its packages, and what set-up
// changed in its base. The page needs no network and no script.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the template
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/oh-init/setup"
	"github.com/docker/go-units"
)

// Subject is an image that a page is about. What it says of itself, and the names
// of its files, are somebody else's words.
type Subject struct {
	Details  *engine.Details
	Layers   []*image.Listing  // of all layers, the lowest first, read with Keep
	Licences map[string]string // SPDX expression of what a component mainly consists of, by its name
}

// Keep is the image.KeepFunc of a Subject's layers.
func Keep(name string, size int64) bool {
	return isMetadata(name, size) || setup.Reads("/"+name, size)
}

//go:embed page.html
var markup string

//go:embed page.css
var style string

// Write writes the page. Where the layers are no file system that an engine could
// show, the error is that of image.Differences.
func Write(w io.Writer, s Subject) error {
	seen, err := look(s)
	if err != nil {
		return err
	}
	page, err := template.New("page").Funcs(template.FuncMap{
		"bytes": humanSize,
		"line":  terminal.Line,
		"text":  terminal.Text,
		"style": func() template.CSS { return template.CSS(style) }, // our own
	}).Parse(markup)
	if err != nil {
		return fmt.Errorf("reading the template of the page: %w", err)
	}
	var whole bytes.Buffer
	if err := page.Execute(&whole, seen); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	_, err = whole.WriteTo(w)
	return err
}

// humanSize is a number of bytes for people, in powers of 1000.
func humanSize(n int64) string { return units.HumanSizeWithPrecision(float64(n), 3) }

// policy is the Content Security Policy of the page: nothing but its own style.
func policy() string {
	hash := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'"
}
