package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJudge(t *testing.T) {
	bad := &struct{}{}
	differences := []difference{
		{Test: "test_a.py::test_one", Bases: []string{"alpine"}, Reason: "of one"},
		{Test: "test_a.py::test_two", Users: []string{"root"}, Reason: "of two"},
	}
	cases := []testCase{
		{Class: "tests.runtime.test_a", Name: "test_one[True-DockerRuntime]", Failure: bad},
		{Class: "tests.runtime.test_a", Name: "test_two", Error: bad},
		{Class: "runtime.test_a", Name: "test_three", Skipped: bad},
		{Class: "test_a", Name: "test_four"},
	}
	for _, test := range []struct {
		base, user string
		want       result
	}{
		{"alpine", "root", result{passed: 1, skipped: 1, foreseen: differences}},
		{"alpine", "openhands", result{passed: 1, skipped: 1, foreseen: differences[:1], failed: []string{"test_a.py::test_two"}}},
		{"debian", "root", result{passed: 1, skipped: 1, foreseen: differences[1:], failed: []string{"test_a.py::test_one"}}},
	} {
		test.want.base, test.want.user = test.base, test.user
		got := judge(test.base, test.user, cases, differences)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("%s as %s:\n%s", test.base, test.user, diff)
		}
		if text, sound := markdown(suite{}, "", []result{got}); sound != (test.want.failed == nil) || strings.Contains(text, "not expected") == sound {
			t.Errorf("%s as %s: sound %v\n%s", test.base, test.user, sound, text)
		}
	}
	gone := judge("alpine", "root", []testCase{{Class: "test_a", Name: "test_one"}}, differences)
	if _, sound := markdown(suite{}, "", []result{gone}); sound || len(gone.gone) != 1 {
		t.Errorf("what passes against the expectation goes unsaid: %+v", gone)
	}
}

func TestDifferences(t *testing.T) {
	if _, err := readDifferences(); err != nil {
		t.Error(err)
	}
}
