package problem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestErrorIsOneParagraph(t *testing.T) {
	err := New(NotFound, "the base image \"x\" could not be pulled", errors.New("denied."), "Log in")
	want := `OH-003: the base image "x" could not be pulled: denied. Log in.`
	if got := err.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWithHelp(t *testing.T) {
	const command = "docker x"
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"bad usage":           {Usagef("--a is %q", "b"), `OH-001: --a is "b". See 'docker x --help'.`},
		"joined with another": {errors.Join(Usagef("no"), errors.New("closing")), "OH-001: no. See 'docker x --help'.\nclosing"},
		"with a step already": {New(Usage, "no", nil, "Leave it out"), "OH-001: no. Leave it out."},
		"another kind":        {New(NotFound, "no", nil, ""), "OH-003: no."},
		"without a code":      {errors.New("no"), "no"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := WithHelp(command, test.err).Error(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	if err := WithHelp(command, nil); err != nil {
		t.Error(err)
	}
}

func TestClassify(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, test := range map[string]struct {
		ctx    context.Context
		err    error
		code   Code
		status int
	}{
		"nil":            {context.Background(), nil, "", 0},
		"plain":          {context.Background(), errors.New("x"), "", 1},
		"cancelled":      {cancelled, errors.New("exit status 1"), Interrupted, 130},
		"wrapped":        {context.Background(), fmt.Errorf("loading: %w", context.Canceled), Interrupted, 130},
		"errno":          {context.Background(), fmt.Errorf("writing: %w", syscall.ENOSPC), DiskFull, 1},
		"text":           {context.Background(), errors.New("write /var/lib/x: no space left on device"), DiskFull, 1},
		"usage":          {context.Background(), New(Usage, "x", nil, ""), Usage, 2},
		"full, in build": {context.Background(), New(BuildFailed, "x", errors.New("No space left on device"), ""), DiskFull, 1},
	} {
		t.Run(name, func(t *testing.T) {
			err := Classify(test.ctx, test.err)
			var p *Error
			if errors.As(err, &p); (p == nil && test.code != "") || (p != nil && p.Code != test.code) {
				t.Errorf("got %v, want code %q", err, test.code)
			}
			if got := ExitStatus(err); got != test.status {
				t.Errorf("status %d, want %d", got, test.status)
			}
		})
	}
}

func TestFinal(t *testing.T) {
	known := New(NotFound, "x", nil, "")
	for name, test := range map[string]struct {
		err  error
		code Code
	}{
		"known":     {fmt.Errorf("pulling: %w", known), NotFound},
		"full":      {&fs.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC}, DiskFull},
		"read-only": {&fs.PathError{Op: "open", Path: "/x", Err: syscall.EROFS}, NotWritable},
		"forbidden": {&fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, NotWritable},
		"no TMPDIR": {&fs.PathError{Op: "stat", Path: os.TempDir() + "/x", Err: syscall.ENOENT}, NotWritable},
		"no file":   {&fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}, Unforeseen},
		"other":     {errors.New("x"), Unforeseen},
	} {
		t.Run(name, func(t *testing.T) {
			var p *Error
			if err := Final(context.Background(), test.err); !errors.As(err, &p) || p.Code != test.code {
				t.Errorf("got %v, want code %s", err, test.code)
			}
		})
	}
	if err := Final(context.Background(), nil); err != nil {
		t.Errorf("nil became %v", err)
	}
}

func TestReferences(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0", 64)
	for _, test := range []struct {
		ref        string
		base, name string // what the errors say; empty: none
	}{
		{"alpine:3.20", "", ""},
		{"host:5000/a/b", "", ""},
		{"a" + digest, "", "digest from its content"},
		{strings.Repeat("0", 64), "", "cannot specify 64-byte hexadecimal strings"},
		{"", "it is empty", "it is empty"},
		{"A:b", "must be lowercase", "must be lowercase"},
		{"host:5000/a:" + strings.Repeat("t", 129), "its tag has 129 characters", "its tag has 129 characters"},
		{"a:" + strings.Repeat("t", 128), "", ""},
		{strings.Repeat("n", 300), "more than 255 characters", "more than 255 characters"},
	} {
		for _, check := range []struct {
			err  error
			want string
		}{{CheckReference("base image", test.ref), test.base}, {CheckName("tag", test.ref), test.name}} {
			if (check.err == nil) != (check.want == "") || check.err != nil && !strings.Contains(check.err.Error(), check.want) {
				t.Errorf("%q: got %v, want %q", test.ref, check.err, check.want)
			}
		}
	}
}
