//go:build linux

package script

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab"
)

// story tells a run, line by line.
type story struct {
	mu    sync.Mutex
	w     io.Writer
	width int // of the longest host name

	progress *progress // on a terminal; nil elsewhere
}

const dateForm = "2006-01-02 15:04:05"

func (s *story) line(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.progress != nil {
		s.progress.hide()
		defer s.progress.show(time.Now())
	}
	fmt.Fprintln(s.w, text)
}

// to changes the progress line, where there is one.
func (s *story) to(change func(*progress)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.progress != nil {
		change(s.progress)
	}
}

// tick draws the progress line again and again, until the returned function is called,
// which takes it away.
func (s *story) tick() (stop func()) {
	if s.progress == nil {
		return func() {}
	}
	ticker, quit, ended := time.NewTicker(redraw), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ticker.C:
				s.to(func(p *progress) { p.show(time.Now()) })
			case <-quit:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(quit)
		<-ended
		s.to(func(p *progress) {
			p.begin("", time.Now())
			p.hide()
		})
	}
}

func (s *story) title(d Drill, leg string) {
	name := d.Name
	if leg != "" {
		name += " [" + leg + "]"
	}
	s.line(strings.TrimRight(name+": "+d.Title, ": "))
}

// event tells one event: the lab's date, the host, what happened.
func (s *story) event(e eventlog.Event) {
	mark := ""
	switch {
	case e.Name == eventlog.LabStep.Name:
		s.to(func(p *progress) { p.step = e.Text })
		s.line("\n" + e.Text)
		return
	case e.Name == eventlog.ClockMoved.Name && e.Program != "tslab":
		return // every program says so; the lab's word is enough
	case e.Severity != eventlog.Information:
		mark = "! "
	}
	s.line(fmt.Sprintf("%s  %-*s  %s%s", e.Lab.Format(dateForm), s.width, e.Host, mark, e.Text))
}

// verdict tells how the run ended and where to look at it; page is its report, if any.
func (s *story) verdict(r *netlab.Record, folder, page string) {
	var b strings.Builder
	met := 0
	for _, x := range r.Expectations {
		if x.Met {
			met++
			continue
		}
		fmt.Fprintf(&b, "\n%s: %s", x.Place, x.Why())
	}
	broken := r.Broken()
	for _, i := range broken {
		fmt.Fprintf(&b, "\ninvariant: %s", i.Why())
	}
	var frames uint64
	for _, l := range r.Links {
		frames += l.Packets
	}
	fmt.Fprintf(&b, "\n%s: %s: %d of %d expectations met", r.Name(), r.Verdict, met, len(r.Expectations))
	if r.Verdict == netlab.Passed && !ownExpectation(r) {
		b.WriteString(", none of them the drill's own (`tslab check` says what it lacks)")
	}
	fmt.Fprintf(&b, ", %d frames captured on %s, %d lost", frames, counted(len(r.Links), "link"), r.Drops)
	b.WriteString("\n")
	if n := len(r.Invariants); n > 0 {
		fmt.Fprintf(&b, "\ninvariants  %d of %d hold", n-len(broken), n)
	}
	for _, f := range r.Faults {
		done, matched := f.Total()
		fmt.Fprintf(&b, "\nfault    %s: %s: %d of %d", f.Name, f.Text, done, matched)
	}
	fmt.Fprintf(&b, "\nseed     %d%s", r.Seed, streams(r.Streams))
	fmt.Fprintf(&b, "\nfolder   %s", folder)
	if page != "" {
		fmt.Fprintf(&b, "\nreport   %s", page)
	}
	if capture := filepath.Join(folder, netlab.CaptureName); exists(capture) {
		fmt.Fprintf(&b, "\ncapture  wireshark %s", quote(capture))
		if len(r.Wireshark) > 0 {
			fmt.Fprintf(&b, "\n         its TLS opens after tslab wireshark install; without that, with %s", strings.Join(r.Wireshark, " "))
		}
	}
	s.line(b.String())
}

// exists says whether there is a file of that name.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// counted is a number of things.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// ownExpectation says whether a drill expected anything itself: what is expected of every
// drill has a file as its place, and no line.
func ownExpectation(r *netlab.Record) bool {
	return slices.ContainsFunc(r.Expectations, func(x netlab.Expectation) bool { return strings.Contains(x.Place, ":") })
}

// streams lists the seeds that were drawn from the run's.
func streams(all map[string]uint64) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, fmt.Sprintf("%s %d", name, all[name]))
	}
	if len(list) == 0 {
		return ""
	}
	return " (" + strings.Join(list, ", ") + ")"
}

// quote makes path one word of a shell.
func quote(path string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("/._-+=:,@%", r) || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if strings.TrimFunc(path, plain) == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
