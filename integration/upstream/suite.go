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

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// suite is OpenHands' tests with their client.
type suite struct {
	source, ref, release, python, folder, deps string
	tests                                      []string
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

// over runs the tests. That some of them fail is no error.
func (s suite) over(ctx context.Context, image, user string) ([]testCase, error) {
	report := filepath.Join(s.folder, strings.ReplaceAll(image, ":", "-")+"-"+user+".xml")
	if err := os.Remove(report); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	args := []string{"-v", "--timeout", "900", "-p", "no:cacheprovider", "--junitxml", report}
	for _, test := range s.tests {
		args = append(args, filepath.Join("tests", "runtime", test))
	}
	command := exec.CommandContext(ctx, filepath.Join(s.client(), "bin", "pytest"), args...)
	command.Dir = s.folder
	command.Env = append(os.Environ(),
		"TEST_RUNTIME=docker", "SANDBOX_RUNTIME_CONTAINER_IMAGE="+image, "SANDBOX_BASE_CONTAINER_IMAGE=",
		fmt.Sprintf("RUN_AS_OPENHANDS=%v", user != "root"))
	command.Stdout, command.Stderr = s.out, os.Stderr
	err := command.Run()
	text, readErr := os.ReadFile(report)
	if readErr != nil {
		return nil, errors.Join(err, readErr)
	}
	var all struct {
		Cases []testCase `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("reading %s: %w", report, err)
	}
	return all.Cases, ctx.Err()
}
