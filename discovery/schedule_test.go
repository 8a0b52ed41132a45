package discovery_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/edition"
)

// TestRetry: a pass every 15 minutes until a license server is found, then a ping
// every two hours, every hour where it is an enterprise one (rules V6, V1 to V5).
//
// proves R83
// proves R85
func TestRetry(t *testing.T) {
	for scope, pings := range map[string]int{"workgroup": 12, "enterprise": 24} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			s := newSeeker(t, w, edition.SP3, nil)
			s.until(t, time.Hour+time.Minute)
			if w.none != 5 || w.asked != 5 {
				t.Errorf("%d passes, %d of them without a license server; want 5 in an hour", w.asked, w.none)
			}
			w.add("ls1", "10.0.0.1", scope)
			s.setup.Order = []discovery.Step{discovery.StepKeys} // any scope may be found by its name
			s.setup.List = []string{"ls1:3343"}
			s.until(t, 15*time.Minute)
			if s.inUse() != "ls1" {
				t.Fatal("not found by the next pass")
			}
			before := len(w.probed)
			s.until(t, 24*time.Hour)
			if got := len(w.probed) - before; got != pings {
				t.Errorf("%s: %d pings in a day, want %d", scope, got, pings)
			}
		})
	}
}

// TestPingFails: the next of the catalog takes the place of one that is silent, and
// only when there is none a pass is made (rule V7).
func TestPingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		one, two := w.add("ls1", "10.0.0.1", "workgroup"), w.add("ls2", "10.0.0.2", "workgroup")
		s := newSeeker(t, w, edition.SP3, nil)
		s.until(t, time.Minute)
		first := s.inUse()
		byName := map[string]*host{"ls1": one, "ls2": two}
		byName[first].silent = true
		s.until(t, 2*time.Hour)
		second := s.inUse()
		if second == first || second == "" || w.asked != 1 || w.none != 0 {
			t.Fatalf("%q after %q, %d broadcasts, none %d times", second, first, w.asked, w.none)
		}
		byName[second].dead = true
		s.until(t, 2*time.Hour)
		if s.inUse() != "" || w.none == 0 || w.asked < 2 {
			t.Errorf("%q in use, %d broadcasts, none %d times", s.inUse(), w.asked, w.none)
		}
		byName[first].silent = false
		s.until(t, 15*time.Minute)
		if s.inUse() != first {
			t.Errorf("%q in use, want %q, which answers again", s.inUse(), first)
		}
	})
}

// TestSticky: a healthy license server is kept when others appear and when the one
// that was first comes back; the knob failback leads back (rules V9, V10).
//
// proves R56
func TestSticky(t *testing.T) {
	for _, failback := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			one := w.add("ls1", "10.0.0.1", "workgroup")
			s := newSeeker(t, w, edition.SP3, func(s *discovery.Setup, _ *discovery.Config) { s.Failback = failback })
			s.until(t, time.Minute)
			w.add("ls2", "10.0.0.2", "workgroup")
			s.Pass(t.Context())
			if s.inUse() != "ls1" || s.known() != "ls1 ls2" {
				t.Fatalf("%q in use of %q", s.inUse(), s.known())
			}
			one.dead = true
			s.Silent("10.0.0.1:3343", errRefused) // a client found out
			next, ok := s.After("10.0.0.1:3343")
			if !ok || next != "10.0.0.2:3343" {
				t.Fatalf("next is %q, %v", next, ok)
			}
			s.Heard(next, w.servers[next].info)
			if s.inUse() != "ls2" {
				t.Fatalf("%q in use, want the one that answered", s.inUse())
			}
			one.dead = false
			s.until(t, 5*time.Hour)
			if want := map[bool]string{false: "ls2", true: "ls1"}[failback]; s.inUse() != want {
				t.Errorf("failback %v: %q in use, want %q", failback, s.inUse(), want)
			}
		})
	}
}

