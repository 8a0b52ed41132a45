//go:build linux

package report

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab"
)

// Life is the life of a token at a license server, from its issue to its end.
type Life struct {
	Server, Kind, ID string
	From, To         time.Time // To is zero for a token that does not expire
	Ended            time.Time // when it was upgraded, returned or found expired; zero: still out
	How              string    // of the end: "upgraded"
}

// Device is the tokens of a device, by its hardware id.
type Device struct {
	Name, HardwareID string
	Lives            []Life
}

// Devices tells the lives of all tokens that license servers issued to devices, by the
// license servers' event logs. Devices stand in the order of their first token.
func Devices(t *netlab.Tale) []Device {
	devices := map[string]*Device{}
	for _, e := range t.Events {
		f := e.Fields
		id := f["hardware_id"]
		if id == "" {
			continue
		}
		switch e.Name {
		case eventlog.TokenIssued.Name, eventlog.TokenUpgraded.Name, eventlog.TokenRenewed.Name:
			d := devices[id]
			if d == nil {
				d = &Device{HardwareID: id}
				devices[id] = d
			}
			d.Name = f["device"]
			d.end(e.Host, f["license_id"], e.Lab, "renewed")
			if e.Name == eventlog.TokenUpgraded.Name {
				d.endKind(e.Host, f["from"], e.Lab, "upgraded")
			}
			expires, _ := time.Parse(time.RFC3339, f["expires"]) // zero: never
			d.Lives = append(d.Lives, Life{Server: e.Host, Kind: f["kind"], ID: f["license_id"], From: e.Lab, To: expires})
		case eventlog.TokenReturned.Name, eventlog.TokenExpired.Name:
			if d := devices[id]; d != nil {
				d.end(e.Host, f["license_id"], e.Lab, e.Name[len("token."):])
			}
		}
	}
	var all []Device
	for _, id := range slices.Sorted(maps.Keys(devices)) {
		all = append(all, *devices[id])
	}
	slices.SortStableFunc(all, func(a, b Device) int { return a.Lives[0].From.Compare(b.Lives[0].From) })
	return all
}

func (d *Device) end(server, id string, at time.Time, how string) {
	d.endIf(func(l *Life) bool { return l.Server == server && l.ID == id }, at, how)
}

func (d *Device) endKind(server, kind string, at time.Time, how string) {
	d.endIf(func(l *Life) bool { return l.Server == server && l.Kind == kind }, at, how)
}

func (d *Device) endIf(match func(*Life) bool, at time.Time, how string) {
	for i := range d.Lives {
		if l := &d.Lives[i]; l.Ended.IsZero() && match(l) {
			l.Ended, l.How = at, how
		}
	}
}

// Level is how many licenses of a kind a license server had free from a moment on.
type Level struct {
	At   time.Time // lab
	Free int
}

// connector is the kind of license that has a pool of its own beside the CALs.
const connector = "Internet Connector"

// Pools tells the levels of the license servers' pools of CALs, by their event logs.
func Pools(t *netlab.Tale) map[string][]Level {
	pools := map[string][]Level{}
	for _, e := range t.Events {
		if e.Name == eventlog.InventoryHeard.Name || e.Fields["kind"] == connector {
			continue // what others have, and another pool
		}
		levels := pools[e.Host]
		last := 0
		if len(levels) > 0 {
			last = levels[len(levels)-1].Free
		}
		n, err := strconv.Atoi(e.Fields["free"])
		switch {
		case e.Name == eventlog.KeyPackInstalled.Name && e.Fields["kind"] == "CAL":
			count, err := strconv.Atoi(e.Fields["count"])
			if err != nil {
				continue
			}
			n = last + count
		case err != nil || e.Program != "lserver" || n == last && len(levels) > 0:
			continue
		}
		pools[e.Host] = append(levels, Level{e.Lab, n})
	}
	return pools
}
