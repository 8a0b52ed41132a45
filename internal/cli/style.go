package cli

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// Width is how many columns what a command prints may take.
const Width = 80

// Style marks words in what a human reads. The zero Style marks nothing.
type Style struct{ on bool }

// StyleFor marks on a terminal only, and nowhere when NO_COLOR is set and not empty
// (no-color.org) or the terminal is a dumb one.
func StyleFor(w io.Writer) Style {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return Style{}
	}
	return Style{IsTerminal(f)}
}

// IsTerminal reports whether a human sits at f.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	nothing, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, nothing)
}

// Strong is text that stands out.
func (s Style) Strong(text string) string { return s.wrap("1", text) }

// Warn is text that wants to be looked at.
func (s Style) Warn(text string) string { return s.wrap("33", text) }

// Faint is text that stands back.
func (s Style) Faint(text string) string { return s.wrap("2", text) }

func (s Style) wrap(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Clip is text in at most n columns; what is cut off shows.
func Clip(text string, n int) string {
	text = Printable(text)
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	runes := []rune(text)
	return strings.TrimRight(string(runes[:n-1]), " ") + "…"
}
