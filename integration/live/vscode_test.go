package live

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/docker-openhands/docker-openhands/integration/client"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// editorLimit is how long a step in the browser may take while other servers
// and browsers are busy on two cores.
const editorLimit = 2 * time.Minute

// editor is a sandbox whose VS Code is open in a browser of this machine.
type editor struct {
	*sandbox
	address string          // of the VS Code server
	token   string          // that it asks for
	tab     context.Context // of the browser
}

// TestVSCode uses the editor as a person does.
func TestVSCode(t *testing.T) {
	basic := []check[*editor]{
		{"wrong token", checkEditorToken},
		{"edit and save", checkEditing},
	}
	everything := slices.Concat(basic, []check[*editor]{
		{"extensions of OpenHands", checkEditorExtensions},
		{"search", checkEditorSearch},
		{"terminal, code", checkEditorTerminal},
	})
	alpine := []string{"alpine:3.20"}
	suite[*editor]{
		title: "VS Code",
		about: "The server as OpenHands starts it with the plugin vscode; the editor shown by a Chromium outside of the container.",
		bases: []string{"alpine:3.20", "debian:12", "scratch"},
		modes: []mode[*editor]{
			{name: "openhands", start: openEditor("openhands", editing("openhands", "1000")), checks: everything},
			{name: "root", on: alpine, start: openEditor("root", editing("root", "0")), checks: basic},
			{
				name: "any user ID", on: alpine, checks: basic,
				start: openEditor("12345", []string{"/openhands/bin/oh-action-execution-server", "--plugins", "agent_skills", "jupyter", "vscode"},
					"--user", "12345:0"),
			},
		},
	}.run(t)
}

// editing is the argument list that OpenHands gives to a container whose user
// may want the editor.
func editing(user, id string) []string {
	command := asOpenHands(user, id)
	return slices.Insert(command, slices.Index(command, "jupyter")+1, "vscode")
}

// openEditor starts a server and opens its workspace in a browser.
func openEditor(user string, command []string, options ...string) func(t *testing.T, base, image string) *editor {
	options = append(options, "--publish", "127.0.0.1::8001")
	return func(t *testing.T, base, image string) *editor {
		t.Helper()
		e := &editor{sandbox: start(t, base, image, way{user: user, command: command, options: options})}
		e.address = "http://" + strings.Fields(docker(t, "port", e.container, "8001/tcp"))[0]
		var err error
		if e.token, err = e.VSCodeToken(t.Context()); err != nil || e.token == "" {
			t.Fatalf("the token is %q: %v", e.token, err)
		}
		for name, text := range map[string]string{"note.txt": "first line", "opened.txt": "needle in a haystack"} {
			if err := e.Write(t.Context(), "/workspace/"+name, text); err != nil {
				t.Fatal(err)
			}
		}
		e.tab = browser(t)
		e.do(t,
			chromedp.EmulateViewport(1280, 800),
			chromedp.Navigate(e.page(e.token)),
			chromedp.WaitVisible(explorerItem("note.txt")),
		)
		t.Cleanup(func() { e.picture(t, slug(base)+"-"+slug(user)) })
		return e
	}
}

// page is the address at which the server shows the workspace.
func (e *editor) page(token string) string {
	return e.address + "/?" + url.Values{"tkn": {token}, "folder": {"/workspace"}}.Encode()
}

// browser opens a tab in a Chromium of its own.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(editorLimit))
	allocator, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(cancel)
	tab, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return tab
}

// do carries actions out in the tab. Where one fails a picture is kept.
func (e *editor) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(e.tab, editorLimit)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		e.picture(t, slug(t.Name())+"-failed")
		t.Fatalf("in the browser: %v", err)
	}
}

// picture keeps what the tab shows, for a person to look at.
func (e *editor) picture(t *testing.T, name string) {
	ctx, cancel := context.WithTimeout(e.tab, editorLimit)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(artifacts(t, "screenshots", "vscode-"+name+".png"), png, 0o644)
	}
	if err != nil {
		t.Errorf("taking a picture: %v", err)
	}
}

// waitForFile returns what a file of the workspace holds once it begins with
// the text.
func (e *editor) waitForFile(t *testing.T, name, text string) string {
	t.Helper()
	var last string
	err := lab.WaitFor(t.Context(), editorLimit, name, func(ctx context.Context) bool {
		held, err := lab.Engine{}.Docker(ctx, "exec", e.container, "/openhands/fallback/bin/cat", "/workspace/"+name)
		if err == nil {
			last = held
		}
		return strings.HasPrefix(last, text)
	})
	if err != nil {
		e.picture(t, slug(t.Name())+"-failed")
		t.Fatalf("%v; it holds %q, not %q", err, last, text)
	}
	return last
}

