//go:build linux

package script

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/netlab"
)

// Word is one word of the vocabulary.
type Word struct {
	Name, Usage, Text string
	call              func(e *engine, thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)
}

// Vocabulary is every word that a drill has beyond the language, in the order in
// which one meets them.
func Vocabulary() []Word {
	return []Word{
		{"net", `lan = net("lan", prefix="192.168.7.0/24")`, "declares a net; the prefix is 10.N.0.0/16 unless told otherwise", (*engine).netWord},
		{"host", `ts1 = host("ts1", lan)`, "declares a host on one or more nets, on the only one there is when none is named", (*engine).hostWord},
		{"start", `ls = start(ls1, "lserver", edition="w2k-sp3")`, "starts a program and waits until it says that it is ready; name=value becomes --name value", (*engine).startWord},
		{"stop", `stop(ls)`, "asks a program to end (SIGTERM) and waits until it has", (*engine).stopWord},
		{"kill", `kill(ls)`, "ends a program without asking (SIGKILL)", (*engine).killWord},
		{"connect", `r = connect(c1, ts1, name="PC-1", persona="9x")`, "connects with tsclient from a host to another; r.status, r.exit and r.token say what came of it", (*engine).connectWord},
		{"exec", `r = exec(c1, "ping", "-c1", "ts1", env={}, timeout=30, background=False)`, "runs any program in a host; r.exit, r.stdout, r.stderr, or with background=True a program for stop and kill", (*engine).execWord},
		{"run", `r = run(ls1, "licmgr", "show", "--json")`, "runs a program of the lab with the lab's calendar and event log; r.exit, r.stdout, r.stderr, r.json", (*engine).runWord},
		{"display", `x = display(c1, geometry="1024x768x24")`, "starts an X server without a screen in a host; x is its name, for env={\"DISPLAY\": x}", (*engine).displayWord},
		{"clearinghouse", `ch = clearinghouse(ch1, name="Lab Clearinghouse")`, "founds a clearinghouse in a host; ch.roots is the file with its root certificate", (*engine).clearinghouseWord},
		{"activate", `activate(ls1, ch)`, "activates a license server: its request carried to the clearinghouse, the answer back, as files", (*engine).activateWord},
		{"stock", `stock(ls1, ch, cals=10)`, "issues a key pack at the clearinghouse and installs it on a license server", (*engine).stockWord},
		{"inventory", `inventory(ls1).free`, "what a license server has: free CALs, key_packs and tokens", (*engine).inventoryWord},
		{"advance", `advance(days=90)`, "moves the calendar, a day at a time, until every program has done what was due (days, hours, minutes)", (*engine).advanceWord},
		{"now", `now()`, "the lab's date, as 2003-03-03T09:00:00Z", (*engine).nowWord},
		{"await_event", `e = await_event("license.marked", host=ts1, timeout=10, device="PC-1")`, "waits for an event since the last action began; other names are fields of the event", (*engine).awaitWord},
		{"events", `events("token.issued", host=ls1, kind="temporary")`, "all events so far with that name, host, program and fields", (*engine).eventsWord},
		{"packets", `packets(between=(ts1, ls1), protocol="tcp", port=3343)`, "how many packets have been sent so far, counted from the capture", (*engine).packetsWord},
		{"expect", `expect(r.token.kind, "temporary", "the first token is a temporary one")`, "compares what was found with what is wanted (True when left out), and goes on", (*engine).expectWord},
		{"edition", `edition()`, "the edition of this leg, for a drill that begins with a matrix such as editions = [\"w2k\", \"ws2003\"]; start gives it to servers that are told none", (*engine).editionWord},
		{"draw", `who = draw("who logs on first", 3)`, "a number from 0 to below 3, from a stream of the drill's seed that has this name", (*engine).drawWord},
		{"step", `step("A new device")`, "a heading of the story", (*engine).stepWord},
		{"have", `have("rdesktop")`, "whether a program can be found", (*engine).haveWord},
		{"refuse", `refuse("rdesktop is not installed; make deps installs it")`, "ends the drill: it cannot be carried out here", (*engine).refuseWord},
	}
}

// words binds the vocabulary to the engine.
func (e *engine) words() starlark.StringDict {
	dict := starlark.StringDict{}
	for _, w := range Vocabulary() {
		dict[w.Name] = starlark.NewBuiltin(w.Name, func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			v, err := w.call(e, thread, args, kwargs)
			if err != nil {
				return nil, named(b.Name(), err)
			}
			return v, nil
		})
	}
	return dict
}

// named puts the word before an error that does not begin with it.
func named(word string, err error) error {
	if s := err.Error(); len(s) > len(word) && s[:len(word)] == word && s[len(word)] == ':' {
		return err
	}
	return fmt.Errorf("%s: %w", word, err)
}

func (e *engine) netWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name, prefix string
	if err := starlark.UnpackArgs("net", args, kwargs, "name", &name, "prefix?", &prefix); err != nil {
		return nil, err
	}
	if err := e.declaring("net"); err != nil {
		return nil, err
	}
	var p netip.Prefix
	if prefix != "" {
		var err error
		if p, err = netip.ParsePrefix(prefix); err != nil {
			return nil, err
		}
	}
	if err := e.spec.AddNet(name, p); err != nil {
		return nil, err
	}
	n, _ := e.spec.Net(name)
	return structOf("net", starlark.StringDict{"name": starlark.String(n.Name), "prefix": starlark.String(n.Prefix.String())}), nil
}

func (e *engine) hostWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := e.declaring("host"); err != nil {
		return nil, err
	}
	if len(kwargs) > 0 || len(args) == 0 {
		return nil, errors.New(`want a name and nets, as in host("ts1", lan)`)
	}
	names, err := strs(args)
	if err != nil {
		return nil, err
	}
	nets := names[1:]
	if len(nets) == 0 && len(e.spec.Nets) == 1 {
		nets = []string{e.spec.Nets[0].Name}
	}
	if len(nets) == 0 {
		return nil, fmt.Errorf("%s: there are %d nets; name those it hangs on", names[0], len(e.spec.Nets))
	}
	if err := e.spec.AddHost(names[0], nets...); err != nil {
		return nil, err
	}
	e.story.width = max(e.story.width, len(names[0]))
	h, _ := e.spec.Host(names[0])
	return hostValue(h), nil
}

func (e *engine) advanceWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var days, hours, minutes int
	if err := starlark.UnpackArgs("advance", args, kwargs, "days?", &days, "hours?", &hours, "minutes?", &minutes); err != nil {
		return nil, err
	}
	d := time.Duration(days)*24*time.Hour + time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if d == 0 {
		return nil, errors.New("want days, hours or minutes")
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	ctx, cancel := e.timeout(patience+time.Duration(days)*time.Second, "the programs did not do what was due")
	defer cancel()
	return starlark.None, lab.Advance(ctx, d)
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
