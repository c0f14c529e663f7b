package client

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func TestFolder(t *testing.T) {
	ctx := t.Context()
	s := serve(t, "/upload_file", `{}`)
	if err := s.UploadFolder(ctx, "/workspace", fstest.MapFS{"a/ü.txt": {Data: []byte("text")}}); err != nil {
		t.Fatal(err)
	}
	query := s.request.URL.Query()
	if query.Get("destination") != "/workspace" || query.Get("recursive") != "true" || !bytes.Contains(s.body, []byte("PK")) {
		t.Errorf("sent %v with %d bytes", query, len(s.body))
	}

	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	file, err := w.Create("a/ü.txt")
	if err != nil {
		t.Fatal(err)
	}
	file.Write([]byte("text"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s = serve(t, "/download_files", archive.String())
	tree, err := s.DownloadFolder(ctx, "/workspace")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := fs.ReadFile(tree, "a/ü.txt"); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	s = serve(t, "/download_files", "no archive")
	if _, err := s.DownloadFolder(ctx, "/workspace"); err == nil || !strings.Contains(err.Error(), "/workspace") {
		t.Errorf("got %v", err)
	}
}
