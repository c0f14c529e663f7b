package bundler

import (
	"debug/elf"
	"slices"
	"strings"
)

// CPU is what a loader's choice among builds of a library depends on. The zero
// value is the least that the machine's ABI asks for.
type CPU struct {
	Level    int    // x86-64 micro-architecture level, 1 to 4
	Platform string // the name that x86 loaders before release 2.37 give to the CPU, such as "haswell"
}

// x86Levels are the flags of /proc/cpuinfo that each level adds.
var x86Levels = [][]string{
	2: {"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"},
	3: {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"},
	4: {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}

// HostCPU returns the CPU of this machine.
func HostCPU() CPU {
	s, err := openSource("/proc/cpuinfo")
	if err != nil {
		return CPU{}
	}
	defer s.Close()
	// The first processor is enough, and the kernel asks those that are read.
	text := make([]byte, 4<<10)
	n, err := s.pread(text, 0)
	if err != nil {
		return CPU{}
	}
	return parseCPU(string(text[:n]))
}

func parseCPU(text string) CPU {
	var flags []string
	intel := false
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(name) {
		case "vendor_id":
			intel = strings.TrimSpace(value) == "GenuineIntel"
		case "flags":
			flags = strings.Fields(value)
		}
		if flags != nil {
			break
		}
	}
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(flags, n) })
	}
	c := CPU{Level: 1}
	for level := 2; level < len(x86Levels) && has(x86Levels[level]...); level++ {
		c.Level = level
	}
	switch {
	case !intel:
	case has("avx512cd", "avx512er", "avx512pf"):
		c.Platform = "xeon_phi"
	case has("avx2", "bmi1", "bmi2", "abm", "movbe", "popcnt"):
		c.Platform = "haswell"
	}
	return c
}

// platform returns AT_PLATFORM, or what an x86 loader puts in its place.
func platform(machine elf.Machine, cpu CPU) string {
	switch {
	case machine == elf.EM_AARCH64:
		return "aarch64"
	case cpu.Platform != "":
		return cpu.Platform
	}
	return "x86_64"
}

// x86Hwcaps are the glibc-hwcaps folders, best first, as loaders spell them.
const x86Hwcaps = "x86-64-v4:x86-64-v3:x86-64-v2"

// hwcapFolders returns the subdirectories that a loader of the GNU C library
// tries on a CPU. Those of the old scheme, which ended with release 2.37, are
// all combinations of some names in a fixed order.
func hwcapFolders(data []byte, machine elf.Machine, cpu CPU) []string {
	var folders []string
	if machine == elf.EM_X86_64 && (hasString(data, x86Hwcaps)) {
		for i, name := range strings.Split(x86Hwcaps, ":") {
			if 4-i <= cpu.Level {
				folders = append(folders, "glibc-hwcaps/"+name)
			}
		}
	}
	if !hasString(data, "tls") || machine == elf.EM_X86_64 && !hasString(data, "avx512_1") {
		return folders
	}
	names := []string{"tls", platform(machine, cpu)}
	if machine == elf.EM_X86_64 {
		if cpu.Level >= 4 {
			names = append(names, "avx512_1")
		}
		names = append(names, "x86_64")
	} else {
		names = append(names, "atomics")
	}
	for mask := 1<<len(names) - 1; mask > 0; mask-- {
		var parts []string
		for i, name := range names {
			if mask&(1<<(len(names)-1-i)) != 0 {
				parts = append(parts, name)
			}
		}
		folders = append(folders, strings.Join(parts, "/"))
	}
	return folders
}
