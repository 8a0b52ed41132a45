//go:build linux

package netlab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/tsls"
)

// Invariant is something that must hold after every run, whatever the drill did, and
// whether it did.
type Invariant struct {
	Host string `json:"host"` // of the server that it is about
	Text string `json:"text"`
	Held bool   `json:"held"`
	Seen string `json:"seen"` // what was looked at; where it does not hold, what was found
}

// Why is in a sentence what does not hold.
func (i Invariant) Why() string { return i.Host + ": " + i.Text + ": " + i.Seen }

// Invariants of what is logged.
const (
	inBounds   = "no free licenses were logged that are not installed"
	noneTurned = "no valid client was refused"
)

const (
	licenseProgram  = "lserver"
	terminalProgram = "termsrv"
)

// Broken are the invariants that do not hold.
func (r *Record) Broken() []Invariant {
	var list []Invariant
	for _, i := range r.Invariants {
		if !i.Held {
			list = append(list, i)
		}
	}
	return list
}

// checkInvariants looks at what the programs have left behind: at the store of every
// license server, also of one that was killed, and at what the servers have logged.
// Nothing runs any more.
func (l *Lab) checkInvariants() {
	events, _ := l.journal.since(0)
	for _, h := range l.spec.Hosts {
		own := func(program string) []eventlog.Event {
			return slices.DeleteFunc(slices.Clone(events), func(e eventlog.Event) bool { return e.Host != h.Name || e.Program != program })
		}
		path := filepath.Join(l.ProgramFolder(h.Name, licenseProgram), store.FileName)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			l.record.Invariants = append(l.record.Invariants, storeInvariants(h.Name, path, own(licenseProgram))...)
		}
		if events := own(terminalProgram); len(events) > 0 {
			l.record.Invariants = append(l.record.Invariants, turnedAway(h.Name, events))
		}
	}
	for _, i := range l.record.Broken() {
		l.log.Event(eventlog.InvariantBroken, eventlog.F("server", i.Host), eventlog.F("text", i.Text), eventlog.F("reason", i.Seen))
	}
	l.journal.poll()
}

// storeInvariants are those of the store in a file, and of what its license server has
// logged of it.
func storeInvariants(host, path string, events []eventlog.Event) (list []Invariant) {
	x, err := store.Examine(path)
	for _, inv := range store.Invariants() {
		i := Invariant{Host: host, Text: string(inv), Held: err == nil, Seen: fmt.Sprintf("%d key packs, %d licenses", len(x.Packs), x.Licenses)}
		if err != nil {
			i.Seen = err.Error()
		}
		var found []string
		for _, v := range x.Violations {
			if v.Invariant == inv {
				found = append(found, v.Error())
			}
		}
		if found != nil {
			i.Held, i.Seen = false, strings.Join(found, "; ")
		}
		list = append(list, i)
	}
	if err != nil {
		return list
	}
	return append(list, bounds(host, x.Packs, events))
}

// bounds looks at every number of free licenses that a license server has logged: none
// was below nothing, or above what there is.
func bounds(host string, packs []store.Pack, events []eventlog.Event) Invariant {
	var installed uint64
	for _, p := range packs {
		if !p.Unlimited {
			installed += uint64(p.Total)
		}
	}
	seen := 0
	for _, e := range events {
		free, logged := e.Fields["free"]
		if !logged || e.Name == eventlog.InventoryHeard.Name { // that is said of another, and may be a lie
			continue
		}
		seen++
		if n, err := strconv.ParseUint(free, 10, 64); err != nil || n > installed {
			return Invariant{host, inBounds, false, fmt.Sprintf("%s of %s says that %s are free; installed are %d", e.Name, e.Lab.Format("2006-01-02 15:04:05"), free, installed)}
		}
	}
	return Invariant{host, inBounds, true, fmt.Sprintf("%d numbers in the event log, %d installed", seen, installed)}
}

// turnedAway looks for a device that showed a token that was valid and its own, and
// was refused. Classes are those of the decision table, part 4.
func turnedAway(host string, events []eventlog.Event) Invariant {
	valid := []string{tsls.ClassPermFresh.String(), tsls.ClassPermNear.String(), tsls.ClassTemporary.String(), tsls.ClassBuiltIn.String()}
	admitted := 0
	for _, e := range events {
		if !slices.Contains(valid, e.Fields["class"]) {
			continue
		}
		if e.Name == eventlog.LicenseDenied.Name {
			return Invariant{host, noneTurned, false, fmt.Sprintf("%s, with %s %s, at %s (rule %s)",
				e.Text, e.Fields["kind"], e.Fields["license_id"], e.Lab.Format("2006-01-02 15:04:05"), e.Fields["rule"])}
		}
		if e.Name == eventlog.LicenseAccepted.Name || e.Name == eventlog.LicensePushed.Name {
			admitted++
		}
	}
	return Invariant{host, noneTurned, true, fmt.Sprintf("%d with a valid token, all admitted", admitted)}
}