// TestOnDemand: a pass that a client causes does not move the timer, and what is
// wanted twice is one pass (rule V8); with the knob off the next pass is that of the
// timer (rule V11).
func TestOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := newSeeker(t, w, edition.SP3, nil)
		began := time.Now()
		s.until(t, time.Minute)
		due := s.Next()
		if due.Sub(began).Round(time.Second) != 15*time.Minute {
			t.Fatalf("the next pass is %v after the start", due.Sub(began))
		}
		w.add("ls1", "10.0.0.1", "workgroup")
		s.until(t, time.Minute)
		if s.inUse() != "" {
			t.Error("found before anybody looked")
		}
		s.Seek()
		s.Seek()
		s.until(t, time.Minute)
		if s.inUse() != "ls1" || w.asked != 2 || !s.Next().Equal(due) {
			t.Errorf("%q in use after %d broadcasts, next at %v, was %v", s.inUse(), w.asked, s.Next(), due)
		}
	})
}

// TestLossStartsRetry: when the license server is lost between two pings, the next
// pass is at most a retry away.
func TestLossStartsRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("ls1", "10.0.0.1", "workgroup").dead = false
		s := newSeeker(t, w, edition.SP3, nil)
		s.until(t, 10*time.Minute)
		w.servers["10.0.0.1:3343"].dead = true
		s.Silent("10.0.0.1:3343", errRefused)
		if got := time.Until(s.Next()); got > 15*time.Minute {
			t.Errorf("the next pass is %v away", got)
		}
		if s.known() != "-ls1" {
			t.Errorf("the catalog is %q", s.known())
		}
	})
}

// TestGone: who does not answer a pass any more stands in the catalog as silent.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("ls1", "10.0.0.1", "workgroup")
		w.add("ls2", "10.0.0.2", "workgroup")
		s := newSeeker(t, w, edition.SP3, nil)
		s.Pass(t.Context())
		gone := map[string]string{"ls1": "ls2", "ls2": "ls1"}[s.inUse()]
		for _, h := range w.servers {
			h.dead = h.info.Name == gone
		}
		s.Pass(t.Context())
		if c := s.Catalog(); len(c) != 2 || c[1].Info.Name != gone || c[1].Live || !c[0].Live {
			t.Errorf("%+v", c)
		}
		if _, ok := s.After(s.Catalog()[0].Address); ok {
			t.Error("a silent one comes next")
		}
	})
}

// TestRestart: what is sought has changed.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("ls1", "10.0.0.1", "workgroup")
		w.add("ls2", "10.0.0.2", "workgroup")
		s := newSeeker(t, w, edition.SP3, nil)
		s.until(t, time.Minute)
		s.setup.Override = "ls2:3343"
		s.Restart()
		if s.known() != "" {
			t.Errorf("still known: %q", s.known())
		}
		s.until(t, time.Minute)
		if s.inUse() != "ls2" || s.known() != "ls2" {
			t.Errorf("%q in use of %q", s.inUse(), s.known())
		}
	})
}

// TestSiteRetry: the site's entry is read every hour with the knob retry_site, while
// the domain controllers are asked every 15 minutes; who moves into the site finds
// its license server then.
func TestSiteRetry(t *testing.T) {
	for _, retry := range []time.Duration{15 * time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.add("ent", "10.0.0.9", "enterprise")
			s := newSeeker(t, w, edition.SP3, inDomain)
			s.setup.RetrySite = retry
			s.until(t, time.Minute)
			w.site = discovery.Site{Name: "A", Enterprise: "10.0.0.9:3343"}
			began := time.Now()
			for s.inUse() == "" && time.Since(began) < 3*time.Hour {
				s.until(t, time.Minute)
			}
			if took := time.Since(began); took > retry || took < retry-5*time.Minute {
				t.Errorf("found after %v, want it within %v", took, retry)
			}
		})
	}
}

// TestChance: who is chosen among those that answer is drawn, and every one is.
func TestChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("ls1", "10.0.0.1", "workgroup")
		w.add("ls2", "10.0.0.2", "workgroup")
		w.add("ls3", "10.0.0.3", "workgroup")
		s := newSeeker(t, w, edition.SP3, nil)
		got := map[string]int{}
		for range 300 {
			s.Restart()
			s.Pass(t.Context())
			got[s.inUse()]++
		}
		for _, name := range []string{"ls1", "ls2", "ls3"} {
			if got[name] < 60 {
				t.Errorf("%s was chosen %d times of 300: %v", name, got[name], got)
			}
		}
		if s.count("discovery.answered") != 900 || s.count("discovery.asked") != 300 {
			t.Errorf("%d answers to %d questions", s.count("discovery.answered"), s.count("discovery.asked"))
		}
	})
}
