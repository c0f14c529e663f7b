package live

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/client"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// page has a white strip with text above a red and a blue half.
const page = `<!doctype html><meta charset="utf-8"><title>Live</title>
<style>
  body { margin: 0; height: 100vh; display: flex; flex-direction: column; font: 48px sans-serif }
  h1 { margin: 0; height: 20vh; font-size: 64px; background: #fff; color: #000 }
  div { flex: 1; display: flex } p { margin: 0; flex: 1 }
</style>
<h1>OpenHands größe Привет</h1>
<div><p style="background: #c81e1e"></p><p style="background: #1e3cc8"></p></div>
<script>document.title = 'Live ' + [1, 2, 3].map(n => n * n).join(' ')</script>`

// checkBrowser has the browser look at a page that is served in the container,
// and looks at the picture.
func checkBrowser(t *testing.T, s *sandbox) {
	ctx := t.Context()
	if err := s.Write(ctx, "/workspace/site/index.html", page); err != nil {
		t.Fatal(err)
	}
	address := serveSite(t, s)
	shown, err := s.Browse(ctx, `goto("`+address+`")`)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, shown.URL, address)
	contains(t, shown.Text, "OpenHands größe Привет")

	picture := artifacts(t, "screenshots", slug(s.base)+"-"+slug(s.user)+".png")
	if err := os.WriteFile(picture, shown.Screenshot, 0o644); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(shown.Screenshot)
	saved := strings.Fields(s.shell(t, "sha256sum "+shown.ScreenshotPath))
	equal(t, saved[0], hex.EncodeToString(sum[:]))
	look(t, shown.Screenshot)
}

// serveSite serves /workspace/site in the container until the test's end and
// returns its address, which ends in a slash. The server itself takes any port of
// the thousand above its own.
func serveSite(t *testing.T, s *sandbox) string {
	t.Helper()
	s.shell(t, "oh-python -I -m http.server 18123 --bind 127.0.0.1 --directory /workspace/site > /tmp/site.log 2>&1 & echo $!")
	// Cleanups of a test run after its context has ended.
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := s.RunAgain(ctx, client.Command{Line: "kill $(jobs -p); wait; true"}); err != nil {
			t.Error(err)
		}
	})
	const address = "http://127.0.0.1:18123/"
	err := lab.WaitFor(t.Context(), time.Minute, "the page", func(ctx context.Context) bool {
		result, err := s.RunAgain(ctx, client.Command{Line: "curl -sf -o /dev/null " + address})
		return err == nil && result.ExitCode == 0
	})
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// look fails where a picture is not one of the page.
func look(t *testing.T, data []byte) {
	t.Helper()
	picture, format, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("the screenshot: %v", err)
	}
	size := picture.Bounds().Size()
	t.Logf("the screenshot is a %s of %d x %d", format, size.X, size.Y)
	if size.X < 640 || size.Y < 400 {
		t.Fatalf("the screenshot is %v", size)
	}
	for _, half := range []struct {
		name string
		x    int
		want color.RGBA
	}{
		{"left", size.X / 4, color.RGBA{0xc8, 0x1e, 0x1e, 0xff}},
		{"right", size.X * 3 / 4, color.RGBA{0x1e, 0x3c, 0xc8, 0xff}},
	} {
		if got := picture.At(half.x, size.Y*6/10); !near(got, half.want) {
			t.Errorf("the %s half is %v, want %v", half.name, got, half.want)
		}
	}
	// The text: dark on white, its edges smoothed into many shades.
	shades := map[color.Color]bool{}
	dark, white := 0, 0
	for y := range size.Y / 5 {
		for x := range size.X {
			c := picture.At(x, y)
			shades[c] = true
			switch {
			case near(c, color.RGBA{0, 0, 0, 0xff}):
				dark++
			case near(c, color.RGBA{0xff, 0xff, 0xff, 0xff}):
				white++
			}
		}
	}
	if dark < 500 || white < 10*dark || len(shades) < 8 {
		t.Errorf("no text in the strip: %d dark and %d white points of %d shades", dark, white, len(shades))
	}
}

// near allows for the losses of an encoder.
func near(a, b color.Color) bool {
	ar, ag, ab, _ := a.RGBA()
	br, bg, bb, _ := b.RGBA()
	far := func(x, y uint32) bool { return max(x, y)-min(x, y) > 0x1000 }
	return !far(ar, br) && !far(ag, bg) && !far(ab, bb)
}
