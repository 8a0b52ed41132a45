//go:build linux

package export

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/fault"
)

// two is a plan of two hosts on a net with IPv6, of which one is on a second net.
func two(t *testing.T, steps ...netlab.Planned) netlab.Plan {
	t.Helper()
	p := netlab.Plan{Name: "two", Title: "Two hosts", Start: netlab.DefaultStart(), Steps: steps}
	for _, err := range []error{
		p.Spec.AddNet("lan", prefix("192.168.7.0/24")), p.Spec.AddIPv6("lan", prefix("")), p.Spec.AddNet("far", prefix("")),
		p.Spec.AddHost("a", "lan"), p.Spec.AddHost("b", "lan", "far"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// TestFaults: what each fault is for the kernel's own tools, and which are left out.
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		f       fault.Fault
		compose string // lines that lay it, "" for none
		clab    string
		left    string // part of the sentence, of both engines; "" for none
	}{
		{f: fault.Fault{Kind: fault.Delay, Host: "a", Direction: fault.From, Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond},
			compose: `on a tc qdisc replace dev "$(dev a 192.168.7.1)" root netem delay 20000us 5000us`,
			clab:    `on a tc qdisc replace dev eth1 root netem delay 20000us 5000us`},
		{f: fault.Fault{Kind: fault.Rate, Host: "b", Interface: "eth1", Direction: fault.From, Kilobits: 64},
			compose: `on b tc qdisc replace dev "$(dev b 10.1.0.1)" root netem rate 64kbit`,
			clab:    `on b tc qdisc replace dev eth2 root netem rate 64kbit`},
		{f: fault.Fault{Kind: fault.Duplicate, Host: "a", Direction: fault.From},
			compose: `on a tc qdisc replace dev "$(dev a 192.168.7.1)" root netem duplicate 100%`,
			clab:    `on a tc qdisc replace dev eth1 root netem duplicate 100%`},
		{f: fault.Fault{Kind: fault.Reorder, Host: "a", Direction: fault.From, Percent: 25, Gap: 3},
			compose: `on a tc qdisc replace dev "$(dev a 192.168.7.1)" root netem delay 50000us reorder 75% gap 3`,
			clab:    `on a tc qdisc replace dev eth1 root netem delay 50000us reorder 75% gap 3`},
		{f: fault.Fault{Kind: fault.Corrupt, Host: "a", Direction: fault.From, Percent: 5, Checksum: fault.Kept},
			compose: `on a tc qdisc replace dev "$(dev a 192.168.7.1)" root netem corrupt 5%`,
			clab:    `on a tc qdisc replace dev eth1 root netem corrupt 5%`},
		{f: fault.Fault{Kind: fault.Cut, Host: "a", Direction: fault.To},
			compose: `on a tc filter add dev "$(dev a 192.168.7.1)" ingress pref 100 protocol all matchall action drop`,
			clab:    `on a tc filter add dev eth1 ingress pref 100 protocol all matchall action drop`},
		{f: fault.Fault{Kind: fault.Drop, Host: "a", Direction: fault.From, Peers: []string{"b"}, Protocol: "tcp", Port: 3343},
			compose: `on a tc filter add dev "$(dev a 192.168.7.1)" egress pref 100 protocol ip flower ip_proto tcp dst_ip 192.168.7.2 dst_port 3343 action drop`,
			clab:    `on a tc filter add dev eth1 egress pref 105 protocol ipv6 flower ip_proto tcp dst_ip fd00::2 src_port 3343 action drop`},
		{f: fault.Fault{Kind: fault.Drop, Host: "a", Direction: fault.From, Protocol: "icmp"},
			compose: `on a tc filter add dev "$(dev a 192.168.7.1)" egress pref 101 protocol ipv6 flower ip_proto icmpv6 action drop`,
			clab:    `on a tc filter add dev eth1 egress pref 100 protocol ip flower ip_proto icmp action drop`},
		{f: fault.Fault{Kind: fault.Drop, Host: "a", Protocol: "arp", Direction: fault.To},
			compose: `on a tc filter add dev "$(dev a 192.168.7.1)" ingress pref 100 protocol arp matchall action drop`,
			clab:    `on a tc filter add dev eth1 ingress pref 100 protocol arp matchall action drop`},
		{f: fault.Fault{Kind: fault.Drop, Host: "a", Message: "NEW_LICENSE"}, left: "the kernel knows no messages"},
		{f: fault.Fault{Kind: fault.Drop, Host: "a", Nth: 2}, left: "does not count"},
		{f: fault.Fault{Kind: fault.Flap, Host: "a"}, left: "schedule"},
		{f: fault.Fault{Kind: fault.Reset, Host: "a"}, left: "resets no connection"},
		{f: fault.Fault{Kind: fault.Loss, Host: "a", Percent: 3, Port: 3389}, left: "not for a peer, a protocol or a port"},
		{f: fault.Fault{Kind: fault.Corrupt, Host: "a", Percent: 3}, left: "checksums"},
		{f: fault.Fault{Kind: fault.Duplicate, Host: "a", Copies: 3}, left: "duplicates once"},
		{f: fault.Fault{Kind: fault.Delay, Host: "a", Delay: 1, Percent: 3}, left: "delays every frame"},
	} {
		tt.f.Name = "it"
		step := netlab.Planned{Place: "x.star:7", Word: "fault", Name: "it", Fault: tt.f}
		for to, want := range map[Engine]string{Compose: tt.compose, Containerlab: tt.clab} {
			e := made(t, two(t, step), to)
			script, left := e.file(t, "faults.sh"), strings.Join(e.Left, "\n")
			if !strings.Contains(script, want) || want == "" && strings.Contains(script, "'lay it'") {
				t.Errorf("%v to %s: want %q in\n%s", tt.f, to, want, script)
			}
			if is := strings.Contains(left, "fault it"); is != (tt.left != "") || !strings.Contains(left, tt.left) {
				t.Errorf("%v to %s: want %q in what is left:\n%s", tt.f, to, tt.left, left)
			}
		}
	}
}

// TestBothWays: what a host receives is impaired at the switch, where there is one.
func TestBothWays(t *testing.T) {
	step := netlab.Planned{Word: "fault", Name: "slow", Fault: fault.Fault{Name: "slow", Kind: fault.Loss, Host: "b", Interface: "eth0", Percent: 10}}
	e := made(t, two(t, step), Containerlab)
	for _, want := range []string{
		"on b tc qdisc replace dev eth1 root netem loss 10%", "on net-lan tc qdisc replace dev eth2 root netem loss 10%",
		"on b tc qdisc del dev eth1 root", "on net-lan tc qdisc del dev eth2 root",
	} {
		if !strings.Contains(e.file(t, "faults.sh"), want) {
			t.Errorf("no %q in\n%s", want, e.file(t, "faults.sh"))
		}
	}
	if left := strings.Join(made(t, two(t, step), Compose).Left, "\n"); !strings.Contains(left, "what b receives is not impaired") {
		t.Errorf("left out: %s", left)
	}
}

// TestPartition: every pair of hosts of different groups is cut, at one of the two.
func TestPartition(t *testing.T) {
	step := netlab.Planned{Word: "partition", Name: "split", Groups: [][]string{{"a"}, {"b"}}}
	e := made(t, two(t, step), Containerlab)
	var got []string
	for line := range strings.Lines(e.file(t, "faults.sh")) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "on b tc filter add dev "); ok {
			got = append(got, strings.TrimSuffix(rest, " action drop </dev/null"))
		}
	}
	var want []string
	for _, dev := range []string{"eth1", "eth2"} {
		for _, way := range [][2]string{{"egress", "dst"}, {"ingress", "src"}} {
			want = append(want, fmt.Sprintf("%s %s pref 100 protocol ip flower %s_ip 192.168.7.1", dev, way[0], way[1]),
				fmt.Sprintf("%s %s pref 101 protocol ipv6 flower %s_ip fd00::1", dev, way[0], way[1]))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("filters (-want +got):\n%s", diff)
	}
	if left := strings.Join(e.Left, "\n"); strings.Contains(left, "split") {
		t.Errorf("left out: %s", left)
	}
}

