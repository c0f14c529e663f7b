package builder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// What is held of a base has limits, so that no base takes more than a part of
// this machine's memory. They are several times what large images have: those
// with the CUDA toolkit and conda have less than half a million files.
const (
	maxEntries = 2_000_000 // files and folders of all layers
	maxNames   = 48 << 20  // bytes of their names and of what links lead to
	maxKept    = 32 << 20  // bytes of the content that is kept
	maxLayers  = 1000      // of an image
	maxPath    = 4096      // bytes of a path, PATH_MAX of Linux
	maxName    = 255       // bytes of an element of a path, NAME_MAX of Linux
	maxDepth   = 256       // elements of a path
	maxContent = 64 << 30  // bytes of a layer without compression
)

// budget is what may still be held of a base. It is shared by the layers that
// are read at a time.
type budget struct {
	entries, names, kept atomic.Int64
	window               sync.Mutex // held while zstd is read, which may take maxWindow
}

func newBudget() *budget {
	b := &budget{}
	b.entries.Store(maxEntries)
	b.names.Store(maxNames)
	b.kept.Store(maxKept)
	return b
}

// excessError says that an input is larger than what this program works with.
type excessError struct{ what string }

func (e *excessError) Error() string { return e.what }

func excess(format string, args ...any) error { return &excessError{fmt.Sprintf(format, args...)} }

// entry takes one entry off.
func (b *budget) entry() error {
	if b.entries.Add(-1) < 0 {
		return excess("the layers hold more than %d files", maxEntries)
	}
	return nil
}

// name takes the bytes of a name off.
func (b *budget) name(size int) error {
	if b.names.Add(-int64(size)) < 0 {
		return excess("the names of the files have more than %d bytes", maxNames)
	}
	return nil
}

// keep reports whether size bytes more can be kept, and takes them off.
func (b *budget) keep(size int64) bool {
	if b.kept.Add(-size) < 0 {
		b.kept.Add(size)
		return false
	}
	return true
}

// maxMembers is how many values an image's JSON document may have. In memory,
// they can take many times what they take as text.
const maxMembers = 100_000

// decode reads a JSON document of an image.
func decode(data []byte, into any) error {
	if bytes.Count(data, []byte{','}) > maxMembers {
		return excess("it holds more than %d values", maxMembers)
	}
	return json.Unmarshal(data, into)
}

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
	if d.size > maxDocument || d.members > maxMembers {
		return 0, excess("a document has more than %d bytes or %d values", maxDocument, maxMembers)
	}
	return n, err
}

func tooManyLayers(n int) error { return excess("it has %d layers, more than %d", n, maxLayers) }

// bounded is the content of a layer. It fails where there is more of it than
// left bytes.
type bounded struct {
	io.ReadCloser
	left int64
}

func atMost(content io.ReadCloser) io.ReadCloser { return &bounded{content, maxContent} }

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, excess("a layer has more than %d bytes without its compression", int64(maxContent))
	}
	return n, err
}
