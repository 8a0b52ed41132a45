//go:build linux

package script

import (
	"fmt"
	"io"
	"strings"
	"time"

	"go.starlark.net/starlark"
)

const (
	redraw   = 200 * time.Millisecond // of the progress line, and what is quicker is not shown
	wipe     = "\r\x1b[K"             // to the beginning of the line, and all of it away (ECMA-48 8.3.41)
	maxWords = 60                     // characters of what a drill waits for
)

// progress is the last line on a terminal while a drill runs: where in the story it is,
// the lab's date, and what it waits for. Its methods are called under the story's lock.
type progress struct {
	w     io.Writer
	width func() int       // of the terminal
	date  func() time.Time // of the lab; the zero time before it is up

	step  string
	doing string // "" between two words
	since time.Time
	shown bool
}

// begin notes that the drill does something, until it is called with nothing.
func (p *progress) begin(doing string, now time.Time) { p.doing, p.since = doing, now }

// hide takes the line away, for another to be written in its place.
func (p *progress) hide() {
	if p.shown {
		io.WriteString(p.w, wipe)
		p.shown = false
	}
}

// show writes the line anew if there is something to wait for.
func (p *progress) show(now time.Time) {
	waited := now.Sub(p.since)
	if p.doing == "" || waited < redraw {
		return
	}
	parts := []string{}
	if p.step != "" {
		parts = append(parts, p.step)
	}
	if date := p.date(); !date.IsZero() {
		parts = append(parts, date.Format(dateForm))
	}
	parts = append(parts, fmt.Sprintf("%s (%d s)", p.doing, int(waited.Seconds())))
	line := []rune(strings.Join(parts, " | "))
	if width := p.width(); len(line) >= width {
		line = line[len(line)-max(width-1, 0):] // its end is what changes
	}
	p.hide()
	io.WriteString(p.w, string(line))
	p.shown = true
}

// phrase is what a drill does, as a person would say it: the word and what it was given.
func phrase(word string, args starlark.Tuple, kwargs []starlark.Tuple) string {
	parts := []string{word}
	for _, arg := range args {
		parts = append(parts, short(arg))
	}
	for _, pair := range kwargs {
		parts = append(parts, short(pair[0])+"="+short(pair[1]))
	}
	text := []rune(strings.Join(parts, " "))
	if len(text) > maxWords {
		text = append(text[:maxWords-1], '…')
	}
	return string(text)
}

// short is a value in a word: a host or a program by its name, a list by its length.
func short(v starlark.Value) string {
	if name, err := text(v); err == nil {
		return name
	}
	if list, ok := v.(starlark.Sequence); ok {
		return fmt.Sprintf("(%d)", list.Len())
	}
	return oneLine(v.String())
}
