//go:build linux

package report

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/capture"
	"github.com/tslab/tslab/netlab/fault"
)

var (
	day0    = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)
	machine = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// teller writes a tale, a second of the machine's time a line.
type teller struct {
	netlab.Tale
	day int
}

func (t *teller) now() (lab, mach time.Time) {
	n := len(t.Events) + len(t.Messages)
	return day0.AddDate(0, 0, t.day).Add(time.Duration(n) * time.Second), machine.Add(time.Duration(n) * time.Second)
}

func (t *teller) event(host, program string, kind eventlog.Kind, fields ...string) {
	lab, mach := t.now()
	e := eventlog.Event{Lab: lab, Machine: mach, Host: host, Program: program, Name: kind.Name, ID: kind.ID, Severity: kind.Severity, Text: kind.Text, Fields: map[string]string{}}
	for i := 0; i < len(fields); i += 2 {
		e.Fields[fields[i]] = fields[i+1]
		e.Text = strings.ReplaceAll(e.Text, "{"+fields[i]+"}", fields[i+1])
	}
	t.Events = append(t.Events, e)
}

func (t *teller) message(from, to, name, text string) {
	lab, mach := t.now()
	t.Messages = append(t.Messages, netlab.Message{Frame: 10 + len(t.Messages), Machine: mach, Lab: lab, From: from, To: to, Protocol: "rdpele",
		Name: name, Text: name + ": " + text, Fields: []capture.Field{{Name: "PlatformID", Value: "0x04000500 <b>"}}})
}

// newTale is a device that gets a temporary token and, a day later, a CAL; with a
// fault and an expectation that was not met.
func newTale() *netlab.Tale {
	t := &teller{}
	host := func(name string, last byte) netlab.Host {
		return netlab.Host{Name: name, Cables: []netlab.Cable{{Net: "lan", Interface: "eth0", Address: netip.AddrFrom4([4]byte{10, 0, 0, last})}}}
	}
	t.Record = &netlab.Record{Drill: "d99", Title: "Two <days>", Verdict: netlab.Failed, Seed: 7, Start: day0, End: day0.AddDate(0, 0, 1),
		Nets:     []netlab.Net{{Name: "lan", Prefix: netip.MustParsePrefix("10.0.0.0/16"), Site: "Seattle"}},
		Hosts:    []netlab.Host{host("c1", 1), host("ts1", 2), host("ls1", 3), host("idle", 4)},
		Programs: []netlab.ProgramRecord{{Host: "c1", Program: "tsclient"}, {Host: "ts1", Program: "termsrv"}, {Host: "ls1", Program: "lserver"}},
		Expectations: []netlab.Expectation{{Place: "d99.star:9:7", Text: "a CAL", Met: true, Want: `"CAL"`, Got: `"CAL"`},
			{Place: "d99.star:10:7", Text: "one free", Want: "1", Got: "0", FirstFrame: 11, LastFrame: 13}}}
	id := "ae08000000000000000000000000000000000001"
	t.event("lab", "tslab", eventlog.LabStep, "text", "The first day")
	t.event("ls1", "lserver", eventlog.KeyPackInstalled, "pack", "LAB-PACK", "count", "1", "kind", "CAL")
	t.message("ts1", "c1", "LICENSE_REQUEST", "which license do you have?")
	t.message("c1", "ts1", "NEW_LICENSE_REQUEST", "none; #1")
	t.event("ls1", "lserver", eventlog.TokenIssued, "kind", "temporary", "license_id", "LAB-T-1", "device", "PC-1", "hardware_id", id, "expires", "2003-06-01T09:00:00Z", "free", "1")
	t.message("ts1", "c1", "NEW_LICENSE", "temporary, 90 days to 2003-06-01 09:00, LAB-T-1")
	t.day = 1
	t.event("lab", "tslab", eventlog.ClockMoved, "now", "2003-03-04 09:00:06")
	t.event("ls1", "lserver", eventlog.TokenUpgraded, "from", "temporary", "kind", "CAL", "license_id", "LAB-C-1", "device", "PC-1", "hardware_id", id, "expires", "2003-05-12T09:00:00Z", "free", "0")
	t.event("lab", "tslab", eventlog.ProgramKilled, "program", "lserver", "target", "ls1")
	t.message("ts1", "c1", "ERROR_ALERT", "no license server")
	t.event("lab", "tslab", eventlog.ExpectationMet, "text", "a CAL")
	t.event("lab", "tslab", eventlog.ExpectationFailed, "text", "one free", "want", "1", "got", "0")
	return &t.Tale
}

