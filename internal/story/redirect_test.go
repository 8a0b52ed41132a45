package story

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls/gossip"
	"github.com/tslab/tslab/ls/gossip/mesh"
	"github.com/tslab/tslab/ls/inventory"
	lspolicy "github.com/tslab/tslab/ls/policy"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// both is what terminal server and license servers can do.
const both = tsls.FeatureMark | tsls.FeatureExpiry

// vault is a license server whose store is a few maps: the gossip, the rules and the
// referrals are the real ones.
type vault struct {
	*gossip.Gossip
	name    string
	at      netip.AddrPort
	profile *edition.Profile
	free    int
	taken   int
	rows    map[hwid.ID]lspolicy.Row
}

func (v *vault) entry() inventory.Entry {
	return inventory.Entry{Name: v.name, ServerID: "LAB-" + v.name, Edition: v.profile.Edition.String(), Scope: "workgroup", Activated: true,
		Pools: []inventory.Pool{{Kind: token.CAL, Product: token.Version{Major: 5}, Total: uint32(v.free + v.taken), Free: uint32(v.free)}}}
}

// state is what the rules see of a request.
func (v *vault) state(m tsls.Allocate) (lspolicy.State, []inventory.Belief) {
	peers := lspolicy.Referrals(v.Beliefs(), m)
	return lspolicy.State{Activated: true, Row: v.rows[m.HardwareID], Validated: true, Free: v.free > 0, Peer: len(peers) > 0}, peers
}

// allocate answers as ls does.
func (v *vault) allocate(t *testing.T, m tsls.Allocate) tsls.Allocated {
	if m.Final {
		v.Doubt(m.Failed...)
	}
	state, peers := v.state(m)
	d := lspolicy.Decide(m, state, v.profile, both)
	a := tsls.Allocated{Answer: d.Answer, Validated: d.Validated, Reason: d.Reason}
	switch d.Answer {
	case tsls.AnswerCALTake:
		if v.free == 0 {
			t.Errorf("%s gives a CAL that it does not have", v.name)
		}
		v.free--
		v.taken++
		v.rows[m.HardwareID] = lspolicy.RowCAL
		v.Announce(v.entry(), false)
	case tsls.AnswerTempNew:
		v.rows[m.HardwareID] = lspolicy.RowTemp
	case tsls.AnswerRefer:
		if m.Hops > 0 || m.Final {
			t.Errorf("%s refers on: %+v", v.name, m)
		}
		for _, b := range peers {
			a.Referrals = append(a.Referrals, tsls.Referral{Name: b.Name, ServerID: b.ServerID, Address: b.Address, Validated: d.Validated})
		}
	}
	return a
}

// street is license servers, a terminal server, and the network between them.
type street struct {
	t       *testing.T
	dice    *rand.Rand
	mesh    *mesh.Mesh
	profile edition.Profile
	ts      netip.AddrPort
	vaults  []*vault
	stop    func()

	asked, referred, served, denied int
}

