package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/oh-init/setup"
)

// headers is a tar stream of entries without content, made while it is read.
// It keeps the largest size that the heap has meanwhile.
type headers struct {
	n       int
	header  func(i int) *tar.Header
	written int
	rest    bytes.Buffer
	heap    uint64
}

func (h *headers) Read(p []byte) (int, error) {
	out := tar.NewWriter(&h.rest)
	for h.rest.Len() < len(p) && h.written < h.n {
		if err := out.WriteHeader(h.header(h.written)); err != nil {
			return 0, err
		}
		if h.written++; h.written%10_000 == 0 {
			h.heap = max(h.heap, heap())
		}
		if h.written == h.n {
			if err := out.Close(); err != nil {
				return 0, err
			}
		}
	}
	return h.rest.Read(p)
}

func heap() uint64 {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return now.HeapAlloc
}

const megabyte = 1 << 20

func header(kind byte, format string) func(int) *tar.Header {
	return func(i int) *tar.Header {
		return &tar.Header{Typeflag: kind, Name: fmt.Sprintf(format, i), Mode: 0o755, Format: tar.FormatPAX}
	}
}

// Whatever a layer says, reading it and planning over it takes a part of the
// memory of a small machine, and ends.
func TestHostileLayers(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(190 * megabyte))
	for name, test := range map[string]struct {
		n      int
		header func(int) *tar.Header
		want   string // in the error
	}{
		"folders":       {500_000, header(tar.TypeDir, "a/%d/"), ""},
		"long names":    {10, header(tar.TypeReg, strings.Repeat("a/", 250_000)+"%d"), "the path"},
		"deep folders":  {10, header(tar.TypeReg, strings.Repeat("a/", maxDepth)+"%d"), "elements"},
		"long elements": {10, header(tar.TypeReg, strings.Repeat("a", maxName)+"%d"), "the name"},
		"long link": {1, func(int) *tar.Header {
			return &tar.Header{Typeflag: tar.TypeSymlink, Name: "a", Linkname: strings.Repeat("a", maxPath+1), Format: tar.FormatPAX}
		}, "a link to"},
		"many long names": {20_000, header(tar.TypeDir, strings.Repeat(strings.Repeat("a", 250)+"%[1]d/", 15)), "the names of the files"},
		"large PAX record": {1, func(int) *tar.Header {
			return &tar.Header{Name: "a", PAXRecords: map[string]string{"X.y": strings.Repeat("a", 2*megabyte)}, Format: tar.FormatPAX}
		}, "header field too long"},
	} {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			before := heap()
			stream := &headers{n: test.n, header: test.header}
			l, err := ReadListing(stream, Attempt{}.Keep, NewBudget())
			if got := fmt.Sprint(err); !strings.Contains(got, test.want) || (err != nil) != (test.want != "") {
				t.Errorf("%.200s", got)
			}
			if err == nil {
				if _, _, err := setup.Plan(newRootFS([]*Listing{l}), setup.Options{}); err != nil {
					t.Error(err)
				}
			}
			peak := max(stream.heap, heap())
			t.Logf("%d MB before, %d MB at most", before/megabyte, peak/megabyte)
			if peak > 200*megabyte {
				t.Errorf("the heap had %d MB", peak/megabyte)
			}
			runtime.KeepAlive(l)
		})
	}
}

