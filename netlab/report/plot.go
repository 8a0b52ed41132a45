//go:build linux

package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tslab/tslab/netlab"
)

// Sizes of the two plots over the lab's days, in their own units.
const (
	plotLeft, plotWidth = 150, 720
	plotTop             = 28 // beneath the ticks
	rowHeight           = 22
	letterWidth         = 7 // about, of a bar's label
	poolHeight          = 120
	mostDevices         = 60
	ticks               = 6
)

// axis maps the lab's time onto a plot.
type axis struct {
	from time.Time
	span time.Duration
}

// newAxis begins at the start of a day, or of an hour if there is less than a day.
func newAxis(from, to time.Time) axis {
	begin := from.Truncate(24 * time.Hour)
	if to.Sub(from) < 24*time.Hour {
		begin = from.Truncate(time.Hour)
	}
	return axis{begin, max(to.Sub(begin), time.Hour)}
}

// at is where a moment is; what lies outside is at the edge.
func (a axis) at(t time.Time) int {
	return plotLeft + int(float64(plotWidth)*min(max(float64(t.Sub(a.from))/float64(a.span), 0), 1))
}

type tick struct {
	X    int
	Text string
}

// ticks are days, counted from the first, at round numbers; of less than two days,
// hours.
func (a axis) ticks() (all []tick) {
	if a.span < 48*time.Hour {
		return a.hours()
	}
	days := int(a.span.Hours() / 24)
	step := roundStep(days, 1, 2, 5, 10, 15, 30, 60, 90, 180, 365)
	for d := 0; d <= days; d += step {
		at := a.from.AddDate(0, 0, d)
		all = append(all, tick{a.at(at), fmt.Sprintf("D%d %s", d, at.Format("Jan 2"))})
	}
	return all
}

func (a axis) hours() (all []tick) {
	minutes := int(a.span.Minutes())
	step := roundStep(minutes, 5, 10, 15, 30, 60, 120, 180, 360, 720)
	for m := 0; m <= minutes; m += step {
		at := a.from.Add(time.Duration(m) * time.Minute)
		all = append(all, tick{a.at(at), at.Format("Jan 2 15:04")})
	}
	return all
}

// roundStep is the smallest of the steps that makes few ticks of a length, or the
// largest.
func roundStep(length int, steps ...int) (step int) {
	for _, step = range steps {
		if length/step <= ticks {
			break
		}
	}
	return step
}

// lives is the plot of token lifetimes.
type lives struct {
	Width, Height int
	Ticks         []tick
	Rows          []lifeRow
	Left          int      // devices that are not shown
	Kinds         []string // of the bars, for the legend
	Over          bool     // some have ended before the run did
	End           int      // where the run ends, 0 for at the edge
}

type lifeRow struct {
	Y    int
	Name string
	Bars []lifeBar
}

type lifeBar struct {
	X, Y, Width int
	Kind, Title string
	Over        bool  // it has ended before its time
	Label       *tick // what it is, where there is room for it
}

// plotLives draws a row for each device, a bar for each token; a bar goes to the
// token's expiry, or to its end if that came before. Tokens that a device has at one
// time stand beneath each other.
func plotLives(t *netlab.Tale) lives {
	devices := Devices(t)
	to := t.Record.End
	servers := map[string]bool{}
	for _, d := range devices {
		for _, l := range d.Lives {
			servers[l.Server] = true
			if l.To.After(to) && l.Ended.IsZero() {
				to = l.To
			}
		}
	}
	a := newAxis(t.Record.Start, to)
	p := lives{Width: plotLeft + plotWidth + 24, Ticks: a.ticks(), Left: max(len(devices)-mostDevices, 0), Height: plotTop}
	for _, d := range devices[:min(len(devices), mostDevices)] {
		row := lifeRow{Y: p.Height, Name: d.Name}
		var ends []int // of the bars that stand beneath each other
		for _, l := range d.Lives {
			bar := a.bar(l, len(servers) > 1)
			i := slices.IndexFunc(ends, func(end int) bool { return end <= bar.X })
			if i < 0 {
				i, ends = len(ends), append(ends, 0)
			}
			ends[i], bar.Y = bar.X+bar.Width, row.Y+i*rowHeight
			row.Bars = append(row.Bars, bar)
			if p.Over = p.Over || bar.Over; !slices.Contains(p.Kinds, l.Kind) {
				p.Kinds = append(p.Kinds, l.Kind)
			}
		}
		p.Height += len(ends) * rowHeight
		p.Rows = append(p.Rows, row)
	}
	if to.After(t.Record.End) {
		p.End = a.at(t.Record.End)
	}
	p.Height += 18
	return p
}

// bar is the bar of a token, with the name of its license server if there are several.
func (a axis) bar(l Life, several bool) lifeBar {
	end, how := l.To, "expires "+l.To.Format(time.DateOnly)
	if l.To.IsZero() {
		end, how = a.from.Add(a.span), "never expires"
	}
	if !l.Ended.IsZero() && l.Ended.Before(end) {
		end, how = l.Ended, fmt.Sprintf("%s, then %s on %s", how, l.How, l.Ended.Format(time.DateOnly))
	}
	b := lifeBar{X: a.at(l.From), Kind: l.Kind, Over: !l.Ended.IsZero(),
		Title: fmt.Sprintf("%s %s of %s, issued %s, %s", l.Kind, l.ID, l.Server, l.From.Format(time.DateOnly), how)}
	label := l.Kind
	if several {
		label += " of " + l.Server
	}
	if b.Width = max(a.at(end)-b.X, 3); b.Width > len(label)*letterWidth {
		b.Label = &tick{b.X + b.Width/2, label}
	}
	return b
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
	Told   string // every level, for those who do not see the plot
}

// plotPools draws each license server's free CALs as steps.
func plotPools(t *netlab.Tale) pools {
	levels := Pools(t)
	p := pools{Width: plotLeft + plotWidth + 24, Height: poolHeight + 38}
	for _, series := range levels {
		for _, l := range series {
			p.Top = max(p.Top, l.Free)
		}
	}
	a := newAxis(t.Record.Start, t.Record.End)
	p.Ticks = a.ticks()
	y := func(free int) int { return plotTop + poolHeight - free*poolHeight/max(p.Top, 1) }
	for i, name := range slices.Sorted(maps.Keys(levels)) {
		s := poolSeries{Name: name, Index: i % 4}
		height := y(0)
		var told []string
		for _, l := range levels[name] {
			x := strconv.Itoa(a.at(l.At))
			s.Points += x + "," + strconv.Itoa(height) + " " + x + "," + strconv.Itoa(y(l.Free)) + " "
			height, s.Last = y(l.Free), l.Free
			told = append(told, fmt.Sprintf("%d from %s", l.Free, l.At.Format("2006-01-02 15:04")))
		}
		s.Points += strconv.Itoa(plotLeft+plotWidth) + "," + strconv.Itoa(height)
		s.Told = strings.Join(told, ", ")
		p.Series = append(p.Series, s)
	}
	return p
}
