package rules

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	ts "github.com/tslab/tslab/ts/policy"
)

// TestStories tells the stories of testdata/stories.txt, which says what its lines mean.
func TestStories(t *testing.T) {
	text, err := os.ReadFile("testdata/stories.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range strings.Split(string(text), "\n== ")[1:] {
		lines := strings.Split(strings.TrimSpace(story), "\n")
		t.Run(lines[0], func(t *testing.T) {
			head := strings.Fields(lines[1])
			e, err := edition.ParseEdition(head[0])
			if err != nil {
				t.Fatal(err)
			}
			l, events := newLab(e, head[1:]...), ""
			for _, line := range lines[2:] {
				if want, ok := strings.CutPrefix(line, "events "); ok {
					events = want
				} else {
					l.step(t, strings.Fields(line))
				}
			}
			if diff := cmp.Diff(events, summary(l.server.events)); diff != "" {
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

// TestYear: 400 devices that come once a week share 40 CALs for a year. No
// CAL is issued twice, and whoever holds one keeps it by coming.
func TestYear(t *testing.T) {
	l := newLab(edition.SP3)
	l.license.installed = 40
	held := map[string]bool{}
	for week := range 52 {
		for n := range 400 {
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
	if len(held) != 400 || refused != 360 || l.license.free() != 0 {
		t.Errorf("after a year %d of %d devices are refused, %d CALs are free", refused, len(held), l.license.free())
	}
}
