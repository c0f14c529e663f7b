package bundler

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// tarOf returns root/openhands as a tar stream.
func tarOf(t testing.TB, root string) io.Reader {
	t.Helper()
	data, err := exec.Command("tar", "--create", "--numeric-owner", "--format=pax", "--xattrs", "--xattrs-include=security.*", "--directory", root, "openhands").Output()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(data)
}

func readTree(t testing.TB, stream io.Reader, opt TreeOptions) *Tree {
	t.Helper()
	opt.Prefix = testPrefix
	tree, err := ReadTree(t.Context(), stream, opt)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// verifyBoth verifies a tree where it lies and as a stream: the reports must be
// the same.
func verifyBoth(t *testing.T, root string, opt VerifyOptions) (*VerifyReport, error) {
	t.Helper()
	report, err := Verify(t.Context(), root, opt)
	streamed, streamErr := readTree(t, tarOf(t, root), TreeOptions{}).Verify(t.Context(), opt)
	if (err == nil) != (streamErr == nil) {
		t.Errorf("in place: %v; as a stream: %v", err, streamErr)
	}
	if diff := cmp.Diff(report, streamed); diff != "" {
		t.Errorf("in place (-) and as a stream (+):\n%s", diff)
	}
	return report, err
}

func TestTreeKeepsFiles(t *testing.T) {
	root := t.TempDir()
	elftest.Write(t, root+"/openhands/manifest.json", "{}", 0o644)
	elftest.Write(t, root+"/openhands/share/other", "x", 0o644)
	elftest.Symlink(t, "share/other", root+"/openhands/link")
	tree := readTree(t, tarOf(t, root), TreeOptions{Keep: []string{"/openhands/manifest.json", "/openhands/link", "/openhands/none"}})
	for name, want := range map[string]string{"/openhands/manifest.json": "{}", "/openhands/link": "", "/openhands/none": "", "/openhands/share/other": ""} {
		if got := string(tree.Content(name)); got != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]bool{"/openhands/link": true, "/openhands/share": true, "/openhands/none": false, "/etc": false} {
		if got := tree.Has(name); got != want {
			t.Errorf("%s is there: %v, want %v", name, got, want)
		}
	}
}

// stream writes entries with the content that is given.
func stream(t testing.TB, headers ...tar.Header) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		content := strings.NewReader(h.PAXRecords["test.content"])
		h.PAXRecords = nil
		if h.Typeflag == tar.TypeReg && h.Size == 0 {
			h.Size = content.Size()
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := content.WriteTo(w); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func regular(name, content string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, PAXRecords: map[string]string{"test.content": content}}
}

// TestTreeLimits sees that nothing of a stream is remembered without bound.
func TestTreeLimits(t *testing.T) {
	few := treeLimits{entries: 3, links: 1, path: 1020, names: 1000, bytes: 200, file: 10, program: 100, kept: 15, objects: 1, needs: 1, strings: 1, edges: 1, faults: 1}
	elf := "\x7fELF" + strings.Repeat("\x00", 40)
	for name, headers := range map[string][]tar.Header{
		"entries":  {regular("openhands/a", ""), regular("openhands/b", ""), regular("openhands/c", "")},
		"implied":  {regular("openhands/a/b/c/d", "")},
		"names":    {regular("openhands/"+strings.Repeat("x", 1001), "")},
		"path":     {regular("openhands/"+strings.Repeat("x", 1020), "")},
		"links":    {{Typeflag: tar.TypeSymlink, Name: "openhands/a", Linkname: "b"}, {Typeflag: tar.TypeSymlink, Name: "openhands/b", Linkname: "a"}},
		"scripts":  {{Typeflag: tar.TypeReg, Name: "openhands/x", Mode: 0o755, PAXRecords: map[string]string{"test.content": "#!/bin/sh\n"}}},
		"bytes":    {regular("openhands/a", strings.Repeat("x", 150)), regular("openhands/b", strings.Repeat("x", 150))},
		"kept":     {regular("openhands/keep", "123456789"), regular("openhands/keep2", "123456789")},
		"file":     {regular("openhands/keep", "12345678901")},
		"program":  {regular("openhands/x", elf+strings.Repeat("x", 100))},
		"programs": {regular("openhands/x", elf), regular("openhands/y", elf)},
		"faults":   {{Typeflag: tar.TypeReg, Name: "openhands/x", Mode: 0o666, Uid: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadTree(t.Context(), stream(t, headers...), TreeOptions{Prefix: testPrefix, Keep: []string{"/openhands/keep", "/openhands/keep2"}, limits: &few})
			if !errors.Is(err, ErrTooLarge) {
				t.Errorf("got %v", err)
			}
		})
	}
	for name, headers := range map[string][]tar.Header{
		"outside": {regular("etc/passwd", "")},
		"above":   {regular("openhands/../etc/passwd", "")},
		"twice":   {regular("openhands/a", ""), regular("openhands/a", "")},
		"through": {{Typeflag: tar.TypeSymlink, Name: "openhands/a", Linkname: "/etc"}, regular("openhands/a/b", "")},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadTree(t.Context(), stream(t, headers...), TreeOptions{Prefix: testPrefix}); err == nil {
				t.Error("it is taken")
			}
		})
	}
}