func newStreet(t *testing.T, seed uint64) *street {
	s := &street{t: t, dice: rand.New(rand.NewPCG(seed, 7)), mesh: mesh.New(seed), profile: edition.W2KSP3()}
	if s.dice.IntN(2) == 0 {
		s.profile = edition.W2K()
	}
	s.mesh.Weather(2*time.Millisecond, 0.02)
	s.ts = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, 1}), 1)
	s.mesh.Host(s.ts)
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	var all []netip.AddrPort
	for i := range 3 + s.dice.IntN(2) {
		all = append(all, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), gossip.Port))
	}
	for i, at := range all {
		v := &vault{name: fmt.Sprintf("ls%d", i+1), at: at, profile: &s.profile, free: s.dice.IntN(4), rows: map[hwid.ID]lspolicy.Row{}}
		var err error
		if v.Gossip, err = gossip.New(gossip.Config{
			Owner: v.name, Address: at.String(), Scope: gossip.Workgroup("STREET"), Advertise: at, Transport: s.mesh.Host(at),
			Peers: func(context.Context) []netip.AddrPort { return all },
		}); err != nil {
			t.Fatal(err)
		}
		v.Announce(v.entry(), false)
		wait.Go(func() {
			if err := v.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		s.vaults = append(s.vaults, v)
	}
	s.stop = func() {
		cancel()
		wait.Wait()
		<-time.After(20 * time.Second) // what memberlist has begun ends by itself
	}
	return s
}

// reach is a license server's answer to the terminal server, if it comes there.
func (s *street) reach(addr string) *vault {
	for _, v := range s.vaults {
		if v.at.String() == addr && s.mesh.Reaches(s.ts, v.at) && s.mesh.Reaches(v.at, s.ts) {
			return v
		}
	}
	return nil
}

var errCut = errors.New("no way there")

// comes lets a device of a class come, with the license server first in use.
func (s *street) comes(class tsls.Class, device hwid.ID, first *vault) (policy.Outcome, policy.Answer) {
	server := policy.Server{Profile: &s.profile, Mode: policy.ModeDevice, Grace: policy.Grace{State: policy.GraceEnded}, Features: tsls.Announced(s.profile.Edition)}
	d := policy.Before(time.Now(), server, policy.Client{Class: class, UserNamed: true})
	if d.Verb != policy.Ask {
		s.t.Fatalf("a device with %v asks nobody", class)
	}
	m := tsls.Allocate{Request: d.Ask.Request, Presented: d.Ask.Presented, Mode: d.Ask.Mode, HardwareID: device, Edition: s.profile.Edition.String(), Features: both, Validated: false}
	want := s.due(d, m, first)
	hunt, asks := policy.NewHunt(first.at.String(), m, s.profile.MaxHops), 0
	for addr, m, ok := hunt.Next(); ok; addr, m, ok = hunt.Next() {
		if asks++; asks > s.profile.MaxHops+2 {
			s.t.Fatalf("asked %d times", asks)
		}
		if v := s.reach(addr); v == nil {
			hunt.Silent(errCut)
		} else {
			hunt.Answered(tsls.ServerInfo{Name: v.name, ServerID: "LAB-" + v.name, Activated: true}, v.allocate(s.t, m))
		}
	}
	_, a, referred, err := hunt.Result()
	answer := policy.Answer{Up: err == nil, Code: a.Answer, Activated: true, Validated: a.Validated, Referred: referred}
	if err != nil {
		answer = policy.Answer{}
	}
	got := policy.After(d, answer)
	if got.Rule != want.Rule || got.Admit != want.Admit || got.Wire != want.Wire {
		s.t.Errorf("%v with %v at %s: %s, admitted %v, %v; the table has %s, %v, %v (asked %d times)",
			s.profile.Edition, class, first.name, got.Rule, got.Admit, got.Wire, want.Rule, want.Admit, want.Wire, asks)
	}
	s.asked += asks
	if referred {
		s.referred++
	}
	if answer.Code == tsls.AnswerCALTake {
		s.served++
	}
	if !got.Admit {
		s.denied++
		if class != tsls.ClassTemporaryExpired && s.reach(first.at.String()) != nil {
			s.t.Errorf("a device with %v is refused by %s", class, got.Rule)
		}
	}
	return got, answer
}

// due is what the decision table has for a device: a CAL if the license server in use
// has one, or one of the first that it believes in, and can be reached, has one in
// truth; else what it is without peers.
func (s *street) due(d policy.Decision, m tsls.Allocate, first *vault) policy.Outcome {
	if s.reach(first.at.String()) == nil {
		return policy.After(d, policy.Answer{})
	}
	state, peers := first.state(m)
	decided := lspolicy.Decide(m, state, &s.profile, both)
	referred := false
	if decided.Answer == tsls.AnswerRefer {
		state.Peer = false
		decided = lspolicy.Decide(m, state, &s.profile, both)
		for _, b := range peers[:min(len(peers), s.profile.MaxHops)] {
			if v := s.reach(b.Address); v != nil && (v.free > 0 || v.rows[m.HardwareID] == lspolicy.RowCAL) {
				decided, referred = lspolicy.Decision{Answer: tsls.AnswerCALTake, Validated: true}, true
				break
			}
		}
	}
	return policy.After(d, policy.Answer{Up: true, Code: decided.Answer, Activated: true, Validated: decided.Validated, Referred: referred})
}

// weather cuts and mends the network, and changes stock.
func (s *street) weather() {
	hosts := []netip.AddrPort{s.ts}
	for _, v := range s.vaults {
		hosts = append(hosts, v.at)
	}
	switch s.dice.IntN(6) {
	case 0, 1, 2:
		a, b := hosts[s.dice.IntN(len(hosts))], hosts[s.dice.IntN(len(hosts))]
		cut := s.dice.IntN(2) == 0
		if a != b {
			s.mesh.Cut(a, b, cut)
			s.mesh.Cut(b, a, cut)
		}
	case 3:
		v := s.vaults[s.dice.IntN(len(s.vaults))]
		v.free += 1 + s.dice.IntN(2)
		v.Announce(v.entry(), false)
	case 4:
		s.mesh.Partition()
	}
}

var classes = []tsls.Class{tsls.ClassNone, tsls.ClassTemporary, tsls.ClassTemporaryExpired}

// choose is the license server in use: one that answers, if there is any (rule V7).
func (s *street) choose() *vault {
	first := s.dice.IntN(len(s.vaults))
	for i := range s.vaults {
		if v := s.vaults[(first+i)%len(s.vaults)]; s.reach(v.at.String()) != nil {
			return v
		}
	}
	return s.vaults[first]
}

// live is one seed: half a minute of cuts, with devices that come all the time; then
// the network is whole, everybody learns the truth, and whoever is owed a CAL gets one.
func (s *street) live() {
	for n := range 25 {
		<-time.After(time.Duration(s.dice.IntN(1200)) * time.Millisecond)
		synctest.Wait()
		s.weather()
		s.comes(classes[s.dice.IntN(len(classes))], device(n), s.choose())
	}
	s.mesh.Partition()
	for _, v := range s.vaults { // the hour has struck: nobody is doubted any longer
		v.Announce(v.entry(), true)
	}
	<-time.After(25 * time.Second)
	synctest.Wait()
	left := 0
	for _, v := range s.vaults {
		left += v.free
		for _, b := range v.Beliefs() {
			for _, w := range s.vaults {
				if w.name == b.Name && (int(b.Free(token.CAL, token.Version{Major: 5})) != w.free || b.Doubted) {
					s.t.Errorf("%s believes of %s %+v, which has %d", v.name, b.Name, b.Pools, w.free)
				}
			}
		}
		if n := len(v.Beliefs()); n != len(s.vaults)-1 {
			s.t.Errorf("%s knows of %d others", v.name, n)
		}
	}
	for n := range left + 1 {
		outcome, answer := s.comes(tsls.ClassTemporaryExpired, device(1000+n), s.vaults[n%len(s.vaults)])
		if took := answer.Code == tsls.AnswerCALTake; took != (n < left) || outcome.Admit != took {
			s.t.Errorf("of %d CALs, device %d: admitted %v, %v", left, n, outcome.Admit, answer.Code)
		}
	}
}

func device(n int) hwid.ID { return hwid.New(1, [16]byte{byte(n), byte(n >> 8), 1}) }

// TestRedirectThroughCuts: a thousand seeds of random cuts between license servers and
// to the terminal server, with the redirect running. No request ends worse than the
// decision table allows, and nobody is refused while a license server that is believed
// to have a CAL, and can be reached, has one.
//
// proves R99
// proves R100
func TestRedirectThroughCuts(t *testing.T) {
	seeds := uint64(1000)
	if testing.Short() {
		seeds = 60
	}
	var asked, referred, served, denied int
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			s := newStreet(t, seed)
			s.live()
			s.stop()
			asked, referred, served, denied = asked+s.asked, referred+s.referred, served+s.served, denied+s.denied
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d seeds: license servers were asked %d times, %d CALs, %d of them by referral, %d devices refused", seeds, asked, served, referred, denied)
	if referred == 0 || denied == 0 || served == 0 {
		t.Error("the seeds do not reach what they are for")
	}
}
