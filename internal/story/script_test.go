package story

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/wire/token"
)

// TestStories tells the stories that the rules are held against once more, with the
// programs themselves: every connection is a client's over RDP, every token is signed,
// carried, stored and verified, every row lies in a license store.
//
// proves R18, R19, R20, R24, R25, R28, R29, R78, R91, R92, R93, R94, R95, R97, R102, R103, R104, R105
// proves R106, R107, R108, R109, R110, R111, R112, R114, R115, R116, R117, R150, R153, R154, R156
// proves R173, R174, R175, R176, R184, R186, R187, R188, R189, R191, R192, R193
func TestStories(t *testing.T) {
	text, err := os.ReadFile("../rules/testdata/stories.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range strings.Split(string(text), "\n== ")[1:] {
		lines := strings.Split(strings.TrimSpace(story), "\n")
		t.Run(lines[0], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { tell(t, lines[1:]) })
		})
	}
}

func tell(t *testing.T, lines []string) {
	head := strings.Fields(lines[0])
	p, err := edition.Parse(head[0])
	if err != nil {
		t.Fatal(err)
	}
	// The stories count on the shortest life; how often a terminal server asks
	// after its license server is another test's business.
	if err := p.SetAll(append([]string{"cal_life_days=52", "verify_min=20000"}, head[1:]...)); err != nil {
		t.Fatal(err)
	}
	if p.Edition == edition.RTM {
		p.CALLife = edition.W2K().CALLife
	}
	f := newFarm(t)
	defer f.end()
	f.ls = f.licenseServer("ls1", p)
	f.ls.activate()
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "0 ls down") {
		f.wires.cut(f.ls.addr, true)
	}
	f.ts = f.termServer("ts1", p, f.ls.addr)
	events := ""
	for _, line := range lines {
		if want, ok := strings.CutPrefix(line, "events "); ok {
			events = want
		} else {
			f.step(strings.Fields(line))
		}
	}
	synctest.Wait()
	if diff := cmp.Diff(events, summary(f)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// step does one line of a story.
func (f *farm) step(w []string) {
	f.t.Helper()
	var days, hours int
	fmt.Sscanf(w[0], "%d+%d", &days, &hours)
	f.at(time.Duration(days)*day + time.Duration(hours)*time.Hour)
	switch w[1] {
	case "ls":
		f.change(w[2])
	case "poll": // within a quarter of an hour
		<-time.After(15 * time.Minute)
		synctest.Wait()
	case "reimage":
		f.wipe(w[2], true)
	case "forget":
		f.wipe(w[2], false)
	case "free":
		if got := fmt.Sprint(f.ls.free()); got != w[2] {
			f.t.Errorf("%v: %s CALs in the pool", w, got)
		}
	case "grace":
		if got := f.ts.Status().Grace.State.String(); got != w[2] {
			f.t.Errorf("%v: grace %s", w, got)
		}
	case "mode":
		f.ts.restart(func(c *ts.Config) { c.Mode = modes[w[2]] })
	default:
		name, failed := strings.CutSuffix(w[1], "-")
		out := f.connect(f.ts, f.pc(name, "9x"), !failed)
		if out.rule != w[2] {
			f.t.Errorf("%v: rule %s, %+v", w, out.rule, out)
		}
	}
}

func (f *farm) wipe(name string, hardwareID bool) {
	f.t.Helper()
	if err := f.pc(name, "9x").Store.Wipe(true, hardwareID); err != nil {
		f.t.Fatal(err)
	}
}

func (f *farm) change(what string) {
	f.t.Helper()
	l := f.ls
	switch what {
	case "up", "down":
		f.wires.cut(l.addr, what == "down")
	case "activate":
		l.activate()
	case "deactivate":
		if _, err := l.Deactivate(f.t.Context()); err != nil {
			f.t.Fatal(err)
		}
	default:
		var n uint32
		if _, err := fmt.Sscanf(what, "+%d", &n); err == nil {
			l.install(token.CAL, n-l.cals)
			l.cals = n
			return
		}
		p, err := edition.Parse(what)
		if err != nil {
			f.t.Fatal(err)
		}
		l.end()
		f.wires.cut(l.addr, true) // what stood to the old process
		f.wires.cut(l.addr, false)
		l.config.Edition = p
		if p.Edition != edition.RTM {
			l.config.Edition.CALLife = edition.Life{Min: 52, Max: 52}
		}
		l.start()
	}
}

// told are the events of a story: those of the terminal server's system log but 1010,
// which the search for license servers brings, and 1000, which goes with 1004 for a
// client that names its user.
func (f *farm) told() (all []eventlog.Event) {
	for _, e := range f.ts.journal.events(f.t) {
		if e.ID != 0 && e.ID != eventlog.NoLicenseServer.ID && e.ID != eventlog.CannotAcquireLicense.ID {
			all = append(all, e)
		}
	}
	return all
}

// summary writes the events with their days, runs of days as one.
func summary(f *farm) string {
	type at struct{ id, day int }
	var list []at
	for _, e := range f.told() {
		list = append(list, at{e.ID, int(e.Lab.Sub(f.begin) / day)})
	}
	var parts []string
	for len(list) > 0 {
		first, n := list[0], 1
		for n < len(list) && list[n] == (at{first.id, first.day + n}) {
			n++
		}
		part := fmt.Sprintf("%d@%d", first.id, first.day)
		if n > 1 {
			part += fmt.Sprintf("..%d", first.day+n-1)
		}
		parts = append(parts, part)
		list = slices.Delete(list, 0, n)
	}
	return strings.Join(parts, " ")
}