func TestTextLadder(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, newTale(), 60, false); err != nil {
		t.Fatal(err)
	}
	want := `time      frame  c1  ts1 ls1
Monday, 2003-03-03

The first day
09:00:02     10  |<--|   |    LICENSE_REQUEST: which licens…
09:00:03     11  |-->|   |    NEW_LICENSE_REQUEST: none; #1
09:00:05     12  |<--|   |    NEW_LICENSE: temporary, 90 da…
Tuesday, 2003-03-04
09:00:06  ~~~~~ the calendar moved to 2003-03-04 09:00:06
09:00:08         |   |   X    lserver on ls1 is killed
09:00:09     13  |<--|   |    ERROR_ALERT: no license server
09:00:11  NOT MET: one free: want 1, got 0
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	b.Reset()
	if err := Text(&b, newTale(), 0, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"|     |     *      key pack LAB-PACK installed: 1 x CAL\n", "09:00:10  met: a CAL\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("with events it lacks %q:\n%s", want, b.String())
		}
	}
}

func TestArrowsPassHosts(t *testing.T) {
	hosts := []string{"a", "b", "c"}
	for _, tt := range []struct{ from, to, want string }{
		{"a", "c", "|---------->|     "},
		{"c", "a", "|<----------|     "},
		{"c", "b", "|     |<----|     "},
		{"b", "", "|     *     |     "},
		{"x", "a", "*     |     |     "},
		{"x", "y", "|     |     |     "},
	} {
		if got := newColumns(hosts, 0).lanes(Line{Kind: Message, From: tt.from, To: tt.to}); got != tt.want {
			t.Errorf("%s to %s: %q, want %q", tt.from, tt.to, got, tt.want)
		}
	}
}

func TestMermaid(t *testing.T) {
	var b bytes.Buffer
	if err := Mermaid(&b, newTale(), false); err != nil {
		t.Fatal(err)
	}
	want := `sequenceDiagram
    participant c1
    participant ts1
    participant ls1
    Note over c1,ls1: The first day
    ts1->>c1: LICENSE_REQUEST (10)
    c1->>ts1: NEW_LICENSE_REQUEST (11)
    ts1->>c1: NEW_LICENSE (12)
    Note over c1,ls1: the calendar moved to 2003-03-04 09:00:06
    Note over ls1: lserver on ls1 is killed
    ts1-xc1: ERROR_ALERT (13)
    Note over c1,ls1: not as expected: one free: want 1, got 0
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

var last = regexp.MustCompile(`\w+$`)

// TestDiff: another license server's ids, ports and times are no difference; another
// answer is.
func TestDiff(t *testing.T) {
	a, b := newTale(), newTale()
	for i := range b.Events {
		b.Events[i].Machine = b.Events[i].Machine.Add(time.Hour)
		b.Events[i].Text = strings.ReplaceAll(b.Events[i].Text, "LAB-T-1", "LAB-XY-9")
	}
	for i := range b.Messages {
		b.Messages[i].Machine = b.Messages[i].Machine.Add(time.Hour)
		b.Messages[i].Frame += 5
		b.Messages[i].Text = strings.ReplaceAll(b.Messages[i].Text, "LAB-T-1", "LAB-XY-9")
	}
	var out bytes.Buffer
	if differ, err := WriteDiff(&out, "a", "b", Diff(a, b)); differ || err != nil {
		t.Errorf("%v, %v\n%s", differ, err, out.String())
	}
	b.Messages[2].Text = strings.ReplaceAll(b.Messages[2].Text, "temporary, 90 days", "CAL, 69 days")
	b.Messages = b.Messages[:3]
	out.Reset()
	differ, err := WriteDiff(&out, "a", "b", Diff(a, b))
	want := `--- a
+++ b

The first day
- ts1 -> c1  NEW_LICENSE: temporary, 90 days to D90, LAB-…
- ts1 -> c1  ERROR_ALERT: no license server
+ ts1 -> c1  NEW_LICENSE: CAL, 69 days to D90, LAB-…

10 lines in common
`
	if diff := cmp.Diff(want, out.String()); diff != "" || !differ || err != nil {
		t.Errorf("%v, %v; -want +got\n%s", differ, err, diff)
	}
}

