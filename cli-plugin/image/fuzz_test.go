package image

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/oh-init/setup"
)

// small is a budget that fuzzing comes to the end of.
func small() *Budget {
	left := NewBudget()
	left.entries.Store(1000)
	left.names.Store(1 << 16)
	left.kept.Store(1 << 16)
	return left
}

// Whatever two layers hold, they are read within the budget, what they make up
// can be looked at, and set-up comes to an end over it.
func FuzzReadLayer(f *testing.F) {
	for _, test := range [][2][]string{
		{{"etc/", "etc/passwd=root:x:0:0:root:/root:/bin/sh\n", "bin/sh=elf"}, {".wh.etc=", "etc/passwd->/x"}},
		{{"etc/skel/a=1", "b=>etc/skel/a", "c=>d"}, {"c=>b", "d/.wh..wh..opq=", "etc/.wh.skel="}},
		{{"a=1", "a/b=2", "a/"}, {"a=>a", "x/.wh.y=", ".wh..wh..opq="}},
	} {
		var seeds [2][]byte
		for i, lines := range test {
			data, err := imagetest.Tar(lines...)
			if err != nil {
				f.Fatal(err)
			}
			seeds[i] = data
		}
		f.Add(seeds[0], seeds[1])
	}
	f.Fuzz(func(t *testing.T, lower, upper []byte) {
		left := small()
		var layers []*Listing
		for _, data := range [][]byte{lower, upper} {
			l, err := ReadListing(bytes.NewReader(data), Attempt{}.Keep, left)
			if err != nil {
				return
			}
			kept := 0
			for _, content := range l.content {
				kept += len(content)
			}
			if n := l.nodes.len(); n > 1001 || kept > 1<<16 {
				t.Fatalf("%d nodes, %d bytes of content", n, kept)
			}
			layers = append(layers, l)
		}
		view := newRootFS(layers)
		walk(t, view, "/")
		_, _, err := setup.Plan(view, setup.Options{Sudo: true, Arch: "amd64"})
		if err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
	})
}

// walk looks at all that is below dir: what is listed is there, but for hard
// links to folders.
func walk(t *testing.T, view setup.View, dir string) {
	names, err := view.ReadDir(dir)
	var link *linkError
	if err != nil && !errors.As(err, &link) {
		t.Fatalf("listing %q: %v", dir, err)
	}
	for _, name := range names {
		name = path.Join(dir, name)
		e, err := view.Lstat(name)
		switch {
		case errors.As(err, &link):
		case err != nil:
			t.Fatalf("%q is listed: %v", name, err)
		case e.Mode.IsDir():
			walk(t, view, name)
		case e.Mode.IsRegular():
			if _, err := view.ReadFile(name); err != nil && !errors.Is(err, fs.ErrInvalid) {
				t.Fatal(err)
			}
		}
	}
}

// Whatever the documents of a saved image say, they are understood or refused,
// and make a configuration of a runtime image.
func FuzzImageConfig(f *testing.F) {
	f.Add([]byte(`{"os":"linux","architecture":"amd64","config":{"Env":["A=1","PATH"],"Labels":{"a":"b"}},"rootfs":{"diff_ids":["sha256:1"]},"history":[{}]}`),
		[]byte(`[{"Config":"c.json","Layers":["l/layer.tar"]}]`))
	f.Add([]byte(`{"os":"linux","architecture":"amd64"}`), []byte(`{"manifests":[{"digest":"sha256:c"}],"config":{"digest":"sha256:c"},"layers":[{"digest":"sha256:l"}]}`))
	f.Add([]byte(`{"history":[{"empty_layer":true}]}`), []byte(`{"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"x"}]}`))
	content, err := imagetest.Tar("etc/", "etc/passwd=root:x:0:0:root:/root:/bin/sh\n")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, config, document []byte) {
		for _, oci := range []bool{false, true} {
			archive := archiveOf(t, "c.json", string(config), "blobs/sha256/c", string(config), "blobs/sha256/d", string(document),
				"manifest.json", string(document), "index.json", string(document),
				"l/layer.tar", string(content), "blobs/sha256/l", string(content))
			saved, err := ReadSaved(archive, Reading{Keep: Attempt{}.Keep}, "amd64", oci)
			if err != nil {
				continue
			}
			made, err := Recipe{Runtime: plan.Runtime{User: "agent"}, Arch: "amd64", Created: time.Unix(0, 0), Logf: func(string, ...any) {}}.Compose(saved, Attempt{BaseFirst: true}, Gzip, func([]Layer) ([]Layer, error) {
				return nil, nil
			})
			if err == nil && len(made.Config.RootFS.DiffIDs) != len(saved.Config.RootFS.DiffIDs)+1 {
				t.Errorf("%d layers over %d", len(made.Config.RootFS.DiffIDs), len(saved.Config.RootFS.DiffIDs))
			}
		}
	})
}
