package live

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io/fs"
	"maps"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// checkTransfer sends a folder and gets it back, and edits lines of a file.
func checkTransfer(t *testing.T, s *sandbox) {
	ctx := t.Context()
	sent := map[string]string{
		"top/readme.md": "größe\n", "top/deep/deeper/ü 語.txt": "naïve\n", "top/data.bin": "\x00\xff\x00", "top/empty": "",
	}
	tree := fstest.MapFS{}
	for name, text := range sent {
		tree[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	if err := s.UploadFolder(ctx, "/workspace/received/here", tree); err != nil {
		t.Fatal(err)
	}
	equal(t, s.shell(t, "cat 'received/here/top/deep/deeper/ü 語.txt'"), "naïve")
	names, err := s.ListFiles(ctx, "/workspace/received/here/top")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"deep/", "data.bin", "empty", "readme.md"}, names); diff != "" {
		t.Error(diff)
	}
	shown, err := s.View(ctx, "/workspace/received/here")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, shown, "/workspace/received/here/top/deep/\n")
	back, err := s.DownloadFolder(ctx, "/workspace/received/here")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err = fs.WalkDir(back, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(back, name)
		got[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, sent) {
		t.Error(cmp.Diff(sent, got))
	}

	const file = "/workspace/lines.txt"
	if err := s.Write(ctx, file, "0\n1\n2\n3\n4"); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteLines(ctx, file, 1, 3, "eins\nzwei"); err != nil {
		t.Fatal(err)
	}
	text, err := s.ReadLines(ctx, file, 1, 4)
	if err != nil || text != "eins\nzwei\n3\n" {
		t.Errorf("lines %q, %v", text, err)
	}
}

// signal is the colour of the picture below; no page has it by chance.
var signal = color.RGBA{0xc8, 0x1e, 0x96, 0xff}

func picture(t *testing.T) []byte {
	t.Helper()
	plain := image.NewRGBA(image.Rect(0, 0, 400, 300))
	draw.Draw(plain, plain.Bounds(), image.NewUniform(signal), image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := png.Encode(&out, plain); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// checkViewer shows a picture the ways OpenHands does: as the answer to a read,
// and to the browser by the server's file viewer.
func checkViewer(t *testing.T, s *sandbox) {
	ctx := t.Context()
	want := picture(t)
	if err := s.Upload(ctx, "/workspace/picture.png", want); err != nil {
		t.Fatal(err)
	}
	s.shell(t, "cd /workspace")
	got, err := s.ReadImage(ctx, "picture.png")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the picture comes back as %d of %d bytes: %v", len(got), len(want), err)
	}

	viewer := s.shell(t, "cat /tmp/oh-server-url")
	contains(t, s.shell(t, "curl -s "+viewer), "File viewer server is running")
	status := `curl -s -o /dev/null -w '%{http_code}' `
	equal(t, s.shell(t, status+viewer+"/view?path=/workspace/nothing.png"), "404")
	shown, err := s.Browse(ctx, `goto("`+viewer+`/view?path=/workspace/picture.png")`)
	if err != nil {
		t.Fatal(err)
	}
	screen, _, err := image.Decode(bytes.NewReader(shown.Screenshot))
	if err != nil {
		t.Fatal(err)
	}
	if c := screen.At(screen.Bounds().Dx()/2, 150); !near(c, signal) {
		file := artifacts(t, "screenshots", slug(s.base)+"-viewer.png")
		if err := os.WriteFile(file, shown.Screenshot, 0o644); err != nil {
			t.Error(err)
		}
		t.Errorf("the viewer shows %v at the picture's place, want %v; see %s", c, signal, file)
	}
}

// checkFetch has the browser download a file.
func checkFetch(t *testing.T, s *sandbox) {
	ctx := t.Context()
	if err := s.Upload(ctx, "/workspace/site/data.gz", []byte("\x1f\x8b\x08not really")); err != nil {
		t.Fatal(err)
	}
	address := serveSite(t, s)
	var path string
	var err error
	// The server looks once; the browser may not have finished by then.
	for range 3 {
		if path, err = s.Fetch(ctx, address+"data.gz"); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(path, "/workspace/file_") || !strings.HasSuffix(path, ".gz") {
		t.Errorf("the file is %s", path)
	}
	s.shell(t, "cmp "+path+" /workspace/site/data.gz")
}
