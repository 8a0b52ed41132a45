//go:build linux

package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/eventlog"
)

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		length time.Duration
		want   string
	}{
		{10 * time.Minute, "Mar 3 09:00, Mar 3 09:10, Mar 3 09:20, Mar 3 09:30, Mar 3 09:40, Mar 3 09:50, Mar 3 10:00"},
		{3 * time.Hour, "Mar 3 09:00, Mar 3 09:30, Mar 3 10:00, Mar 3 10:30, Mar 3 11:00, Mar 3 11:30, Mar 3 12:00"},
		{30 * time.Hour, "Mar 3 00:00, Mar 3 06:00, Mar 3 12:00, Mar 3 18:00, Mar 4 00:00, Mar 4 06:00, Mar 4 12:00"},
		{90 * 24 * time.Hour, "D0 Mar 3, D15 Mar 18, D30 Apr 2, D45 Apr 17, D60 May 2, D75 May 17, D90 Jun 1"},
	} {
		var got []string
		last := 0
		for _, k := range newAxis(day0, day0.Add(tt.length)).ticks() {
			got = append(got, k.Text)
			if k.X <= last || k.X > plotLeft+plotWidth {
				t.Errorf("%v: %s at %d, the one before at %d", tt.length, k.Text, k.X, last)
			}
			last = k.X
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%v: -want +got\n%s", tt.length, diff)
		}
	}
}

// TestTokensAtOneTime: two CALs that a device has of two license servers at one time
// stand beneath each other, with the servers' names; the one after the other do not.
func TestTokensAtOneTime(t *testing.T) {
	tale := newTale()
	for _, e := range tale.Events {
		if e.Name == eventlog.TokenUpgraded.Name {
			id := e.Fields["hardware_id"]
			e.Host, e.Name, e.Fields = "ls2", eventlog.TokenIssued.Name, map[string]string{"kind": "CAL", "license_id": "LAB-C-9", "device": "PC-1", "hardware_id": id, "expires": "2003-05-12T09:00:00Z"}
			tale.Events = append(tale.Events, e)
			break
		}
	}
	p := plotLives(tale)
	var got []string
	for _, b := range p.Rows[0].Bars {
		label := ""
		if b.Label != nil {
			label = b.Label.Text
		}
		got = append(got, fmt.Sprintf("%s row %d over %v label %q", b.Kind, (b.Y-plotTop)/rowHeight, b.Over, label))
	}
	want := []string{`temporary row 0 over true label ""`, `CAL row 0 over false label "CAL of ls1"`, `CAL row 1 over false label "CAL of ls2"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"temporary", "CAL"}, p.Kinds); diff != "" || !p.Over {
		t.Errorf("legend: %s %v", diff, p.Over)
	}
	if run, last := p.End, p.Rows[0].Bars[1]; run <= plotLeft || run >= last.X+last.Width {
		t.Errorf("the run ends at %d, its last token from %d on is %d long", run, last.X, last.Width)
	}
	if bottom := plotTop + 2*rowHeight; p.Height < bottom {
		t.Errorf("the plot is %d high, its rows end at %d", p.Height, bottom)
	}
}

// TestPoolsAreTold: what the plot shows also stands in words.
func TestPoolsAreTold(t *testing.T) {
	p := plotPools(newTale())
	if len(p.Series) != 1 || p.Series[0].Told != "1 from 2003-03-03 09:00, 0 from 2003-03-04 09:00" || p.Top != 1 || p.Series[0].Last != 0 {
		t.Errorf("%+v", p)
	}
}
