package bundler

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// abi is what differs between the machines that a tree can be sealed for.
type abi struct {
	triplet   string // Debian multiarch name
	interp    string // PT_INTERP of the platform's ABI
	loader    string // DT_SONAME of the loader
	execStack bool   // a file without PT_GNU_STACK gets an executable stack
	envCheck  func(code []byte) []int
}

var abis = map[elf.Machine]abi{
	elf.EM_X86_64: {
		triplet: "x86_64-linux-gnu", interp: "/lib64/ld-linux-x86-64.so.2", loader: "ld-linux-x86-64.so.2",
		execStack: true, envCheck: envCheckAMD64,
	},
	elf.EM_AARCH64: {
		triplet: "aarch64-linux-gnu", interp: "/lib/ld-linux-aarch64.so.1", loader: "ld-linux-aarch64.so.1",
		envCheck: envCheckARM64,
	},
}

// Machine returns the machine of a GOARCH name that trees can be sealed for.
func Machine(goarch string) (elf.Machine, error) {
	switch goarch {
	case "amd64":
		return elf.EM_X86_64, nil
	case "arm64":
		return elf.EM_AARCH64, nil
	}
	return 0, fmt.Errorf("architecture %q: only amd64 and arm64 are supported", goarch)
}

// Where the loader and what the C library reads lie below the prefix.
const (
	libFolder    = "/lib"
	interpName   = "/lib/ld.so"
	gconvFolder  = "/lib/gconv"
	localeFolder = "/i18n"
	nssFile      = "/ns.conf"
)

const libcSoname = "libc.so.6"

// glibcCounts says how often the constants of one build of the C library are
// in its files; those without a field are there once.
type glibcCounts struct {
	dirs    int // the list of default directories, in the loader
	locales int // "/usr/share/locale", in libc.so.6

	// In the loader, with the lists that print or drop a variable.
	tunables  int // "GLIBC_TUNABLES"
	aliases   int // the variables that stand for one tunable
	hwcapMask int // "LD_HWCAP_MASK", which is such a variable up to 2.40
	mapLow    int // "LD_PREFER_MAP_32BIT_EXEC", which is one of amd64 since 2.38
}

// unnamedRelease is the release of Debian's loaders that do not name theirs, which
// they do since 2.33.
const unnamedRelease = "2.31"

// glibcReleases are Debian's builds whose constants have been checked: those
// of bullseye, bookworm, trixie and sid. In another one a path could have been
// added, so it is refused.
var glibcReleases = map[string]map[elf.Machine]glibcCounts{
	"2.31": {
		elf.EM_X86_64:  {dirs: 1, locales: 2, tunables: 1, aliases: 1, hwcapMask: 2, mapLow: 1},
		elf.EM_AARCH64: {dirs: 1, locales: 1, tunables: 1, aliases: 1, hwcapMask: 2},
	},
	"2.36": {
		elf.EM_X86_64:  {dirs: 2, locales: 2, tunables: 2, aliases: 1, hwcapMask: 2},
		elf.EM_AARCH64: {dirs: 2, locales: 2, tunables: 2, aliases: 1, hwcapMask: 2},
	},
	"2.41": {
		elf.EM_X86_64:  {dirs: 2, locales: 2, tunables: 3, aliases: 2, mapLow: 1},
		elf.EM_AARCH64: {dirs: 2, locales: 2, tunables: 3, aliases: 2},
	},
	"2.43": {
		elf.EM_X86_64:  {dirs: 2, locales: 2, tunables: 3, aliases: 2, mapLow: 1},
		elf.EM_AARCH64: {dirs: 2, locales: 2, tunables: 3, aliases: 2},
	},
}

// constant is a string of a library, with the NULs around it.
type constant struct {
	name     string // the path or variable, or what it stands for
	old, new string
	count    int // exact number of places
}