// A sparse file of a few bytes has any size, which is not to be held.
func TestSparseFiles(t *testing.T) {
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	for i := range 100 {
		if err := archive.WriteHeader(&tar.Header{Name: fmt.Sprintf("etc/%d", i), Format: tar.FormatPAX, PAXRecords: map[string]string{
			"XXX.sparse.major": "0", "XXX.sparse.minor": "1", "XXX.sparse.numblocks": "1", "XXX.sparse.map": "1048576,0", "XXX.sparse.size": "1048576",
		}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	data := bytes.ReplaceAll(b.Bytes(), []byte("XXX."), []byte("GNU.")) // a writer refuses these
	l, err := ReadListing(bytes.NewReader(data), keepAll, NewBudget())
	if err != nil {
		t.Fatal(err)
	}
	if e, err := newRootFS([]*Listing{l}).Lstat("/etc/99"); err != nil || e.Size != 1<<20 || len(l.content) > 0 {
		t.Errorf("%+v %v; the content of %d files is kept", e, err, len(l.content))
	}
}

// Each limit is for the layers of a base together.
func TestBudget(t *testing.T) {
	for name, test := range map[string]struct {
		left  func(*Budget)
		lines []string
		want  string
		kept  int
	}{
		"enough":  {func(b *Budget) { b.entries.Store(4); b.names.Store(8); b.kept.Store(5) }, []string{"etc/a=12345", "etc/b="}, "", 2},
		"entries": {func(b *Budget) { b.entries.Store(2) }, []string{"etc/a=", "etc/b="}, "files", 0},
		"names":   {func(b *Budget) { b.names.Store(4) }, []string{"etc/a=", "etc/b="}, "names", 0},
		"targets": {func(b *Budget) { b.names.Store(4) }, []string{"a->12345"}, "names", 0},
		"content": {func(b *Budget) { b.kept.Store(4) }, []string{"etc/a=12345", "etc/b=1234", "etc/c=1"}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			left := NewBudget()
			test.left(left)
			kept := 0
			var err error
			for _, line := range test.lines {
				var l *Listing
				if l, err = ReadListing(bytes.NewReader(imagetest.Layer(t, line)), keepAll, left); err != nil {
					break
				}
				kept += len(l.content)
			}
			var excess *ExcessError
			if errors.As(err, &excess) != (test.want != "") || !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("got %v", err)
			}
			if err == nil && kept != test.kept {
				t.Errorf("the content of %d files is kept, want %d", kept, test.kept)
			}
		})
	}
}

// An engine does not unpack a hard link to a folder; a plan over one would go
// round.
func TestHardLinkToFolder(t *testing.T) {
	for _, lines := range [][][]string{
		{{"etc/skel/", "etc/skel/x=>etc/skel"}},
		{{"etc/skel/y=", "etc/skel/x=>etc/skel"}},
		{{"etc/skel/", "etc/skel/x=>."}},
		{{"etc/skel/"}, {"etc/skel/x=>etc/skel"}},
	} {
		var layers []*Listing
		var err error
		for _, layer := range lines {
			l, readErr := ReadListing(bytes.NewReader(imagetest.Layer(t, layer...)), Attempt{}.Keep, NewBudget())
			layers, err = append(layers, l), errors.Join(err, readErr)
		}
		if err == nil {
			_, _, err = setup.Plan(newRootFS(layers), setup.Options{})
		}
		var link *linkError
		if !errors.As(err, &link) || !strings.Contains(err.Error(), "etc/skel/x") {
			t.Errorf("%q: %v", lines, err)
		}
	}
}

// Dangling hard links over one another are followed once each.
func TestHardLinksThroughLayers(t *testing.T) {
	var layers []*Listing
	for range MaxLayers {
		l, err := ReadListing(bytes.NewReader(imagetest.Layer(t, "etc/passwd=>etc/passwd")), Attempt{}.Keep, NewBudget())
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, l)
	}
	if _, _, err := setup.Plan(newRootFS(layers), setup.Options{}); err != nil {
		t.Error(err)
	}
}

func TestDecompress(t *testing.T) {
	member := func(text string) []byte {
		l, err := NewLayer([]byte(text), Gzip)
		if err != nil {
			t.Fatal(err)
		}
		content, err := l.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	read := func(data []byte) (string, error) {
		plain, err := Decompress(data, bytes.NewReader(data))
		if err != nil {
			return "", err
		}
		got, err := io.ReadAll(plain)
		return string(got), errors.Join(err, plain.Close())
	}
	if got, err := read(append(member("a"), member("b")...)); err != nil || got != "ab" {
		t.Errorf("two members: %q %v", got, err)
	}
	if _, err := read(append(member("a"), "more"...)); err == nil {
		t.Error("bytes behind the last member are passed over")
	}
	// A frame of nothing that wants a window of 64 MiB: magic, no content
	// size, window descriptor, an empty last block.
	var excess *ExcessError
	if _, err := read([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 16 << 3, 1, 0, 0}); !errors.As(err, &excess) {
		t.Errorf("a window of 64 MiB: %v", err)
	}
	if _, err := read([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 15 << 3, 1, 0, 0}); err != nil {
		t.Errorf("a window of 32 MiB: %v", err)
	}
	plain := &bounded{io.NopCloser(strings.NewReader("12345")), 4}
	if got, err := io.ReadAll(plain); !errors.As(err, &excess) || len(got) > 4 {
		t.Errorf("more than there may be: %q %v", got, err)
	}
}

func TestRetryEnds(t *testing.T) {
	r := Recipe{Runtime: plan.Runtime{Base: "base:1", LayerOrder: plan.OrderAuto}}
	var p *problem.Error
	readings := 0
	err := r.Retry(func(Attempt) error {
		readings++
		return fmt.Errorf("planning: %w", &notKeptError{map[string]bool{fmt.Sprint(readings): true}})
	})
	if !errors.As(err, &p) || p.Code != problem.TooLarge || readings != maxReadings {
		t.Errorf("%d readings: %v", readings, err)
	}
	readings = 0
	err = r.Retry(func(Attempt) error {
		readings++
		return &notKeptError{map[string]bool{"etc/passwd": true}} // as where it is sparse
	})
	if !errors.As(err, &p) || p.Code != problem.TooLarge || readings != 2 {
		t.Errorf("%d readings of the same: %v", readings, err)
	}
	err = r.Retry(func(Attempt) error { return fmt.Errorf("the layer x: %w", Excess("too many")) })
	if !errors.As(err, &p) || p.Code != problem.TooLarge || !strings.Contains(err.Error(), "the layer x") || !strings.Contains(err.Error(), "base:1") {
		t.Errorf("a layer that is too large: %v", err)
	}
}
