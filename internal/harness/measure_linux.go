package harness

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of processor time in /proc: USER_HZ is 100 everywhere.
const clockTick = 10 * time.Millisecond

// CPU is the processor time that a running process has taken.
func CPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("stat of %d: %q", pid, text)
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("stat of %d: %q", pid, text)
	}
	return time.Duration(user+system) * clockTick, nil
}

// Memory is what a process holds in memory, and held at most, in bytes: its own and the
// pages of files that it has mapped, the program itself among them.
func Memory(pid int) (now, peak int64, err error) {
	held, err := resident(pid)
	return held["VmRSS"], held["VmHWM"], err
}

// OwnMemory is what of that is the process's own: no file has it.
func OwnMemory(pid int) (int64, error) {
	held, err := resident(pid)
	return held["RssAnon"], err
}

// resident reads the sizes in proc_pid_status(5), in bytes.
func resident(pid int) (map[string]int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil, err
	}
	held := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if kib, ok := strings.CutSuffix(strings.TrimSpace(value), " kB"); ok {
			n, _ := strconv.ParseInt(kib, 10, 64)
			held[name] = n << 10
		}
	}
	return held, nil
}