// constants returns what is replaced in the library of the given SONAME.
//
// The linker lets a string that ends like another share its bytes: libc.so.6
// takes ".conf" out of "/etc/nsswitch.conf" to recognise gconv configurations,
// so what takes the place of such a string must end alike.
//
// The loader's four default directories become the private one, twice, and two
// that do not exist. Their lengths are compiled in elsewhere, so every string
// keeps its length.
//
// Of the variables that both go by the second letter becomes a hyphen, which no
// shell takes in a name. The first letter of some is compared by machine code.
func constants(a abi, counts glibcCounts, soname, prefix string) ([]constant, error) {
	var list []constant
	var failed error
	variable := func(count int, name string) {
		list = append(list, constant{name, "\x00" + name + "\x00", "\x00" + name[:1] + "-" + name[2:] + "\x00", count})
	}
	path := func(count int, old, replacement string) {
		padded, err := padSlash(prefix+replacement, len(old))
		if err != nil {
			failed = errors.Join(failed, err)
		}
		list = append(list, constant{old, "\x00" + old + "\x00", "\x00" + padded + "\x00", count})
	}
	switch soname {
	case a.loader:
		path(1, "/etc/ld.so.cache", "/lib/-")
		path(1, "/etc/ld.so.preload", "/lib/-")
		dirs := []string{"/lib/" + a.triplet + "/", "/usr/lib/" + a.triplet + "/", "/lib/", "/usr/lib/"}
		var own []string
		for i, dir := range dirs {
			to := "/" + strings.Repeat(":", len(dir)-2) + "/"
			if i < 2 {
				var err error
				if to, err = padSlash(prefix+libFolder+"/", len(dir)); err != nil {
					failed = errors.Join(failed, err)
				}
			}
			own = append(own, to)
		}
		list = append(list, constant{"default directories", strings.Join(dirs, "\x00") + "\x00", strings.Join(own, "\x00") + "\x00", counts.dirs})
		variable(counts.tunables, "GLIBC_TUNABLES")
		for _, name := range tunableAliases {
			variable(counts.aliases, name)
		}
		variable(1, "MALLOC_CHECK_")
		variable(counts.hwcapMask, "LD_HWCAP_MASK")
		variable(counts.mapLow, "LD_PREFER_MAP_32BIT_EXEC")
	case libcSoname:
		path(1, "/usr/lib/locale", localeFolder)
		path(1, "/usr/lib/locale/locale-archive", localeFolder+"/locale-archive")
		path(1, "/usr/lib/"+a.triplet+"/gconv", gconvFolder)
		path(1, "/usr/lib/"+a.triplet+"/gconv/gconv-modules.cache", gconvFolder+"/gconv-modules.cache")
		path(1, "/etc/nsswitch.conf", nssFile)
		for _, name := range []string{"GCONV_PATH", "LOCPATH", "NLSPATH"} { // where another C library has its files
			variable(1, name)
		}
		path(counts.locales, "/usr/share/locale", localeFolder) // locale.alias, and catalogues that no program of ours has
	}
	return list, failed
}

// tunableAliases are the variables that every loader takes for one tunable
// each, see elf/dl-tunables.list. MALLOC_CHECK_, too, but not in as many places.
var tunableAliases = []string{
	"MALLOC_ARENA_MAX", "MALLOC_ARENA_TEST", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_",
	"MALLOC_PERTURB_", "MALLOC_TOP_PAD_", "MALLOC_TRIM_THRESHOLD_",
}

// padSlash lengthens a path to n bytes by repeating its last slash.
func padSlash(p string, n int) (string, error) {
	if len(p) > n {
		return "", fmt.Errorf("%q is longer than %d bytes", p, n)
	}
	i := strings.LastIndexByte(p, '/')
	return p[:i] + strings.Repeat("/", n-len(p)) + p[i:], nil
}

var glibcBanner = regexp.MustCompile(`stable release version ([0-9.]+[0-9])`)

// glibcVersion returns the release that the bytes of a loader or of a C
// library name, such as "2.41".
func glibcVersion(data []byte) (string, error) {
	m := glibcBanner.FindSubmatch(data)
	if m == nil {
		return "", errors.New("no banner of the GNU C library")
	}
	return string(m[1]), nil
}

// glibcRelease returns the release that a loader or C library is of.
func glibcRelease(data []byte, a abi, soname string) (string, error) {
	version, err := glibcVersion(data)
	if err != nil && soname == a.loader && bytes.Contains(data, []byte("GLIBC_PRIVATE\x00")) {
		return unnamedRelease, nil
	}
	return version, err
}

// constantPatches returns the patches for a library whose constants are known.
// Every string must be there exactly as often as expected, either as it came
// or as it is after sealing; otherwise the error says what is there.
func constantPatches(r io.ReaderAt, size int64, machine elf.Machine, soname, prefix string) ([]Patch, error) {
	a := abis[machine]
	if size > 64<<20 {
		return nil, fmt.Errorf("%s of %d bytes", soname, size)
	}
	data, err := readAt(r, 0, int(size))
	if err != nil {
		return nil, err
	}
	version, err := glibcRelease(data, a, soname)
	if err != nil {
		return nil, err
	}
	releases := slices.Sorted(maps.Keys(glibcReleases))
	counts, known := glibcReleases[version][machine]
	if !known {
		counts = glibcReleases[releases[len(releases)-1]][machine]
	}
	list, err := constants(a, counts, soname, prefix)
	if err != nil {
		return nil, &remedied{err, "choose a shorter prefix"}
	}
	var patches []Patch
	var found []string
	for _, c := range list {
		at, done := indexAll(data, []byte(c.old)), bytes.Count(data, []byte(c.new))
		found = append(found, fmt.Sprintf("%s %d of %d times", c.name, len(at)+done, c.count))
		if len(at) == 0 && done == c.count {
			continue
		}
		known = known && len(at) == c.count
		lead := len(c.old) - len(strings.TrimLeft(c.old, "\x00"))
		for _, off := range at { // neighbours share a NUL
			patches = append(patches, Patch{
				Offset: int64(off + lead), Reason: "constant " + c.name,
				Old: []byte(strings.Trim(c.old, "\x00")), New: []byte(strings.Trim(c.new, "\x00")),
			})
		}
	}
	if soname == a.loader {
		at := a.envCheck(data)
		found = append(found, fmt.Sprintf("the test for LD_ in the environment %d of 1 times", len(at)))
		known = known && len(at) == 1
		for _, off := range at {
			from, to := envByte(data[off:], a, 'L'), envByte(data[off:], a, envLetter)
			if bytes.HasPrefix(data[off:], from) {
				patches = append(patches, Patch{Offset: int64(off), Old: from, New: to, Reason: "variables LD_*"})
			}
		}
	}
	if !known {
		return nil, &remedied{fmt.Errorf("this build of glibc %s is not Debian's of %s: found %s",
			version, strings.Join(releases, ", "), strings.Join(found, ", ")),
			"take loader and C library from one of these, or check the paths that this one opens and add it to the table"}
	}
	return patches, nil
}

