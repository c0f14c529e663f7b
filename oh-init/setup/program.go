package setup

import (
	"encoding/binary"
	"fmt"
)

// Program is what the kernel takes an executable file for: the machine of an ELF
// file, as debug/elf numbers them, or one of these.
type Program uint16

const (
	Unknown   Program = 0      // nobody has looked
	Script    Program = 0xffff // for an interpreter that it names
	NoProgram Program = 0xfffe // it cannot be executed
)

// ProgramHead is how many bytes of a file Recognize looks at.
const ProgramHead = 20

// Recognize returns what a file that begins with head, or is no longer, is. See
// the ELF header of the gABI and execve(2).
func Recognize(head []byte) Program {
	switch {
	case len(head) >= 2 && string(head[:2]) == "#!":
		return Script
	case len(head) < ProgramHead || string(head[:4]) != "\x7fELF":
		return NoProgram
	}
	const bigEndian = 2
	if head[5] == bigEndian {
		return Program(binary.BigEndian.Uint16(head[18:]))
	}
	return Program(binary.LittleEndian.Uint16(head[18:]))
}

// Machines of ELF files.
const (
	em386     Program = 3
	emMIPS    Program = 8
	emPPC64   Program = 21
	emS390    Program = 22
	emARM     Program = 40
	emX86_64  Program = 62
	emAArch64 Program = 183
	emRISCV   Program = 243
	emLoong   Program = 258
)

// runs reports whether a kernel of an architecture may execute p. Kernels for 64
// bits can have a mode for 32. Of machines that no engine has images for nothing
// is known.
func (p Program) runs(arch string) bool {
	switch p {
	case Unknown, Script:
		return true
	case em386, emX86_64:
		return arch == "amd64"
	case emARM, emAArch64:
		return arch == "arm64"
	case NoProgram, emMIPS, emPPC64, emS390, emRISCV, emLoong:
		return false
	}
	return true
}

func (p Program) String() string {
	switch p {
	case Script:
		return "a script"
	case NoProgram:
		return "no program"
	case em386:
		return "a program for 386"
	case emMIPS:
		return "a program for mips"
	case emPPC64:
		return "a program for ppc64"
	case emS390:
		return "a program for s390x"
	case emARM:
		return "a program for arm"
	case emX86_64:
		return "a program for amd64"
	case emAArch64:
		return "a program for arm64"
	case emRISCV:
		return "a program for riscv64"
	case emLoong:
		return "a program for loong64"
	}
	return fmt.Sprintf("a program for the ELF machine %d", uint16(p))
}
