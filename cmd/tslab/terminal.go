//go:build linux

package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// terminal is how to learn the width of the terminal that w writes to; nil when it is
// none.
func terminal(w io.Writer) func() int {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
		return nil
	}
	const usual = 80
	return func() int {
		size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
		if err != nil || size.Col == 0 {
			return usual
		}
		return int(size.Col)
	}
}