func prefix(s string) netip.Prefix {
	if s == "" {
		return netip.Prefix{}
	}
	return netip.MustParsePrefix(s)
}

// TestTcReadsThem: tc itself takes every line; whether the kernel here could do it is
// another matter, and what tc then says is let pass.
func TestTcReadsThem(t *testing.T) {
	var steps []netlab.Planned
	for i, f := range []fault.Fault{
		{Kind: fault.Delay, Host: "a", Delay: time.Second, Jitter: time.Millisecond}, {Kind: fault.Loss, Host: "a", Percent: 0.5},
		{Kind: fault.Duplicate, Host: "a"}, {Kind: fault.Corrupt, Host: "a", Checksum: fault.Kept}, {Kind: fault.Rate, Host: "a", Kilobits: 9},
		{Kind: fault.Reorder, Host: "a", Percent: 10, Gap: 2}, {Kind: fault.Cut, Host: "a"}, {Kind: fault.Drop, Host: "a", Protocol: "arp"},
		{Kind: fault.Drop, Host: "a", Peers: []string{"b"}, Port: 53}, {Kind: fault.Drop, Host: "a", Protocol: "icmp"}, {Kind: fault.Cut, Host: "a", Protocol: "ipv6"},
	} {
		f.Name = fmt.Sprintf("f%d", i)
		steps = append(steps, netlab.Planned{Word: "fault", Name: f.Name, Fault: f})
	}
	steps = append(steps, netlab.Planned{Word: "partition", Name: "split", Groups: [][]string{{"b"}, {"a"}}})
	e := made(t, two(t, steps...), Containerlab)
	var lines []string
	for line := range strings.Lines(e.file(t, "faults.sh")) {
		if strings.HasPrefix(line, "\ton a ") {
			lines = append(lines, strings.ReplaceAll(line, "2>/dev/null", ""))
		}
	}
	if len(lines) < 40 {
		t.Errorf("%d lines", len(lines))
	}
	if said := complaints(t, lines); len(said) > 0 {
		t.Errorf("tc does not take them: %q", said)
	}
	for _, wrong := range []string{"qdisc add dev eth1 root netem nonsense", "filter add dev eth1 egress protocol ip flower dst_up 1.2.3.4 action drop"} {
		if len(complaints(t, []string{"on a tc " + wrong + "\n"})) == 0 {
			t.Errorf("tc takes %s", wrong)
		}
	}
}

// complaints are what tc says about the words of lines, in a network of its own.
func complaints(t *testing.T, lines []string) (said []string) {
	t.Helper()
	script := "on() { shift; \"$@\"; }\nip link add eth1 type veth peer name eth2 && echo up\n" + strings.Join(lines, "")
	out, _ := exec.Command("unshare", "--user", "--map-root-user", "--net", "sh", "-c", script).CombinedOutput() // how the last line ends
	if !strings.HasPrefix(string(out), "up\n") {
		t.Fatalf("no network, with unshare and ip; make deps: %s", out)
	}
	for line := range strings.Lines(string(out)) {
		for _, word := range []string{"What is", "Illegal", "Usage", "Unknown filter", "argument", "Command line", "not found\n"} {
			if strings.Contains(line, word) && !strings.Contains(line, "classifier not found") {
				said = append(said, strings.TrimSpace(line))
			}
		}
	}
	return said
}
