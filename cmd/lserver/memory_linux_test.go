package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tslab/tslab/ls/store"
)

func TestFileMapping(t *testing.T) {
	for line, want := range map[string]string{
		"00400000-00b50000 r-xp 00000000 fe:00 123    /usr/bin/lserver":        "400000+750000 true",
		"7f0000000000-7f0000008000 r--s 00000000 fe:00 9 /var/lib/licenses.db": "7f0000000000+8000 true",
		"00b50000-00b60000 rw-p 00000000 fe:00 123    /usr/bin/lserver":        "0+0 false",
		"c000000000-c000400000 rw-p 00000000 00:00 0":                          "0+0 false",
		"7ffd0000-7ffd1000 r-xp 00000000 00:00 0      [vdso]":                  "0+0 false",
		"00b60000-00b50000 r-xp 00000000 fe:00 123    /backwards":              "0+0 false",
		"x-y r-xp 00000000 fe:00 123    /no/numbers":                           "0+0 false",
		"": "0+0 false",
	} {
		start, size, ok := fileMapping(line)
		if got := fmt.Sprintf("%x+%x %v", start, size, ok); got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
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
