//go:build linux

package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"path"
	"path/filepath"
	"time"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/netlab"
)

// PageName is the report's name in the folder of the run.
const PageName = "report.html"

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// most is how many messages and events the page's ladder has; a page of more takes a
// browser too long. The capture has them all.
const most = 4000

// How much room the hosts have in the page's ladder, in pixels: each as much as a name
// of a message needs, and less where there are so many that what is said would not be
// beside them. On paper and on a phone they have what there is.
const (
	lanesWidth    = 760
	widest, least = 180, 72
)

type page struct {
	Style    template.CSS
	Record   *netlab.Record
	Held     int // invariants
	Met, All int
	Dates    string
	Wrong    []wrong
	Picture  picture
	Hosts    []string
	Width    int // of the hosts' lifelines together
	Lines    []ladderLine
	Lives    lives
	Pools    pools
}

// Page writes the report as one HTML file that opens from disk and needs nothing
// else.
func Page(w io.Writer, t *netlab.Tale) error {
	view, err := template.New("page").Funcs(template.FuncMap{
		"clock": func(t time.Time) string { return t.Format(time.TimeOnly) },
		"add":   func(a, b int) int { return a + b },
		"base":  path.Base,
	}).Parse(pageText)
	if err != nil {
		return err
	}
	lines := Story(t)
	p := page{Style: template.CSS(pageStyle), Record: t.Record, Dates: dates(t.Record), Picture: topology(t.Record), Hosts: Hosts(t, lines),
		Lives: plotLives(t), Pools: plotPools(t)}
	p.Held = len(t.Record.Invariants) - len(t.Record.Broken())
	for _, x := range t.Record.Expectations {
		p.All++
		if x.Met {
			p.Met++
		}
	}
	p.Width = len(p.Hosts) * min(max(lanesWidth/max(len(p.Hosts), 1), least), widest)
	p.Lines = place(thin(lines, most), p.Hosts, t.Record.Start)
	p.Wrong = wrongs(t.Record, p.Lines)
	return view.Execute(w, p)
}

// dates are those of the lab, from the first to the last.
func dates(r *netlab.Record) string {
	const day = "Monday, 2 January 2006"
	from, to := r.Start.Format(day), r.End.Format(day)
	if from == to {
		return fmt.Sprintf("%s, %s to %s", from, r.Start.Format(time.TimeOnly), r.End.Format(time.TimeOnly))
	}
	days := int(r.End.Sub(r.Start).Hours() / 24)
	if days == 1 {
		return fmt.Sprintf("%s to %s, 1 day", from, to)
	}
	return fmt.Sprintf("%s to %s, %d days", from, to, days)
}

// wrong is something that went wrong, for the top of the page.
type wrong struct {
	Link       string // where it stands in the page
	Text, Rest string
	Where      string
}

// wrongs are what went wrong: the error that ended the run, expectations that were not
// met, and invariants that do not hold.
func wrongs(r *netlab.Record, lines []ladderLine) (all []wrong) {
	if r.Error != "" {
		all = append(all, wrong{Text: r.Error})
	}
	var links []string
	for _, l := range lines {
		if l.ID != "" {
			links = append(links, "#"+l.ID)
		}
	}
	for _, x := range r.Expectations {
		if x.Met {
			continue
		}
		w := wrong{Link: "#expectations", Text: x.Text, Rest: "wanted " + x.Want + ", found " + x.Got, Where: path.Base(x.Place)}
		if len(links) > 0 {
			w.Link, links = links[0], links[1:]
		}
		if x.FirstFrame > 0 {
			w.Where += fmt.Sprintf(", frames %d to %d", x.FirstFrame, x.LastFrame)
		}
		all = append(all, w)
	}
	for _, i := range r.Broken() {
		all = append(all, wrong{Link: "#invariants", Text: i.Host + ": " + i.Text, Rest: i.Seen})
	}
	return all
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
