//go:build linux

package script_test

import (
	"testing"

	"github.com/tslab/tslab/netlab"
)

// Nets behind routers are reached by name over IPv4 and IPv6 from the first datagram
// on, broadcasts end at routers, and calendars can be apart.
func TestRoutedNetworks(t *testing.T) {
	t.Parallel()
	r, story, err := run(t, `# Three nets in a row, and one beyond reach
a = net("a", ipv6 = True, site = "north")
b = net("b", ipv6 = "2001:db8:7::/64")
c = net("c", ipv6 = True)
d = net("d")
h1 = host("h1", a); h2 = host("h2", c); alone = host("alone", d)
r1 = router("r1", a, b)
r2 = router("r2", b, c)
expect([b.prefix6, h1.address6, h2.address6], ["2001:db8:7::/64", "fd00::1", "fd00:0:0:2::1"])
def shout(who, to):
    return exec(who, "shout", to + ":9").stdout.strip()
expect(shout(h1, h2.address), "reached", "the first datagram arrives, and its answer")
expect(shout(h2, "[%s]" % h1.address6), "reached", "over IPv6 as well")
expect(shout(h1, alone.address), lambda s: "unreachable" in s, "no way leads there")
expect(packets(source = h1, target = h2, protocol = "udp"), 1, "each packet counts once, not at every router")
expect(packets(link = link(r2, c), protocol = "udp", source = h1), 1)
expect(shout(h1, "10.0.255.255"), "silence")
expect(packets(source = h1, protocol = "udp"), 2, "a datagram to h2, a broadcast")
expect(packets(link = link(r1, b), source = h1, protocol = "udp"), 1, "the broadcast ends at the router")

skew(h1, days = 100)
start(h1, "termsrv")
start(h2, "termsrv")
expect([e.date[:10] for e in events("program.ready")], ["2003-06-11", "2003-03-03"])
advance(days = 1)
skew(h1, days = -1)
expect(connect(h2, h1, name = "PC-1").status, "connected")
expect(await_event("connection.accepted", host = h1).date[:10], "2003-03-03")
expect(now()[:10], "2003-03-04")
`)
	if err != nil || r.Verdict != netlab.Passed {
		t.Fatalf("%v\n%s", err, story)
	}
}

// A net may have IPv6 alone: names, routers, filters and partitions are as with IPv4.
// A host on two nets is found on the one that the asker is on.
func TestNetworksWithoutIPv4(t *testing.T) {
	t.Parallel()
	r, story, err := run(t, `# Two nets of IPv6 alone, and one of IPv4
a = net("a", "fd00:1::/64"); b = net("b", prefix = "fd00:2::/64"); old = net("old")
h1 = host("h1", a); both = host("both", old, a); h2 = host("h2", b); h3 = host("h3", old)
r1 = router("r1", a, b)
expect([a.prefix, a.prefix6, h1.address, h1.address6, link(both, a).address], [None, "fd00:1::/64", "fd00:1::1", "fd00:1::1", "fd00:1::2"])
def shout(who, to):
    return exec(who, "shout", to + ":9").stdout.strip()
expect([shout(h1, "h2"), shout(h2, "both"), shout(h3, "both")], ["reached"] * 3)
expect(shout(h1, "h3"), lambda s: "unreachable" in s)
expect([p.target for p in packets(source = h1, protocol = "udp", list = True)], ["h2"])
expect([p.target_port for p in packets(between = (h2, both), protocol = "udp", list = True)], [9])
expect(packets(source = both, target = h2, protocol = "icmp") > 0, True, "that nobody listens is said by ICMPv6")
expect(packets(source = both, target = h3, protocol = "udp"), 0)
split = partition([h1], [r1])
expect([shout(h1, "h2"), shout(h1, "both")], ["silence", "reached"])
heal(split)
expect(shout(h1, "h2"), "reached")
`)
	if err != nil || r.Verdict != netlab.Passed {
		t.Fatalf("%v\n%s", err, story)
	}
}
