package main

import (
	"os"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// What a session has to go without is told before there is one.
func TestStartUpFiles(t *testing.T) {
	for _, test := range []struct {
		name, file, text string
		want             []string // in what is printed, a line each
	}{
		{"none", "", "", nil},
		{"harmless", ".bashrc", "alias ls='ls -l'; PS1='$ '\n", nil},
		{"end", ".bashrc", "exit 0\n", []string{"a session of 54321 is /bin/bash without bashrc and inputrc"}},
		{"another shell", ".bashrc", "exec /bin/dash\n", []string{"a session of 54321 is /bin/bash without bashrc"}},
		{"read-only", ".bashrc", "readonly PROMPT_COMMAND\n", []string{"a session of 54321 is /bin/bash without bashrc"}},
		{"endless", ".bashrc", "while :; do read -t 0.1; done\n", []string{"a session of 54321 is /bin/bash without bashrc"}},
		{"login that ends", ".bash_profile", "exit 1\n", []string{"a login of 54321 is /bin/bash without the files of a login"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			if test.file != "" {
				must(t, os.WriteFile(home+"/"+test.file, []byte(test.text), 0o644))
			}
			c, _, out := newCall("", environ{"HOME=" + home, "PATH=/usr/bin:/bin"}, payload.Wrappers, payload.StartUpFiles)
			c.ids = ids{54321, 54321, 54321, 54321}
			must(t, c.dispatch())
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if out.String() == "" {
				lines = nil
			}
			if len(lines) != len(test.want) {
				t.Fatalf("printed %q, want %q", lines, test.want)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("printed %q, want %q", lines[i], want)
				}
			}
		})
	}
}
