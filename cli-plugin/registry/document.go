package registry

import (
	"bytes"
	"io"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
)

// document is a JSON document that comes from elsewhere.
type document struct {
	io.ReadCloser
	size, members int
}

// Read implements io.Reader.
func (d *document) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	d.size += n
	d.members += bytes.Count(p[:n], []byte{','})
	if d.size > image.MaxDocument || d.members > image.MaxMembers {
		return 0, image.Excess("a document has more than %d bytes or %d values", image.MaxDocument, image.MaxMembers)
	}
	return n, err
}
