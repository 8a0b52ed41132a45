//go:build linux

package script

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/netlab"
)

// The line says what is waited for once it takes a while, gives way to the story's
// lines, and is gone in the end.
func TestProgressLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		width := 80
		s := &story{w: &out, progress: &progress{
			w: &out, width: func() int { return width }, date: func() time.Time { return netlab.DefaultStart() },
		}}
		stop := s.tick()
		said := func() string {
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			text := out.String()
			out.Reset()
			return text
		}
		pass := func(d time.Duration) { <-time.After(d) }
		s.to(func(p *progress) { p.step = "Day 0"; p.begin("connect c1 ts1", time.Now()) })
		pass(redraw / 2)
		if got := said(); got != "" {
			t.Errorf("at once: %q", got)
		}
		pass(3 * time.Second)
		if got, want := said(), wipe+"Day 0 | 2003-03-03 09:00:00 | connect c1 ts1 (3 s)"; !strings.HasSuffix(got, want) {
			t.Errorf("after a while: %q, want %q", got, want)
		}
		s.line("a line")
		if got := said(); !strings.HasPrefix(got, wipe+"a line\nDay 0 | ") {
			t.Errorf("a line of the story: %q", got)
		}
		s.to(func(*progress) { width = 30 })
		pass(redraw)
		if got := said(); got != wipe+"03 09:00:00 | connect c1 ts1 (3 s)"[len("03 09:00:00 | connect c1 ts1 (3 s)")-29:] {
			t.Errorf("in a narrow terminal: %q", got)
		}
		s.to(func(p *progress) { p.begin("", time.Now()) })
		stop()
		if got := said(); got != wipe {
			t.Errorf("in the end: %q", got)
		}
	})
}

// Where there is no terminal, nothing but lines is written.
func TestProgressIsForTerminals(t *testing.T) {
	const source = "# A drill\nc1 = host(\"c1\", net(\"lan\"))\nstep(\"begin\")\nexec(c1, \"sleep\", \"0.5\")\n"
	for _, tt := range []struct {
		width func() int
		shown bool
	}{{nil, false}, {func() int { return 100 }, true}} {
		var out bytes.Buffer
		dir := t.TempDir()
		path := filepath.Join(dir, "a.star")
		if err := os.WriteFile(path, []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), newDrill("a.star", "a.star", source), Options{Folder: filepath.Join(dir, "run"), Seed: 1, Out: &out, Width: tt.width}); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if shown := strings.Contains(text, "begin | 2003-03-03 09:00:0") && strings.Contains(text, "| exec c1 sleep 0.5 (0 s)"); shown != tt.shown || strings.Contains(text, wipe) != tt.shown {
			t.Errorf("terminal %v: %q", tt.shown, text)
		}
		if strings.LastIndex(text, wipe) > strings.Index(text, "\nseed ") {
			t.Errorf("a progress line behind the end: %q", text)
		}
	}
}

func TestPhrase(t *testing.T) {
	hosts := starlark.NewList([]starlark.Value{starlark.String("c1"), starlark.String("c2")})
	kwargs := []starlark.Tuple{{starlark.String("count"), starlark.MakeInt(1000)}, {starlark.String("name"), starlark.String("KIOSK")}}
	if got := phrase("connect", starlark.Tuple{hosts, starlark.String("ts1")}, kwargs); got != "connect (2) ts1 count=1000 name=KIOSK" {
		t.Errorf("%q", got)
	}
	if got := []rune(phrase("expect", starlark.Tuple{starlark.String(strings.Repeat("ü", 200))}, nil)); len(got) != maxWords {
		t.Errorf("%d characters: %q", len(got), string(got))
	}
}
