// upstream runs OpenHands' own tests of its runtime (tests/runtime), with the
// client of a release, against runtime images over several bases:
//
//	upstream -source DIR [-ref REF] [-release VERSION] [-bases NAMES] [-users NAMES] [-tests NAMES] [-resume] [-o FILE]
//
// DIR is a checkout of OpenHands, a bare Git repository or a folder with
// tests/runtime; the tests stay outside of this repository. What fails or passes
// other than expected.toml says makes the command fail.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
		os.Exit(1)
	}
}

// quick are the files that need neither a browser nor the internet.
const quick = "test_aci_edit.py test_bash.py test_env_vars.py test_glob_and_grep.py test_ipython.py test_setup.py"

func run(ctx context.Context) error {
	s := suite{out: os.Stdout}
	var bases, users, tests, report string
	flag.StringVar(&s.source, "source", "", "`folder` with OpenHands' sources")
	flag.StringVar(&s.ref, "ref", "HEAD", "commit of a Git repository")
	flag.StringVar(&s.release, "release", "1.6.0", "version of the client on the Python index, and of the payload")
	flag.StringVar(&s.python, "python", "python3.12", "Python for the client")
	flag.StringVar(&s.folder, "folder", "artifacts/upstream", "where client, tests and results go")
	flag.StringVar(&s.deps, "deps-image", os.Getenv("OH_DEPS_IMAGE"), "payload to use instead of the plugin's choice")
	flag.StringVar(&bases, "bases", "alpine:3.20 debian:trixie-slim scratch", "base images")
	flag.StringVar(&users, "users", "openhands root", "users of the sessions")
	flag.StringVar(&tests, "tests", quick, "files or tests below tests/runtime")
	flag.BoolVar(&s.resume, "resume", false, "go on with a run that was cut: files whose reports are in the folder are not run again")
	flag.StringVar(&report, "o", "", "`file` for the results, in Markdown")
	flag.Parse()
	if s.source == "" {
		return fmt.Errorf("name a folder with OpenHands' sources: make upstream-suite SOURCE=DIR")
	}
	s.tests = strings.Fields(tests)
	differences, err := readDifferences()
	if err != nil {
		return err
	}
	if s.folder, err = filepath.Abs(s.folder); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	var results []result
	for _, base := range strings.Fields(bases) {
		image, err := s.image(ctx, base)
		if err != nil {
			return err
		}
		for _, user := range strings.Fields(users) {
			cases, err := s.over(ctx, image, user)
			if err != nil {
				return fmt.Errorf("running the tests over %s as %s: %w", base, user, err)
			}
			results = append(results, judge(base, user, cases, differences))
		}
	}
	text, sound := markdown(s, s.commit(ctx), results)
	if err := os.WriteFile(cmp.Or(report, filepath.Join(s.folder, "results.md")), []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Fprint(s.out, text)
	if !sound {
		return fmt.Errorf("there are differences that integration/upstream/expected.toml does not name, or the other way round")
	}
	return nil
}
