package bundler

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// Every ELF file of four releases of Debian and of Alpine, resolved by us and
// by the loader of each: the same paths, and the same names not found. Those of
// arm64 run in an emulator, over packages without all that they need.
func TestEveryFileAsItsLoaderSays(t *testing.T) {
	for _, root := range []struct {
		name  string
		files int // at least
		make  func() (string, error)
	}{
		{"bullseye", 500, debian(t, "bullseye")},
		{"bookworm", 500, debian(t, "bookworm")},
		{"trixie", 500, debian(t, "trixie")},
		{"sid", 500, debian(t, "sid")},
		{"alpine", 10, alpine(t, "amd64")},
		{"bullseye arm64", 200, debianARM(t, "bullseye")},
		{"trixie arm64", 200, debianARM(t, "trixie")},
		{"alpine arm64", 10, alpine(t, "arm64")},
	} {
		t.Run(root.name, func(t *testing.T) {
			dir, err := root.make()
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(root.name, "arm64") {
				dir = emulated(t, dir)
			}
			compareRoot(t, dir, root.files)
		})
	}
}

func debian(t *testing.T, suite string) func() (string, error) {
	return func() (string, error) { return lab.DebianRoot(t.Context(), suite, t.Output()) }
}

func alpine(t *testing.T, arch string) func() (string, error) {
	return func() (string, error) { return lab.ArchiveRoot(t.Context(), archives(), "alpine:3.20", arch) }
}

func debianARM(t *testing.T, suite string) func() (string, error) {
	return func() (string, error) {
		return lab.DebianPackages(t.Context(), suite, "arm64", t.Output(), "libc6", "libc-bin", "bash", "libtinfo6")
	}
}

// emulatorPath is where emulator puts it.
const emulatorPath = "/qemu-aarch64-static"

// emulated returns a copy of a root file system that holds the emulator too.
func emulated(t *testing.T, root string) string {
	dir := t.TempDir()
	if out, err := exec.Command("cp", "-a", root+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	emulator(t, dir)
	return dir
}

// archives is the folder with root file systems, as seen from this package.
func archives() string {
	if os.Getenv("OH_SHARED") != "" {
		return lab.Archives()
	}
	return filepath.Join("..", "..", lab.Archives())
}

// answer is what a loader would map for a file, and what it would miss.
type answer struct {
	Found   []string // canonical paths but that of the file itself, sorted
	Missing []string // names

	Versions []string // symbol versions that a library lacks
	Refused  bool     // a file made the loader give up; the rest is then not known
}

// compareRoot asks the loader of a root file system about all of its files.
func compareRoot(t *testing.T, root string, least int) {
	view := bundler.NewView(root)
	resolvers := map[string]*bundler.Resolver{}
	var questions []string
	ours := map[string]answer{}
	loaders := map[string]string{}
	for _, name := range elfFiles(t, root) {
		if name == emulatorPath {
			continue
		}
		o := read(t, filepath.Join(root, name))
		if !o.Dynamic || o.Static() || o.Foreign {
			continue
		}
		loader, err := bundler.FindLoader(view, o, bundler.HostCPU())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r := resolvers[loader.Path]
		if r == nil {
			r = bundler.NewResolver(view, loader)
			resolvers[loader.Path] = r
		}
		closure, err := r.Closure(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if name == loader.Path || closure.Loader == closure.Objects[0] {
			continue // a loader does not list itself
		}
		questions = append(questions, name)
		loaders[name] = loader.Path
		ours[name] = answerOf(closure)
	}
	if len(questions) < least {
		t.Fatalf("only %d files of %s", len(questions), root)
	}
	theirs := askAll(t, questions, func(name string) (answer, error) {
		return ask(t.Context(), view, root, nil, loaders[name], name)
	})
	differences := 0
	for _, name := range questions {
		if diff := cmp.Diff(theirs[name], ours[name]); diff != "" {
			if differences++; differences < 10 {
				t.Errorf("%s: loader (-), resolver (+):\n%s", name, diff)
			}
		}
	}
	t.Logf("%d files, %d differences", len(questions), differences)
}

func answerOf(c *bundler.Closure) answer {
	found, missing := map[string]bool{}, map[string]bool{}
	for _, o := range c.Objects[1:] {
		if o != c.Loader {
			found[o.Real] = true
		}
	}
	for _, e := range c.Edges {
		if e.To == nil {
			missing[e.Name] = true
		}
	}
	return answer{Found: sorted(found), Missing: sorted(missing)}
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// askAll asks about many files, a few at a time.
func askAll(t *testing.T, names []string, ask func(string) (answer, error)) map[string]answer {
	var mu sync.Mutex
	answers := map[string]answer{}
	var wait sync.WaitGroup
	queue := make(chan string)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for name := range queue {
				a, err := ask(name)
				mu.Lock()
				if err != nil {
					t.Errorf("asking the loader about %s: %v", name, err)
				}
				answers[name] = a
				mu.Unlock()
			}
		})
	}
	for _, name := range names {
		queue <- name
	}
	close(queue)
	wait.Wait()
	return answers
}

