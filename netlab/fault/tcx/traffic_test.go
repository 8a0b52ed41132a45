//go:build linux

package tcx

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/netlab/fault"
)

// Every frame counts once, under the message that the other engine finds in it.
func TestTrafficKinds(t *testing.T) {
	for _, s := range samples() {
		sums, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(len(Kinds()) * amountSize), MaxEntries: 1})
		must(t, err)
		p, err := load(counting(sums.FD(), 0))
		must(t, err)
		l := loaded{p, nil}
		if answer, after := l.run(t, s.frame); answer != next || string(after) != string(s.frame) {
			t.Errorf("%s: answer %d, % x", s.name, answer, after)
		}
		c := Counter{spots: []spot{{}}, sums: sums}
		got, err := c.Traffic()
		must(t, err)
		if want := []Traffic{{Kind: kindOf(s.frame), Frames: 1, Bytes: uint64(len(s.frame))}}; !cmp.Equal(want, got) {
			t.Errorf("%s: %+v, want %+v", s.name, got, want)
		}
		must(t, p.Close())
		must(t, c.Close())
	}
}

// kindOf is the kind as netlab/fault reads the frame.
func kindOf(frame []byte) string {
	f := fault.ParseFrame(frame)
	for _, name := range f.Carried(frame) {
		if !strings.HasPrefix(name, "dns.") {
			return name
		}
	}
	services := map[uint8][]service{fault.ProtocolTCP: streamServices(), fault.ProtocolUDP: datagramServices()}[f.Protocol]
	for _, s := range services {
		if len(f.Payload(frame)) > 0 && (f.From.Port() == s.port || f.To.Port() == s.port) {
			return s.kind
		}
	}
	switch {
	case f.EtherType == fault.EtherARP:
		return kindARP
	case f.Protocol == fault.ProtocolTCP:
		return kindTCP
	case f.Protocol == fault.ProtocolUDP:
		return kindUDP
	case f.Protocol == fault.ProtocolICMP, f.Protocol == fault.ProtocolICMPv6:
		return kindICMP
	}
	return kindOther
}

func TestKindsHaveOneNameEach(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds() {
		if seen[k] || k == "" {
			t.Errorf("the kind %q stands twice", k)
		}
		seen[k] = true
	}
	for _, want := range []string{"LICENSE_REQUEST", "NEW_LICENSE", "PLATFORM_CHALLENGE_RESPONSE", "ERROR_ALERT", "locate.Query", "tsls", "rdp", "dns"} {
		if !seen[want] {
			t.Errorf("there is no kind %s", want)
		}
	}
}

// What a host sends counts as sent, also what a fault loses behind the counter.
func TestTrafficOnTheWire(t *testing.T) {
	n := newNet(t)
	c, err := Count(n.links[:])
	must(t, err)
	n.lay(t, fault.Fault{Kind: fault.Drop, Port: faultPort, Direction: fault.From})
	want := make([]int, 25)
	if diff := cmp.Diff(want, n.datagrams(t, 0, want)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	got, err := c.Traffic()
	must(t, err)
	const frame = etherHeader + ipv4Header + udpHeader
	bytes := map[bool]uint64{false: 25*(frame+4) + frame + 3, true: frame + 3}
	for link, toHost := range map[string]bool{"h1:eth0": false, "h2:eth0": true} {
		found := Traffic{}
		for _, x := range got {
			if x.Link == link && x.ToHost == toHost && x.Kind == kindUDP {
				found = x
			}
		}
		frames := map[bool]uint64{false: 26, true: 1}[toHost]
		if want := (Traffic{link, toHost, kindUDP, frames, bytes[toHost]}); found != want {
			t.Errorf("%+v, want %+v; all: %+v", found, want, got)
		}
	}
	must(t, c.Close())
}
