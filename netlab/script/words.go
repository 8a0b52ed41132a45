//go:build linux

package script

import (
	"errors"
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/netlab"
)

// Word is one word of the vocabulary.
type Word struct {
	Name, Usage, Text string
	call              func(e *engine, thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)
}

// Vocabulary is every word that a drill has beyond the language. The examples, read
// from the first to the last, are a drill that passes.
func Vocabulary() []Word {
	return []Word{
		{"net", `lan = net("lan", prefix="192.168.7.0/24"); branch = net("branch", ipv6=True, site="north")`, "declares a net; the prefix is 10.N.0.0/16 unless told otherwise. With ipv6= it has IPv6 besides, as fd00:0:0:N::/64 or the prefix that is given; with a prefix of IPv6 it has IPv6 alone", (*engine).netWord},
		{"host", `ts1 = host("ts1", lan); ls1 = host("ls1", lan); c1 = host("c1", branch); dc1 = host("dc1", lan, domain="corp.example", dc=True)`, "declares a host on one or more nets, on the only one there is when none is named; hosts find each other by name. With domain= it is of a domain, with dc=True a domain controller: hosts of a domain ask that about names, and join when it is started", (*engine).hostWord},
		{"router", `r1 = router("r1", lan, branch)`, "declares a host that forwards between its nets; every host gets the routes, and broadcasts end at it", (*engine).routerWord},
		{"link", `uplink = link(c1, branch)`, "a host's cable to a net, laid now if it is not there; link.name is its name in the capture, c1:eth0", (*engine).linkWord},
		{"step", `step("A new device")`, "a heading of the story", (*engine).stepWord},
		{"edition", `edition()`, "the edition of this leg, for a drill that begins with a matrix such as editions = [\"w2k-sp3\", \"ws2003\"]; start gives it to servers that are told none", (*engine).editionWord},
		{"draw", `who = draw("who logs on first", 3)`, "a number from 0 to below 3, from a stream of the drill's seed that has this name", (*engine).drawWord},
		{"skew", `skew(c1, minutes=-5)`, "gives a host a calendar that is this far off the lab's (days, hours, minutes, seconds); it jumps there at once and can be moved again. The first time before a program starts in the host", (*engine).skewWord},
		{"start", `ls = start(ls1, "lserver", edition="w2k-sp3"); ts = start(ts1, "termsrv", license_server=ls1); dc = start(dc1, "labdc")`, "starts a program and waits until it says that it is ready; name=value becomes --name value", (*engine).startWord},
		{"clearinghouse", `ch = clearinghouse(ls1, name="Lab Clearinghouse")`, "founds a clearinghouse in a host; ch.roots is the file with its root certificate", (*engine).clearinghouseWord},
		{"activate", `activate(ls1, ch)`, "activates a license server: its request carried to the clearinghouse, the answer back, as files", (*engine).activateWord},
		{"stock", `stock(ls1, ch, cals=10)`, "issues a key pack at the clearinghouse and installs it on a license server", (*engine).stockWord},
		{"inventory", `free = inventory(ls1).free`, "what a license server has: free CALs, key_packs and tokens; peers is what it believes that the others have: name, free, doubted, seen, age_seconds and so on", (*engine).inventoryWord},
		{"connect", `r = connect(c1, ts1, name="PC-1", persona="9x", store="pc1"); many = connect([c1, r1], ts1, count=4, parallel=2, name="KIOSK")`, "connects with tsclient from a host to another; r.status, r.exit and r.token say what came of it. With count, that many devices KIOSK-1, KIOSK-2 and so on, each with a store of its own; many.statuses and many.kinds count, many.licenses is a set, many.all each one", (*engine).connectWord},
		{"ended", `later = connect(c1, ts1, name="PC-2", background=True); r = ended(later)`, "waits for a connection that was begun in the background, and is what connect would have been; what happens in between meets it on its way", (*engine).endedWord},
		{"await_event", `e = await_event("license.marked", host=ts1, timeout=10, device="PC-2")`, "waits for an event, by name or number, since the last action began; other names are fields of the event", (*engine).awaitWord},
		{"events", `issued = events("token.issued", host=ls1, kind="temporary")`, "all events so far with that name or number, host, program and fields", (*engine).eventsWord},
		{"logged", `logged(ts1, {1010: (0, 9), "license.denied": 0})`, "lists what the programs on a host log in the whole drill: events by name or number, and how many, or the least and the most; counts for one kind add up. When the drill has ended, every warning, every error and every numbered event of any program must be listed, and every event of a kind that is listed for some host; one more or one less and the drill fails", (*engine).loggedWord},
		{"packets", `n = packets(between=(ts1, ls1), protocol="tcp", port=3343); syns = packets(target=ls1, flags="S", where=lambda p: p.length < 100, list=True)`, "how many packets have been sent so far, counted from the capture, each where its sender sent it; by source, target, protocol (tcp, udp, icmp with that of IPv6, arp, other), port, payload=True, link, flags (of SAFRP) and where; with list=True the packets themselves", (*engine).packetsWord},
		{"messages", `pushed = messages("NEW_LICENSE", between=(c1, ts1))`, "the licensing messages, those to license servers, also encrypted ones, and those by which license servers are sought, sent so far: name, protocol (rdpele, tsls, locate, dns), source, target, security, text", (*engine).messagesWord},
		{"expect", `expect(r.token.kind, "temporary", "the first token is a temporary one")`, "compares what was found with what is wanted (True when left out; a function decides), and goes on", (*engine).expectWord},
		{"exec", `name = exec(c1, "getent", "hosts", "ts1", env={}, timeout=30, background=False)`, "runs any program in a host; name.exit, name.stdout, name.stderr, or with background=True a program for stop and kill", (*engine).execWord},
		{"run", `shown = run(ls1, "licmgr", "show", "--json").json`, "runs a program of the lab with the lab's calendar and event log; .exit, .stdout, .stderr, .json", (*engine).runWord},
		{"have", `xvfb = have("Xvfb")`, "whether a program can be found", (*engine).haveWord},
		{"display", `x = display(c1, geometry="1024x768x24")`, "starts an X server without a screen in a host; x is its name, for env={\"DISPLAY\": x}", (*engine).displayWord},
		{"pause", `pause(ls)`, "stops a program where it is (SIGSTOP): its connections stay open, nothing answers. With lasting= it goes on by itself, with after= it is stopped later, as in pause(ls, after=\"5s\", lasting=60), while the drill goes on", (*engine).pauseWord},
		{"resume", `resume(ls)`, "lets a paused program go on", (*engine).resumeWord},
		{"advance", `advance(days=1, hours=2); advance(minutes=30, exact=True); advance(hours=1, every=20)`, "moves the calendar, a day at a time (or the smallest advance_step of the servers), until every program has done what was due (days, hours, minutes); every= in steps of so many minutes, exact from one due moment to the next, jump=True at once", (*engine).advanceWord},
		{"now", `date = now()`, "the lab's date, as 2003-03-03T09:00:00Z", (*engine).nowWord},
		{"fault", `late = fault(c1, "delay", delay="20ms", jitter="5ms", peer=ts1, direction="from"); lost = fault(ts1, "drop", message="PLATFORM_CHALLENGE", nth=1); flaky = fault(uplink, "loss", percent=10, port=3389, after="1s", until="60s")`, "lays a fault on a host, which is all its cables, or on one cable: loss, drop, duplicate, reorder, corrupt, truncate, delay, rate, cut, flap, reset (`tslab fault kinds` has what each takes). direction is \"from\" (what the host sends) or \"to\", else both; peer, protocol, port, message, nth and times choose; every, lasting, after and until are times since now. A message that TCP carries is lost inside the program on that host, else the frame that carries it", (*engine).faultWord},
		{"faults", `done = faults(late).done; all = [f.name for f in faults()]`, "the faults of the run, or one: name, text, laid (until it is healed), and of how many frames or messages that matched it has done something", (*engine).faultsWord},
		{"partition", `split = partition([c1, r1], [ts1, ls1])`, "cuts groups of hosts off from each other; who is in none reaches everybody", (*engine).partitionWord},
		{"heal", `heal(split, flaky); heal()`, "takes faults and partitions away, all when none is named", (*engine).healWord},
		{"stop", `stop(ts)`, "asks a program to end (SIGTERM) and waits until it has", (*engine).stopWord},
		{"kill", `kill(ls)`, "ends a program without asking (SIGKILL)", (*engine).killWord},
		{"refuse", `if not have("sh"): refuse("a shell is needed")`, "ends the drill: it cannot be carried out here", (*engine).refuseWord},
	}
}

