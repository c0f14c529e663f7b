//go:build linux

package command

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// What a program that calls the bundler may take whatever comes, in bytes, and
// what its Go runtime is told to get by with, as the plugin's is.
const (
	mostMemory  = 200 << 20
	memoryLimit = 150 << 20
)

// measured are the arguments of the process that measure starts, in JSON.
const measured = "OH_BUNDLE_MEASURED"

// TestMemory measures what commands have resident at most while they read what
// is as large as it may be, or larger.
func TestMemory(t *testing.T) {
	if text := os.Getenv(measured); text != "" {
		var args []string
		if err := json.Unmarshal([]byte(text), &args); err != nil {
			t.Fatal(err)
		}
		debug.SetMemoryLimit(memoryLimit)
		fmt.Printf("ended with %v\n", runMeasured(t, args))
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("%s", status)
		return
	}
	folder := t.TempDir()
	stream := func(name string, write func(archive largeArchive)) string {
		file, err := os.Create(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		buffered := bufio.NewWriter(file)
		archive := largeArchive{t, tar.NewWriter(buffered)}
		write(archive)
		if err := errors.Join(archive.Close(), buffered.Flush()); err != nil {
			t.Fatal(err)
		}
		return file.Name()
	}
	root := largeRoot(t)
	program, libc := filepath.Join("/openhands/bin", "p0"), "/openhands/lib/libc.so.6"
	for name, test := range map[string]struct {
		args []string
		ends string // how the command ends, a regular expression
	}{
		"tree from an image":  {[]string{"read", stream("all.tar", largeArchive.everything)}, "<nil>"},
		"names far away":      {[]string{"read", stream("far.tar", largeArchive.farAway)}, "<nil>|more than is looked at"},
		"search paths":        {[]string{"read", stream("paths.tar", largeArchive.searchPaths)}, "more than is looked at"},
		"links that lead out": {[]string{"read", stream("out.tar", largeArchive.linksOut)}, "more than is looked at"},
		"verify":              {[]string{"verify", "--json", root}, "is not sealed"},
		"seal":                {[]string{"seal", "--arch", "amd64", root}, "no banner"},
		"seal --dry-run":      {[]string{"seal", "--arch", "amd64", "--dry-run", "--json", root}, "no banner"},
		"tree":                {[]string{"tree", "--root", root, "--json", program, libc}, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			peak, said := measure(t, test.args)
			t.Logf("at most %d MB were resident: %.300s", peak>>20, said)
			if peak > mostMemory {
				t.Errorf("%d MB were resident, more than %d", peak>>20, mostMemory>>20)
			}
			if !regexp.MustCompile(test.ends).MatchString(said) {
				t.Errorf("it ended with %.300s", said)
			}
		})
	}
}

