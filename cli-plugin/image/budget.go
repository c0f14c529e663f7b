package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// Memory is what the Go runtime of this program is to get by with, in bytes:
// see debug.SetMemoryLimit. What is held of an image has limits, so that all of
// them together leave room in it. They are twice and more of what large images
// have: those with the CUDA toolkit and conda have less than half a million files.
const Memory = 150 << 20

const (
	maxEntries = 1_000_000 // files and folders of all layers
	maxNames   = 32 << 20  // bytes of their names and of what links lead to
	maxKept    = 16 << 20  // bytes of the content that is kept
	MaxLayers  = 1000      // of an image
	maxPath    = 4096      // bytes of a path, PATH_MAX of Linux
	maxName    = 255       // bytes of an element of a path, NAME_MAX of Linux
	maxDepth   = 256       // elements of a path
	maxContent = 64 << 30  // bytes of a layer without compression
)

// Budget is what may still be held of a base. It is shared by the layers that
// are read at a time.
type Budget struct {
	entries, names, kept atomic.Int64
	Window               sync.Mutex // held while zstd is read, which may take maxWindow
}

// NewBudget returns a whole budget.
func NewBudget() *Budget {
	b := &Budget{}
	b.entries.Store(maxEntries)
	b.names.Store(maxNames)
	b.kept.Store(maxKept)
	return b
}

// ExcessError says that an input is larger than what this program works with.
type ExcessError struct{ what string }

func (e *ExcessError) Error() string { return e.what }

// Excess returns an *ExcessError.
func Excess(format string, args ...any) error { return &ExcessError{fmt.Sprintf(format, args...)} }

// entry takes one entry off.
func (b *Budget) entry() error {
	if b.entries.Add(-1) < 0 {
		return Excess("the layers hold more than %d files", maxEntries)
	}
	return nil
}

// name takes the bytes of a name off.
func (b *Budget) name(size int) error {
	if b.names.Add(-int64(size)) < 0 {
		return Excess("the names of the files have more than %d bytes", maxNames)
	}
	return nil
}

// keep reports whether size bytes more can be kept, and takes them off.
func (b *Budget) keep(size int64) bool {
	if b.kept.Add(-size) < 0 {
		b.kept.Add(size)
		return false
	}
	return true
}

// MaxMembers is how many values an image's JSON document may have. In memory,
// they can take many times what they take as text.
const MaxMembers = 100_000

// Decode reads a JSON document of an image.
func Decode(data []byte, into any) error {
	if bytes.Count(data, []byte{','}) > MaxMembers {
		return Excess("it holds more than %d values", MaxMembers)
	}
	return json.Unmarshal(data, into)
}

// TooManyLayers is the error of an image with n layers.
func TooManyLayers(n int) error { return Excess("it has %d layers, more than %d", n, MaxLayers) }

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
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return n, Excess("a layer is compressed for a window of more than %d bytes", maxWindow)
	}
	if b.left -= int64(n); b.left < 0 {
		return 0, Excess("a layer has more than %d bytes without its compression", int64(maxContent))
	}
	return n, err
}
