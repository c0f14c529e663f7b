//go:build linux

package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/helpers"
	"github.com/docker-openhands/docker-openhands/oh-init/setup"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
)

// largestArchive names a save stream for the process that TestMemory starts.
const largestArchive = "OH_LARGEST_ARCHIVE"

// mostMemory is what this program may take whatever comes, in bytes.
const mostMemory = 200 << 20

// TestMemory has a process of its own read an image that uses up every budget at
// once, and plan over it.
func TestMemory(t *testing.T) {
	if name := os.Getenv(largestArchive); name != "" {
		planOver(t, name)
		return
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	writeLargest(t, archive)
	cmd := exec.Command(os.Args[0], "-test.run=^TestMemory$", "-test.v")
	cmd.Env = append(os.Environ(), largestArchive+"="+archive, "GOMEMLIMIT=", "GOGC=")
	out, err := cmd.CombinedOutput()
	found := regexp.MustCompile(`(?m)VmHWM:\s+(\d+) kB$`).FindSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	peak, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("at most %d MB were resident", peak>>10)
	if peak<<10 > mostMemory {
		t.Errorf("%d MB were resident, more than %d", peak>>10, mostMemory>>20)
	}
}

// planOver reads the save stream and plans over it, and prints what the process
// had resident at most.
func planOver(t *testing.T, name string) {
	debug.SetMemoryLimit(Memory)
	binaries, err := helpers.For("amd64") // a build holds them as well
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.KeepAlive(binaries)
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	found, err := ReadSaved(file, Reading{Keep: Attempt{}.Keep}, "amd64", false)
	if err != nil {
		t.Fatal(err)
	}
	var all []*Listing
	entries, kept := 0, 0
	for _, layer := range found.Layers {
		all = append(all, layer.Listing)
		entries += layer.Listing.nodes.len()
		for _, content := range layer.Listing.content {
			kept += len(content)
		}
	}
	if entries < maxEntries*9/10 || kept < maxKept*9/10 {
		t.Errorf("%d entries and %d bytes are held: the image is not as large as it can be", entries, kept)
	}
	if _, _, err := setup.Plan(newRootFS(all), setup.Options{Arch: "amd64"}); err != nil {
		t.Error(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%s", status)
}

// writeLargest writes a save stream with the largest documents, as much kept
// content, as many entries and as long names as an image may have, and with the
// largest window of zstd in the layer that is read last.
func writeLargest(t *testing.T, name string) {
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	buffered := bufio.NewWriter(file)
	archive := tar.NewWriter(buffered)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(name string, content []byte) {
		t.Helper()
		check(archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}))
		_, err := archive.Write(content)
		check(err)
	}
	var diffIDs []digest.Digest
	compressed := func(window int, write func(layer *tar.Writer)) []byte {
		t.Helper()
		var b bytes.Buffer
		z, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
		check(err)
		diffID := digest.SHA256.Digester()
		layer := tar.NewWriter(io.MultiWriter(z, diffID.Hash()))
		write(layer)
		check(layer.Close())
		check(z.Close())
		diffIDs = append(diffIDs, diffID.Digest())
		return b.Bytes()
	}
	put("one/layer.tar", compressed(1<<20, func(layer *tar.Writer) {
		content := bytes.Repeat([]byte("#"), setup.MaxFile)
		for i := range maxKept / len(content) {
			check(layer.WriteHeader(&tar.Header{Name: fmt.Sprintf("etc/sudoers.d/%d", i), Mode: 0o440, Size: int64(len(content))}))
			_, err := layer.Write(content)
			check(err)
		}
		// The names are as long as the budget allows, with what counts beside them.
		length := maxNames/maxEntries - 2
		for i := range maxEntries * 99 / 100 {
			check(layer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("data/%d/%0*d", i/1000, length, i), Mode: 0o755}))
		}
	}))
	put("two/layer.tar", compressed(maxWindow, func(layer *tar.Writer) {
		check(layer.WriteHeader(&tar.Header{Name: "zeros", Mode: 0o644, Size: 2 * maxWindow}))
		_, err := io.CopyN(layer, zeros{}, 2*maxWindow)
		check(err)
	}))
	config, err := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux", "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}, "config": map[string]any{
		"Env": []string{"LARGE=" + strings.Repeat("x", MaxDocument-1000)}}})
	check(err)
	put("config.json", config)
	put("other.json", append([]byte("{"), bytes.Repeat([]byte(" "), MaxDocument-10000)...))
	manifest, err := json.Marshal([]archiveManifest{{Config: "config.json", Layers: []string{"one/layer.tar", "two/layer.tar"}}})
	check(err)
	put("manifest.json", manifest)
	check(archive.Close())
	check(buffered.Flush())
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
