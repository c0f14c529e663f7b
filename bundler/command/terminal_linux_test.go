package command

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Colours appear on a terminal, unless the user wants none.
func TestTreeIsStyledOnATerminal(t *testing.T) {
	root := chainRoot(t)
	for _, c := range []struct {
		name, variable, value string
		styled                bool
	}{
		{"a terminal", "TERM", "xterm", true},
		{"NO_COLOR", "NO_COLOR", "1", false},
		{"a terminal that knows none", "TERM", "dumb", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range map[string]string{"TERM": "xterm", "NO_COLOR": "", c.variable: c.value} {
				t.Setenv(name, value)
			}
			terminal, screen := openTerminal(t)
			if err := Run(t.Context(), "oh-bundle", terminal, []string{"tree", "--root", root, "/bin/prog"}); err == nil {
				t.Error("no error although a library is missing")
			}
			terminal.Close()
			text, err := io.ReadAll(screen) // ends with EIO, as nobody holds the terminal
			if len(text) == 0 {
				t.Fatal(err)
			}
			for _, styled := range []string{"\x1b[1m/bin/prog\x1b[m", "\x1b[31mnot found\x1b[m", "\x1b[2m[runpath]\x1b[m"} {
				if strings.Contains(string(text), styled) != c.styled {
					t.Errorf("%q in %q: want %v", styled, text, c.styled)
				}
			}
			if !c.styled && strings.Contains(string(text), "\x1b") {
				t.Errorf("styled: %q", text)
			}
		})
	}
}

// openTerminal returns a pseudo-terminal and what shows what is written to it.
func openTerminal(t *testing.T) (terminal, screen *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return terminal, screen
}