func explorerItem(name string) string {
	return `//div[contains(@class, "explorer-folders-view")]//div[@role="treeitem"][starts-with(@aria-label, "` + name + `")]`
}

// command runs a command of the palette by its title. Its line is clicked on:
// what the command focuses could take the Enter key for itself.
func command(title string) chromedp.Action[chromedp.Void] {
	line := `//div[contains(@class, "quick-input-list")]//div[@role="option"][starts-with(@aria-label, "` + title + `")]`
	return chromedp.Steps(
		chromedp.KeyEvent(kb.F1),
		chromedp.WaitVisible(chromedp.CSS(".quick-input-widget input")),
		chromedp.SendKeys(chromedp.CSS(".quick-input-widget input"), title),
		chromedp.Click(line),
		chromedp.WaitNotVisible(chromedp.CSS(".quick-input-widget")),
	)
}

// insert types a text at once: the terminal takes each single key twice, as
// the press and as the character.
func insert(text string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
}

func checkEditorToken(t *testing.T, e *editor) {
	for token, want := range map[string]int{e.token: http.StatusOK, e.token + "x": http.StatusForbidden, "": http.StatusForbidden} {
		jar := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.page(token), nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := jar.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if token == e.token && response.StatusCode == http.StatusFound {
			continue // to the same page, with the token in a cookie
		}
		if response.StatusCode != want {
			t.Errorf("token %q: %s, want %d", token, response.Status, want)
		}
	}
}

func checkEditing(t *testing.T, e *editor) {
	e.do(t,
		chromedp.DoubleClick(explorerItem("note.txt")),
		chromedp.WaitVisible(`//div[contains(@class, "view-line")][contains(., "first")]`),
		chromedp.Click(chromedp.CSS(".editor-instance .view-lines")),
		chromedp.KeyEvent(kb.End, chromedp.KeyModifiers(chromedp.ModifierCtrl)),
		chromedp.KeyEvent("second line, größe"),
		chromedp.WaitVisible(`//div[contains(@class, "view-line")][contains(., "größe")]`),
		chromedp.KeyEvent("s", chromedp.KeyModifiers(chromedp.ModifierCtrl)),
	)
	e.waitForFile(t, "note.txt", "first line\nsecond line, größe")
}

func checkEditorExtensions(t *testing.T, e *editor) {
	e.do(t,
		chromedp.WaitVisible(`//div[contains(@class, "statusbar-item")][contains(@id, "openhands-memory-monitor")]`),
		command("Hello World from OpenHands"),
		chromedp.WaitVisible(`//div[contains(@class, "notification-list-item")][contains(., "Hello from OpenHands!")]`),
	)
}

func checkEditorSearch(t *testing.T, e *editor) {
	e.do(t,
		command("Search: Find in Files"),
		chromedp.WaitVisible(chromedp.CSS(".search-view textarea")),
		chromedp.SendKeys(chromedp.CSS(".search-view textarea"), "needle"),
		chromedp.WaitVisible(`//div[contains(@class, "search-view")]//div[@role="treeitem"][contains(@aria-label, "needle in a haystack")]`),
	)
}

func checkEditorTerminal(t *testing.T, e *editor) {
	e.do(t,
		command("Terminal: Create New Terminal"),
		chromedp.WaitVisible(chromedp.CSS(".terminal-wrapper.active .xterm-screen")),
		chromedp.WaitReady(chromedp.CSS(".terminal-wrapper.active textarea.xterm-helper-textarea")),
		insert(`echo "${BASH##*/}" "$PATH" > /workspace/terminal.txt; code opened.txt`),
		chromedp.KeyEvent(kb.Enter),
		chromedp.WaitVisible(chromedp.CSS(`.tab[data-resource-name="opened.txt"]`)),
	)
	// OpenHands starts the editor from a login shell.
	said := e.waitForFile(t, "terminal.txt", "bash /openhands/vscode/bin/remote-cli:")
	for folder := range strings.SplitSeq(e.shell(t, "bash -lc 'echo $PATH'"), ":") {
		contains(t, strings.TrimSpace(said)+":", ":"+folder+":")
	}
	if result := e.run(t, client.Command{Line: "code opened.txt"}); result.ExitCode != 1 {
		t.Errorf("code outside of the editor: exit status %d, %s", result.ExitCode, result.Output)
	}
}