// measure runs a command in a process of its own. It returns the most that was
// resident, in bytes, and how the command ended.
func measure(t *testing.T, args []string) (peak int, ended string) {
	t.Helper()
	text, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestMemory$", "-test.v")
	cmd.Env = append(os.Environ(), measured+"="+string(text), "GOMEMLIMIT=", "GOGC=")
	out, err := cmd.CombinedOutput()
	found := regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`).FindSubmatch(out)
	end := regexp.MustCompile(`(?ms)ended with (.*)^Name:`).FindSubmatch(out)
	if err != nil || found == nil || end == nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
	if peak, err = strconv.Atoi(string(found[1])); err != nil {
		t.Fatal(err)
	}
	return peak << 10, string(end[1])
}

// runMeasured runs a command of the bundler, or does with a stream what verify
// does with an image's.
func runMeasured(t *testing.T, args []string) error {
	if args[0] != "read" {
		return Run(t.Context(), "oh-bundle", io.Discard, args)
	}
	const allow = "/openhands/allow"
	file, err := os.Open(args[1])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tree, err := bundler.ReadTree(t.Context(), file, bundler.TreeOptions{Prefix: "/openhands", Keep: []string{"/openhands/manifest.json", allow}})
	if err != nil {
		return err
	}
	exceptions, err := bundler.ParseAllowances(bytes.NewReader(tree.Content(allow)))
	if err != nil {
		return err
	}
	report, err := tree.Verify(t.Context(), bundler.VerifyOptions{Allow: exceptions})
	if err != nil {
		return err
	}
	report.Offenders = append(report.Offenders, tree.Permissions()...)
	return printJSON(io.Discard, report)
}

// largeArchive is the tree of an image that means harm.
type largeArchive struct {
	t *testing.T
	*tar.Writer
}

func (a largeArchive) put(h tar.Header, content []byte) {
	a.t.Helper()
	if h.Name, h.Size = "openhands/"+h.Name, int64(len(content)); h.Mode == 0 {
		h.Mode = 0o755
	}
	if h.Typeflag == 0 {
		h.Typeflag = tar.TypeReg
	}
	if err := a.WriteHeader(&h); err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.Write(content); err != nil {
		a.t.Fatal(err)
	}
}

func (a largeArchive) object(name string, o elftest.Object) {
	a.t.Helper()
	a.put(tar.Header{Name: name}, o.Bytes())
}

const loaderName = "ld-linux-x86-64.so.2"

// loader puts the loader there, without which nothing is verified.
func (a largeArchive) loader(padding int) {
	a.t.Helper()
	for name, soname := range map[string]string{"lib/" + loaderName: loaderName, "lib/libc.so.6": "libc.so.6"} {
		a.put(tar.Header{Name: name}, append(elftest.Object{Soname: soname}.Bytes(), make([]byte, padding)...))
	}
	a.put(tar.Header{Typeflag: tar.TypeSymlink, Name: "lib/ld.so", Linkname: loaderName}, nil)
}

// everything is a tree that uses up nearly all that a tree may have.
func (a largeArchive) everything() {
	const entries, libraries, programs = 230_000, 100, 9_000
	a.loader(7 << 20)
	a.put(tar.Header{Name: "manifest.json", Mode: 0o644}, bytes.Repeat([]byte(" "), 7<<20))
	var exceptions strings.Builder
	for i := range 190 {
		fmt.Fprintf(&exceptions, "/%s%d: r\n", strings.Repeat("*x", 15), i)
	}
	a.put(tar.Header{Name: "allow", Mode: 0o644}, []byte(exceptions.String()))
	var names []string
	for i := range libraries {
		names = append(names, fmt.Sprintf("lib%060d.so", i))
	}
	for i, name := range names {
		a.object("lib/"+name, elftest.Object{Soname: name, Needed: names[max(0, i-5):i]})
	}
	for i := range programs {
		needed := []string{fmt.Sprintf("missing%d.so", i)}
		for j := range 9 {
			needed = append(needed, names[(i+j*7)%libraries])
		}
		a.object(fmt.Sprintf("bin/p%d", i), elftest.Object{Interp: "/openhands/lib/ld.so", Needed: needed, Runpath: "$ORIGIN"})
	}
	for i := range 9_000 {
		a.put(tar.Header{Name: fmt.Sprintf("bad/%d", i), Uid: 1}, nil)
	}
	for i := range 9_000 {
		a.put(tar.Header{Typeflag: tar.TypeSymlink, Name: fmt.Sprintf("links/%d", i), Linkname: "../" + strings.Repeat("./", 400) + "lib/ld.so"}, nil)
	}
	for i := range entries - programs - libraries - 30_000 {
		a.put(tar.Header{Name: fmt.Sprintf("data/%d/%080d", i/1000, i)}, nil)
	}
}

// farAway has short names that lead to long ones, by way of one link.
func (a largeArchive) farAway() {
	const libraries, programs = 9_000, 900
	a.loader(0)
	deep := strings.Repeat("d/", 480)
	for i := range libraries {
		a.object(fmt.Sprintf("%s%d", deep, i), elftest.Object{})
	}
	a.put(tar.Header{Typeflag: tar.TypeSymlink, Name: "far", Linkname: deep}, nil)
	for i := range libraries {
		a.put(tar.Header{Typeflag: tar.TypeSymlink, Name: fmt.Sprintf("lib/%d", i), Linkname: fmt.Sprintf("../far/%d", i)}, nil)
	}
	for i := range programs {
		var needed []string
		for j := range 100 {
			needed = append(needed, strconv.Itoa((i*100+j)%libraries))
		}
		a.object(fmt.Sprintf("bin/p%d", i), elftest.Object{Needed: needed})
	}
}

// searchPaths has as many elements of search paths as there can be, in a folder
// with a long name.
func (a largeArchive) searchPaths() {
	a.loader(0)
	deep := strings.Repeat("d/", 480)
	for i := range 400 {
		var runpath strings.Builder
		for j := range 1000 {
			fmt.Fprintf(&runpath, "$ORIGIN/%d:", i*1000+j)
		}
		var needed []string
		for j := range 200 {
			needed = append(needed, strconv.Itoa(j))
		}
		a.object(fmt.Sprintf("%s%d", deep, i), elftest.Object{Needed: needed, Runpath: runpath.String()})
	}
}

// linksOut has nothing but links that lead outside.
func (a largeArchive) linksOut() {
	a.loader(0)
	for i := range 19_000 {
		a.put(tar.Header{Typeflag: tar.TypeSymlink, Name: fmt.Sprintf("links/%d", i), Linkname: "/" + strings.Repeat("x", 1000) + strconv.Itoa(i)}, nil)
	}
}

// largeRoot is a system with a tree that has much of everything.
func largeRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write := func(name string, content []byte) {
		t.Helper()
		elftest.Write(t, filepath.Join(root, name), string(content), 0o755)
	}
	write("openhands/lib/"+loaderName, elftest.Object{Soname: loaderName}.Bytes())
	write("openhands/lib/libc.so.6", elftest.Object{Soname: "libc.so.6"}.Bytes())
	elftest.Symlink(t, loaderName, filepath.Join(root, "openhands/lib/ld.so"))
	var needed []string
	for i := range 500 {
		needed = append(needed, fmt.Sprintf("lib%d.so", i))
		write("openhands/lib/"+needed[i], elftest.Object{Soname: needed[i], Needed: needed[max(0, i-3):i]}.Bytes())
	}
	for i := range 2000 {
		write(fmt.Sprintf("openhands/bin/p%d", i), elftest.Object{Interp: "/openhands/lib/ld.so", Needed: append(needed[:50:50], fmt.Sprintf("missing%d", i))}.Bytes())
	}
	for i := range 60_000 {
		write(fmt.Sprintf("openhands/data/%d/%0100d", i/1000, i), nil)
	}
	for i := range 20_000 {
		write(fmt.Sprintf("openhands/scripts/%d/%d", i/1000, i), []byte("#!/"+strings.Repeat("x", 240)+"\n"))
	}
	huge := filepath.Join(root, "openhands/huge")
	write("openhands/huge", elftest.Object{Needed: needed}.Bytes())
	if err := os.Truncate(huge, 8<<30); err != nil {
		t.Fatal(err)
	}
	return root
}
