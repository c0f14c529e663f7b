package helpers

import (
	"archive/tar"
	"bytes"
	"errors"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

func TestReadWantsEveryBinary(t *testing.T) {
	var names []string
	for _, name := range Names() {
		_, err := read(fstest.MapFS{"packed/amd64.tar.zst": archive(t, names...)}, "amd64")
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != problem.NoHelpers {
			t.Fatalf("without %s: got %v, want %s", name, err, problem.NoHelpers)
		}
		names = append(names, name)
	}
	files := fstest.MapFS{"packed/amd64.tar.zst": archive(t, names...)}
	got, err := read(files, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		if string(got[name]) != name {
			t.Errorf("%s holds %q", name, got[name])
		}
	}
	var p *problem.Error
	if _, err := read(files, "arm64"); !errors.As(err, &p) || p.Code != problem.NoHelpers {
		t.Errorf("an architecture without binaries: got %v, want %s", err, problem.NoHelpers)
	}
}

func TestReadDamaged(t *testing.T) {
	whole := archive(t, Names()...)
	for size := range whole.Data {
		files := fstest.MapFS{"packed/amd64.tar.zst": &fstest.MapFile{Data: whole.Data[:size]}}
		if got, err := read(files, "amd64"); err == nil {
			t.Fatalf("%d of %d bytes give %q", size, len(whole.Data), got)
		}
	}
}

// archive packs files that hold their own names.
func archive(t *testing.T, names ...string) *fstest.MapFile {
	var packed bytes.Buffer
	compressed, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(compressed)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(name))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: packed.Bytes()}
}

func BenchmarkFor(b *testing.B) {
	for b.Loop() {
		if _, err := For("amd64"); err != nil {
			b.Fatal(err)
		}
	}
}
