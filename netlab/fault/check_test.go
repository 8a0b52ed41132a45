package fault

import (
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	ok := Fault{Name: "x", Host: "ts1"}
	with := func(change func(*Fault)) Fault { f := ok; change(&f); return f }
	for _, tt := range []struct {
		name string
		f    Fault
		want string // "" when it is right
	}{
		{"loss", with(func(f *Fault) { f.Kind, f.Percent = Loss, 20 }), ""},
		{"delay", with(func(f *Fault) { f.Kind, f.Delay, f.Jitter = Delay, time.Second, time.Second }), ""},
		{"drop inside", with(func(f *Fault) { f.Kind, f.Message, f.Nth = Drop, "tsls.Allocate", 1 }), ""},
		{"drop of a datagram", with(func(f *Fault) { f.Kind, f.Message, f.Peers = Drop, "dns.SRV", []string{"dc1"} }), ""},
		{"drop on the wire", with(func(f *Fault) { f.Kind, f.Message, f.Level, f.Port = Drop, "NEW_LICENSE", Wire, 3389 }), ""},
		{"flap", with(func(f *Fault) { f.Kind, f.Schedule = Flap, Schedule{Every: time.Second, For: time.Millisecond} }), ""},
		{"port over IPv6", with(func(f *Fault) { f.Kind, f.Protocol, f.Port = Cut, "ipv6", 3389 }), ""},

		{"no kind", ok, `fault x: there is no kind ""; there are loss, drop, `},
		{"no name", Fault{Kind: Cut, Host: "ts1"}, `fault cut: name "": want letters`},
		{"no host", Fault{Name: "x", Kind: Cut}, "on no host"},
		{"way", with(func(f *Fault) { f.Kind, f.Direction = Cut, "up" }), `direction "up": want "from" for what ts1 sends`},
		{"protocol", with(func(f *Fault) { f.Kind, f.Protocol = Cut, "sctp" }), `protocol "sctp": want one of`},
		{"port without", with(func(f *Fault) { f.Kind, f.Protocol, f.Port = Cut, "arp", 3 }), "arp has no ports"},
		{"reset of what", with(func(f *Fault) { f.Kind, f.Protocol = Reset, "udp" }), "only TCP has resets"},
		{"its own peer", with(func(f *Fault) { f.Kind, f.Peers = Cut, []string{"ts1"} }), "not a peer of itself"},
		{"message", with(func(f *Fault) { f.Kind, f.Message = Drop, "HELLO" }), `there is no message "HELLO"; want one such as PLATFORM_CHALLENGE_RESPONSE, tsls.Allocate, locate.Query, dns.SRV`},
		{"frames inside", with(func(f *Fault) { f.Kind, f.Level = Drop, Endpoint }), "a program knows messages, not frames"},
		{"rate of a message", with(func(f *Fault) { f.Kind, f.Message, f.Kilobits = Rate, "dns.SRV", 1 }), "to lose one use drop"},
		{"datagram inside", with(func(f *Fault) { f.Kind, f.Message, f.Level = Drop, "dns.SRV", Endpoint }), "travels in datagrams"},
		{"reorder inside", with(func(f *Fault) { f.Kind, f.Message = Reorder, "tsls.Mark" }), "cannot reorder a message"},
		{"filter inside", with(func(f *Fault) { f.Kind, f.Message, f.Port = Drop, "tsls.Mark", 3343 }), "or say level=\"wire\""},
		{"percent", with(func(f *Fault) { f.Kind, f.Percent = Loss, 101 }), "percent 101"},
		{"percent missing", with(func(f *Fault) { f.Kind = Loss }), "percent is missing: each frame is lost"},
		{"jitter", with(func(f *Fault) { f.Kind, f.Delay, f.Jitter = Delay, 1, 2 }), "jitter 2ns: want at most the delay"},
		{"overtake", with(func(f *Fault) { f.Kind, f.Delay, f.Overtake = Delay, 1, true }), "without jitter"},
		{"too long", with(func(f *Fault) { f.Kind, f.Delay = Delay, 2*time.Hour }), "at most 1h0m0s"},
		{"no use", with(func(f *Fault) { f.Kind, f.Copies = Cut, 3 }), "copies means nothing here: nothing arrives"},
		{"burst", with(func(f *Fault) { f.Kind, f.Kilobits, f.Burst = Rate, 1, 100 }), "a frame of 1514 bytes must fit"},
		{"nth of cut", with(func(f *Fault) { f.Kind, f.Nth = Cut, 3 }), "nth and times mean nothing here"},
		{"flap always", with(func(f *Fault) { f.Kind = Flap }), "every is missing"},
		{"schedule", with(func(f *Fault) { f.Kind, f.Schedule = Cut, Schedule{From: 3, Until: 2} }), "is not behind after"},
		{"half a period", with(func(f *Fault) { f.Kind, f.Schedule = Cut, Schedule{Every: 3} }), "every and lasting go together"},
		{"whole period", with(func(f *Fault) { f.Kind, f.Schedule = Cut, Schedule{Every: 3, For: 3} }), "is always"},
		{"gap", with(func(f *Fault) { f.Kind, f.Gap = Reorder, -1 }), "gap -1"},
		{"truncated frame", with(func(f *Fault) { f.Kind = Truncate }), "a frame cannot be truncated, only a message"},
		{"truncated on the wire", with(func(f *Fault) { f.Kind, f.Message, f.Level = Truncate, "LICENSE_INFO", Wire }), "only a message inside a program"},
		{"TLS on the wire", with(func(f *Fault) { f.Kind, f.Message, f.Level = Drop, "tsls.Allocate", Wire }), "tsls.Allocate is always inside TLS"},
		{"truncated", with(func(f *Fault) { f.Kind, f.Message = Truncate, "LICENSE_INFO" }), ""},
		{"checksum", with(func(f *Fault) { f.Kind, f.Checksum = Corrupt, "no" }), `checksum "no"`},
	} {
		err := tt.f.Check()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestSchedule(t *testing.T) {
	const ms = time.Millisecond
	s := Schedule{From: 10 * ms, Until: 40 * ms, Every: 10 * ms, For: 3 * ms}
	var changes []time.Duration
	for at, ok := time.Duration(0), true; ok; {
		if at, ok = s.Next(at); ok {
			changes = append(changes, at)
			if s.Active(at) == s.Active(at-1) {
				t.Errorf("nothing changes at %v", at)
			}
		}
	}
	want := []time.Duration{10 * ms, 13 * ms, 20 * ms, 23 * ms, 30 * ms, 33 * ms}
	if len(changes) != len(want) {
		t.Fatalf("changes at %v, want %v", changes, want)
	}
	for i := range want {
		if changes[i] != want[i] {
			t.Errorf("changes at %v, want %v", changes, want)
		}
	}
	if s := (Schedule{}); !s.Active(0) || !s.Active(time.Hour) || s.String() != "" {
		t.Errorf("the zero schedule is not always: %q", s)
	}
	if _, ok := (Schedule{}).Next(0); ok {
		t.Error("the zero schedule changes")
	}
	if got, want := s.String(), "3ms of every 10ms, from 10ms until 40ms"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The throws are part of what a seed promises: they must not change.
func TestDice(t *testing.T) {
	d := NewDice(1, "ts1:eth0", true)
	if d.Throw(1) == NewDice(1, "ts1:eth0", false).Throw(1) || d.Throw(1) == NewDice(2, "ts1:eth0", true).Throw(1) ||
		d.Throw(1) == NewDice(1, "ts2:eth0", true).Throw(1) {
		t.Error("a cable, a direction or a seed shares its dice with another")
	}
	below, all := Threshold(25)
	if below != 1<<62 || all {
		t.Errorf("a quarter is %d, %v", below, all)
	}
	for _, p := range []float64{0, 100} {
		if _, all := Threshold(p); !all {
			t.Errorf("%v percent is not every frame", p)
		}
	}
	hits := 0
	for n := range uint64(100000) {
		if d.Throw(n+1) < below {
			hits++
		}
	}
	if hits < 24400 || hits > 25600 { // 4.4 standard deviations
		t.Errorf("%d of 100000 throws are a quarter", hits)
	}
}
