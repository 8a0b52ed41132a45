package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/wire/locate"
)

// office is a network whose license servers answer a broadcast.
type office struct {
	replies []string // from where
	asked   int
	mute    bool
}

func (o *office) Broadcast(_ context.Context, query []byte, heard func(netip.AddrPort, []byte)) error {
	o.asked++
	q, err := locate.ParseQuery(query)
	if err != nil || o.mute {
		return errors.Join(err, errors.New("nobody can be asked"))
	}
	for _, from := range o.replies {
		b, err := locate.Reply{Nonce: q.Nonce, Name: "ls", Port: 3343, Edition: "w2k-sp3", Scope: q.Scope, Group: q.Group}.Append(nil)
		if err != nil {
			return err
		}
		heard(netip.MustParseAddrPort(from), b)
		heard(netip.MustParseAddrPort("10.0.0.99:3345"), []byte("no reply"))
	}
	return nil
}

func (o *office) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if service != "ldap" || proto != "tcp" || name != "dc._msdcs.lab.example" {
		return "", nil, errors.New("no such name")
	}
	return "", []*net.SRV{{Target: "dc1.lab.example."}, {Target: "lost.lab.example."}}, nil
}

func (o *office) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host != "dc1.lab.example." {
		return nil, errors.New("no such name")
	}
	return []netip.Addr{netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("fd00::7")}, nil
}

func sorted(list []netip.AddrPort) string {
	var out []string
	for _, a := range list {
		out = append(out, a.String())
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestSeeksByBroadcast: a workgroup is asked at the start, again while nobody answers,
// and seldom later; who answered once stays known.
func TestSeeksByBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{mute: true}
		s := &seeker{workgroup: "WORKGROUP", own: netip.MustParseAddr("10.0.0.1"), network: o, heard: map[netip.AddrPort]bool{}}
		for range 10 {
			if got := s.peers(t.Context()); len(got) > 0 {
				t.Errorf("found %v", got)
			}
		}
		if o.asked != broadcastEarly {
			t.Errorf("asked %d times", o.asked)
		}
		o.mute, o.replies = false, []string{"10.0.0.2:3345", "10.0.0.1:3345", "[fe80::2%eth0]:3345", "[fd00::2]:3345"}
		<-time.After(broadcastLater)
		for range 3 {
			if got := sorted(s.peers(t.Context())); got != "10.0.0.2:3344" {
				t.Errorf("found %s", got)
			}
		}
		if o.asked != broadcastEarly+1 {
			t.Errorf("asked %d times", o.asked)
		}
	})
}

// TestSeeksInTheDomain: DNS names those who may be license servers.
func TestSeeksInTheDomain(t *testing.T) {
	o := &office{}
	s := &seeker{domain: "lab.example", named: []string{"10.0.0.9:4444", "no name"}, own: netip.MustParseAddr("10.0.0.1"), network: o, resolver: o}
	if got := sorted(s.peers(t.Context())); got != "10.0.0.7:3344 10.0.0.9:4444" || o.asked != 0 {
		t.Errorf("found %s, broadcast %d times", got, o.asked)
	}
	s.domain = "other.example"
	if got := sorted(s.peers(t.Context())); got != "10.0.0.9:4444" {
		t.Errorf("found %s", got)
	}
}

// TestGossipOptions: who shares the inventory where, and what cannot be.
func TestGossipOptions(t *testing.T) {
	for _, tt := range []struct {
		args string
		bind string
		seek bool
		err  string
	}{
		{"", ":3344", true, ""},
		{"--listen 127.0.0.1:0", "", false, ""},
		{"--listen 127.0.0.1:0 --peers 127.0.0.1", "127.0.0.1:3344", false, ""},
		{"--listen 10.0.0.1:3343", "10.0.0.1:3344", true, ""},
		{"--listen 127.0.0.1:0 --gossip 127.0.0.1:0", "127.0.0.1:0", false, ""},
		{"--gossip off", "", true, ""},
		{"--gossip off --peers ls2", "", false, "--gossip off: there are --peers"},
		{"--peers ls2:x", "", false, "--peers"},
		{"--advertise here", "", false, "--advertise"},
	} {
		c := command()
		var got options
		var err error
		c.Action = func(_ context.Context, c *ucli.Command) error {
			got, err = optionsFrom(c)
			return nil
		}
		if e := c.Run(t.Context(), append([]string{"lserver", "--state", t.TempDir()}, strings.Fields(tt.args)...)); e != nil {
			t.Fatal(e)
		}
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v", tt.args, err)
			}
		case err != nil || got.gossip.bind != tt.bind || got.gossip.seek != tt.seek:
			t.Errorf("%s: %+v, %v", tt.args, got.gossip, err)
		}
	}
}

func TestOwnAddress(t *testing.T) {
	listener := &net.TCPAddr{IP: net.IPv6unspecified, Port: 3343}
	if a, err := ownAddress(netip.MustParseAddr("10.0.0.3"), listener); err != nil || a.String() != "10.0.0.3" {
		t.Errorf("bound: %v, %v", a, err)
	}
	if a, err := ownAddress(netip.IPv6Unspecified(), &net.TCPAddr{IP: net.IPv4(10, 0, 0, 4), Port: 1}); err != nil || a.String() != "10.0.0.4" {
		t.Errorf("by the listener: %v, %v", a, err)
	}
	if a, err := ownAddress(netip.IPv6Unspecified(), listener); err != nil || a.IsUnspecified() || !a.IsValid() {
		t.Errorf("by the interfaces: %v, %v", a, err)
	}
}
