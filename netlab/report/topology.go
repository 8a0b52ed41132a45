//go:build linux

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tslab/tslab/netlab"
)

// Sizes of the topology's picture, in its own units.
const (
	boxWidth, boxHeight = 132, 54
	boxGap              = 16
	netGap              = 150
	margin              = 16
	crowd               = 12 // hosts of one kind on a net, from which on they are one box
)

// picture is the topology: nets as bars, hosts as boxes that hang on them.
type picture struct {
	Width, Height int
	Nets          []bar
	Boxes         []box
	Cables        []cable
}

type bar struct {
	X, Y, Width int
	Text        string
}

type box struct {
	X, Y         int
	Name, Detail string
	Router       bool
}

type cable struct{ X, From, To int }

// topology lays out nets from the top down. A host hangs beneath its net; one with
// cables to several stands beside them, to the right.
func topology(r *netlab.Record) picture {
	rows := map[string]int{} // the top of a net's bar
	var p picture
	for i, n := range r.Nets {
		rows[n.Name] = margin + i*netGap
		text := fmt.Sprintf("%s  %v", n.Name, n.Prefixes()[0])
		if n.Site != "" {
			text += "  site " + n.Site
		}
		p.Nets = append(p.Nets, bar{X: margin, Y: rows[n.Name], Text: text})
	}
	runs := programs(r)
	widest := 0
	for _, n := range r.Nets {
		boxes := hang(r, n.Name, runs)
		for i := range boxes {
			boxes[i].X, boxes[i].Y = margin+i*(boxWidth+boxGap), rows[n.Name]+50
			p.Cables = append(p.Cables, cable{boxes[i].X + boxWidth/2, rows[n.Name] + 26, boxes[i].Y})
		}
		widest = max(widest, len(boxes))
		p.Boxes = append(p.Boxes, boxes...)
	}
	x := margin + widest*(boxWidth+boxGap)
	for _, h := range r.Hosts {
		if len(h.Cables) < 2 {
			continue
		}
		top, bottom := rows[h.Cables[0].Net], rows[h.Cables[0].Net]
		for _, c := range h.Cables {
			top, bottom = min(top, rows[c.Net]), max(bottom, rows[c.Net])
		}
		y := (top+bottom)/2 + 13 - boxHeight/2
		p.Boxes = append(p.Boxes, box{x, y, h.Name, detail(runs[h.Name], h.Router), h.Router})
		for i, c := range h.Cables {
			at := x + (i+1)*boxWidth/(len(h.Cables)+1)
			p.Cables = append(p.Cables, cable{at, rows[c.Net] + 13, y + boxHeight/2})
		}
		x += boxWidth + boxGap
	}
	p.Width, p.Height = max(x, 2*boxWidth)+margin, margin+len(r.Nets)*netGap
	for i := range p.Nets {
		p.Nets[i].Width = p.Width - 2*margin
	}
	return p
}

// hang are the boxes of the hosts with a cable to this net alone; many of one kind
// are one box.
func hang(r *netlab.Record, net string, runs map[string][]string) []box {
	kinds := map[string][]netlab.Host{}
	for _, h := range r.Hosts {
		if len(h.Cables) == 1 && h.Cables[0].Net == net {
			kind := strings.Join(runs[h.Name], "+")
			kinds[kind] = append(kinds[kind], h)
		}
	}
	var boxes []box
	for _, h := range r.Hosts {
		kind := strings.Join(runs[h.Name], "+")
		same := kinds[kind]
		at := slices.IndexFunc(same, func(o netlab.Host) bool { return o.Name == h.Name })
		switch {
		case at < 0 || at > 0 && len(same) > crowd:
		case len(same) > crowd:
			boxes = append(boxes, box{Name: h.Name + " … " + same[len(same)-1].Name, Detail: fmt.Sprintf("%d hosts: %s", len(same), detail(runs[h.Name], false))})
		default:
			boxes = append(boxes, box{Name: h.Name + "  " + h.Address().String(), Detail: detail(runs[h.Name], false), Router: h.Router})
		}
	}
	return boxes
}

// programs are the names of those that ran in each host.
func programs(r *netlab.Record) map[string][]string {
	runs := map[string][]string{}
	for _, p := range r.Programs {
		if !slices.Contains(runs[p.Host], p.Program) {
			runs[p.Host] = append(runs[p.Host], p.Program)
		}
	}
	for _, names := range runs {
		slices.Sort(names)
	}
	return runs
}

func detail(programs []string, router bool) string {
	if router {
		return "router"
	}
	return strings.Join(programs, ", ")
}