// envLetter takes the place of the L in the loader's search of the environment
// for variables that begin with LD_: those of the system then mean nothing to
// sealed programs, stay in place for their children, and OD_DEBUG=libs and its
// like are there for who debugs a sealed program.
const envLetter = 'O'

// envCheckAMD64 finds the comparisons of _dl_next_ld_env_entry (elf/dl-environ.c):
// three times CMP BYTE PTR [reg+0,1,2], imm8 with JNE rel8 after it.
func envCheckAMD64(code []byte) []int {
	var found []int
	for i := 0; i+16 <= len(code); i++ {
		c := code[i:]
		reg := c[1] & 7
		if c[0] == 0x80 && c[1] == 0x38|reg && reg != 4 && reg != 5 && (c[2] == 'L' || c[2] == envLetter) && c[3] == 0x75 &&
			c[5] == 0x80 && c[6] == 0x78|reg && c[7] == 1 && c[8] == 'D' && c[9] == 0x75 &&
			c[11] == 0x80 && c[12] == 0x78|reg && c[13] == 2 && c[14] == '_' && c[15] == 0x75 {
			found = append(found, i)
		}
	}
	return found
}

// envCheckARM64 finds the same in A64 code: three times LDRB Wt, [Xn, #0,1,2];
// CMP Wt, #imm; B.NE.
func envCheckARM64(code []byte) []int {
	var found []int
	for i := 0; i+36 <= len(code); i += 4 {
		ok := true
		var base, byteReg uint32
		for step := range uint32(3) {
			c := code[i+12*int(step):]
			ldrb, cmp, bne := binary.LittleEndian.Uint32(c), binary.LittleEndian.Uint32(c[4:]), binary.LittleEndian.Uint32(c[8:])
			if step == 0 {
				base, byteReg = ldrb>>5&31, ldrb&31
			}
			imm := cmp >> 10 & 0xfff
			ok = ok && ldrb == 0x39400000|step<<10|base<<5|byteReg &&
				cmp == 0x7100001f|imm<<10|byteReg<<5 &&
				(imm == uint32("LD_"[step]) || step == 0 && imm == envLetter) &&
				bne&0xff00001f == 0x54000001
		}
		if ok {
			found = append(found, i+4)
		}
	}
	return found
}

// envByte returns the instruction at the start of code with the letter that it
// compares with replaced.
func envByte(code []byte, a abi, letter byte) []byte {
	if a.loader == abis[elf.EM_X86_64].loader {
		return []byte{code[0], code[1], letter}
	}
	word := binary.LittleEndian.Uint32(code)&^(0xfff<<10) | uint32(letter)<<10
	return binary.LittleEndian.AppendUint32(nil, word)
}

// indexAll returns where a pattern, which is not empty, is in the data.
func indexAll(data, pattern []byte) []int {
	var at []int
	for i := 0; ; {
		j := bytes.Index(data[i:], pattern)
		if j < 0 {
			return at
		}
		at = append(at, i+j)
		i += j + len(pattern)
	}
}

// nameServices is the configuration of getaddrinfo(3), getpwnam(3) and their
// like.
const nameServices = `passwd: files
group: files
shadow: files
gshadow: files
hosts: files dns
networks: files
protocols: files
services: files
ethers: files
rpc: files
`

// serviceLibraries returns the libraries that a C library opens for
// nameServices. Since release 2.34 it needs none.
func serviceLibraries(libc *file) []string {
	versions := libc.symbolVersions().defined
	if len(versions) == 0 || slices.Contains(versions, "GLIBC_2.34") {
		return nil
	}
	return []string{"libnss_files.so.2", "libnss_dns.so.2"}
}

// ReadGlibcVersion returns the release of the C library file at a host path.
func ReadGlibcVersion(host string) (string, error) {
	data, err := os.ReadFile(host)
	if err != nil {
		return "", err
	}
	return glibcVersion(data)
}
