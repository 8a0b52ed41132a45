package netlab_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tslab/tslab/netlab"
)

func mustSpec(t *testing.T, steps ...error) {
	t.Helper()
	for _, err := range steps {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAddressesAreGivenInOrder(t *testing.T) {
	var s netlab.Spec
	mustSpec(t, s.AddNet("lan", netip.Prefix{}), s.AddNet("branch", netip.MustParsePrefix("192.168.7.9/24")),
		s.AddHost("ts1", "lan"), s.AddHost("gw", "lan", "branch"), s.AddHost("c1", "branch"))
	want := netlab.Spec{
		Nets: []netlab.Net{{Name: "lan", Prefix: netip.MustParsePrefix("10.0.0.0/16")}, {Name: "branch", Prefix: netip.MustParsePrefix("192.168.7.0/24")}},
		Hosts: []netlab.Host{
			{Name: "ts1", Cables: []netlab.Cable{{Net: "lan", Interface: "eth0", Address: netip.MustParseAddr("10.0.0.1")}}},
			{Name: "gw", Cables: []netlab.Cable{
				{Net: "lan", Interface: "eth0", Address: netip.MustParseAddr("10.0.0.2")},
				{Net: "branch", Interface: "eth1", Address: netip.MustParseAddr("192.168.7.1")},
			}},
			{Name: "c1", Cables: []netlab.Cable{{Net: "branch", Interface: "eth0", Address: netip.MustParseAddr("192.168.7.2")}}},
		},
	}
	if diff := cmp.Diff(want, s, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got, want := s.String(), "lan 10.0.0.0/16: ts1 10.0.0.1, gw 10.0.0.2; branch 192.168.7.0/24: gw 192.168.7.1, c1 192.168.7.2"; got != want {
		t.Errorf("String() = %s\nwant       %s", got, want)
	}
	if got := want.Hosts[1].Cables[1].MAC().String(); got != "02:00:c0:a8:07:01" {
		t.Errorf("MAC() = %s", got)
	}
}

func TestSpecRefuses(t *testing.T) {
	build := func(steps ...func(*netlab.Spec) error) error {
		var s netlab.Spec
		for _, step := range steps {
			if err := step(&s); err != nil {
				return err
			}
		}
		return nil
	}
	addNet := func(name, prefix string) func(*netlab.Spec) error {
		return func(s *netlab.Spec) error {
			var p netip.Prefix
			if prefix != "" {
				p = netip.MustParsePrefix(prefix)
			}
			return s.AddNet(name, p)
		}
	}
	addHost := func(name string, nets ...string) func(*netlab.Spec) error {
		return func(s *netlab.Spec) error { return s.AddHost(name, nets...) }
	}
	lan := addNet("lan", "")
	for _, tt := range []struct {
		name  string
		steps []func(*netlab.Spec) error
		want  string
	}{
		{"same net", []func(*netlab.Spec) error{lan, lan}, `there is a net "lan" already`},
		{"same host", []func(*netlab.Spec) error{lan, addHost("a", "lan"), addHost("a", "lan")}, `there is a host "a" already`},
		{"no such net", []func(*netlab.Spec) error{addHost("a", "wan")}, `there is no net "wan"`},
		{"no net", []func(*netlab.Spec) error{lan, addHost("a")}, "on no net"},
		{"net twice", []func(*netlab.Spec) error{lan, addHost("a", "lan", "lan")}, "named twice"},
		{"overlap", []func(*netlab.Spec) error{lan, addNet("b", "10.0.3.0/24")}, "overlaps"},
		{"IPv6", []func(*netlab.Spec) error{addNet("b", "fd00::/64")}, "not an IPv4 prefix"},
		{"too small", []func(*netlab.Spec) error{addNet("b", "10.0.0.0/31")}, "room for two hosts"},
		{"full", []func(*netlab.Spec) error{addNet("b", "10.9.0.0/30"), addHost("x", "b"), addHost("y", "b"), addHost("z", "b")}, "no address left"},
		{"slash", []func(*netlab.Spec) error{lan, addHost("../etc", "lan")}, "lower-case letters"},
		{"upper case", []func(*netlab.Spec) error{lan, addHost("TS1", "lan")}, "lower-case letters"},
		{"long", []func(*netlab.Spec) error{lan, addHost(strings.Repeat("a", 64), "lan")}, "at most 63"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := build(tt.steps...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestSiteOfAHost(t *testing.T) {
	var s netlab.Spec
	mustSpec(t, s.AddNet("lan", netip.Prefix{}), s.AddNet("north", netip.Prefix{}), s.AddNet("south", netip.Prefix{}),
		s.SetSite("north", "oslo"), s.SetSite("south", "rome"),
		s.AddHost("a", "lan"), s.AddHost("b", "north"), s.AddHost("c", "lan", "south"), s.AddRouter("r", "south", "north"))
	for host, want := range map[string]string{"a": "", "b": "oslo", "c": "rome", "r": "rome", "nobody": ""} {
		if got := s.Site(host); got != want {
			t.Errorf("%s is in site %q, want %q", host, got, want)
		}
	}
}
