package main

import (
	"slices"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func TestUV(t *testing.T) {
	for _, test := range []struct {
		loader string
		env    environ
		want   string // UV_LIBC
	}{
		{want: "gnu"},
		{env: environ{"UV_LIBC=none"}, want: "none"},
		{loader: "/lib/ld-musl-x86_64.so.1"},
		{loader: "/lib64/ld-linux-x86-64.so.2"},
		{loader: "/lib/ld-linux-aarch64.so.1"},
	} {
		files := map[string]string{payload.Bin + "/uvx": "probe"}
		if test.loader != "" {
			files[test.loader] = ""
		}
		c, s, _ := newCall(newRoot(t, files), test.env, payload.CompatBin+"/uvx", "--from", "a", "b")
		must(t, c.dispatch())
		if got := s.env.get("UV_LIBC"); got != test.want {
			t.Errorf("with %q: UV_LIBC=%q, want %q", test.loader, got, test.want)
		}
		program := payload.Bin + "/uvx"
		if s.path != program || !slices.Equal(s.argv, []string{program, "--from", "a", "b"}) {
			t.Errorf("starts %s as %q", s.path, s.argv)
		}
	}
}
