package live

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/client"
)

func contains(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got %q, want it to contain %q", got, want)
	}
}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func checkID(t *testing.T, s *sandbox) {
	result := s.run(t, client.Command{Line: "id"})
	if result.ExitCode != 0 {
		t.Errorf("exit status %d", result.ExitCode)
	}
	uid := map[string]string{"root": "0", "openhands": "1000"}[s.user]
	contains(t, result.Output, "uid="+uid+"("+s.user+")")
	equal(t, result.Username, s.user)
	equal(t, result.WorkingDir, "/workspace")
}

func checkKey(t *testing.T, s *sandbox) {
	if info, err := s.ServerInfo(t.Context()); err != nil || info.Uptime <= 0 {
		t.Errorf("server info: %+v, %v", info, err)
	}
	stranger := client.Client{URL: s.URL, Key: "another key"}
	if _, err := stranger.Run(t.Context(), client.Command{Line: "id"}); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a wrong key gets %v", err)
	}
}

func checkPipe(t *testing.T, s *sandbox) {
	equal(t, s.shell(t, `printf 'b\na\nc\n' | sort | head -n 1`), "a")
	if result := s.run(t, client.Command{Line: "sh -c 'exit 3'"}); result.ExitCode != 3 {
		t.Errorf("exit status %d, want 3", result.ExitCode)
	}
}

func checkBackground(t *testing.T, s *sandbox) {
	begin := time.Now()
	s.shell(t, "sleep 300 & echo started")
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("the shell waited %s for a job in the background", took)
	}
	contains(t, s.shell(t, "jobs"), "sleep 300")
	s.shell(t, "kill $(jobs -p); wait; true")
}

// checkTimeout looks at the action's own limit: the shell answers in time,
// says so, and is usable again after an interrupt. One base has OpenHands'
// usual minute, the others a few seconds.
func checkTimeout(t *testing.T, s *sandbox) {
	limit := 3 * time.Second
	if s.base == "alpine:3.20" {
		limit = time.Minute
	}
	begin := time.Now()
	result := s.run(t, client.Command{Line: "sleep 100", Timeout: limit})
	if took := time.Since(begin); took < limit || took > limit+20*time.Second {
		t.Errorf("answered after %s, limit %s", took, limit)
	}
	if result.ExitCode != -1 {
		t.Errorf("exit status %d of a command that still runs", result.ExitCode)
	}
	contains(t, result.Remark, "timed out after "+strconv.Itoa(int(limit.Seconds())))
	result, err := s.Run(t.Context(), client.Command{Line: "C-c", Input: true})
	if err != nil || result.ExitCode != 130 {
		t.Errorf("exit status %d after an interrupt, want 130: %v", result.ExitCode, err)
	}
	equal(t, s.shell(t, "echo again"), "again")
}

// checkSilent has a command that prints nothing for longer than OpenHands
// listens: the server says so, and the shell can still be talked to.
func checkSilent(t *testing.T, s *sandbox) {
	result := s.run(t, client.Command{Line: "read -r line; echo got $line", Early: true, Timeout: time.Minute})
	if result.ExitCode != -1 {
		t.Errorf("exit status %d of a command that waits for input", result.ExitCode)
	}
	contains(t, result.Remark, "has no new output after 3 seconds")
	result, err := s.Run(t.Context(), client.Command{Line: "it", Input: true})
	if err != nil || result.ExitCode != 0 {
		t.Errorf("exit status %d after the input: %v", result.ExitCode, err)
	}
	contains(t, result.Output, "got it")
}

func checkUnicode(t *testing.T, s *sandbox) {
	const text = "größe 日本語 ✓ naïve"
	equal(t, s.shell(t, "echo '"+text+"'"), text)
	equal(t, s.shell(t, "mkdir -p names && touch 'names/ü 語' && ls names | cat"), "ü 語")
}

func checkNotebook(t *testing.T, s *sandbox) {
	equal(t, s.cell(t, "import json, ssl, sqlite3, ctypes\nprint(json.dumps(sum(range(10))), 'ü語')"), "45 ü語")
	s.cell(t, "kept = 'from an earlier cell'")
	equal(t, s.cell(t, "print(kept)"), "from an earlier cell")
	contains(t, s.cell(t, "1/0"), "ZeroDivisionError")
	equal(t, s.cell(t, "import getpass; print(getpass.getuser())"), s.user)
}

func checkFiles(t *testing.T, s *sandbox) {
	ctx := t.Context()
	const file = "/workspace/folder/file.txt"
	if err := s.Write(ctx, file, "one\ntwö\nthree"); err != nil {
		t.Fatal(err)
	}
	report, err := s.Replace(ctx, file, "twö", "zwei")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, report, "has been edited")
	text, err := s.Read(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, text, "one\nzwei\nthree\n")
	equal(t, s.shell(t, "cat "+file), "one\nzwei\nthree")
	if _, err := s.Read(ctx, "/workspace/none"); err == nil {
		t.Error("no error for a file that does not exist")
	}

	if err := s.Upload(ctx, "/workspace/folder/sent.bin", []byte("sent\n")); err != nil {
		t.Fatal(err)
	}
	equal(t, s.shell(t, "cat folder/sent.bin"), "sent")
	names, err := s.ListFiles(ctx, "/workspace/folder")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(names, []string{"file.txt", "sent.bin"}) {
		t.Errorf("files %q", names)
	}
}
