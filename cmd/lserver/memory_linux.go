package main

import (
	"bufio"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// trim gives back the memory that an idle server does not need: free heap, and the
// pages of files (its own code, the store) that the kernel keeps mapped and can read
// again from its cache. Failing is no harm.
func trim() {
	debug.FreeOSMemory()
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if start, size, ok := fileMapping(lines.Text()); ok {
			unix.Syscall(unix.SYS_MADVISE, start, size, unix.MADV_DONTNEED)
		}
	}
}

// fileMapping reads a line of /proc/self/maps; ok is true for a mapping of a file
// that cannot be written through: dropping its pages loses nothing.
func fileMapping(line string) (start, size uintptr, ok bool) {
	// 00400000-00b50000 r-xp 00000000 fe:00 123456    /path
	fields := strings.Fields(line)
	if len(fields) < 6 || !strings.HasPrefix(fields[1], "r") || strings.Contains(fields[1], "w") || !strings.HasPrefix(fields[5], "/") {
		return 0, 0, false
	}
	low, high, _ := strings.Cut(fields[0], "-")
	from, err1 := strconv.ParseUint(low, 16, 64)
	to, err2 := strconv.ParseUint(high, 16, 64)
	if err1 != nil || err2 != nil || to <= from {
		return 0, 0, false
	}
	return uintptr(from), uintptr(to - from), true
}