// TestDiffOrder: which of two hosts was first is no difference, and in which order one
// host did what it did is one.
func TestDiffOrder(t *testing.T) {
	tell := func(lines ...string) *netlab.Tale {
		t := &teller{}
		t.Record = &netlab.Record{Start: day0}
		for _, line := range lines {
			host, text, _ := strings.Cut(line, " ")
			switch host {
			case "step":
				t.event("lab", "tslab", eventlog.LabStep, "text", text)
			case "pc", "mac":
				t.message(host, "ts1", "Ping", text)
			default:
				t.event(host, "termsrv", eventlog.ServerMet, "address", "ls1:3343", "key", text)
			}
		}
		return &t.Tale
	}
	for _, tt := range []struct{ name, a, b, want string }{
		{"two hosts", "ts1 A,ts2 B,pc 1,mac 2", "mac 2,ts2 B,pc 1,ts1 A", ""},
		{"a key", "ts1 sha256:Y8Jk5m25-_tjSYwa", "ts1 sha256:pmgl", ""},
		{"one host", "ts1 A,ts1 B,ts1 C", "ts1 C,ts1 A,ts1 B", "~C"},
		{"one conversation", "pc 1,pc 2", "pc 2,pc 1", "~1"},
		{"another step", "ts1 A,step x", "step x,ts1 A", "-A +A"},
		{"once more", "ts1 A,ts1 B", "ts1 B,ts1 A,ts1 A", "~A +A"},
	} {
		var got []string
		for _, d := range Diff(tell(strings.Split(tt.a, ",")...), tell(strings.Split(tt.b, ",")...)) {
			if d.Sign != " " {
				got = append(got, d.Sign+last.FindString(strings.TrimSuffix(d.Text, " from now on")))
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct{ a, b, want string }{
		{"", "", ""},
		{"abc", "abc", " a b c"},
		{"abc", "xbz", "-a+x b-c+z"},
		{"ab", "", "-a-b"},
		{"", "ab", "+a+b"},
		{"abcd", "acbd", " a-b c+b d"},
	} {
		split := func(s string) []string { return strings.Split(s, "")[:len(s)] }
		got := ""
		for _, d := range compare(split(tt.a), split(tt.b)) {
			got += d.Sign + d.Text
		}
		if got != tt.want {
			t.Errorf("%q and %q: %q, want %q", tt.a, tt.b, got, tt.want)
		}
	}
	a, b := slices.Repeat([]string{"x"}, 6000), slices.Repeat([]string{"y"}, 6000)
	if got := compare(a, b); len(got) != 12000 {
		t.Errorf("two long tales: %d lines", len(got))
	}
}

func TestDevicesAndPools(t *testing.T) {
	tale := newTale()
	devices := Devices(tale)
	if len(devices) != 1 || devices[0].Name != "PC-1" || len(devices[0].Lives) != 2 {
		t.Fatalf("%+v", devices)
	}
	first, second := devices[0].Lives[0], devices[0].Lives[1]
	if first.Kind != "temporary" || first.How != "upgraded" || !first.Ended.Equal(second.From) || second.Kind != "CAL" || !second.Ended.IsZero() ||
		!second.To.Equal(time.Date(2003, 5, 12, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v\n%+v", first, second)
	}
	// What it heard of others, and what else it has a pool of, is no level of this one.
	for _, e := range []eventlog.Event{
		{Name: eventlog.InventoryHeard.Name, Fields: map[string]string{"server": "ls2", "free": "50"}},
		{Name: eventlog.TokenIssued.Name, Fields: map[string]string{"kind": "Internet Connector", "free": "7"}},
	} {
		e.Host, e.Program, e.Lab, e.Machine = "ls1", "lserver", tale.Record.End, machine.Add(time.Hour)
		tale.Events = append(tale.Events, e)
	}
	var levels []string
	for _, l := range Pools(tale)["ls1"] {
		levels = append(levels, fmt.Sprintf("%s %d", l.At.Format(time.DateOnly), l.Free))
	}
	if diff := cmp.Diff([]string{"2003-03-03 1", "2003-03-04 0"}, levels); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestTopology: hosts of one kind are one box when there are many, a router stands
// beside its nets.
func TestTopology(t *testing.T) {
	r := newTale().Record
	r.Nets = append(r.Nets, netlab.Net{Name: "far", Prefix: netip.MustParsePrefix("10.1.0.0/16")})
	r.Hosts = append(r.Hosts, netlab.Host{Name: "r1", Router: true, Cables: []netlab.Cable{{Net: "lan"}, {Net: "far"}}})
	for i := range 40 {
		name := fmt.Sprintf("d%d", i)
		r.Hosts = append(r.Hosts, netlab.Host{Name: name, Cables: []netlab.Cable{{Net: "far"}}})
		r.Programs = append(r.Programs, netlab.ProgramRecord{Host: name, Program: "tsclient"})
	}
	p := topology(r)
	names := map[string]string{}
	for _, b := range p.Boxes {
		names[b.Name] = b.Detail
		if b.X+boxWidth > p.Width || b.Y+boxHeight > p.Height {
			t.Errorf("%+v is outside of %d x %d", b, p.Width, p.Height)
		}
	}
	want := map[string]string{"c1  10.0.0.1": "tsclient", "ts1  10.0.0.2": "termsrv", "ls1  10.0.0.3": "lserver", "idle  10.0.0.4": "", "r1": "router", "d0 … d39": "40 hosts: tsclient"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(p.Nets) != 2 || p.Nets[0].Text != "lan  10.0.0.0/16  site Seattle" || len(p.Cables) != 5+2 {
		t.Errorf("%+v", p)
	}
}

// TestWhereActsAre: a fault stands on the lifeline of its host, that of a partition on the
// first of those that it cuts off, and a calendar that is set on that of its owner; the
// page crosses the one and draws a line for the other.
func TestWhereActsAre(t *testing.T) {
	event := func(k eventlog.Kind, fields map[string]string) eventlog.Event {
		return eventlog.Event{Host: "lab", Program: "tslab", Name: k.Name, Severity: k.Severity, Fields: fields}
	}
	tale := &netlab.Tale{
		Record: &netlab.Record{
			Hosts: []netlab.Host{{Name: "c1"}, {Name: "ts1"}, {Name: "ls1"}},
			Faults: []*netlab.FaultRecord{
				{Name: "loss-1", Fault: &fault.Fault{Host: "ts1"}}, {Name: "split", Groups: [][]string{{"ls1"}, {"ts1"}}}, {Name: "odd"},
			},
		},
		Events: []eventlog.Event{
			event(eventlog.FaultLaid, map[string]string{"name": "loss-1"}), event(eventlog.FaultHealed, map[string]string{"name": "split"}),
			event(eventlog.FaultLaid, map[string]string{"name": "odd"}), event(eventlog.ClockSkewed, map[string]string{"target": "c1"}),
			event(eventlog.ClockMoved, nil),
		},
	}
	var got []string
	for _, l := range Story(tale) {
		got = append(got, l.Kind+" "+l.From)
	}
	if diff := cmp.Diff([]string{"fault ts1", "fault ls1", "fault lab", "calendar c1", "calendar lab"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	var page strings.Builder
	if err := Page(&page, tale); err != nil {
		t.Fatal(err)
	}
	if crosses, jumps := strings.Count(page.String(), `class="cross"`), strings.Count(page.String(), `class="jump"`); crosses != 2 || jumps != 2 {
		t.Errorf("%d crosses and %d jumps are drawn, want 2 and 2", crosses, jumps)
	}
}
