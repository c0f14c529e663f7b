package bundler_test

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// The loaders of amd64, outside of a tree and in one.
const (
	systemLoader = "/lib64/ld-linux-x86-64.so.2"
	sealedLoader = "/openhands/lib/ld.so"
)

// root makes a root file system of ELF files without code.
func root(files map[string]elftest.Object) string {
	dir, err := os.MkdirTemp("", "bundler-example-")
	if err != nil {
		log.Fatal(err)
	}
	for name, o := range files {
		host := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(host), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(host, o.Bytes(), 0o755); err != nil {
			log.Fatal(err)
		}
	}
	return dir
}

func ExampleReadObject() {
	file := elftest.Object{Interp: systemLoader, Needed: []string{"libgreet.so.1", "libc.so.6"}, Runpath: "$ORIGIN/../lib"}
	o, err := bundler.ReadObject(bytes.NewReader(file.Bytes()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(o.Machine, o.Interp)
	fmt.Println(o.Needed, o.Runpath)
	// Output:
	// EM_X86_64 /lib64/ld-linux-x86-64.so.2
	// [libgreet.so.1 libc.so.6] $ORIGIN/../lib
}

func ExampleResolver() {
	dir := root(map[string]elftest.Object{
		"/opt/app/bin/app":           {Interp: systemLoader, Needed: []string{"libgreet.so.1", "libgone.so.2"}, Runpath: "$ORIGIN/../lib"},
		"/opt/app/lib/libgreet.so.1": {Soname: "libgreet.so.1", Needed: []string{"libwords.so.3"}},
		"/usr/lib/libwords.so.3":     {Soname: "libwords.so.3"},
	})
	defer os.RemoveAll(dir)
	loader := bundler.Loader{Machine: elf.EM_X86_64, Dirs: []string{"/usr/lib"}}
	closure, err := bundler.NewResolver(bundler.NewView(dir), loader).Closure("/opt/app/bin/app")
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range closure.Edges {
		if e.To != nil {
			fmt.Printf("%s by %s at %s\n", e.Name, e.Via, e.To.Path)
		}
	}
	for _, e := range closure.Missing() {
		fmt.Printf("%s is not found\n", e.Name)
	}
	// Output:
	// libgreet.so.1 by runpath at /opt/app/lib/libgreet.so.1
	// libwords.so.3 by default at /usr/lib/libwords.so.3
	// libgone.so.2 is not found
}

func ExampleCopyClosure() {
	dir := root(map[string]elftest.Object{
		"/usr/lib/libgreet.so.1.4": {Soname: "libgreet.so.1", Needed: []string{"libwords.so.3"}},
		"/usr/lib/libwords.so.3":   {Soname: "libwords.so.3"},
	})
	defer os.RemoveAll(dir)
	report, err := bundler.CopyClosure(context.Background(), bundler.CopyOptions{
		System: &bundler.System{View: bundler.NewView(dir)}, Dest: dir, Prefix: "/openhands",
	}, "/usr/lib/libgreet.so.1.4")
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range report.Files {
		fmt.Println(f.Source, "->", f.Path)
	}
	// Output:
	// /usr/lib/libgreet.so.1.4 -> /openhands/lib/libgreet.so.1
	// /usr/lib/libwords.so.3 -> /openhands/lib/libwords.so.3
}

func ExampleSealer_Plan() {
	dir := root(map[string]elftest.Object{
		"/openhands/bin/app": {Interp: systemLoader, Needed: []string{"libgreet.so.1"}, Runpath: "/build:/openhands/lib"},
	})
	defer os.RemoveAll(dir)
	sealer := bundler.Sealer{Prefix: "/openhands", Machine: elf.EM_X86_64}
	plan, err := sealer.Plan(context.Background(), dir)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range plan.Patches {
		fmt.Printf("%s %#x: %s\n", p.Path, p.Offset, p.Reason)
	}
	// Sealing carries the plan out, and leaves nothing to do.
	if _, err := sealer.Seal(context.Background(), dir); err != nil {
		log.Fatal(err)
	}
	if plan, err = sealer.Plan(context.Background(), dir); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(plan.Patches), "patches are left")
	// Output:
	// /openhands/bin/app 0x108: the interpreter's segment shrinks
	// /openhands/bin/app 0x120: interpreter
	// /openhands/bin/app 0x178: dynamic section: search path
	// 0 patches are left
}

func ExampleVerify() {
	dir := root(map[string]elftest.Object{
		"/openhands/bin/sealed":               {Interp: sealedLoader, Needed: []string{"libc.so.6"}},
		"/openhands/bin/unsealed":             {Interp: systemLoader, Needed: []string{"libaway.so.1"}, Runpath: "/usr/lib"},
		"/openhands/lib/libc.so.6":            {Soname: "libc.so.6"},
		"/openhands/lib/ld.so":                {Soname: "ld-linux-x86-64.so.2"},
		"/openhands/lib/ld-linux-x86-64.so.2": {Soname: "ld-linux-x86-64.so.2"},
	})
	defer os.RemoveAll(dir)
	report, err := bundler.Verify(context.Background(), dir, bundler.VerifyOptions{
		Prefix: "/openhands",
		Allow:  []bundler.Allowance{bundler.Allow("/openhands/lib/*", "the C library of this example has no code")},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range report.Offenders {
		fmt.Printf("%s: %s: %s\n", f.Path, f.Rule, f.Detail)
	}
	// Output:
	// /openhands/bin/unsealed: interp: /lib64/ld-linux-x86-64.so.2
	// /openhands/bin/unsealed: needed: libaway.so.1
	// /openhands/bin/unsealed: runpath: "/usr/lib"
}
