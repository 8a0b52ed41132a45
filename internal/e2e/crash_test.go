package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/eventlog"
)

// guarantees is the page that the crash table stands on.
const guarantees = "../../docs/guarantees.md"

// rewrite in the environment has the page written anew.
const rewrite = "TSLAB_WRITE_GUARANTEES"

// exchange is something that several programs do together, in which each is killed.
type exchange struct {
	name  string
	about string // for the page: how things stand, what is done
	// base brings a new farm to where the exchange begins. Nothing runs afterwards.
	base func(f *crashFarm)
	// act is the exchange; what the victim is asked to do may fail.
	act func(f *crashFarm)
	// again is the next try, with everybody alive, and says what came of it.
	again func(f *crashFarm) string
	tries int      // how often, before everything is as it would have been; 0 for once
	who   []string // whose disks are looked at
	// end is what they hold when all tries are over, whoever was killed where.
	end map[string]string
	// returns are license servers whose pool must be whole when every date has passed.
	returns map[string]string
	deaths  []death
}

// death is a point at which an actor is killed.
type death struct {
	actor string
	at    crash.Point
	end   map[string]string // where it is not that of the exchange, and why
	why   string
}

// deaths of one actor at the steps of one exchange of its program.
func deaths(actor, what string, steps ...crash.Step) []death {
	list := make([]death, len(steps))
	for i, s := range steps {
		list[i] = death{actor: actor, at: crash.At(what, s)}
	}
	return list
}

// whole are the steps of a request that is answered out of a store.
func whole() []crash.Step {
	return []crash.Step{crash.Asked, crash.BeforeStore, crash.AfterStore, crash.BeforeReply, crash.AfterReply}
}

// finding is a row of the crash table.
type finding struct {
	death
	after map[string]string // what each holds when the victim is dead
	next  string            // what came of the next try
	then  map[string]string // what each holds after it
}

// TestCrashTable kills the programs at every named step of every exchange: what each
// party holds then is what docs/guarantees.md says; the next try of who lives heals it;
// in the end everything is as if nothing had happened.
//
// proves R15, R96
func TestCrashTable(t *testing.T) {
	all := exchanges()
	findings := make([][]finding, len(all))
	t.Run("exchange", func(t *testing.T) {
		for i, x := range all {
			t.Run(x.name, func(t *testing.T) {
				t.Parallel()
				findings[i] = x.run(t, i)
			})
		}
	})
	if t.Failed() {
		return
	}
	page := guaranteesPage(all, findings)
	if os.Getenv(rewrite) != "" {
		if err := os.WriteFile(guarantees, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(guarantees)
	if err != nil || string(have) != page {
		t.Errorf("%s is not what was found (%v): run `make guarantees`, and look at what has changed:\n%s", filepath.Base(guarantees), err, difference(string(have), page))
	}
}

// difference are the lines that only one of two texts has.
func difference(have, want string) string {
	var b strings.Builder
	a, c := strings.Split(have, "\n"), strings.Split(want, "\n")
	for _, line := range a {
		if !slices.Contains(c, line) {
			fmt.Fprintf(&b, "-%s\n", line)
		}
	}
	for _, line := range c {
		if !slices.Contains(a, line) {
			fmt.Fprintf(&b, "+%s\n", line)
		}
	}
	return b.String()
}

// TestEveryPointIsOfTheTable: each point that a program can be killed at is one at
// which the table kills it, and each that the table names is one.
func TestEveryPointIsOfTheTable(t *testing.T) {
	used := map[crash.Place]bool{}
	for _, x := range exchanges() {
		for _, d := range x.deaths {
			used[crash.Place{Program: actors()[d.actor], Point: d.at}] = true
		}
	}
	for _, p := range crash.Points() {
		if !used[p] {
			t.Errorf("no exchange kills %s at %s", p.Program, p.Point)
		}
		delete(used, p)
	}
	for p := range used {
		t.Errorf("%s has no point %s: enter it in internal/crash", p.Program, p.Point)
	}
}

// run finds out what every death leads to.
func (x *exchange) run(t *testing.T, number int) []finding {
	base := newCrashFarm(t, number)
	x.base(base)
	base.stop()
	var list []finding
	for _, d := range x.deaths {
		f := base.copy(t)
		f.victim, f.point = d.actor, d.at
		list = append(list, x.die(f, d))
		if t.Failed() {
			return nil
		}
		if err := os.RemoveAll(f.dir); err != nil {
			t.Error(err)
		}
	}
	return list
}

// die lets one death happen and what follows.
func (x *exchange) die(f *crashFarm, d death) finding {
	f.t.Helper()
	x.act(f)
	if err := f.falls(); err != nil {
		f.t.Errorf("%s/%s: it did not die there: %v", d.actor, d.at, err)
		return finding{}
	}
	f.stop()
	found := finding{death: d, after: x.look(f)}
	f.victim = ""
	found.next = x.again(f)
	f.stop()
	found.then = x.look(f)
	for range max(x.tries, 1) - 1 {
		x.again(f)
		f.stop()
	}
	end := x.end
	if d.end != nil {
		end = d.end
	}
	have := x.look(f)
	for actor, want := range end {
		if have[actor] != want {
			f.t.Errorf("%s/%s: in the end %s holds %q, want %q", d.actor, d.at, actor, have[actor], want)
		}
	}
	f.turnedAway()
	for actor, want := range x.returns {
		if got := f.afterAll(actor); got != want {
			f.t.Errorf("%s/%s: when every date has passed %s holds %q, want %q", d.actor, d.at, actor, got, want)
		}
	}
	return found
}

// turnedAway looks for a device that showed a valid token of its own and was refused,
// while somebody was dead or later.
func (f *crashFarm) turnedAway() {
	f.t.Helper()
	for _, e := range f.events("ts") {
		valid := slices.Contains([]string{"perm-fresh", "perm-near", "temp", "built-in"}, e.Fields["class"])
		if valid && e.Name == eventlog.LicenseDenied.Name {
			f.t.Errorf("%s/%s: a device with a valid token was refused: %s", f.victim, f.point, e.Text)
		}
	}
}

func (x *exchange) look(f *crashFarm) map[string]string {
	holds := map[string]string{}
	for _, actor := range x.who {
		holds[actor] = f.holds(actor)
	}
	return holds
}