// words binds the vocabulary to the engine.
func (e *engine) words() starlark.StringDict {
	dict := starlark.StringDict{}
	for _, w := range Vocabulary() {
		dict[w.Name] = starlark.NewBuiltin(w.Name, func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			e.story.to(func(p *progress) { p.begin(phrase(b.Name(), args, kwargs), time.Now()) })
			v, err := w.call(e, thread, args, kwargs)
			e.story.to(func(p *progress) { p.begin("", time.Now()) })
			if err != nil {
				return nil, named(b.Name(), err)
			}
			return v, nil
		})
	}
	return dict
}

// named puts the word before an error that does not begin with it, as "fault loss-1: ..." does.
func named(word string, err error) error {
	if s := err.Error(); len(s) > len(word) && s[:len(word)] == word && (s[len(word)] == ':' || s[len(word)] == ' ') {
		return err
	}
	return fmt.Errorf("%s: %w", word, err)
}

func (e *engine) nowWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("now", args, kwargs); err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	return starlark.String(lab.Clock.Now().Format(time.RFC3339)), nil
}

func (e *engine) stepWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var text string
	if err := starlark.UnpackArgs("step", args, kwargs, "text", &text); err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	lab.Step(text)
	return starlark.None, nil
}

func (e *engine) haveWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var program string
	if err := starlark.UnpackArgs("have", args, kwargs, "program", &program); err != nil {
		return nil, err
	}
	return starlark.Bool(netlab.Have(e.o.Programs, program)), nil
}

func (e *engine) refuseWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var reason string
	if err := starlark.UnpackArgs("refuse", args, kwargs, "reason", &reason); err != nil {
		return nil, err
	}
	return nil, errors.New(reason)
}
