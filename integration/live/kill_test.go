package live

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// TestKill ends commands at random moments, as Ctrl-C, as a service manager
// and as a lack of memory do. Who is asked to end takes everything away first;
// what a killed command leaves, the next one takes away. The variable OH_SEED
// repeats the moments of another run.
func TestKill(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("OH_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("OH_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	loadSmallDeps(t, lab.Engine{})
	server := build(t, "alpine:3.20")
	cache, temp := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("TMPDIR", temp)
	remains := func() []string {
		// Only what can be of these commands: the engine may have other users.
		all := strings.Fields(docker(t, "ps", "--all", "--quiet", "--filter", "label=dev.openhands.lease"))
		for image := range strings.Lines(docker(t, "images", "--all", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}")) {
			if ofCommands.MatchString(image) {
				all = append(all, strings.TrimSpace(image))
			}
		}
		all = append(all, strings.Fields(docker(t, "buildx", "ls", "--format", "{{.Name}}"))...)
		for _, dir := range []string{temp, filepath.Join(cache, "docker-openhands", "leases"), filepath.Join(cache, "docker-openhands", "builds")} {
			all = append(all, files(t, dir)...)
		}
		return all
	}

	assembly := victim{
		args: []string{"build", "--base", "alpine:3.20", "--deps-image", smallDeps, "--repository", "oh-live/kill", "--extra-deps", "true",
			"--user", "kill", "--offline", "--progress", "plain"}, // no other test has the image that comes before the extra dependencies
		image: "oh-live/kill",
	}
	payload := victim{
		args:  append([]string{"deps", "build", "--repository", "oh-live/kill", "--pull", "never", "--progress", "plain"}, leaveMost(t)...),
		image: "oh-live/kill",
	}
	run := victim{args: []string{"run", server, "--progress", "plain"}, takes: 4 * time.Second}
	before := remains()
	for _, v := range []*victim{&payload, &assembly} {
		v.succeeds(t) // warms the builder's cache
		start := time.Now()
		v.succeeds(t)
		v.takes = time.Since(start)
		t.Logf("%s takes %s", v.args[0], v.takes)
	}
	if left := added(before, remains()); len(left) > 0 {
		t.Fatalf("commands that succeed leave %q", left)
	}
	for round := range 20 {
		v, next := &assembly, &assembly
		switch {
		case round%7 == 6:
			v = &run // takes long to succeed
		case round%2 == 1:
			v, next = &payload, &payload
		}
		kill := kills[random.IntN(len(kills))]
		moment := time.Duration(random.Int64N(int64(v.takes)))
		before := remains()
		output := v.killed(t, kill, moment)
		what := strings.Join([]string{strconv.Itoa(round), v.args[0], kill.name, "after", moment.Round(time.Millisecond).String()}, " ")

		var left []string
		_ = lab.WaitFor(t.Context(), 10*time.Second, "the engine", func(context.Context) bool { // the list tells
			_ = v.remove(t) // a container that the engine made late may still hold the image
			left = added(before, remains())
			return len(left) == 0 || kill.hard
		})
		t.Logf("%s leaves %q", what, left)
		if len(left) > 0 && !kill.hard {
			t.Errorf("%s leaves %q\n%s", what, left, output)
		}
		next.succeeds(t)
		err := lab.WaitFor(t.Context(), 10*time.Second, "the engine", func(context.Context) bool {
			left = added(before, remains())
			return len(left) == 0
		})
		if err != nil {
			t.Errorf("%s: after the next command there is still %q", what, left)
		}
	}
	run.args = append(run.args, "--detach")
	container := lastWord(run.output(t))
	cleanup(t, lab.Engine{}, "rm", "--force", container)
	assembly.succeeds(t)
	if running := docker(t, "inspect", "--format", "{{.State.Running}}", container); running != "true" {
		t.Error("the next command ended a server that was to outlive its own")
	}
}

// ofCommands matches images that the commands make, whole or not.
var ofCommands = regexp.MustCompile(` (oh-live/kill|docker-openhands-build):| <none>:<none>\n?$`)

// kills are ways to end a docker command and its plugin.
var kills = []struct {
	name string
	hard bool // nothing can be done about it
	end  func(pid int) error
}{
	{"SIGINT", false, func(pid int) error { return syscall.Kill(-pid, syscall.SIGINT) }},
	{"SIGTERM", false, func(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }},
	{"SIGKILL of all", true, func(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }},
	{"SIGKILL of the plugin", true, func(pid int) error {
		// Any thread of the docker command may have started it.
		lists, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
		if err != nil {
			return err
		}
		for _, list := range lists {
			children, _ := os.ReadFile(list) // a thread may have ended
			for _, child := range strings.Fields(string(children)) {
				plugin, err := strconv.Atoi(child)
				if err != nil {
					return err
				}
				return syscall.Kill(plugin, syscall.SIGKILL)
			}
		}
		return syscall.Kill(pid, syscall.SIGKILL) // it is not there yet
	}},
}

// victim is a command that is ended at random moments.
type victim struct {
	args  []string
	image string // repository of what it makes
	takes time.Duration
}

func (v *victim) command(t *testing.T) *exec.Cmd {
	return lab.Engine{}.Command(t.Context(), append([]string{"openhands"}, v.args...)...)
}

func (v *victim) output(t *testing.T) string {
	t.Helper()
	out, err := v.command(t).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", v.args, err, out)
	}
	return string(out)
}

// succeeds runs the command and removes what it makes.
func (v *victim) succeeds(t *testing.T) {
	t.Helper()
	v.output(t)
	if err := v.remove(t); err != nil {
		t.Fatal(err)
	}
}

func (v *victim) remove(t *testing.T) error {
	t.Helper()
	if v.image == "" {
		return nil
	}
	made := strings.Fields(docker(t, "images", "--format", "{{.Repository}}:{{.Tag}}", v.image))
	if len(made) == 0 {
		return nil
	}
	_, err := lab.Engine{}.Docker(t.Context(), append([]string{"rmi"}, made...)...)
	return err
}

// killed starts the command, ends it after a while and returns what it said.
func (v *victim) killed(t *testing.T, kill struct {
	name string
	hard bool
	end  func(pid int) error
}, after time.Duration) string {
	t.Helper()
	cmd := v.command(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var output lockedBuffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended: // faster than before
		return output.String()
	case <-time.After(after):
	}
	if err := kill.end(cmd.Process.Pid); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Logf("%s: %v", kill.name, err) // it has just ended
	}
	select {
	case <-ended:
	case <-time.After(40 * time.Second):
		t.Errorf("%s does not end it:\n%s", kill.name, output.String())
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	}
	return output.String()
}

// files are the files in a folder, and the work folders, each as one.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil: // gone meanwhile
		case !entry.IsDir():
			found = append(found, strings.TrimPrefix(path, dir))
		case strings.HasSuffix(path, ".d"):
			found = append(found, strings.TrimPrefix(path, dir))
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// added are the lines of after that are not in before.
func added(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(line string) bool { return line == "" || slices.Contains(before, line) })
}

func lastWord(text string) string {
	words := strings.Fields(text)
	return words[len(words)-1]
}
