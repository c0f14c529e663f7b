// Package imagetest makes layers for tests.
package imagetest

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"
)

// Tar makes a layer out of lines: "DIR/", "FILE=CONTENT", "LINK->TARGET",
// "LINK=>HARD LINK". A file starting with .wh. is a whiteout.
func Tar(lines ...string) ([]byte, error) {
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	for _, line := range lines {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: line, Mode: 0o644, Uid: 7, Gid: 8}
		content := ""
		if name, target, ok := strings.Cut(line, "->"); ok {
			header.Typeflag, header.Name, header.Linkname = tar.TypeSymlink, name, target
		} else if name, target, ok := strings.Cut(line, "=>"); ok {
			header.Typeflag, header.Name, header.Linkname = tar.TypeLink, name, target
		} else if name, text, ok := strings.Cut(line, "="); ok {
			header.Name, content = name, text
		} else if strings.HasSuffix(line, "/") {
			header.Typeflag, header.Mode = tar.TypeDir, 0o755
		}
		header.Size = int64(len(content))
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write([]byte(content)); err != nil {
			return nil, err
		}
	}
	err := archive.Close()
	return b.Bytes(), err
}

// Layer is Tar for a test.
func Layer(t testing.TB, lines ...string) []byte {
	t.Helper()
	data, err := Tar(lines...)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
