package templates

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestReleases(t *testing.T) {
	const pins = "# pins\nx==\nx==1.0 \\\n    --hash=sha256:0 \\\n    --hash=sha256:1\nx==1.01 --hash=sha256:2 # x\nxx==1.0 --hash=sha256:3\nx==2.0\n"
	all := []Component{{Server: server, Releases: &ReleaseList{Package: "x", File: "pins"}, Files: map[string][]byte{"pins": []byte(pins)}}}
	if got, _ := Releases(all, server); !slices.Equal(got, []string{"1.0", "1.01", "2.0"}) {
		t.Errorf("got %q", got)
	}
	for version, want := range map[string][]string{"1.0": {"0", "1"}, "1.01": {"2"}, "2.0": nil, "3.0": nil, "": nil} {
		if got := ReleaseHashes(all, server, version); !slices.Equal(got, want) {
			t.Errorf("%q has the hashes %q, not %q", version, got, want)
		}
	}
	if got := ReleaseHashes(all, "another", "1.0"); got != nil {
		t.Errorf("another server has the hashes %q", got)
	}
}

// lockFor is a lock of a release of x.
func lockFor(version string) string {
	hash := " --hash=sha256:" + strings.Repeat("0a", 32)
	return "a==1" + hash + hash + "\nx==" + version + hash + "\n"
}

// withLocks is a component with a lock for each of some releases, and one without.
func withLocks(versions ...string) []Component {
	files := map[string][]byte{"install.sh": nil}
	for _, version := range versions {
		files["locks/"+version+".txt"] = []byte(lockFor(version))
	}
	return []Component{
		{Name: "other", Files: map[string][]byte{"locks/1.0.txt": nil}},
		{Name: "locked", Server: server, Releases: &ReleaseList{Package: "x", First: "0.9"}, Files: files},
	}
}

// A payload gets the lock of its release alone: another one does not change it.
func TestLockOfTheRelease(t *testing.T) {
	all := withLocks("1.10.0", "1.9.0", "2.0")
	if got, final := Releases(all, server); !slices.Equal(got, []string{"1.9.0", "1.10.0", "2.0"}) || final {
		t.Errorf("got %q, %v", got, final)
	}
	selected, err := Select(all, Choice{Server: server, Version: "1.10.0"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range selected {
		got = append(got, slices.Sorted(maps.Keys(c.Files))...)
	}
	if want := []string{"locks/1.0.txt", "install.sh", "locks/1.10.0.txt"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(all[1].Files) != 4 {
		t.Error("the components that are chosen from are changed")
	}
}

func TestLocked(t *testing.T) {
	if c, first, ok := Locked(withLocks(), server); !ok || c.Name != "locked" || first != "0.9" {
		t.Errorf("got %s, %q, %v", c.Name, first, ok)
	}
	list := []Component{{Server: server, Releases: &ReleaseList{Package: "x", File: "pins"}}}
	for name, all := range map[string][]Component{"a list": list, "another server": withLocks()} {
		other := server
		if name == "another server" {
			other = "none"
		}
		if _, _, ok := Locked(all, other); ok {
			t.Errorf("%s has locks", name)
		}
		if got, err := AddLocks(all, other, fstest.MapFS{"1.0.txt": {Data: []byte(lockFor("1.0"))}}); err != nil || len(got[len(got)-1].Files) > 1 {
			t.Errorf("%s gets locks: %v", name, err)
		}
	}
}

// What is no lock of its release counts for nothing, and what it would bring in
// does not come in.
func TestAddLocks(t *testing.T) {
	good := lockFor("1.5")
	folder := fstest.MapFS{
		"1.0.txt":      {Data: []byte("b==1 --hash=sha256:" + strings.Repeat("00", 32) + "\n" + lockFor("1.0"))},
		"1.5.txt":      {Data: []byte(good)},
		"1.6.txt":      {Data: []byte(good)}, // of another release
		"1.7.txt":      {Data: []byte("--index-url http://x\n" + lockFor("1.7"))},
		"1.8.txt":      {Data: []byte("x==1.8\n")},
		"1.9.txt":      {},
		"1.11.txt":     {Data: []byte("-r other.txt\n" + lockFor("1.11"))},
		"1.12.txt":     {Data: []byte(strings.Repeat(lockFor("1.12"), 1<<13))},
		"1.13.txt":     {Data: []byte("x @ http://x/x.whl\n" + lockFor("1.13"))},
		"latest.txt":   {Data: []byte(good)},
		"1.14":         {Data: []byte(lockFor("1.14"))},
		"1.16.txt":     {Data: []byte(strings.Replace(lockFor("1.16"), "=sha256:", "=sha256:0", 1))},
		"1.17.txt":     {Data: []byte(strings.Replace(lockFor("1.17"), "\n", " --hash=sha256:"+strings.Repeat("0g", 32)+"\n", 1))},
		"1.18.txt":     {Data: []byte(strings.Replace(lockFor("1.18"), "\n", " --hash=sha256:\n", 1))},
		"1.19.txt":     {Data: []byte(strings.Replace(lockFor("1.19"), " --hash", "  --hash", 1))},
		"sub/1.15.txt": {Data: []byte(lockFor("1.15"))},
	}
	all := withLocks("1.0", "2.0")
	got, err := AddLocks(all, server, folder)
	if err != nil {
		t.Fatal(err)
	}
	versions, _ := Releases(got, server)
	if diff := cmp.Diff([]string{"1.0", "1.5", "2.0"}, versions); diff != "" {
		t.Error(diff)
	}
	if text := got[1].Files["locks/1.0.txt"]; string(text) != string(folder["1.0.txt"].Data) {
		t.Errorf("the user's own lock does not count: %q", text)
	}
	if len(all[1].Files) != 3 {
		t.Error("the components that are added to are changed")
	}
	if _, err := AddLocks(all, server, fstest.MapFS{"1.0.txt/x": {}}); err == nil {
		t.Error("a folder is read as a lock")
	}
}

// A component with a file that is no lock in the folder of its locks is refused.
func TestLoadRefusesWhatIsNoLock(t *testing.T) {
	const text = "description = 'x'\nproof = ['/openhands/x']\nreleases = { package = 'x' }\n"
	for name, lock := range map[string]string{"locks/1.0.txt": lockFor("1.1"), "locks/README": "", "locks/1.0.in": lockFor("1.0")} {
		_, err := load("x", fstest.MapFS{componentFile: {Data: []byte(text)}, name: {Data: []byte(lock)}}, "dir")
		if err == nil || !strings.HasPrefix(err.Error(), `dir/component.toml:3: "`+name+`"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
