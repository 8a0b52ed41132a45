//go:build linux

package script_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/tslab/tslab/netlab"
)

// Each line is an expectation about the words that break things.
const faultWords = `# What goes wrong
lan = net("lan"); wan = net("wan")
c1 = host("c1", lan); c2 = host("c2", lan); ts1 = host("ts1", wan); r1 = router("r1", lan, wan)
uplink = link(c1, lan)
def reach(who, whom):
    return exec(who, "shout", whom.address + ":9").stdout.strip()
expect([reach(c1, ts1), reach(c2, ts1), reach(c1, c2)], ["reached"] * 3)

split = partition([c1], [ts1, r1])
expect([split.name, split.laid], ["partition-1", True])
expect([reach(c1, ts1), reach(c2, ts1), reach(c1, c2), reach(ts1, c1)], ["silence", "reached", "reached", "silence"], "across a router too")
expect(faults(split).done > 0)
heal(split)
expect([reach(c1, ts1), faults(split).laid, faults(split).done > 0], ["reached", False, True])

deaf = fault(ts1, "cut", name="deaf", direction="to", protocol="udp", peer=c2)
sent = packets(source=c2, protocol="udp")
expect([reach(c2, ts1), reach(c1, ts1)], ["silence", "reached"])
expect(packets(source=c2, protocol="udp"), sent + 1, "what is lost stands in the capture as sent")
expect([faults(deaf).done, faults("deaf").text], [1, "cut of what ts1 receives from c2, udp"])
first = fault(uplink, "drop", nth=1, protocol="udp", direction="from", port=9)
expect([reach(c1, ts1), reach(c1, ts1)], ["silence", "reached"])
luck = fault(uplink, "loss", percent=50, direction="to", protocol="icmp", seed=42)
slow = fault(c1, "delay", delay=0.01, jitter="2ms")
expect(reach(c1, ts1), lambda s: s in ["reached", "silence"])
expect([f.name for f in faults()], ["partition-1", "deaf", "drop-1", "loss-1", "delay-1"])
heal(first, "deaf")
expect(reach(c2, ts1), "reached")
heal()
expect([f.laid for f in faults()], [False] * 5)
flap = fault(ts1, "flap", every="1000s", lasting="999s")
expect(reach(c2, ts1), "silence")
expect(len(events("fault.laid")), 6)
expect([e.fields.name for e in events("fault.healed")], ["partition-1", "drop-1", "deaf", "loss-1", "delay-1"])
`

func TestFaultWords(t *testing.T) {
	t.Parallel()
	r, story, err := run(t, faultWords)
	if err != nil || r.Verdict != netlab.Passed {
		t.Fatalf("%v, %+v\n%s", err, r, story)
	}
	for _, want := range []string{
		"! fault partition-1: nothing between c1 and ts1, r1\n",
		"fault deaf is healed\n",
		"\nfault    deaf: cut of what ts1 receives from c2, udp: 1 of 1\n",
		"\nseed     1 (fault/delay-1 ", ", fault/loss-1 42)",
		"\nfault    flap-1: flap of what ts1 sends and receives, 16m39s of every 16m40s: ",
	} {
		if !strings.Contains(story, want) {
			t.Errorf("the story has no %q:\n%s", want, story)
		}
	}
}

func TestFaultErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ source, want string }{
		{`fault(c1, "lose")`, `a_test.star:2:6: fault lose-1: there is no kind "lose"; there are loss, drop,`},
		{`fault(c1, "loss")`, "percent is missing"},
		{`fault(c9, "cut")`, "undefined: c9"},
		{`fault("c9", "cut")`, `fault cut-1: there is no host "c9" in this lab`},
		{`fault("c1:eth7", "cut")`, `c1 has no interface "eth7"; it has eth0`},
		{`fault(3, "cut")`, "where: got int, want a host or its name, or what link() returned"},
		{`fault(c1, "cut", peer="c9")`, `there is no host "c9"`},
		{`fault(c1, "delay", delay="soon")`, `got "soon", want a time such as "100ms"`},
		{`fault(c1, "cut", port=70000)`, "port: 70000"},
		{`fault(c1, "cut", name="x"); fault(c1, "cut", name="x")`, "there is or was one of that name"},
		{`heal("x")`, `heal: there is no fault "x"; none is laid`},
		{`fault(c1, "cut"); heal("x")`, `there are cut-1`},
		{`fault(c1, "drop", message="LICENSE_REQUEST")`, "fault drop-1: no program runs on c1 that can do it; start termsrv or lserver there before"},
		{`start(ts1, "termsrv"); fault(ts1, "drop", message="LICENSE_REQUEST")`, "no program runs on ts1 that can do it"},
		{`partition([c1])`, "partition partition-1: want two or more groups"},
		{`partition([c1], [c1, ts1])`, "c1 is named twice"},
		{`partition([c1], [])`, "a group without hosts"},
		{`faults("x")`, `there is no fault "x"`},
	} {
		_, _, err := run(t, tt.source)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v\nwant  %s", tt.source, err, tt.want)
		}
	}
}

// Frames of IPv6 pass, and are lost, as those of IPv4 do; so are the questions of
// neighbors for each other.
func TestFaultsIPv6(t *testing.T) {
	t.Parallel()
	r, story, err := run(t, `lan = net("lan", ipv6=True)
c1 = host("c1"); c2 = host("c2"); ts1 = host("ts1")
def reach(who):
    return exec(who, "shout", "[" + ts1.address6 + "]:9").stdout.strip()
cut = fault(ts1, "cut", peer=c1, protocol="ipv6", direction="to")
expect([reach(c1), reach(c2)], ["silence", "reached"])
heal(cut)
fault(ts1, "duplicate", protocol="udp")
expect([reach(c1), reach(c2)], ["reached", "reached"])
`)
	if err != nil || r.Verdict != netlab.Passed {
		t.Fatalf("%v\n%s", err, story)
	}
}

// Two runs with one seed lose the same, and say so in the same events.
func TestSameSeedSameLosses(t *testing.T) {
	t.Parallel()
	const source = "fault(c1, \"loss\", percent=50, direction=\"from\", protocol=\"udp\", port=9)\n" +
		"expect(\"\".join([exec(c1, \"shout\", ts1.address + \":9\").stdout[0] for n in range(12)]))\n"
	var got [2]string
	var both sync.WaitGroup
	for i := range got {
		both.Go(func() {
			r, story, err := run(t, source)
			if err != nil || r.Verdict != netlab.Passed {
				t.Errorf("%v\n%s", err, story)
				return
			}
			got[i] = r.Expectations[0].Got
		})
	}
	both.Wait()
	if got[0] != got[1] || !strings.Contains(got[0], "r") || !strings.Contains(got[0], "s") {
		t.Errorf("reached and silence: %s, then %s", got[0], got[1])
	}
}
