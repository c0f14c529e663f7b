package main

import "io"

// clear empties the terminal and its history, by the controls of ECMA-48 and
// xterm that every terminal with a screen knows; it does nothing on one without.
// The agent server types it into its terminals, and shows an agent what comes of
// it.
func (c *call) clear() error {
	if term := c.env.get("TERM"); term == "" || term == "dumb" {
		return nil
	}
	_, err := io.WriteString(c.stdout, "\x1b[H\x1b[2J\x1b[3J")
	return err
}
