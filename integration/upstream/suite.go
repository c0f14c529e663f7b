package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// suite is OpenHands' tests with their client.
type suite struct {
	source, ref, release, python, folder, deps string
	tests                                      []string
	resume                                     bool // reports that are there are read, and their tests not run again
	out                                        io.Writer
}

func (s suite) client() string { return filepath.Join(s.folder, "client-"+s.release) }

// prepare makes the client's virtual environment, once for a release, and
// copies the tests: beside their sources they would import those.
func (s suite) prepare(ctx context.Context) error {
	pytest := filepath.Join(s.client(), "bin", "pytest")
	if _, err := os.Stat(pytest); err != nil {
		err := lab.InstallPython(ctx, s.python, s.client(), s.out, "openhands-ai=="+s.release, "pytest", "pytest-asyncio", "pytest-timeout")
		if err != nil {
			return fmt.Errorf("installing OpenHands %s: %w", s.release, err)
		}
	}
	tests := filepath.Join(s.folder, "tests")
	if err := os.RemoveAll(tests); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(s.source, "tests", "runtime")); err == nil {
		return os.CopyFS(filepath.Join(tests, "runtime"), os.DirFS(filepath.Join(s.source, "tests", "runtime")))
	}
	// The tree alone: a repository that lacks other objects is good enough.
	archive := exec.CommandContext(ctx, "git", "-C", s.source, "archive", "--prefix", "tests/runtime/", s.ref+":tests/runtime")
	unpack := exec.CommandContext(ctx, "tar", "-x", "-C", s.folder)
	archive.Stderr, unpack.Stderr = os.Stderr, os.Stderr
	var err error
	if unpack.Stdin, err = archive.StdoutPipe(); err != nil {
		return err
	}
	if err := unpack.Start(); err != nil {
		return err
	}
	if err := errors.Join(archive.Run(), unpack.Wait()); err != nil {
		return fmt.Errorf("reading tests/runtime of %s at %s: %w", s.source, s.ref, err)
	}
	return nil
}

// commit is the short hash of the tests' commit; empty without a repository.
func (s suite) commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "-C", s.source, "rev-parse", "--short", s.ref).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// image makes the runtime image over a base.
func (s suite) image(ctx context.Context, base string) (string, error) {
	tag := "oh-upstream:" + strings.NewReplacer(":", "-", "/", "-").Replace(base)
	args := []string{"openhands", "build", "--base", base, "--tag", tag, "--load", "--progress", "quiet"}
	if s.deps != "" {
		args = append(args, "--deps-image", s.deps)
	} else {
		args = append(args, "--openhands-version", s.release)
	}
	out, err := lab.Engine{}.Command(ctx, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building over %s: %w\n%s", base, err, out)
	}
	return tag, nil
}

// testCase is one of a report in the form of JUnit.
type testCase struct {
	Class   string    `xml:"classname,attr"`
	Name    string    `xml:"name,attr"`
	Failure *struct{} `xml:"failure"`
	Error   *struct{} `xml:"error"`
	Skipped *struct{} `xml:"skipped"`
}

// over runs the tests, file by file. That some of them fail is no error.
func (s suite) over(ctx context.Context, image, user string) ([]testCase, error) {
	plain := strings.NewReplacer(":", "-", "/", "-").Replace
	var all []testCase
	for _, test := range s.tests {
		report := filepath.Join(s.folder, plain(strings.Join([]string{image, user, test}, "-"))+".xml")
		cases, err := readReport(report)
		if !s.resume || errors.Is(err, os.ErrNotExist) {
			cases, err = s.pytest(ctx, image, user, test, report)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", test, err)
		}
		all = append(all, cases...)
	}
	return all, nil
}

// pytest runs the tests of one file, or one test. Their report is there when all
// of them have run.
func (s suite) pytest(ctx context.Context, image, user, test, report string) ([]testCase, error) {
	unfinished := report + ".new"
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	command := exec.CommandContext(ctx, filepath.Join(s.client(), "bin", "pytest"), "-v", "--timeout", "900", "-p", "no:cacheprovider",
		"--junitxml", unfinished, filepath.Join("tests", "runtime", test))
	command.Dir = s.folder
	command.Env = append(os.Environ(),
		"TEST_RUNTIME=docker", "SANDBOX_RUNTIME_CONTAINER_IMAGE="+image, "SANDBOX_BASE_CONTAINER_IMAGE=",
		fmt.Sprintf("RUN_AS_OPENHANDS=%v", user != "root"))
	command.Stdout, command.Stderr = s.out, os.Stderr
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // pytest removes its containers
	command.WaitDelay = time.Minute
	err := command.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	cases, readErr := readReport(unfinished)
	if readErr != nil {
		return nil, errors.Join(err, readErr)
	}
	return cases, os.Rename(unfinished, report)
}

func readReport(name string) ([]testCase, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var all struct {
		Cases []testCase `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return all.Cases, nil
}
