package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// binfmt is where the kernel is told who runs programs for other processors.
const binfmt = "/proc/sys/fs/binfmt_misc"

// qemus are QEMU's names of processors, by GOARCH.
var qemus = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

// Emulate makes the kernel run programs of the other architecture by QEMU, in
// every container too: the interpreter is opened now, and stays. An entry that
// is there already is left as it is.
func Emulate(ctx context.Context, goarch string, log io.Writer) error {
	if goarch == runtime.GOARCH {
		return nil
	}
	cpu, ok := qemus[goarch]
	if !ok {
		return fmt.Errorf("emulating %q: amd64 and arm64 are known", goarch)
	}
	if err := EnsureProgram(ctx, log, "qemu-"+cpu+"-static", "qemu-user-static"); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(binfmt, "register")); errors.Is(err, fs.ErrNotExist) {
		if err := unix.Mount("binfmt_misc", binfmt, "binfmt_misc", 0, ""); err != nil {
			return fmt.Errorf("mounting binfmt_misc: %w", err)
		}
	}
	name := "qemu-" + cpu
	if _, err := os.Stat(filepath.Join(binfmt, name)); err == nil {
		fmt.Fprintf(log, "binfmt: %s is there\n", name)
		return nil
	}
	const conf = "/usr/lib/binfmt.d"
	text, err := os.ReadFile(filepath.Join(conf, name+".conf"))
	if err != nil {
		return fmt.Errorf("reading what Debian's QEMU says of itself: %w", err)
	}
	entry := strings.TrimSpace(string(text))
	if flags := entry[strings.LastIndexByte(entry, ':')+1:]; !strings.Contains(flags, "F") {
		return fmt.Errorf("%s of %s has the flags %q: without F no container finds its interpreter", name, conf, flags)
	}
	if err := os.WriteFile(filepath.Join(binfmt, "register"), []byte(entry), 0o200); err != nil {
		return fmt.Errorf("registering %s: %w", name, err)
	}
	fmt.Fprintf(log, "binfmt: programs for %s are run by QEMU\n", goarch)
	return nil
}

// StopEmulating takes back what Emulate did; without an entry there is nothing
// to do.
func StopEmulating(goarch string) error {
	err := os.WriteFile(filepath.Join(binfmt, "qemu-"+qemus[goarch]), []byte("-1"), 0o200)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
