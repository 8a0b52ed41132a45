package main

import (
	"bufio"
	"io"
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
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer maps.Close()
	for _, m := range fileMappings(maps) {
		unix.Syscall(unix.SYS_MADVISE, m.start, m.size, unix.MADV_DONTNEED)
	}
}

// mapping is a piece of the address space.
type mapping struct{ start, size uintptr }

// fileMappings reads /proc/self/smaps (proc_pid_smaps(5)) and lists the mappings of
// files that hold nothing but what the file holds: they cannot be written through,
// and no page of them is a changed copy. Dropping their pages loses nothing.
func fileMappings(smaps io.Reader) (list []mapping) {
	clean := false // the mapping being read is the last of list, until shown otherwise
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) >= 5 && !strings.HasSuffix(fields[0], ":"):
			var m mapping
			if m, clean = readOnlyFile(fields); clean {
				list = append(list, m)
			}
		case clean && len(fields) >= 2 && (fields[0] == "Anonymous:" || fields[0] == "Swap:") && fields[1] != "0":
			list, clean = list[:len(list)-1], false
		}
	}
	return list
}

// readOnlyFile reads the first line of a mapping:
//
//	00400000-00b50000 r-xp 00000000 fe:00 123456    /path
func readOnlyFile(fields []string) (mapping, bool) {
	if len(fields) < 6 || !strings.HasPrefix(fields[1], "r") || strings.Contains(fields[1], "w") || !strings.HasPrefix(fields[5], "/") {
		return mapping{}, false
	}
	low, high, _ := strings.Cut(fields[0], "-")
	from, err1 := strconv.ParseUint(low, 16, 64)
	to, err2 := strconv.ParseUint(high, 16, 64)
	if err1 != nil || err2 != nil || to <= from {
		return mapping{}, false
	}
	return mapping{uintptr(from), uintptr(to - from)}, true
}
