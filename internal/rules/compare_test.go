package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
)

// off is one knob away from its default; the zero off is none.
type off struct{ knob, value string }

func (o off) profile(e edition.Edition) *edition.Profile {
	p := edition.Of(e)
	if o.knob != "" && p.Get(o.knob) != "-" {
		if err := p.Set(o.knob, o.value); err != nil {
			panic(err)
		}
	}
	return &p
}

// shaping are the knobs that no rule names and that say which combinations there
// are, or what a value of a column is: a number of days, of sessions. With what it
// is set to, for a number.
func shaping() map[string]string {
	return map[string]string{
		"default_ls_referral": "", "resend_live_row": "", "upgrade_needs_validated": "", // enumerate.go
		"grace_days": "30", "ic_limit": "7", "renew_window_days": "3", "warn_days": "5", "max_step": "12h",
	}
}

// offs lists the knobs that the rules of a connection read, or that shape its
// combinations, each at every value that is not the default of every edition.
func offs(t *Table) []off {
	return offsOf(t, Gate, Device, User, LicenseServer, Acquire, GracePeriod)
}

func offsOf(t *Table, parts ...Part) []off {
	used := shaping()
	for _, p := range parts {
		for _, r := range t.Rules(p) {
			for _, k := range r.knobs {
				used[k.knob] = ""
				if k.lacks {
					used[k.knob] = "w2k-sp3|w2k-rtm, ws2003"
				}
			}
		}
	}
	var list []off
	for _, k := range edition.Knobs() {
		number, ok := used[k.Name]
		if !ok {
			continue
		}
		if number != "" {
			for v := range strings.SplitSeq(number, "|") {
				list = append(list, off{k.Name, v})
			}
			continue
		}
		for v := range strings.SplitSeq(k.Values, ", ") {
			if slices.ContainsFunc(k.Defaults[:], func(d string) bool { return d != "-" && d != v }) {
				list = append(list, off{k.Name, v})
			}
		}
	}
	return list
}

// tally is what a run of comparisons found.
type tally struct {
	count  map[string]int  // combinations
	fired  map[string]bool // rules that were the first to fit
	usual  map[string]bool // the same with every knob at its default
	proved map[string]bool // rules whose deletion is noticed
}

// TestCodeIsTheTable holds the servers' decisions against the table, for every
// combination that a connection can meet, with every knob off its default in turn.
// And it deletes each rule once: the comparison must notice.
func TestCodeIsTheTable(t *testing.T) {
	table := load(t)
	n := tally{map[string]int{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for i, o := range append([]off{{}}, offs(table)...) {
		for _, e := range edition.All() {
			n.compare(t, table, o, e)
		}
		if i == 0 {
			t.Logf("%d combinations: %d end in the gate, %d in part device, %d in part user",
				n.count["all"], n.count[string(Gate)], n.count[string(Device)], n.count[string(User)])
			if n.count["all"] != 18942 {
				t.Errorf("combinations at default knobs: %d, want 18942", n.count["all"])
			}
			n.usual = n.fired
			n.fired = map[string]bool{}
		}
	}
	t.Logf("%d combinations more with %d settings of knobs off their default", n.count["all"]-18942, len(offs(table)))
	var rare []string
	for _, p := range []Part{Gate, Device, User, LicenseServer} {
		for _, r := range table.Rules(p) {
			if r.Note {
				continue
			}
			if !n.fired[r.Number] && !n.usual[r.Number] {
				t.Errorf("rule %s is never the first that fits", r.Number)
			} else if !n.usual[r.Number] {
				rare = append(rare, r.Number)
			}
			if !n.proved[r.Number] {
				t.Errorf("rule %s can be deleted and the comparison does not notice", r.Number)
			}
		}
	}
	want := []string{"G6a", "M34d", "M13a", "M14e", "M34t", "M34b", "M34c", "M37t", "M35a", "M43a", "M44a", "M43b", "M44b", "M45a", "U1b", "U1c", "U2a", "U3t", "L29"}
	if diff := cmp.Diff(want, rare); diff != "" {
		t.Errorf("rules that need a knob off its default (-want +got):\n%s", diff)
	}
}

// compare takes one edition with one knob off through all its combinations.
func (n *tally) compare(t *testing.T, table *Table, o off, e edition.Edition) {
	p := o.profile(e)
	f, v := farm{ts: p, ls: p}, table.view(p)
	deleted := map[string]*view{}
	for c := range connections(p) {
		want, w := v.want(c, f)
		got := f.got(c)
		n.count["all"]++
		if w.last() != nil {
			n.count[string(w.last().Part)]++
		}
		if !same(want, got) {
			t.Fatalf("knob %+v, %s\n(-table +code):\n%s", o, &c, cmp.Diff(want, got))
		}
		if slices.Contains(w.events(), "1004+") {
			quiet := farm{ts: p, ls: p, unnamed: true}
			if want, _ := v.want(c, quiet); !same(want, quiet.got(c)) {
				t.Fatalf("knob %+v, no user named, %s\n(-table +code):\n%s", o, &c, cmp.Diff(want, quiet.got(c)))
			}
		}
		for _, r := range append(w.Path, w.Answer) {
			if r == nil || n.fired[r.Number] && n.proved[r.Number] {
				continue
			}
			n.fired[r.Number] = true
			if n.proved[r.Number] {
				continue
			}
			if deleted[r.Number] == nil {
				deleted[r.Number] = table.without(r.Number).view(p)
			}
			less, _ := deleted[r.Number].want(c, f)
			n.proved[r.Number] = !same(less, got)
		}
	}
}

// TestMixedFarm: a terminal server with the hotfix and a license server without
// go by the rules without it, and so do the two the other way round. A CAL near
// its expiry is not renewed, an expired one is none.
func TestMixedFarm(t *testing.T) {
	table := load(t)
	old, fixed := edition.W2K(), edition.W2KSP3()
	v := table.view(&old)
	for _, f := range []farm{{ts: &fixed, ls: &old}, {ts: &old, ls: &fixed}} {
		count := 0
		for c := range connections(&old) {
			want, _ := v.want(c, f)
			// The license server with the hotfix sends a device's CAL again (L3).
			if got := f.got(c); !same(want, got) {
				t.Fatalf("terminal server %s, license server %s, %s\n(-table +code):\n%s",
					f.ts.Edition, f.ls.Edition, &c, cmp.Diff(want, got))
			}
			count++
		}
		t.Logf("terminal server %s, license server %s: %d combinations", f.ts.Edition, f.ls.Edition, count)
	}
}

func load(t *testing.T) *Table {
	t.Helper()
	table, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return table
}
