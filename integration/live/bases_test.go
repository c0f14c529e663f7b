package live

import (
	"slices"
	"testing"
)

// bases are the images that everything must work on.
var bases = []string{"debian:11", "debian:12", "debian:13", "alpine:3.20", "busybox:glibc", "busybox:musl", "el-like:9", "ubuntu-like:24.04", "scratch"}

type (
	sandboxCheck = check[*sandbox]
	sandboxMode  = mode[*sandbox]
)

// uroot is a base whose programs have the names that POSIX gives, and not the
// behaviour. As those of every base they come before the payload's.
const uroot = "u-root:core"

// TestBases starts the action execution server on each base, in each of the
// ways in which it is usually started.
func TestBases(t *testing.T) {
	basic := []sandboxCheck{
		{"id", checkID},
		{"notebook", checkNotebook},
		{"files", checkFiles},
	}
	all := slices.Concat(basic, []sandboxCheck{
		{"session key", checkKey},
		{"pipe, exit status", checkPipe},
		{"background job", checkBackground},
		{"non-ASCII", checkUnicode},
		{"silent command", checkSilent},
		{"folders up and down", checkTransfer},
		{"browser", checkBrowser},
		{"file from the browser", checkFetch},
		{"pictures, file viewer", checkViewer},
		{"sudo", checkSudo},
		{"git over HTTPS, changes, diffs", checkGit},
		{"agent_skills", checkSkills},
		{"MCP: uvx and npx", checkMCP},
		{"%pip and pip install", checkPip},
		{"python, python3", checkPython},
		{"names of files and users", checkNames},
		{"no leaked variables", checkEnvironment},
		{"order of PATH", checkPath},
		{"the base's own programs", checkBasePrograms},
		{"sooner than python -m", checkStart},
		{"~/.bashrc over pause and restart", checkBashrc}, // last: it restarts the server
	})
	suite[*sandbox]{
		title: "The action execution server",
		about: "Started with OpenHands' own argument list for each of its two users, and with the image's own command.",
		bases: bases,
		modes: []sandboxMode{
			{name: "openhands", start: asUser("openhands", "1000"), checks: append([]sandboxCheck{{"time-out", checkTimeout}}, all...)},
			{name: "root", start: asUser("root", "0"), checks: slices.Concat(basic, []sandboxCheck{{"browser", checkBrowser}})},
			{name: "without browser and VS Code", on: []string{"alpine:3.20"}, start: startWithoutParts, checks: []sandboxCheck{
				{"id", checkID},
				{"notebook", checkNotebook},
				{"browser is refused", checkNoBrowser},
				{"memory monitor", checkMemoryMonitor},
				{"imports", checkImports},
			}},
			{name: "lean environment", on: []string{"alpine:3.20"}, flags: []string{"--python-env", "lean"},
				start: asUser("openhands", "1000"), checks: append([]sandboxCheck{{"imports", checkImports}}, all...)},
			{name: "default command", start: asImage("openhands"), checks: slices.Concat(basic, []sandboxCheck{
				{"ends on SIGTERM", checkStop}, // last
			})},
		},
	}.run(t)
}

// TestForeignPrograms starts the server on a base whose programs do not know what
// POSIX has them know. What calls them so fails, everything else works.
func TestForeignPrograms(t *testing.T) {
	suite[*sandbox]{
		title: "A base of u-root's programs",
		about: "It has no C library, and its programs lack options of POSIX. A base's own programs come first, so what calls these fails there: " +
			"pip, uvx and agent skills that ask a model (`uname -rs`), folders in the file viewer (`find -path`), editors that git starts (`sh -c` with arguments). The rest works.",
		bases: []string{uroot},
		modes: []sandboxMode{
			{name: "openhands", start: asUser("openhands", "1000"), checks: []sandboxCheck{
				{"id", checkID},
				{"notebook", checkNotebook},
				{"files", checkFiles},
				{"session key", checkKey},
				{"pipe, exit status", checkPipe},
				{"background job", checkBackground},
				{"non-ASCII", checkUnicode},
				{"silent command", checkSilent},
				{"browser", checkBrowser},
				{"file from the browser", checkFetch},
				{"pictures, file viewer", checkViewer},
				{"sudo", checkSudo},
				{"no leaked variables", checkEnvironment},
				{"the base's own programs", checkBasePrograms},
			}},
			{name: "root", start: asUser("root", "0"), checks: []sandboxCheck{{"id", checkID}, {"notebook", checkNotebook}, {"files", checkFiles}}},
		},
	}.run(t)
}
