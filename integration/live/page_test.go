package live

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/google/go-cmp/cmp"
)

// TestPage looks at a real image by its page in a browser. What a page is
// otherwise, the tests of the package page have.
func TestPage(t *testing.T) {
	image := build(t, "alpine:3.20")
	before := holdings(t, lab.Engine{})
	file := filepath.Join(t.TempDir(), "page.html")
	docker(t, "openhands", "inspect", "--html", file, image)
	if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
		t.Errorf("the engine has something else than before: %s", diff)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out := docker(t, "openhands", "inspect", "--html", "-", image); strings.TrimSpace(out) != strings.TrimSpace(string(text)) {
		t.Error("another page goes to the standard output")
	}
	tab := browser(t)
	if err := chromedp.Do(tab, chromedp.EmulateViewport(1280, 900), chromedp.Navigate("file://"+file), chromedp.WaitVisible(chromedp.CSS("figure > svg"))); err != nil {
		t.Fatal(err)
	}
	seen, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.body.textContent`))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		image, "shared libraries", "litellm", "Apache-2.0", "openhands:x:1000:1000:", "/etc/sudoers.d/zz-openhands",
	} {
		if !strings.Contains(seen, part) {
			t.Errorf("%q is not on the page", part)
		}
	}
	png, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(artifacts(t, "screenshots", "page.png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}
