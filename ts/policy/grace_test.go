package policy

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/tsls"
)

// live follows a grace period as a server's duty loop does: it sleeps until the
// next duty and does it, to the end of days.
func live(g Grace, p *edition.Profile) (Grace, []Duty) {
	var done []Duty
	for range 100 {
		next := g.NextDue(p)
		if next.IsZero() {
			break
		}
		var d []Duty
		g, d = g.Due(p, next)
		done = append(done, d...)
	}
	return g, done
}

// TestWarnings: 1009 on each of the last 14 days at the hour of the start, 1008 at
// the end.
func TestWarnings(t *testing.T) {
	for _, test := range []struct {
		profile edition.Profile
		days    int
	}{{edition.W2K(), 90}, {edition.W2KSP3(), 90}, {edition.WS2003(), 120}} {
		g := Grace{}.Started(&test.profile, start())
		end := start().AddDate(0, 0, test.days)
		var want []Duty
		for d := 14; d >= 1; d-- {
			want = append(want, Duty{EventGraceExpiring, end.AddDate(0, 0, -d), end})
		}
		want = append(want, Duty{EventGraceExpired, end, end})
		g, got := live(g, &test.profile)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.profile.Edition, diff)
		}
		if g.State != GraceEnded || g.Reason != GraceExpired {
			t.Errorf("%s: %s %s", test.profile.Edition, g.State, g.Reason)
		}
	}
}

func TestDueIsDoneOnce(t *testing.T) {
	p := edition.W2KSP3()
	g := Grace{}.Started(&p, start())
	warn := g.End.AddDate(0, 0, -14)
	at := func(now time.Time, want ...Duty) {
		t.Helper()
		var got []Duty
		g, got = g.Due(&p, now)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", now, diff)
		}
	}
	duty := func(days int) Duty { return Duty{EventGraceExpiring, g.End.AddDate(0, 0, -days), g.End} }
	at(warn.Add(-time.Second))
	at(warn, duty(14))
	at(warn)
	at(warn.Add(23 * time.Hour))
	at(warn.Add(-30 * 24 * time.Hour)) // the clock is set back
	at(warn.Add(time.Hour))            // and is here again
	at(warn.Add(24*time.Hour+time.Minute), duty(13))
	at(warn.Add(5*24*time.Hour+time.Hour), duty(9)) // the server was down for days: the latest
	at(g.End.Add(-time.Second), duty(1))
	at(g.End.Add(-time.Second))
	at(g.End.Add(48*time.Hour), Duty{EventGraceExpired, g.End, g.End})
	at(g.End.Add(49 * time.Hour))
	at(start()) // ended is ended
	if g.State != GraceEnded || g.Reason != GraceExpired {
		t.Errorf("%s %s", g.State, g.Reason)
	}
}

func TestShortGrace(t *testing.T) {
	p := edition.W2KSP3()
	if err := p.SetAll([]string{"grace_days=3"}); err != nil {
		t.Fatal(err)
	}
	_, got := live(Grace{}.Started(&p, start()), &p)
	want := []time.Time{start(), start().AddDate(0, 0, 1), start().AddDate(0, 0, 2), start().AddDate(0, 0, 3)}
	var at []time.Time
	for _, d := range got {
		at = append(at, d.At)
	}
	if diff := cmp.Diff(want, at); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := p.SetAll([]string{"warn_days=0"}); err != nil {
		t.Fatal(err)
	}
	if _, got := live(Grace{}.Started(&p, start()), &p); len(got) != 1 || got[0].Event != EventGraceExpired {
		t.Errorf("without warnings: %v", got)
	}
}

func TestServiceStart(t *testing.T) {
	p, boot := edition.W2KSP3(), edition.W2KSP3()
	if err := boot.Set("grace_start", "boot"); err != nil {
		t.Fatal(err)
	}
	if g, d := (Grace{}).ServiceStarted(&p, start()); g.State != GraceNotStarted || d != nil {
		t.Errorf("first_accept: %s %v", g.State, d)
	}
	g, _ := (Grace{}).ServiceStarted(&boot, start())
	if g.State != GraceRunning || !g.Start.Equal(start()) {
		t.Errorf("boot: %+v", g)
	}
	g, _ = g.Due(&p, g.End)
	for _, test := range []struct {
		after time.Duration
		said  int
	}{{time.Hour, 0}, {23 * time.Hour, 0}, {24 * time.Hour, 1}, {25 * time.Hour, 0}, {48 * time.Hour, 1}} {
		var d []Duty
		g, d = g.ServiceStarted(&p, g.End.Add(test.after))
		if len(d) != test.said {
			t.Errorf("start %s after the end: %v, want %d", test.after, d, test.said)
		}
	}
	found := ended()
	if _, d := found.ServiceStarted(&p, start()); d != nil {
		t.Errorf("ended by a license server: %v", d)
	}
}

func TestGraceIsStored(t *testing.T) {
	p := edition.W2KSP3()
	g := Grace{}.Started(&p, start())
	g, _ = g.Due(&p, g.End.AddDate(0, 0, -3))
	text, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"state":"running","start":"2003-03-03T09:00:00Z","end":"2003-06-01T09:00:00Z","warned":"2003-05-29T09:00:00Z"}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var back Grace
	if err := json.Unmarshal(text, &back); err != nil || !cmp.Equal(g, back) {
		t.Errorf("read back: %+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"state":"paused"}`), &back); err == nil {
		t.Error("state paused was read")
	}
	if text, _ := json.Marshal(Grace{}); string(text) != `{"state":"not-started"}` {
		t.Errorf("new installation: %s", text)
	}
}

// TestGraceToken: what the grace period gives by the letter of KB 326422, and to whom.
func TestGraceToken(t *testing.T) {
	for _, e := range edition.All() {
		p := edition.Of(e)
		p.GraceToken = edition.TSTemp
		for _, test := range []struct {
			class  tsls.Class
			grace  Grace
			answer Answer
			pushed Push
		}{
			{tsls.ClassNone, Grace{}, Answer{}, PushGrace},
			{tsls.ClassNone, Grace{}.Started(&p, start()), Answer{}, PushGrace},
			{tsls.ClassNone, ended(), Answer{}, PushNone},
			{tsls.ClassNone, Grace{}, up(tsls.AnswerTempNew), PushTemp},
			{tsls.ClassTemporary, Grace{}, Answer{}, PushNone},        // it has one that counts
			{tsls.ClassTemporaryExpired, Grace{}, Answer{}, PushNone}, // that would be a second one
			{tsls.ClassPermExpired, Grace{}, Answer{}, PushNone},      // it would lose what it can have renewed
			{tsls.ClassCorrupt, Grace{}, Answer{}, PushNone},
		} {
			if test.class == tsls.ClassPermExpired && e == edition.RTM {
				continue // which reads it as nothing
			}
			s := Server{Profile: &p, Grace: test.grace, Features: tsls.Announced(e)}
			out := After(Before(start(), s, Client{Class: test.class}), test.answer)
			if out.Pushed != test.pushed || out.Pushed == PushGrace && (!out.Admit || out.Mark || out.Wire != WireNew || !out.Grace.End.After(start())) {
				t.Errorf("%s, %s in a grace period that is %s: %+v", e, test.class, test.grace.State, out)
			}
		}
	}
}
