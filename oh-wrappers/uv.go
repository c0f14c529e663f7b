package main

import (
	"path/filepath"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// uv starts uv or uvx for the server, whose MCP servers often come through
// them. Where the base has no dynamic loader, uv cannot tell which C library
// its programs have and gives up; the payload's Python has GNU's.
func (c *call) uv() error {
	if !c.hasLoader() {
		c.env.setDefault("UV_LIBC", "gnu")
	}
	program := payload.Bin + "/" + c.name
	return c.start(program, append([]string{program}, c.args...), c.env)
}

// hasLoader reports whether the base can run programs that are not static.
func (c *call) hasLoader() bool {
	for _, pattern := range []string{"/lib64/ld-linux-*.so.*", "/lib/ld-linux-*.so.*", "/lib/ld-musl-*.so.1"} {
		if found, err := filepath.Glob(c.path(pattern)); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}
