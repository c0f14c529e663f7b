package account

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
)

// files are account files in memory.
type files map[string]string

func (f files) ReadAccounts(name string) ([]byte, bool, error) {
	text, ok := f[name]
	return []byte(text), ok, nil
}

func (f files) WriteAccounts(name string, content []byte, _ fs.FileMode) error {
	f[name] = string(content)
	return nil
}

func read(t *testing.T, f files) *Accounts {
	t.Helper()
	a, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func edit(t *testing.T, f files) *Editor {
	t.Helper()
	e, err := Edit(f)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What is an account, and what is none, glibc's parser decides: two numbers are
// needed, all that comes behind them is not.
func TestUserOfOddLines(t *testing.T) {
	for text, want := range map[string]User{
		"me:x:1000:100::/home/me:/bin/sh":               {"me", 1000, 100, "", "/home/me", "/bin/sh"},
		"me:x:1000:100:a,b:/home/me:/bin/sh\r":          {"me", 1000, 100, "a,b", "/home/me", "/bin/sh"},
		"me:x:5:6":                                      {Name: "me", UID: 5, GID: 6},
		"me:x:5:6:::/bin/a:b":                           {Name: "me", UID: 5, GID: 6, Shell: "/bin/a:b"},
		"me:x:5:6::relative:":                           {Name: "me", UID: 5, GID: 6},
		" \tme:x: 5:+6::/x:":                            {Name: "me", UID: 5, GID: 6, Home: "/x"},
		"me:x::::\nme:x:7:8::/srv:":                     {Name: "me", UID: 7, GID: 8, Home: "/srv"},
		"me:x:7:8::/a:\nme:x:9:9::/b:":                  {Name: "me", UID: 7, GID: 8, Home: "/a"},
		"me:x:4294967295:1::/x:\nme:x:4294967294:1::x:": {Name: "me", UID: MaxID, GID: 1},
		"me:x:5":                               {},
		"me:x:5:":                              {},
		"me:x:-1:1::/x:":                       {},
		"me:x:5:-1::/x:":                       {},
		"me:x:5a:1::/x:":                       {},
		"me:x:99999999999999999999:1::/x:":     {},
		"me2:x:5:5::/x:":                       {},
		"#me:x:5:5::/x:":                       {},
		"  # me:x:5:5::/x:":                    {},
		"+me:x:5:5::/x:\n-me:x:5:5::/x:\n+\n-": {},
		"":                                     {},
	} {
		a := read(t, files{PasswdFile: text})
		if got, ok := a.User("me"); got != want || ok != (want.Name != "") {
			t.Errorf("%q: got %+v, %v", text, got, ok)
		}
	}
	a := read(t, files{PasswdFile: ":x:5:5:::\n+::::::\n+x:x:7:7:::\nfirst:x:6:6:::\nsecond:x:6:6:::\n"})
	for uid, want := range map[int]string{5: "", 0: "", 7: "", 6: "first"} {
		if got, _ := a.UserOf(uid); got.Name != want {
			t.Errorf("user ID %d is that of %q, want %q", uid, got.Name, want)
		}
	}
	for _, name := range []string{"", "+", "+x"} {
		if got, ok := a.User(name); ok {
			t.Errorf("%q is an account: %+v", name, got)
		}
	}
}

func TestGroups(t *testing.T) {
	a := read(t, files{
		PasswdFile: "good:x:7:8:::\n",
		GroupFile:  "g:x:8:\nh:x:10:good,,x\nshort:x\nthree:x:11\n+:::\ni:x:10:good\nj:x:-1:good\nk:x:12:goods\n",
	})
	good, _ := a.User("good")
	if got := a.GroupsOf(good); !slices.Equal(got, []int{8, 10}) {
		t.Errorf("groups %v", got)
	}
	if h, ok := a.GroupOf(10); !ok || h.Name != "h" || !slices.Equal(h.Members, []string{"good", "x"}) {
		t.Errorf("%+v, %v", h, ok)
	}
	for name, want := range map[string]bool{"three": true, "short": false, "j": false, "+": false} {
		if _, ok := a.Group(name); ok != want {
			t.Errorf("%s is a group: %v", name, ok)
		}
	}
}

func TestNoFiles(t *testing.T) {
	a := read(t, files{})
	if _, ok := a.User("root"); ok {
		t.Error("there is a root")
	}
	if _, ok := new(Accounts).UserOf(0); ok {
		t.Error("there is a root")
	}
}

// Lines stand before those that hand over to a directory service, and a member
// is added to both files of groups.
func TestEdit(t *testing.T) {
	const (
		passwd = "root:x:0:0::/:\r\n# people\nubuntu:x:1000:1000:::\n+::::::\nlater:x:5:5:::\n"
		group  = "root:x:0:\nsudo:x:27\r\naudio:x:29:pulse\n+:::"
	)
	me := User{Name: "me", UID: 1000, GID: 1000, Comment: "c", Home: "/home/me", Shell: "/bin/sh"}
	for name, test := range map[string]struct{ have, want files }{
		"with shadow": {
			files{PasswdFile: passwd, GroupFile: group, ShadowFile: "root:*:1::::::\n+::::::::\n", GshadowFile: "sudo:!:a:b\n"},
			files{
				PasswdFile: "root:x:0:0::/:\r\n# people\nme:x:1000:1000:c:/home/me:/bin/sh\nubuntu:x:1000:1000:::\n+::::::\nlater:x:5:5:::\n",
				GroupFile:  "root:x:0:\nsudo:x:27:me\naudio:x:29:pulse,me\nme:x:1000:\n+:::\n",
				ShadowFile: "root:*:1::::::\nme:*::0:99999:7:::\n+::::::::\n", GshadowFile: "sudo:!:a:b,me\nme:!::\n",
			},
		},
		"without": {
			files{PasswdFile: passwd, GroupFile: group},
			files{
				PasswdFile: "root:x:0:0::/:\r\n# people\nme:*:1000:1000:c:/home/me:/bin/sh\nubuntu:x:1000:1000:::\n+::::::\nlater:x:5:5:::\n",
				GroupFile:  "root:x:0:\nsudo:x:27:me\naudio:x:29:pulse,me\nme:x:1000:\n+:::\n",
			},
		},
		"without anything": {
			files{},
			files{PasswdFile: "me:x:1000:1000:c:/home/me:/bin/sh\n", GroupFile: "me:x:1000:\n", ShadowFile: "me:*::0:99999:7:::\n"},
		},
	} {
		e := edit(t, test.have)
		e.AddGroup("me", 1000, Last)
		for range 2 {
			e.AddMember("sudo", "me")
			e.AddMember("audio", "me")
		}
		e.AddUser(me, e.LineOfUser("ubuntu"))
		if got, ok := e.UserOf(1000); !ok || got != me {
			t.Errorf("%s: before it is written, user ID 1000 is that of %+v", name, got)
		}
		if got := e.GroupsOf(me); name != "without anything" && !slices.Equal(got, []int{1000, 27, 29}) {
			t.Errorf("%s: before it is written, the groups are %v", name, got)
		}
		if err := e.Save(); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(test.have, test.want) {
			t.Errorf("%s:\n got %q\nwant %q", name, test.have, test.want)
		}
	}
	// A line that says nothing is kept as well.
	odd := edit(t, files{GroupFile: "\n"})
	odd.AddGroup("me", 1, Last)
	if got := string(odd.group.content()); got != "\nme:x:1:\n" {
		t.Errorf("behind an empty line: %q", got)
	}
	// What is not changed is not written.
	have := files{PasswdFile: passwd, GroupFile: group}
	if err := edit(t, have).Save(); err != nil || have[GroupFile] != group {
		t.Errorf("%q, %v", have[GroupFile], err)
	}
}

func TestFree(t *testing.T) {
	var all strings.Builder
	for id := range 100_000 {
		fmt.Fprintf(&all, "u%d:x:%[1]d:%[1]d::/:\n", id)
	}
	for _, test := range []struct {
		lines          string
		id, step, want int
	}{
		{"", 1000, 1, 1000},
		{"a:x:1000:\nb:x:1001:", 1000, 1, 1002},
		{"a:x:1000:1::/:\nodd:x:1001\n+:x:1002\n", 1000, 1, 1003},
		{"a:x:999:\nb:x:998:", 999, -1, 997},
		{"a:x:2:\nb:x:1:\nc:x:3:", 2, -1, 4},
		{"a:x:4294967294:\n", MaxID, 1, MaxID - 1},
		{all.String(), 1000, 1, 100_000},
		{all.String(), 999, -1, 100_000},
	} {
		e := edit(t, files{PasswdFile: test.lines, GroupFile: test.lines})
		for _, free := range []func(id, step int) int{e.FreeUID, e.FreeGID} {
			if got := free(test.id, test.step); got != test.want {
				t.Errorf("from %d by %d, of %d bytes: got %d, want %d", test.id, test.step, len(test.lines), got, test.want)
			}
		}
	}
}

func TestParseID(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "4294967294": MaxID, "4294967295": -1, "-1": -1, "": -1, "1x": -1, "+1": -1} {
		if got, err := ParseID(text); (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}
