package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	ts "github.com/tslab/tslab/ts/policy"
)

// A story is a script, a step a line: the day (or day+hours) since the lab's start, what
// happens, and what must come of it.
//
//	0 C1 M46        device C1 connects, its user logs on: rule M46 decides
//	0 C1- M46       the same with a failed logon
//	5 ls down       the license server; up, down, +N (CALs installed), activate
//	5 poll          the terminal server looks for a license server
//	10 reimage C1
//	10 free 3       that many CALs are in the pool
//	10 mode user
//	10 grace ended
type story struct {
	name     string
	edition  edition.Edition
	settings []string
	script   string
	events   string // every event of the terminal server, "1009@76..89 1008@90"
}

func stories() []story {
	return []story{
		{name: "one script, before the hotfix (D02)", edition: edition.RTM, script: `
			0 ls +5
			0 C1 M43
			0 free 4
			1 C1 M3
			500 C1 M3
			500 free 4`},
		{name: "one script, with it (D02, D22)", edition: edition.SP3, script: `
			0 ls +5
			0 C1- M46
			0 free 5
			1 C1 M21
			1 free 5
			2 C1 M19
			2 free 4
			3 C1 M3`},
		{name: "life of a temporary token (D06)", edition: edition.SP3, script: `
			0 C1 M46
			45 C1 M22
			89 C1 M22
			90+1 C1 M29
			95 C1 M29
			100 ls +1
			101 C1 M25`, events: "1011@90 1011@95"},
		{name: "life of a temporary token, 2003 (D06)", edition: edition.Server2003, script: `
			0 C1 M47
			45 C1 M22
			89 C1 M22
			90+1 C1 M28
			95 C1 M28
			100 ls +1
			101 C1 M25
			101 grace ended`},
		{name: "no second temporary token for a device that forgot it (C21)", edition: edition.SP3, script: `
			0 C1 M46
			10 forget C1
			10 C1 M41a
			90+1 forget C1
			90+1 C1 M42`, events: "1011@90"},
		{name: "the letter of the white paper (C21)", edition: edition.SP3, settings: []string{"temps_per_hwid=0"}, script: `
			0 C1 M46
			90+1 C1 M29
			91 forget C1
			91 C1 M46`, events: "1011@90"},
		{name: "ninety days of nothing (D07)", edition: edition.SP3, script: `
			0 ls down
			0 C1 M37
			10 C2 M37
			89 C3 M37
			91 C1 M38`, events: "1009@76..89 1008@90 1004@91"},
		{name: "a hundred and twenty days of nothing", edition: edition.Server2003, script: `
			0 ls down
			0 C1 M37
			119 C2 M37
			121 C1 M38`, events: "1009@106..119 1008@120 1004@121"},
		{name: "a client ends it before the duty does", edition: edition.SP3, settings: []string{"warn_days=0"}, script: `
			0 ls down
			0 C1 M37
			90 C1 M38
			90 grace ended`, events: "1008@90 1004@90"},
		{name: "grace thrown away (D08)", edition: edition.SP3, script: `
			0 ls down
			0 ls deactivate
			0 C1 M37
			3 ls up
			3 poll
			3 grace ended
			4 ls down
			4 C9 M38`, events: "1004@4"},
		{name: "grace kept (D08)", edition: edition.Server2003, script: `
			0 ls down
			0 ls deactivate
			0 C1 M37
			3 ls up
			3 poll
			4 ls down
			4 C9 M37
			121 C9 M38`, events: "1009@106..119 1008@120 1004@121"},
		{name: "renewal window (D23)", edition: edition.SP3, settings: []string{"cal_life_days=60"}, script: `
			0 ls +2
			0 C1 M46
			0 C2 M46
			1 C1 M19
			1 C2 M19
			1 free 0
			20 C1 M3
			53 C1 M3
			54 ls down
			54 C1 M10
			57 C1 M10
			58 ls up
			58 C1 M6
			60 free 0
			61+1 free 1
			62 C2 M11
			62 free 0
			110 C1 M3
			111 C1 M6`},
		{name: "a stranger takes the returned CAL (D23)", edition: edition.SP3, settings: []string{"cal_life_days=60"}, script: `
			0 ls +1
			0 C2 M46
			1 C2 M19
			2 C3 M46
			3 C3 M22
			61+1 C3 M19
			62 C2 M14
			62 free 0
			63 C2 M22`},
		{name: "reimage, the printed example (D23b)", edition: edition.SP3, settings: []string{"cal_life_days=89"}, script: `
			0 ls +1
			0 C1 M46
			1 C1 M19
			10 reimage C1
			10 C1 M46
			50 C1 M22
			89 C1 M22
			90 free 0
			90+1 free 1
			90+1 C1 M19`},
		{name: "reimage, and another is quicker (D23b)", edition: edition.SP3, settings: []string{"cal_life_days=89"}, script: `
			0 ls +1
			0 C1 M46
			1 C1 M19
			10 reimage C1
			10 C1 M46
			80 C2 M46
			90+1 C2 M19
			90+1 C1 M22
			100 C1 M22
			100+1 C1 M29`, events: "1011@100"},
		{name: "a farm of which half is patched (D24)", edition: edition.SP3, script: `
			0 ls +5
			0 ls w2k-rtm
			0 C1 M43
			1 C1 M3
			30 ls w2k-sp3
			400 C1 M3
			400 C2 M46
			401 C2 M19
			401 free 3
			800 C1 M3
			800 free 4`},
		{name: "2003 per device (D29)", edition: edition.Server2003, script: `
			0 ls +1
			0 C1 M47
			0 C2 M47
			1 C1 M19
			1 grace ended
			1 free 0
			1 C2 M22
			46 C1 M6
			91 C2 M29`, events: "1011@91"},
		{name: "2003 per device, a CAL that is not used (D29)", edition: edition.Server2003, script: `
			0 ls +1
			0 C1 M47
			0 C2 M47
			1 C1 M19
			91 C2 M25`},
		{name: "mode flip (D30)", edition: edition.Server2003, script: `
			0 C1 M47
			0 C2 M47
			91 C1 M28
			121 C1 M29
			121 mode user
			121 C1 U4
			121 C3 U2
			122 ls down
			122 C3 U5
			122 C5 U7a
			122 C1 U7b
			123 ls up
			123 mode invalid
			123 C4 M47
			123 C2 M29`, events: "1009@106..119 1008@120 1011@121 1004@122 1011@122..123"},
		{name: "2003 grace by the book (D31)", edition: edition.Server2003, settings: []string{"cal_life_days=60"}, script: `
			0 ls down
			0 C1 M37
			10 ls up
			10 ls +5
			10 C1 M47
			10 grace running
			11 C1 M19
			11 grace ended
			12 ls down
			12 C2 M38
			63 C1 M3
			64 C1 M10
			71 C1 M10
			71+1 C1 M15a`, events: "1004@12 1028@71"},
		{name: "longest free ride (D35)", edition: edition.SP3, script: `
			0 ls down
			0 ls deactivate
			0 C1 M37
			89+1 ls up
			89+1 poll
			89+2 C1 M48
			150 C4 M48
			179+2 C1 M23
			179+3 C1 M30
			240 C4 M23
			240+1 C4 M30`, events: "1009@76..89 1011@179 1011@240"},
		{name: "longest free ride, 2003 (D35)", edition: edition.Server2003, script: `
			0 ls down
			0 ls deactivate
			0 C1 M37
			119+1 ls up
			119+1 poll
			119+2 C1 M48
			209+2 C1 M23
			209+3 C1 M30`, events: "1009@106..119 1008@120 1011@209"},
	}
}

