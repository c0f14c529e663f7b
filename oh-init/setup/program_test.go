//go:build linux

package setup

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// elfHead begins a file of a machine.
func elfHead(machine byte, bigEndian bool) string {
	head := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9)
	if bigEndian {
		return strings.Replace(head, "\x02\x01\x01", "\x02\x02\x01", 1) + "\x00\x02\x00" + string([]byte{machine})
	}
	return head + "\x02\x00" + string([]byte{machine}) + "\x00"
}

func TestRecognize(t *testing.T) {
	for head, want := range map[string]Program{
		"": NoProgram, "#!": Script, "#!/bin/busybox sh\n": Script, "echo": NoProgram, "\x7fELF": NoProgram,
		elfHead(0x3e, false): emX86_64, elfHead(0xb7, false): emAArch64, elfHead(22, true): emS390, elfHead(0x3e, false)[:19]: NoProgram,
	} {
		if got := Recognize([]byte(head)); got != want {
			t.Errorf("%q is %v, want %v", head, got, want)
		}
	}
	got, err := os.ReadFile("/proc/self/exe")
	check(t, err)
	if program := Recognize(got[:ProgramHead]); !program.runs("amd64") && !program.runs("arm64") {
		t.Errorf("this program is %v", program)
	}
}

// A base whose shell this machine cannot run is told before there is an image.
func TestPlanRefusesShellsOfOtherMachines(t *testing.T) {
	for _, test := range []struct {
		shell, arch, want string
	}{
		{elfHead(0xb7, false), "amd64", "/bin/sh is a program for arm64, which a machine of amd64 cannot run"},
		{elfHead(0x3e, false), "arm64", "/bin/sh is a program for amd64"},
		{elfHead(22, true), "amd64", "/bin/sh is a program for s390x"},
		{"\x00\x00", "amd64", "/bin/sh is no program"},
		{"", "amd64", "/bin/sh is no program"},
		{elfHead(0x3e, false), "amd64", ""},
		{elfHead(3, false), "amd64", ""},
		{elfHead(0xb7, false), "arm64", ""},
		{"#!/bin/busybox sh\n", "arm64", ""},
	} {
		root := t.TempDir()
		with(debian(debianPasswd, debianGroup), file("/usr/bin/bash", test.shell, 0o755)).unpack(t, root)
		_, _, err := planned(t, root, Options{Arch: test.arch})
		var odd *obstacle
		switch {
		case test.want == "":
			check(t, err)
		case !errors.As(err, &odd) || !strings.Contains(err.Error(), test.want):
			t.Errorf("%q on %s: %v, want %q", test.shell, test.arch, err, test.want)
		}
	}
}
