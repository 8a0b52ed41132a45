package netlab_test

import (
	"fmt"
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

func TestNetWithoutIPv4(t *testing.T) {
	var s netlab.Spec
	mustSpec(t, s.AddNet("n", netip.MustParsePrefix("fd00:1::7/64")), s.AddNet("lan", netip.Prefix{}), s.AddHost("ts1", "n"), s.AddRouter("gw", "n", "lan"), s.AddHost("c1", "lan"))
	want := netlab.Cable{Net: "n", Interface: "eth0", Address6: netip.MustParseAddr("fd00:1::2")}
	got := s.Hosts[1].Cables[0]
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if mac, local := got.MAC().String(), got.LinkLocal().String(); mac != "02:06:fd:01:00:02" || local != "fe80::206:fd01:2" {
		t.Errorf("MAC() = %s, LinkLocal() = %s", mac, local)
	}
	if got, want := s.String(), "n fd00:1::/64: ts1 fd00:1::1, gw fd00:1::2; lan 10.1.0.0/16: gw 10.1.0.1, c1 10.1.0.2"; got != want {
		t.Errorf("String() = %s\nwant       %s", got, want)
	}
	for _, name := range []string{"ts1", "c1"} { // neither has an address of the other's family
		if routes := s.Routes(name); len(routes) != 0 {
			t.Errorf("routes of %s: %v", name, routes)
		}
	}
}

// A host on two nets is found on the one that the asker is on.
func TestAddressesOfSharedNetsComeFirst(t *testing.T) {
	var s netlab.Spec
	mustSpec(t, s.AddNet("a", netip.Prefix{}), s.AddNet("b", netip.Prefix{}), s.AddIPv6("b", netip.Prefix{}), s.AddHost("ts1", "a", "b"), s.AddHost("c1", "b"), s.AddHost("c2", "a"))
	for asker, want := range map[string]string{
		"c1": "[10.1.0.1 fd00:0:0:1::1 10.0.0.1]", "c2": "[10.0.0.1 10.1.0.1 fd00:0:0:1::1]", "nobody": "[10.0.0.1 10.1.0.1 fd00:0:0:1::1]",
	} {
		if got := fmt.Sprint(s.AddressesOf("ts1", asker)); got != want {
			t.Errorf("%s finds %s, want %s", asker, got, want)
		}
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
		{"IPv6 too small", []func(*netlab.Spec) error{addNet("b", "fd00::/97")}, "not an IPv6 prefix of at most /96"},
		{"IPv6 overlap", []func(*netlab.Spec) error{addNet("a", "fd00::/64"), addNet("b", "fd00::/80")}, "overlaps"},
		{"IPv6 twice", []func(*netlab.Spec) error{addNet("a", "fd00::/64"), func(s *netlab.Spec) error { return s.AddIPv6("a", netip.Prefix{}) }}, "has IPv6 already"},
		{"IPv4 as IPv6", []func(*netlab.Spec) error{lan, func(s *netlab.Spec) error { return s.AddIPv6("lan", netip.MustParsePrefix("10.8.0.0/16")) }}, "not an IPv6 prefix"},
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

func TestNoHost(t *testing.T) {
	var s netlab.Spec
	if err := s.AddNet("lan", netip.Prefix{}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "; there are h1", "; there are h1, h2", 9: "; there are h1, h2, h3, h4, h5, h6, h7, h8 and 1 more"} {
		if i > 0 {
			if err := s.AddHost(fmt.Sprintf("h%d", i), "lan"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.NoHost("x"); want != "" && !strings.HasSuffix(err.Error(), `there is no host "x" in this lab`+want) {
			t.Errorf("of %d: %v", i, err)
		}
	}
}
