package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// fit takes out of the server's command what the payload was built without.
// OpenHands asks for the browser and, for its user interface, for the plugin
// vscode whatever the image holds; the server would wait for them in vain, for
// minutes, and end.
func (c *call) fit(command []string) []string {
	fitted := slices.Clone(command)
	if !c.holds(payload.Browsers) && !slices.Contains(fitted, "--no-enable-browser") {
		fmt.Fprintf(c.stderr, "%s: this image was built without a browser\n", c.name)
		fitted = append(fitted, "--no-enable-browser")
	}
	if c.holds(payload.VSCodeServer) {
		return fitted
	}
	plugins := slices.Index(fitted, "--plugins") + 1
	if plugins == 0 {
		return fitted
	}
	vscode := slices.Index(fitted[plugins:], "vscode")
	if vscode < 0 {
		return fitted
	}
	fmt.Fprintf(c.stderr, "%s: this image was built without vscode\n", c.name)
	fitted = slices.Delete(fitted, plugins+vscode, plugins+vscode+1)
	if plugins == len(fitted) || isOption(fitted[plugins]) {
		fitted = slices.Delete(fitted, plugins-1, plugins) // the option needs a value
	}
	return fitted
}

func isOption(arg string) bool { return len(arg) > 0 && arg[0] == '-' }

// holds reports whether a folder of the payload has anything in it.
func (c *call) holds(folder string) bool {
	entries, err := os.ReadDir(c.path(folder))
	return err == nil && len(entries) > 0
}