// The lines of "ld.so --list", and what musl says of a missing library.
var (
	listed      = regexp.MustCompile(`(?m)^\t(?:(\S+) => )?(not found|\S+)(?: \(0x[0-9a-f]+\))?$`)
	muslMissing = regexp.MustCompile(`(?m)^Error loading shared library (\S+): `)
	noVersion   = regexp.MustCompile("version `(\\S+)' not found")
	refusal     = regexp.MustCompile("error while loading shared libraries: ")
)

// ask lets a loader list what it would map for a file, with root as its root
// directory. The loader itself is left out.
func ask(ctx context.Context, view *bundler.View, root string, env []string, loader, name string) (answer, error) {
	out, messages, err := runLoader(ctx, root, env, loader, "--list", name)
	if err != nil && !strings.Contains(loader, "musl") {
		// Only as ldd(1) asks it, the loader goes on where something is missing.
		out, messages, err = runLoader(ctx, root, append(env, "LD_TRACE_LOADED_OBJECTS=1"), loader, name)
	}
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		return answer{}, err
	}
	own, lookupErr := view.Lookup(loader)
	if lookupErr != nil {
		return answer{}, lookupErr
	}
	found, missing := map[string]bool{}, map[string]bool{}
	for _, m := range listed.FindAllStringSubmatch(out, -1) {
		if m[2] == "not found" {
			missing[m[1]] = true
			continue
		}
		if strings.HasPrefix(m[2], "linux-vdso.so") {
			continue // the kernel's
		}
		e, err := view.Lookup("/" + strings.TrimPrefix(m[2], "/")) // the loader's working directory is /
		if err != nil {
			return answer{}, err
		}
		if e.Real != own.Real {
			found[e.Real] = true
		}
	}
	for _, m := range muslMissing.FindAllStringSubmatch(messages, -1) {
		missing[m[1]] = true
	}
	a := answer{Found: sorted(found), Missing: sorted(missing)}
	for _, m := range noVersion.FindAllStringSubmatch(out+messages, -1) {
		a.Versions = append(a.Versions, m[1])
	}
	if refusal.MatchString(messages) {
		return answer{Refused: true}, nil
	}
	if err != nil && len(found)+len(missing) == 0 {
		return answer{}, errors.New(strings.TrimSpace(messages))
	}
	return a, nil
}

func runLoader(ctx context.Context, root string, env []string, argv ...string) (out, messages string, err error) {
	if _, err := os.Stat(filepath.Join(root, emulatorPath)); err == nil {
		argv = append([]string{emulatorPath}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Path, cmd.Err = argv[0], nil
	cmd.Env, cmd.Dir = env, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// elfFiles returns the paths of the ELF files of a root file system.
func elfFiles(t *testing.T, root string) []string {
	names, err := lab.ELFFiles(root)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, root)
	}
	return names
}

func read(t *testing.T, host string) *bundler.Object {
	f, err := os.Open(host)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o, err := bundler.ReadObject(f)
	if err != nil {
		t.Fatalf("%s: %v", host, err)
	}
	return o
}