// endless is a tar stream of as many entries as are asked for, made while it is
// read.
func endless(n int, header func(i int) tar.Header) io.Reader {
	r, w := io.Pipe()
	go func() {
		archive := tar.NewWriter(w)
		for i := range n {
			h := header(i)
			if err := archive.WriteHeader(&h); err != nil {
				w.CloseWithError(err)
				return
			}
		}
		w.CloseWithError(archive.Close())
	}()
	return r
}

// TestTreeMemory reads streams that never end in bounded memory.
func TestTreeMemory(t *testing.T) {
	for name, header := range map[string]func(i int) tar.Header{
		"folders": func(i int) tar.Header {
			return tar.Header{Typeflag: tar.TypeDir, Name: "openhands/" + strings.Repeat("d", i%40) + string(rune('a'+i%26)) + "/" + strconv.Itoa(i), Mode: 0o755}
		},
		"faults": func(i int) tar.Header {
			return tar.Header{Typeflag: tar.TypeReg, Name: "openhands/" + strconv.Itoa(i), Mode: 0o666, Uid: 7}
		},
		"links": func(i int) tar.Header {
			return tar.Header{Typeflag: tar.TypeSymlink, Name: "openhands/" + strconv.Itoa(i), Linkname: strings.Repeat("x", maxTree.path), Mode: 0o777}
		},
		"deep": func(i int) tar.Header {
			return tar.Header{Typeflag: tar.TypeDir, Name: "openhands/" + strconv.Itoa(i) + strings.Repeat("/d", 500), Mode: 0o755}
		},
	} {
		t.Run(name, func(t *testing.T) {
			body := endless(10_000_000, header)
			tree, err := ReadTree(t.Context(), body, TreeOptions{Prefix: testPrefix})
			if !errors.Is(err, ErrTooLarge) {
				t.Fatalf("%v, %v", tree, err)
			}
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			if memory.HeapSys > 200<<20 {
				t.Errorf("the heap has grown to %d MiB", memory.HeapSys>>20)
			}
		})
	}
}

// TestVerifyLimits sees that nothing that is found out about a tree is
// remembered without bound, and that no search goes on for ever.
func TestVerifyLimits(t *testing.T) {
	object := func(name string, o elftest.Object) tar.Header { return regular("openhands/"+name, string(o.Bytes())) }
	link := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: "openhands/" + name, Linkname: target}
	}
	loader := []tar.Header{
		object("lib/ld-linux-x86-64.so.2", elftest.Object{Soname: "ld-linux-x86-64.so.2"}), link("lib/ld.so", "ld-linux-x86-64.so.2"),
	}
	few := maxTree
	few.looks, few.faults, few.edges = 20, 20, 20
	for name, headers := range map[string][]tar.Header{
		"search paths": {object("x", elftest.Object{Needed: []string{"a", "b", "c"}, Runpath: strings.Repeat("/openhands/lib:", 10)})},
		"missing":      {object("x", elftest.Object{Needed: strings.Split(strings.Repeat("a,", 15)+"a", ",")}), object("y", elftest.Object{Needed: []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"}})},
		"edges":        {object("x", elftest.Object{Needed: strings.Split(strings.Repeat("a,", 25)+"a", ",")})},
	} {
		t.Run(name, func(t *testing.T) {
			tree, err := ReadTree(t.Context(), stream(t, slices.Concat(loader, headers)...), TreeOptions{Prefix: testPrefix, limits: &few})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tree.Verify(t.Context(), VerifyOptions{}); !errors.Is(err, ErrTooLarge) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("links", func(t *testing.T) {
		headers := loader
		for i := range 30 {
			headers = append(headers, link(strconv.Itoa(i), "/nowhere"))
		}
		tree, err := ReadTree(t.Context(), stream(t, headers...), TreeOptions{Prefix: testPrefix, limits: &few})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Verify(t.Context(), VerifyOptions{}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAllowanceLimits(t *testing.T) {
	for name, text := range map[string]string{
		"many":      strings.Repeat("/x: r\n", maxAllowances+1),
		"long":      "/" + strings.Repeat("x", maxPattern) + ": r\n",
		"wildcards": "/" + strings.Repeat("*x", maxWildcards+1) + ": r\n",
	} {
		if _, err := ParseAllowances(strings.NewReader(text)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
