package setup

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"slices"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

const stubMode = fs.ModeSetuid | 0o755

// maxStub is more than the size in bytes of any stub.
const maxStub = 512

// Stub returns a static ELF program that does nothing but
// execve(program, argv, envp), and exits with status 126 if that fails. Variables
// that the Go runtime could obey have payload.SudoVeil in their names then. It is
// installed setuid root, so that the payload itself, which is shared and may be
// mounted nosuid, holds no setuid file. arch is amd64 or arm64.
//
// Why a setuid file of this kind is safe: it reads no file, and
// no memory but the pointers on its initial stack and the first two letters of
// each variable; it has no loader, no
// writable and no executable data, and one fixed path. Whether the caller may
// become root is decided by program alone, from the real user ID, which the
// stub leaves as it is. The kernel computes AT_SECURE for the second execve from
// the real and effective IDs, which still differ (cap_bprm_creds_from_file), so
// program too runs in secure mode: a Go program then opens the standard
// descriptors if the caller has closed them and leaves no core dump. Without the
// setuid bit in effect (no_new_privs, nosuid), program finds itself without
// privilege and says so.
func Stub(arch, program string) ([]byte, error) {
	var machine uint16
	var code []byte
	switch arch {
	case "amd64":
		machine = 62 // EM_X86_64
		code = []byte{
			0x48, 0x8b, 0x04, 0x24, //                   mov  (%rsp), %rax          argc
			0x48, 0x8d, 0x74, 0x24, 0x08, //             lea  8(%rsp), %rsi         argv
			0x48, 0x8d, 0x54, 0xc4, 0x10, //             lea  16(%rsp,%rax,8), %rdx envp, after argv's NULL
			0x48, 0x89, 0xd1, //                         mov  %rdx, %rcx
			0x48, 0x8b, 0x39, //                   next: mov  (%rcx), %rdi
			0x48, 0x83, 0xc1, 0x08, //                   add  $8, %rcx
			0x48, 0x85, 0xff, //                         test %rdi, %rdi
			0x74, 0x0c, //                               jz   start
			0x66, 0x81, 0x3f, 'G', 'O', //               cmpw "GO", (%rdi)
			0x75, 0xed, //                               jne  next
			0xc6, 0x07, payload.SudoVeil, //             movb veil, (%rdi)
			0xeb, 0xe8, //                               jmp  next
			//                                    start:
			0x48, 0x8d, 0x3d, 0x13, 0x00, 0x00, 0x00, // lea  path(%rip), %rdi
			0xb8, 59, 0x00, 0x00, 0x00, //               mov  $SYS_execve, %eax
			0x0f, 0x05, //                               syscall
			0xbf, 126, 0x00, 0x00, 0x00, //              mov  $126, %edi
			0xb8, 60, 0x00, 0x00, 0x00, //               mov  $SYS_exit, %eax
			0x0f, 0x05, //                               syscall
		} // path:
	case "arm64":
		machine = 183 // EM_AARCH64
		for _, instruction := range []uint32{
			0xf94003e3,                       // ldr  x3, [sp]          argc
			0x910023e1,                       // add  x1, sp, #8        argv
			0x8b030c22,                       // add  x2, x1, x3, lsl #3
			0x91002042,                       // add  x2, x2, #8        envp, after argv's NULL
			0xaa0203e4,                       // mov  x4, x2
			0xf8408480,                       // next: ldr x0, [x4], #8
			0xb4000100,                       // cbz  x0, start
			0x79400005,                       // ldrh w5, [x0]
			0x5289e8e6,                       // mov  w6, "GO"
			0x6b0600bf,                       // cmp  w5, w6
			0x54ffff61,                       // b.ne next
			0x52800006 | payload.SudoVeil<<5, // mov  w6, veil
			0x39000006,                       // strb w6, [x0]
			0x17fffff8,                       // b    next
			0x100000c0,                       // start: adr x0, path
			0xd2801ba8,                       // mov  x8, #SYS_execve   221
			0xd4000001,                       // svc  #0
			0xd2800fc0,                       // mov  x0, #126
			0xd2800ba8,                       // mov  x8, #SYS_exit     93
			0xd4000001,                       // svc  #0
		} { // path:
			code = binary.LittleEndian.AppendUint32(code, instruction)
		}
	default:
		return nil, fmt.Errorf("sudo for architecture %q: want amd64 or arm64", arch)
	}
	text := slices.Concat(code, []byte(program), []byte{0})

	const (
		address    = 0x400000
		headerSize = 64
		phdrSize   = 56
		start      = headerSize + 2*phdrSize
		pageSize   = 0x10000 // the largest of arm64
	)
	size := uint64(start + len(text))
	le := binary.LittleEndian
	b := []byte{0x7f, 'E', 'L', 'F', 2 /* ELFCLASS64 */, 1 /* ELFDATA2LSB */, 1 /* EV_CURRENT */, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	b = le.AppendUint16(b, 2) // e_type: ET_EXEC
	b = le.AppendUint16(b, machine)
	b = le.AppendUint32(b, 1)             // e_version
	b = le.AppendUint64(b, address+start) // e_entry
	b = le.AppendUint64(b, headerSize)    // e_phoff
	b = le.AppendUint64(b, 0)             // e_shoff
	b = le.AppendUint32(b, 0)             // e_flags
	for _, half := range []uint16{headerSize, phdrSize, 2, 0, 0, 0} {
		b = le.AppendUint16(b, half) // e_ehsize, e_phentsize, e_phnum; no sections
	}
	for _, segment := range []struct {
		kind, flags          uint32
		address, size, align uint64
	}{
		{1 /* PT_LOAD */, 4 | 1 /* PF_R, PF_X */, address, size, pageSize},
		{0x6474e551 /* PT_GNU_STACK */, 4 | 2 /* PF_R, PF_W: not executable */, 0, 0, 16},
	} {
		b = le.AppendUint32(b, segment.kind)
		b = le.AppendUint32(b, segment.flags)
		for _, word := range []uint64{0 /* p_offset */, segment.address, segment.address, segment.size, segment.size, segment.align} {
			b = le.AppendUint64(b, word)
		}
	}
	return append(b, text...), nil
}
