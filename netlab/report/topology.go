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
	barHeight           = 26
	boxDrop             = 50 // from a net's upper edge to its hosts'
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

// cable goes from a net to a host. That of a host on several nets has its address
// beside it, and a plug at the net, as it may pass others.
type cable struct {
	X, From, To int
	Address     string
	TextY       int
}

// Text says what the picture shows to those who do not see it.
func (p picture) Text() string {
	var names []string
	for _, n := range p.Nets {
		names = append(names, "net "+n.Text)
	}
	for _, b := range p.Boxes {
		names = append(names, strings.TrimSuffix(b.Name+", "+b.Detail, ", "))
	}
	return strings.Join(names, "; ")
}

// topology lays out nets from the top down. A host hangs beneath its net; one with
// cables to several stands to the right of the others.
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
			boxes[i].X, boxes[i].Y = margin+i*(boxWidth+boxGap), rows[n.Name]+boxDrop
			p.Cables = append(p.Cables, cable{X: boxes[i].X + boxWidth/2, From: rows[n.Name] + barHeight, To: boxes[i].Y})
		}
		widest = max(widest, len(boxes))
		p.Boxes = append(p.Boxes, boxes...)
	}
	x := margin + widest*(boxWidth+boxGap)
	for _, h := range r.Hosts {
		if len(h.Cables) < 2 {
			continue
		}
		p.join(h, x, rows, box{Name: h.Name, Detail: detail(runs[h.Name], h.Router), Router: h.Router})
		x += boxWidth + boxGap
	}
	p.Width = max(x, 2*boxWidth) + margin
	if len(r.Nets) > 0 {
		p.Height = margin + (len(r.Nets)-1)*netGap + boxDrop + boxHeight + margin
	}
	for i := range p.Nets {
		p.Nets[i].Width = p.Width - 2*margin
	}
	return p
}

// join puts the box of a host on several nets at x, beneath the uppermost of them, with
// a cable to each.
func (p *picture) join(h netlab.Host, x int, rows map[string]int, b box) {
	top := rows[h.Cables[0].Net]
	for _, c := range h.Cables {
		top = min(top, rows[c.Net])
	}
	b.X, b.Y = x, top+boxDrop
	p.Boxes = append(p.Boxes, b)
	for i, c := range h.Cables {
		line := cable{X: x + (i+1)*boxWidth/(len(h.Cables)+1), From: rows[c.Net] + barHeight, To: b.Y, TextY: rows[c.Net] + barHeight + 15}
		if rows[c.Net] > top {
			line.From, line.To, line.TextY = rows[c.Net], b.Y+boxHeight, rows[c.Net]-7
		}
		if line.Address = c.Address.String(); !c.Address.IsValid() {
			line.Address = c.Address6.String()
		}
		p.Cables = append(p.Cables, line)
	}
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
