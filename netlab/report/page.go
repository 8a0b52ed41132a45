//go:build linux

package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"time"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/netlab"
)

// PageName is the report's name in the folder of the run.
const PageName = "report.html"

//go:embed page.html
var pageText string

// most is how many lines of the ladder the page has; a page of more takes a browser
// too long. The capture has them all.
const most = 4000

// How much room the hosts have in the page's ladder, in pixels: each as much as a name
// of a message needs, and less where there are so many that what is said would not be
// beside them.
const (
	lanesWidth    = 760
	widest, least = 180, 72
)

type page struct {
	Record   *netlab.Record
	Held     int // invariants
	Met, All int
	Days     int
	Picture  picture
	Hosts    []string
	Lanes    []int // x of every host's lifeline
	Width    int
	Lines    []ladderLine
	Left     int // lines that are not shown
	Lives    lives
	Pools    pools
}

// ladderLine is a line with the places of its ends.
type ladderLine struct {
	Line
	Day          string // when it is the first of its day
	X1, X2, Mark int    // an arrow's ends; where a mark is, 0 for none
}

// Page writes the report as one HTML file that opens from disk and needs nothing
// else.
func Page(w io.Writer, t *netlab.Tale) error {
	view, err := template.New("page").Funcs(template.FuncMap{
		"clock": func(t time.Time) string { return t.Format(time.TimeOnly) },
		"date":  func(t time.Time) string { return t.Format("Monday, 2 January 2006") },
		"mid":   func(a, b int) int { return (a + b) / 2 },
		"add":   func(a, b int) int { return a + b },
	}).Parse(pageText)
	if err != nil {
		return err
	}
	lines := Story(t)
	p := page{Record: t.Record, Picture: topology(t.Record), Hosts: Hosts(t, lines), Lives: plotLives(t), Pools: plotPools(t),
		Left: max(len(lines)-most, 0), Days: int(t.Record.End.Sub(t.Record.Start).Hours() / 24)}
	p.Held = len(t.Record.Invariants) - len(t.Record.Broken())
	for _, x := range t.Record.Expectations {
		p.All++
		if x.Met {
			p.Met++
		}
	}
	laneWidth := min(max(lanesWidth/max(len(p.Hosts), 1), least), widest)
	p.Width = len(p.Hosts) * laneWidth
	for i := range p.Hosts {
		p.Lanes = append(p.Lanes, laneWidth/2+i*laneWidth)
	}
	p.Lines = p.place(lines[:min(len(lines), most)])
	return view.Execute(w, p)
}

// place finds where each line's arrow or mark goes.
func (p page) place(lines []Line) []ladderLine {
	x := map[string]int{}
	for i, h := range p.Hosts {
		x[h] = p.Lanes[i]
	}
	const gap = 4 // between an arrow and the lifelines
	var placed []ladderLine
	day := ""
	for _, l := range lines {
		out := ladderLine{Line: l}
		if d := l.Lab.Format(time.DateOnly); d != day {
			day, out.Day = d, fmt.Sprintf("Day %d, %s", int(l.Lab.Sub(p.Record.Start.Truncate(24*time.Hour)).Hours()/24), l.Lab.Format("Monday 2 January 2006"))
		}
		from, to := x[l.From], x[l.To]
		switch {
		case l.Kind == Message && from > 0 && to > from:
			out.X1, out.X2 = from+gap, to-gap
		case l.Kind == Message && from > 0 && to > 0:
			out.X1, out.X2 = from-gap, to+gap
		default:
			out.Mark = max(from, to)
		}
		placed = append(placed, out)
	}
	return placed
}

// Write makes the report of the run in the folder, beside its capture, and returns
// its path.
func Write(folder string) (string, error) {
	t, err := netlab.ReadTale(folder)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := Page(&text, t); err != nil {
		return "", fmt.Errorf("report of %s: %w", folder, err)
	}
	path := filepath.Join(folder, PageName)
	return path, durable.WriteFile(path, text.Bytes(), 0o600) // as private as the capture
}
