package live

import (
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/client"
	"github.com/google/go-cmp/cmp"
)

// checkGit works on a company's repository as OpenHands does: its settings,
// clone, setup.sh, hook, commit and push, then changes and diffs for its user
// interface.
func checkGit(t *testing.T, s *sandbox) {
	ctx := t.Context()
	f := newForge(t)
	address := f.repository(t, "project.git")
	const dir = "/workspace/project"

	s.shell(t, `git config --global user.name "openhands" && git config --global user.email "openhands@example.com"`)
	clone := "rm -rf " + dir + "; GIT_TERMINAL_PROMPT=0 git clone " + address + " " + dir
	result := s.run(t, client.Command{Line: clone})
	if result.ExitCode == 0 || !strings.Contains(result.Output, "certificate") {
		t.Fatalf("git trusts a stranger: exit status %d, %s", result.ExitCode, result.Output)
	}
	f.trust(t, s)
	s.shell(t, clone)
	s.shell(t, "cd "+dir+" && git checkout -B main")
	defer s.shell(t, "cd /workspace")

	write := func(file, text string) {
		t.Helper()
		if err := s.Write(ctx, dir+"/"+file, text); err != nil {
			t.Fatal(err)
		}
	}
	write(".openhands/setup.sh", "export OH_SET_UP=yes")
	s.shell(t, "chmod +x .openhands/setup.sh && source .openhands/setup.sh")
	equal(t, s.shell(t, "echo $OH_SET_UP"), "yes")

	write(".openhands/pre-commit.sh", "echo checked >>/tmp/hook.log")
	write(".git/hooks/pre-commit", "#!/bin/bash\nsource \".openhands/pre-commit.sh\"\nexit $?")
	write("kept.txt", "one\ntwo")
	write("gone.txt", "gone")
	s.shell(t, "rm -f /tmp/hook.log; chmod +x .openhands/pre-commit.sh .git/hooks/pre-commit; git add --all")
	s.shell(t, `git diff --cached --quiet || GIT_EDITOR="sed -i '1s/^/größe 語/'" git commit --quiet`)
	equal(t, s.shell(t, "cat /tmp/hook.log"), "checked")
	equal(t, s.shell(t, "git log --format=%s%an"), "größe 語openhands")
	s.shell(t, "git push --quiet --set-upstream origin main")
	contains(t, f.git(t, "--git-dir", "project.git", "log", "--format=%s", "main"), "größe 語")

	write("new.txt", "new")
	s.shell(t, "printf 'one\\ntwo\\nthree\\n' >kept.txt; rm -f gone.txt")
	want := []client.GitChange{{Status: "D", Path: "gone.txt"}, {Status: "M", Path: "kept.txt"}, {Status: "A", Path: "new.txt"}}
	got, err := s.GitChanges(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// From the folder around it, as the user interface asks first.
	got, err = s.GitChanges(ctx, "/workspace")
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range want {
		change.Path = "project/" + change.Path
		if !strings.Contains(cmp.Diff(nil, got), change.Path) {
			t.Errorf("the changes of /workspace are %v, without %v", got, change)
		}
	}
	diff, err := s.GitDiff(ctx, dir, "kept.txt")
	if err != nil || diff.Original != "one\ntwo" || diff.Modified != "one\ntwo\nthree" {
		t.Errorf("diff %+v, %v", diff, err)
	}
	if branch, err := s.GitBranch(ctx, dir); err != nil || branch != "main" {
		t.Errorf("branch %q, %v", branch, err)
	}

	checkGitOwner(t, s, dir)
	equal(t, s.shell(t, "HOME=/nonexistent git status --short new.txt"), "?? new.txt")
}

// checkGitOwner has another user's repository refused until it is named as safe.
func checkGitOwner(t *testing.T, s *sandbox, dir string) {
	t.Helper()
	s.shell(t, "git config --global --unset-all safe.directory; sudo chown 0:0 "+dir+" "+dir+"/.git")
	result := s.run(t, client.Command{Line: "git status --short"})
	if result.ExitCode != 128 || !strings.Contains(result.Output, "dubious ownership") {
		t.Errorf("another user's repository: exit status %d, %s", result.ExitCode, result.Output)
	}
	s.shell(t, "git config --global --add safe.directory "+dir)
	contains(t, s.shell(t, "git status --short"), "?? new.txt")
	s.shell(t, "sudo chown openhands "+dir+" "+dir+"/.git")
}
