package page

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// limit is how long a step in the browser may take on a busy machine.
const limit = 2 * time.Minute

// reader is a page open in a browser.
type reader struct {
	tab  context.Context
	lock sync.Mutex
	said []string // what went wrong, and requests beside the one for the page
}

// open opens a page in a Chromium of its own, which may run scripts or not.
func open(t *testing.T, page, scheme string, scripts bool) *reader {
	t.Helper()
	r := &reader{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path != "/" {
			r.say("request for %s", request.URL)
			return
		}
		fmt.Fprint(w, page)
	}))
	t.Cleanup(server.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(limit))
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	allocator, cancel := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	r.tab, cancel = chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	err := chromedp.Listen(r.tab, func(event any) {
		switch event := event.(type) {
		case *log.EventEntryAdded:
			r.say("%s: %s", event.Entry.Level, event.Entry.Text)
		case *cdppage.EventJavascriptDialogOpening:
			r.say("dialog: %s", event.Message)
		}
	})
	if err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	settings := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(r.tab, emulation.SetEmulatedMedia, settings); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(r.tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts}); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(r.tab, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(server.URL), chromedp.WaitVisible(chromedp.CSS("footer"))); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reader) say(format string, args ...any) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

// silent fails where something went wrong.
func (r *reader) silent(t *testing.T) {
	t.Helper()
	r.lock.Lock()
	defer r.lock.Unlock()
	for _, line := range r.said {
		t.Error(line)
	}
}

// ask evaluates an expression as a person's tools do, whatever scripts the page
// may run.
func ask[T any](t *testing.T, r *reader, expression string) T {
	t.Helper()
	answer, err := chromedp.Run(r.tab, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return answer
}

// picture keeps what is seen, in the folder OH_ARTIFACTS for a person to look at.
func (r *reader) picture(t *testing.T, name string) {
	t.Helper()
	png, err := chromedp.Run(r.tab, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	folder := os.Getenv("OH_ARTIFACTS")
	if folder == "" {
		folder = t.ArtifactDir()
	}
	if err := os.WriteFile(filepath.Join(folder, "page-"+name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A browser shows the page with its style and its picture, with scripts and
// without, and asks nobody for anything.
func TestBrowser(t *testing.T) {
	for _, scripts := range []bool{true, false} {
		for scheme, paper := range map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"} {
			name := fmt.Sprintf("%s-scripts-%v", scheme, scripts)
			t.Run(name, func(t *testing.T) {
				r := open(t, written(t, subject(t)), scheme, scripts)
				if got := ask[string](t, r, `getComputedStyle(document.body).backgroundColor`); got != paper {
					t.Errorf("the paper is %s, want %s: the style does not count", got, paper)
				}
				if fill := ask[string](t, r, `getComputedStyle(document.querySelector("figure rect")).fill`); !strings.HasPrefix(fill, "rgb(") || fill == "rgb(0, 0, 0)" {
					t.Errorf("the picture is filled with %s", fill)
				}
				text := ask[string](t, r, `document.body.innerText`)
				for _, part := range []string{"my/image:latest", "BSD-3-Clause", "Apache Software License", "sha256:aa", "openhands:x:1000"} {
					if !strings.Contains(text, part) {
						t.Errorf("%q is not seen", part)
					}
				}
				// A folded part opens where a link leads into it.
				if err := chromedp.Do(r.tab, chromedp.Focus(chromedp.CSS(`svg a[href="#component-1"]`)), chromedp.KeyEvent("\r"), chromedp.WaitVisible(chromedp.CSS("#component-1 table"))); err != nil {
					t.Errorf("the keyboard does not lead to a component: %v", err)
				}
				if opened := ask[bool](t, r, `document.querySelector("#component-1").closest("details").open`); !opened {
					t.Error("the component is folded still")
				}
				r.picture(t, name)
				r.silent(t)
			})
		}
	}
}

// Printed, everything is there, folded or not.
func TestPrinted(t *testing.T) {
	r := open(t, written(t, subject(t)), "dark", false)
	if _, err := chromedp.Call(r.tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
		t.Fatal(err)
	}
	text := ask[string](t, r, `document.body.innerText`)
	for _, part := range []string{"big_thing-2.0.dist-info", "other/image:1", "debian:trixie-slim"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not printed", part)
		}
	}
	if paper := ask[string](t, r, `getComputedStyle(document.body).backgroundColor`); paper != "rgb(255, 255, 255)" {
		t.Errorf("it is printed on %s", paper)
	}
	r.picture(t, "print")
	r.silent(t)
}

// What a hostile image says of itself is text for a browser, too.
func TestHostileInBrowser(t *testing.T) {
	r := open(t, written(t, hostile(t)), "light", true)
	if n := ask[int](t, r, `document.querySelectorAll("script, img, iframe, object, embed, link, form, [onerror], [style]").length`); n != 0 {
		t.Errorf("%d elements of the image's own", n)
	}
	if odd := ask[int](t, r, `[...document.querySelectorAll("a")].filter(a => !a.getAttribute("href").startsWith("#")).length`); odd != 0 {
		t.Errorf("%d links lead away", odd)
	}
	r.picture(t, "hostile")
	r.silent(t)
}
