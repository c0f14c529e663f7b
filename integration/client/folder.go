package client

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
)

// UploadFolder puts the files of a tree below a folder of the sandbox.
func (c *Client) UploadFolder(ctx context.Context, dir string, tree fs.FS) error {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	if err := w.AddFS(tree); err != nil {
		return fmt.Errorf("packing for %s: %w", dir, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("packing for %s: %w", dir, err)
	}
	return c.upload(ctx, url.Values{"destination": {dir}, "recursive": {"true"}}, "folder.zip", archive.Bytes())
}

// DownloadFolder returns the files of a folder of the sandbox.
func (c *Client) DownloadFolder(ctx context.Context, dir string) (fs.FS, error) {
	target := "/download_files?" + url.Values{"path": {dir}}.Encode()
	archive, err := c.exchange(ctx, http.MethodGet, target, "", nil)
	if err != nil {
		return nil, err
	}
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("the archive of %s: %w", dir, err)
	}
	return r, nil
}
