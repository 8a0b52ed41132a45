package main

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tslab/tslab/ls/store"
)

func TestFileMappings(t *testing.T) {
	const clean, changed, swapped = "Rss: 4 kB\nAnonymous:             0 kB\nSwap:                  0 kB\n",
		"Rss: 4 kB\nAnonymous:             4 kB\nSwap:                  0 kB\n",
		"Rss: 4 kB\nAnonymous:             0 kB\nSwap:                  4 kB\n"
	smaps := "00400000-00b50000 r-xp 00000000 fe:00 123    /usr/bin/lserver\n" + clean +
		"00b50000-00b60000 rw-p 00000000 fe:00 123    /usr/bin/lserver\n" + clean +
		"00b60000-00b70000 r--p 00000000 fe:00 123    /usr/bin/relocated\n" + changed +
		"00b70000-00b80000 r--p 00000000 fe:00 123    /usr/bin/swapped\n" + swapped +
		"c000000000-c000400000 rw-p 00000000 00:00 0\n" + clean +
		"7ffd0000-7ffd1000 r-xp 00000000 00:00 0      [vdso]\n" + clean +
		"00b60000-00b50000 r-xp 00000000 fe:00 123    /backwards\n" + clean +
		"x-y r-xp 00000000 fe:00 123    /no/numbers\n" + clean +
		"7f0000000000-7f0000008000 r--s 00000000 fe:00 9 /var/lib/my licenses.db\n" + clean
	want := []mapping{{0x400000, 0x750000}, {0x7f0000000000, 0x8000}}
	if got := fileMappings(strings.NewReader(smaps)); !slices.Equal(got, want) {
		t.Errorf("mappings %x, want %x", got, want)
	}
}

// A trimmed process has fewer pages and goes on working, its open store too.
func TestTrim(t *testing.T) {
	s, err := store.Open(t.TempDir(), store.Options{Name: "ls1"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := filePages(t)
	trim()
	if after := filePages(t); after >= before {
		t.Errorf("%d kB of files before, %d kB after", before, after)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

// filePages is how many kB of files the process has in memory.
func filePages(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte("RssFile:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(string(line)), " kB"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