func TestStories(t *testing.T) {
	for _, s := range stories() {
		t.Run(s.name, func(t *testing.T) {
			l := newLab(s.edition, s.settings...)
			for line := range strings.Lines(s.script) {
				if fields := strings.Fields(line); len(fields) > 0 {
					l.step(t, fields)
				}
			}
			if diff := cmp.Diff(s.events, summary(l.server.events)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// step does one line of a script.
func (l *lab) step(t *testing.T, f []string) {
	t.Helper()
	var day, hour int
	fmt.Sscanf(f[0], "%d+%d", &day, &hour)
	l.at(now().AddDate(0, 0, day).Add(time.Duration(hour) * time.Hour))
	switch f[1] {
	case "ls":
		l.setServer(t, f[2])
	case "poll":
		l.poll()
	case "reimage":
		l.reimage(f[2])
	case "forget":
		l.device(f[2]).token = nil
	case "free":
		if got := fmt.Sprint(l.license.free()); got != f[2] {
			t.Errorf("%v: %s CALs in the pool", f, got)
		}
	case "grace":
		if got := l.server.grace.State.String(); got != f[2] {
			t.Errorf("%v: grace %s", f, got)
		}
	case "mode":
		l.server.mode = map[string]ts.Mode{"user": ts.ModeUser, "invalid": ts.ModeInvalid, "device": ts.ModeDevice}[f[2]]
	default:
		name, failed := strings.CutSuffix(f[1], "-")
		out, _ := l.connect(name, !failed)
		if out.Rule != f[2] {
			t.Errorf("%v: rule %s (%s)", f, out.Rule, out.Reason)
		}
	}
}

func (l *lab) setServer(t *testing.T, what string) {
	s := l.license
	switch what {
	case "up", "down":
		s.up = what == "up"
	case "activate", "deactivate":
		s.activated = what == "activate"
	default:
		if _, err := fmt.Sscanf(what, "+%d", &s.installed); err == nil {
			return
		}
		p, err := edition.Parse(what)
		if err != nil {
			t.Fatal(err)
		}
		s.profile = p
	}
}

// summary writes events with their days, runs of days as one.
func summary(list []logged) string {
	var parts []string
	for i := 0; i < len(list); {
		first, n := list[i], 1
		for i+n < len(list) && list[i+n] == (logged{first.event, first.day + n}) {
			n++
		}
		part := fmt.Sprintf("%s@%d", first.event, first.day)
		if n > 1 {
			part += fmt.Sprintf("..%d", first.day+n-1)
		}
		parts = append(parts, part)
		i += n
	}
	return strings.Join(parts, " ")
}

// TestYear: a thousand devices that come once a week share 100 CALs for a year. No
// CAL is issued twice, and whoever holds one keeps it by coming.
func TestYear(t *testing.T) {
	l := newLab(edition.SP3)
	l.license.installed = 100
	held := map[string]bool{}
	for week := range 52 {
		for n := range 1000 {
			l.at(now().AddDate(0, 0, 7*week).Add(time.Duration(n) * time.Minute))
			name := fmt.Sprintf("C%d", n)
			out, _ := l.connect(name, true)
			if held[name] && !out.Admit {
				t.Fatalf("week %d: %s had a CAL and is refused by %s", week, name, out.Rule)
			}
			held[name] = held[name] || out.Pushed == ts.PushCAL
			if l.license.free() < 0 {
				t.Fatalf("week %d: %d CALs free", week, l.license.free())
			}
		}
	}
	refused := 0
	for _, e := range l.server.events {
		if e.event == ts.EventTemporaryExpired && e.day > 7*51-1 {
			refused++
		}
	}
	if len(held) != 1000 || refused != 900 || l.license.free() != 0 {
		t.Errorf("after a year %d of %d devices are refused, %d CALs are free", refused, len(held), l.license.free())
	}
}
