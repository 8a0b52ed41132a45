package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/tsls"
)

func believed() tsls.PeerList {
	cals := []tsls.PoolInfo{{Kind: "CAL", Major: 5, Total: 10, Available: 3}, {Kind: "CAL", Major: 5, Minor: 2, Total: 2, Available: 2}, {Kind: "Internet Connector", Major: 5, Total: 1}}
	return tsls.PeerList{Now: day.Add(90 * time.Minute), Group: "workgroup/WORKGROUP", Peers: []tsls.PeerInfo{
		{Name: "ls2", Address: "10.0.0.2:3343", Edition: "w2k-sp3", Activated: true, Seen: true, Heard: day, Pools: cals},
		{Name: "ls3", Address: "10.0.0.3:3343", Edition: "ws2003", Activated: true, Seen: true, Doubted: true, Heard: day.Add(89*time.Minute + 30*time.Second), Pools: cals},
		{Name: "ls4", Address: "10.0.0.4:3343", Edition: "w2k-rtm", Activated: true, Heard: day.AddDate(0, 0, -3)},
		{Name: "ls5", Address: "10.0.0.5:3343", Edition: "w2k-sp3", Seen: true, Heard: day.Add(-4 * time.Hour)},
		{Name: "ls6", Address: "10.0.0.6:3343", Edition: "w2k-sp3", Seen: true, Heard: day.AddDate(1, 0, 0)},
	}}
}

// TestPeersTable: what is believed, how old that is, and how it is to be taken.
func TestPeersTable(t *testing.T) {
	var out bytes.Buffer
	if err := peersOf("ls1", believed()).print(&out); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(out.String()) {
		if len(line) > 81 {
			t.Errorf("%d characters: %s", len(line)-1, line)
		}
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"ls1 shares its inventory with workgroup/WORKGROUP", "",
		"SERVER ADDRESS EDITION CALS FREE OF HEARD STATE",
		"ls2 10.0.0.2:3343 w2k-sp3 5 12 90 min ago there",
		"ls3 10.0.0.3:3343 ws2003 5 12 30 s ago found empty",
		"ls4 10.0.0.4:3343 w2k-rtm 0 0 3 d ago silent",
		"ls5 10.0.0.5:3343 w2k-sp3 - - 5 h ago not activated",
		"ls6 10.0.0.6:3343 w2k-sp3 - - - not activated",
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestPeersJSON: what scripts read of a peer.
func TestPeersJSON(t *testing.T) {
	n := peersOf("ls1", believed())
	if n.Group != "workgroup/WORKGROUP" || n.Server != "ls1" || len(n.Peers) != 5 {
		t.Fatalf("%+v", n)
	}
	p := n.Peers[1]
	if p.Free != 5 || p.AgeSeconds != 30 || !p.Doubted || !p.Seen || p.Heard == nil || len(p.Pools) != 3 || p.Pools[1] != (pool{"CAL", "5.2", 2, 2}) {
		t.Errorf("%+v", p)
	}
}

// TestPeersOfNobody: a server alone says so.
func TestPeersOfNobody(t *testing.T) {
	for group, want := range map[string]string{"": "with nobody", "workgroup/X": "has heard of no other"} {
		var out bytes.Buffer
		if err := peersOf("ls1", tsls.PeerList{Group: group}).print(&out); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%q: %q, %v", group, out.String(), err)
		}
	}
}

// TestPeersCommand asks a real license server, which shares with nobody.
func TestPeersCommand(t *testing.T) {
	d := newDesk(t)
	var out bytes.Buffer
	c := command()
	c.Writer = &out
	if err := c.Run(t.Context(), []string{"licmgr", "peers", "--server", d.server, "--state", d.dir}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "LS1 shares its inventory with nobody") {
		t.Errorf("printed %q", out.String())
	}
}
