package live

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document/documenttest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// newAlpine is an image of the next release as far as rebasing goes: one layer
// that no other image has, with another file and another account.
func newAlpine(t *testing.T) string {
	t.Helper()
	return derive(t, "alpine:3.20", "next", "FROM alpine:3.20 AS old\nRUN echo 3.99.0 >/etc/alpine-release && adduser -D newcomer\n"+
		"FROM scratch\nCOPY --from=old / /\nENV NEXT=yes\nCMD [\"/bin/sh\"]\n", nil)
}

// ofSomebody is what somebody has put on top of an image.
const ofSomebody = "RUN mkdir -p /opt/app && echo kept >/opt/app/file\nENV APP=1 PATH=/opt/app:$PATH\n"

type rebased struct {
	References, SetUp   []string
	ID, Digest          string
	OwnLayers           int
	Unchanged, Repaired bool
	Push                struct{ UploadedBytes, UploadedLayers int64 }
}

// rebase runs the command for one image and returns what it says.
func rebase(t *testing.T, engine lab.Engine, args ...string) rebased {
	t.Helper()
	cmd := engine.Command(t.Context(), append([]string{"openhands", "rebase", "--json", "--progress", "plain"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("docker openhands rebase %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	documenttest.Validate(t, "rebase", stdout.Bytes())
	var report struct{ Images []rebased }
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil || len(report.Images) != 1 {
		t.Fatalf("%v in %s", err, &stdout)
	}
	return report.Images[0]
}

// TestRebase puts an image with something on top over another base in the engine,
// where its server then works, and leaves alone one that does not go with that base.
func TestRebase(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	next := newAlpine(t)

	image := build(t, "alpine:3.20")
	app := derive(t, image, "rebase-app", "FROM "+image+"\n"+ofSomebody, nil)
	made := rebase(t, lab.Engine{}, "--base", next, "--tag", "oh-live/rebase:made", app)
	cleanup(t, lab.Engine{}, "rmi", "oh-live/rebase:made")
	if made.OwnLayers != 1 || !strings.Contains(strings.Join(made.SetUp, " "), "/etc/passwd") {
		t.Errorf("it says %+v", made)
	}
	s := start(t, "next alpine", "oh-live/rebase:made", way{user: "openhands", command: append(asOpenHands("openhands", "1000"), "--no-enable-browser")})
	equal(t, s.shell(t, "cat /opt/app/file /etc/alpine-release"), "kept\n3.99.0")
	equal(t, s.shell(t, "echo $APP $NEXT; id -un newcomer"), "1 yes\nnewcomer")
	equal(t, s.cell(t, "print(6 * 7)"), "42")

	shadow := derive(t, image, "rebase-shadow", "FROM "+image+"\nRUN adduser -D own\n", nil)
	cmd := lab.Engine{}.Command(t.Context(), "openhands", "rebase", "--base", next, "--progress", "plain", shadow)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	before := id(t, shadow)
	checkProblem(t, cmd.Run(), stderr.String(), problem.NotRebased)
	contains(t, stderr.String(), "/etc/passwd")
	equal(t, id(t, shadow), before)
}

// TestRebaseInRegistry does the same in a registry, with a small payload, where no
// engine is.
func TestRebaseInRegistry(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	next := newAlpine(t)
	registry := startMetered(t)
	nobody := lab.Engine{Host: "unix:///nonexistent/docker.sock"}
	place := func(from, to string) string {
		ref := registry.host + "/lib/" + to
		docker(t, "tag", from, ref)
		cleanup(t, lab.Engine{}, "rmi", ref)
		docker(t, "push", "--quiet", ref)
		return ref
	}
	old, other := place("alpine:3.20", "alpine:3.20"), place(next, "alpine:3.99")
	repository := registry.host + "/team/runtime"
	flags := append([]string{"--push", "--repository", repository}, leaveMost(t)...)
	publish(t, lab.Engine{}, append([]string{"build", "--base", old, "--tag", repository + ":plain"}, flags...)...)
	for _, ref := range names(t) {
		if strings.HasPrefix(ref, repository+":") {
			cleanup(t, lab.Engine{}, "rmi", ref)
		}
	}
	app := repository + ":app"
	docker(t, "pull", "--quiet", repository+":plain")
	cleanup(t, lab.Engine{}, "rmi", repository+":plain")
	own := derive(t, "plain", "rebase-registry", "FROM "+repository+":plain\n"+ofSomebody, nil)
	docker(t, "tag", own, app)
	docker(t, "push", "--quiet", app)
	docker(t, "rmi", app)
	registry.took()

	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // of a machine that has seen none of this
	made := rebase(t, nobody, "--push", "--base", other, app)
	if sent, _ := registry.took(); made.OwnLayers != 1 || sent > 32<<10 {
		t.Errorf("%d bytes were sent: %+v", sent, made)
	}
	if again := rebase(t, nobody, "--push", "--base", other, app); !again.Unchanged {
		t.Errorf("the same again is %+v", again)
	}
	docker(t, "pull", "--quiet", app)
	cleanup(t, lab.Engine{}, "rmi", app)
	out := docker(t, "run", "--rm", "--network", "none", "--entrypoint", "sh", app, "-c",
		"cat /opt/app/file /etc/alpine-release; echo $APP $NEXT; id -u openhands; oh-tmux -V")
	// The new base's newcomer has 1000.
	contains(t, out, "kept\n3.99.0\n1 yes\n1001\ntmux ")

}
