//go:build linux

package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/tslab/tslab/netlab"
)

// Sizes of the two plots over the lab's days, in their own units.
const (
	plotLeft, plotWidth = 150, 720
	rowHeight           = 22
	poolHeight          = 120
	mostDevices         = 60
	ticks               = 6
)

// axis maps the lab's time onto a plot.
type axis struct {
	from time.Time
	span time.Duration
}

func newAxis(from, to time.Time) axis {
	return axis{from, max(to.Sub(from), 24*time.Hour)}
}

// at is where a moment is; what lies outside is at the edge.
func (a axis) at(t time.Time) int {
	return plotLeft + int(float64(plotWidth)*min(max(float64(t.Sub(a.from))/float64(a.span), 0), 1))
}

type tick struct {
	X    int
	Text string
}

// ticks are days, counted from the first, at round numbers.
func (a axis) ticks() (all []tick) {
	days := int(a.span.Hours() / 24)
	step := 1
	for _, s := range []int{1, 2, 5, 10, 15, 30, 60, 90, 180, 365} {
		if step = s; days/s <= ticks {
			break
		}
	}
	for d := 0; d <= days; d += step {
		at := a.from.AddDate(0, 0, d)
		all = append(all, tick{a.at(at), fmt.Sprintf("D%d %s", d, at.Format("Jan 2"))})
	}
	return all
}

// lives is the plot of token lifetimes.
type lives struct {
	Width, Height int
	Ticks         []tick
	Rows          []lifeRow
	Left          int // devices that are not shown
}

type lifeRow struct {
	Y    int
	Name string
	Bars []lifeBar
}

type lifeBar struct {
	X, Width    int
	Kind, Title string
	Over        bool // it has ended before its time
	Endless     bool
}

// plotLives draws a row for each device, a bar for each token; a bar goes to the
// token's expiry, or to its end if that came before.
func plotLives(t *netlab.Tale) lives {
	devices := Devices(t)
	from, to := t.Record.Start, t.Record.End
	for _, d := range devices {
		for _, l := range d.Lives {
			if l.To.After(to) && l.Ended.IsZero() {
				to = l.To
			}
		}
	}
	a := newAxis(from.Truncate(24*time.Hour), to)
	p := lives{Width: plotLeft + plotWidth + 24, Ticks: a.ticks(), Left: max(len(devices)-mostDevices, 0)}
	for i, d := range devices[:min(len(devices), mostDevices)] {
		row := lifeRow{Y: 28 + i*rowHeight, Name: d.Name}
		for _, l := range d.Lives {
			end, how := l.To, "expires "+l.To.Format(time.DateOnly)
			if l.To.IsZero() {
				end, how = a.from.Add(a.span), "never expires"
			}
			if !l.Ended.IsZero() && l.Ended.Before(end) {
				end, how = l.Ended, fmt.Sprintf("%s, then %s on %s", how, l.How, l.Ended.Format(time.DateOnly))
			}
			x := a.at(l.From)
			row.Bars = append(row.Bars, lifeBar{X: x, Width: max(a.at(end)-x, 3), Kind: l.Kind, Over: !l.Ended.IsZero(), Endless: l.To.IsZero() && l.Ended.IsZero(),
				Title: fmt.Sprintf("%s %s of %s, issued %s, %s", l.Kind, l.ID, l.Server, l.From.Format(time.DateOnly), how)})
		}
		p.Rows = append(p.Rows, row)
	}
	p.Height = 28 + len(p.Rows)*rowHeight + 8
	return p
}

// pools is the plot of pool levels.
type pools struct {
	Width, Height int
	Ticks         []tick
	Top           int // licenses at the upper edge
	Series        []poolSeries
}

type poolSeries struct {
	Name   string
	Index  int
	Points string // of a polyline, in steps
	Last   int
	TextY  int
}

// plotPools draws each license server's free CALs as steps.
func plotPools(t *netlab.Tale) pools {
	levels := Pools(t)
	p := pools{Width: plotLeft + plotWidth + 24, Height: poolHeight + 44}
	for _, series := range levels {
		for _, l := range series {
			p.Top = max(p.Top, l.Free)
		}
	}
	a := newAxis(t.Record.Start.Truncate(24*time.Hour), t.Record.End)
	p.Ticks = a.ticks()
	y := func(free int) int { return 28 + poolHeight - free*poolHeight/max(p.Top, 1) }
	for i, name := range slices.Sorted(maps.Keys(levels)) {
		s := poolSeries{Name: name, Index: i % 4, TextY: 24 + poolHeight/2 + i*16}
		height := y(0)
		for _, l := range levels[name] {
			x := strconv.Itoa(a.at(l.At))
			s.Points += x + "," + strconv.Itoa(height) + " " + x + "," + strconv.Itoa(y(l.Free)) + " "
			height, s.Last = y(l.Free), l.Free
		}
		s.Points += strconv.Itoa(plotLeft+plotWidth) + "," + strconv.Itoa(height)
		p.Series = append(p.Series, s)
	}
	return p
}
