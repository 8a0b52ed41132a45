//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/netlab"
)

// TestShowLabs: a lab that ended since it was found is left out; one that is named must
// be up.
func TestShowLabs(t *testing.T) {
	over, up := t.TempDir(), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	socket, err := control.Listen(up)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- control.ServeListener(ctx, socket, map[string]control.Handler{
			"hosts": func(context.Context, json.RawMessage) (any, error) { return labShown{Drill: "two"}, nil },
		})
	}()
	defer func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	labs, err := showLabs(ctx, []string{over, up}, true)
	if err != nil || len(labs) != 1 || labs[0].Run != up || labs[0].Drill != "two" {
		t.Errorf("found: %+v, %v", labs, err)
	}
	if labs, err := showLabs(ctx, []string{over}, true); err != nil || labs == nil || len(labs) != 0 {
		t.Errorf("found over: %#v, %v; want an empty list", labs, err)
	}
	if _, err := showLabs(ctx, []string{over}, false); err == nil || !strings.Contains(err.Error(), "no lab is up in "+over) {
		t.Errorf("named: %v", err)
	}
}

func TestPrintLabs(t *testing.T) {
	day := time.Date(2003, 3, 3, 9, 0, 4, 0, time.UTC)
	host := func(name string, router bool, programs []string, cables ...netlab.Cable) hostShown {
		return hostShown{netlab.Host{Name: name, Router: router, Cables: cables}, programs}
	}
	lan := netlab.Cable{Net: "lan", Interface: "eth0", Address: netip.MustParseAddr("10.0.0.1")}
	both := netlab.Cable{Net: "branch", Interface: "eth1", Address: netip.MustParseAddr("10.1.0.1"), Address6: netip.MustParseAddr("fd00:0:0:1::1")}
	var out strings.Builder
	err := printLabs(&out, []labShown{
		{Run: "runs/two", Drill: "two", Date: day, Hosts: []hostShown{host("ts1", false, []string{"termsrv", "bash"}, lan)}},
		{Run: "runs/m/ws2003", Drill: "m [ws2003]", Date: day, Faults: 2, Hosts: []hostShown{host("r1", true, nil, lan, both)}},
	})
	want := `runs/two: two, 2003-03-03 09:00:04 UTC

HOST  CABLE  NET  ADDRESS   RUNS
ts1   eth0   lan  10.0.0.1  termsrv bash

runs/m/ws2003: m [ws2003], 2003-03-03 09:00:04 UTC, faults: 2

HOST         CABLE  NET     ADDRESS        RUNS
r1 (router)  eth0   lan     10.0.0.1
             eth1   branch  10.1.0.1
             eth1   branch  fd00:0:0:1::1
`
	if diff := cmp.Diff(want, out.String()); diff != "" || err != nil {
		t.Errorf("%v; -want +got\n%s", err, diff)
	}
}
