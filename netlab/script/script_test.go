//go:build linux

package script_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.starlark.net/syntax"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/drills"
	"github.com/tslab/tslab/netlab/netns"
	"github.com/tslab/tslab/netlab/script"
)

// The programs of these tests are this test binary under the names of the lab's.
func TestMain(m *testing.M) {
	// Fuzzing needs no namespaces, and its workers the descriptors that they are given.
	if slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.fuzz") }) {
		os.Exit(m.Run())
	}
	switch filepath.Base(os.Args[0]) {
	case "termsrv":
		os.Exit(server())
	case "tsclient":
		os.Exit(client())
	case "clearinghouse":
		fmt.Fprintln(os.Stderr, "clearinghouse: the state folder is full")
		os.Exit(1)
	case "shout":
		os.Exit(shout(os.Args[1]))
	}
	os.Exit(netns.UserGround.Main(m.Run))
}

// shout sends a datagram to an address, where nobody listens; the host there says so.
func shout(addr string) int {
	c, err := net.Dial("udp", addr)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(c, "anybody there?")
	_, err = c.Read(make([]byte, 1))
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		fmt.Println("reached")
	case errors.Is(err, os.ErrDeadlineExceeded):
		fmt.Println("silence")
	default:
		fmt.Println(err)
	}
	return 0
}

// open reads the flags that all programs of the lab have, and those of a device.
func open(name string, args []string) (p *program.Program, listen, device string, rest []string) {
	var d cli.Daemon
	fs := flag.NewFlagSet(name, flag.ExitOnError)
	for flagName, to := range map[string]*string{
		"state": &d.State, "host": &d.Host, "listen": &d.Listen, "clock": &d.Clock, "events": &d.Events, "keylog": &d.KeyLog, "name": &device,
	} {
		fs.StringVar(to, flagName, "", "")
	}
	fs.Uint64("seed", 0, "")
	fs.Bool("json", false, "")
	fs.Bool("stay", false, "")
	fs.Parse(args)
	p, err := program.Open(name, d, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return p, d.Listen, device, fs.Args()
}

// server sends every client its name back.
func server() int {
	p, listen, _, _ := open("termsrv", os.Args[1:])
	defer p.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.Log.Event(eventlog.ConnectionAccepted, eventlog.F("peer", c.RemoteAddr()))
			io.WriteString(c, "welcome")
			c.Close()
		}
	}()
	p.Ready(l.Addr().String())
	<-ctx.Done()
	p.Stopped(nil)
	return 0
}

// client behaves as its name says.
func client() int {
	p, _, device, rest := open("tsclient", os.Args[2:])
	defer p.Close()
	switch device {
	case "REFUSED":
		p.Log.Event(eventlog.ClientRefused, eventlog.F("server", rest[0]), eventlog.F("reason", "no license"))
		fmt.Println(`{"outcome": "refused", "reason": "no license", "error_info": 258, "presented": {"kind": "temporary", "license_id": "LAB-1"}}`)
		return 3
	case "BROKEN":
		fmt.Fprintln(os.Stderr, "tsclient: the store is damaged")
		return 1
	}
	c, err := net.Dial("tcp", rest[0]+":3389")
	if err != nil {
		fmt.Println(`{"outcome": "unreachable"}`)
		return 5
	}
	defer c.Close()
	io.ReadAll(c)
	p.Log.Event(eventlog.ClientLoggedOn, eventlog.F("user", device))
	fmt.Println(`{"outcome": "connected", "messages": ["A", "B"], "presented": {"kind": "temporary", "license_id": "LAB-1"}, "received": {"kind": "CAL", "license_id": "LAB-2"}}`)
	if device == "STAYING" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		<-ctx.Done()
	}
	return 0
}

func standIns(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"termsrv", "tsclient", "clearinghouse", "shout"} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run runs a drill whose lab has hosts c1 and ts1 unless it declares its own.
func run(t *testing.T, source string) (r *netlab.Record, story string, err error) {
	t.Helper()
	if !strings.Contains(source, "net(") {
		source = "lan = net(\"lan\"); c1 = host(\"c1\"); ts1 = host(\"ts1\")\n" + source
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a_test.star")
	if err := os.WriteFile(path, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := script.Load(drills.Files, path)
	if err != nil {
		t.Fatal(err)
	}
	d.File = "a_test.star" // not the folder of this time
	if err := d.Check(); err != nil {
		return nil, "", err
	}
	var out bytes.Buffer
	r, err = script.Run(t.Context(), d, script.Options{Folder: filepath.Join(dir, "run"), Seed: 1, Programs: []string{standIns(t)}, Out: &out})
	return r, out.String(), err
}

// Each line is an expectation about one word of the vocabulary.
const words = `# What the words do
lan = net("lan", prefix = "192.168.7.0/24")
wan = net("wan")
c1 = host("c1", lan)
ts1 = host("ts1", lan, wan)
expect([lan.name, lan.prefix, c1.name, c1.address, ts1.address], ["lan", "192.168.7.0/24", "c1", "192.168.7.1", "192.168.7.2"])
expect(now()[:16], "2003-03-03T09:00")

ts = start(ts1, "termsrv")
expect([ts.name, ts.host, ts.running], ["termsrv", "ts1", True])
expect(ts.address, lambda a: a.endswith(":3389"))
expect(await_event("program.ready", host = ts1).fields.program, "termsrv")

r = connect(c1, ts1, name = "PC-1")
expect([r.status, r.exit, r.kind, r.token.license_id, r.presented.kind, r.messages], ["connected", 0, "CAL", "LAB-2", "temporary", ["A", "B"]])
expect(len(events("client.logged-on", host = "c1", program = "tsclient", user = "PC-1")), 1)
expect(len(events("client.logged-on", user = "PC-2")), 0)
expect(packets(between = (c1, ts1), protocol = "tcp", port = 3389), lambda n: n >= 7)
expect(packets(between = (c1, ts1), port = 4), 0)
expect(packets(protocol = "udp"), 0)
expect([len(messages(n)) for n in ["tsls.Allocate", "Query", "dns.SRV", "SRV answer", "encrypted"]], [0] * 5, "names as the capture has them, or faults")

no = connect(c1, ts1, name = "REFUSED")
expect([no.status, no.exit, no.error_info, no.received, no.kind], ["refused", 3, 258, None, "temporary"])
gone = connect(c1, c1, name = "PC-1")
expect([gone.status, gone.exit, gone.token], ["unreachable", 5, None])

here = connect(c1, ts1, name = "STAYING", stay = True)
expect(here.running)
stop(here)
expect(here.running, False)

advance(days = 2, hours = 1, minutes = 30)
expect(now()[:16], "2003-03-05T10:30")

x = exec(c1, "sh", "-c", "echo $WHO; echo oops >&2; exit 3", env = {"WHO": ts1})
expect([x.exit, x.stdout, x.stderr], [3, "ts1\n", "oops\n"])
bg = exec(c1, "sleep", "1000", background = True)
kill(bg)
expect(bg.running, False)
j = run(c1, "echo", '{"a": [1, 2.5, null], "b": {"c-d": true}}').json
expect([j.a, j.b.c_d], [[1, 2.5, None], True])
expect(run(c1, "echo", "no JSON").json, None)

kill(ts)
ts = start(ts1, "termsrv", listen = ":3390")
expect(ts.address, lambda a: a.endswith(":3390"))
stop(ts)
expect([have("sh"), have("no-such-program")], [True, False])
sleeper = exec(c1, "sh", "-c", "while :; do :; done", background = True)
pause(sleeper)
expect(sleeper.running)
expect(exec(c1, "sh", "-c", "ps -o stat= -C sh || grep State /proc/[0-9]*/status").stdout, lambda s: "T" in s)
resume(sleeper)
pause(sleeper, lasting = "1ms")
await_event("program.resumed", target = "c1")
pause(sleeper, after = 1000, lasting = 1)
kill(sleeper)
begun = connect(c1, ts1, name = "PC-9", background = True)
r = ended(begun)
expect([begun.running, r.status], [False, "unreachable"])
expect([f.flags for f in packets(between = (c1, ts1), port = 3389, flags = "S", list = True)][:2], ["S", "SA"])
expect(packets(source = c1, flags = "S", port = 3389, where = lambda p: "A" not in p.flags) >= 2)
expect(packets(between = (c1, ts1), port = 3389, payload = True), packets(source = ts1, port = 3389, payload = True))
expect(packets(link = "c1:eth0", protocol = "tcp") > 0 and packets(link = "ts1:eth1", protocol = "tcp") == 0)
swarm = connect([c1, ts1], ts1, count = 10, parallel = 3, name = "K")
expect([swarm.count, len(swarm.all), swarm.statuses.get("connected", 0) + swarm.statuses.get("unreachable", 0)], [10, 10, 10])
expect(connect(c1, ts1, name = "PC-7", store = "seven").status, "unreachable")
n = 0
while n < 3:
    n += 1
expect(set([1, 2]) == set([2, 1]))
logged(c1, {"client.refused": 1})
step("The end")
print("a word besides")
`

func TestWords(t *testing.T) {
	r, story, err := run(t, words)
	if err != nil || r.Verdict != netlab.Passed {
		t.Fatalf("%v, %+v\n%s", err, r, story)
	}
	for _, want := range []string{
		"a_test: What the words do\n",
		"2003-03-03 09:00:00  ts1  termsrv is ready on [::]:3389\n",
		"2003-03-05 10:30:0", "lab  the calendar moved to 2003-03-05 10:30:0",
		"\nThe end\n", "a word besides\n", "! termsrv on ts1 is killed\n",
		"a_test: passed: 35 of 35 expectations met, ", "/run/lab.pcapng\n",
	} {
		if !strings.Contains(story, want) {
			t.Errorf("the story has no %q:\n%s", want, story)
		}
	}
	want := netlab.Expectation{Place: "a_test.star:6:7", Met: true,
		Text: `expect([lan.name, lan.prefix, c1.name, c1.address, ts1.address], ["lan", "192.168.7.0/24", "c1", "192.168.7.1", "192.168.7.2"])`,
		Want: `["lan", "192.168.7.0/24", "c1", "192.168.7.1", "192.168.7.2"]`,
	}
	if diff := cmp.Diff(want, r.Expectations[0], cmpopts.IgnoreFields(netlab.Expectation{}, "Got"), cmpopts.IgnoreUnexported(netlab.Expectation{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A drill that cannot be carried out says where and why.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, source, want string }{
		{"syntax", "x = (", `a_test.star:2:6: got end of file`},
		{"as in Python", "import os", "a_test.star:2:1: got import, want primary expression; the words of a drill"},
		{"as in Python", "try:\n    now()\nexcept: pass", "which has no try"},
		{"as in Python", `step(f"{c1}")`, "a_test.star:2:13: got string literal, want ','; if f\"...\" is meant, Starlark has"},
		{"no prefix", `net("x", prefix = "10.0.0.0/99")`, `net: prefix "10.0.0.0/99": want one such as`},
		{"undefined", "connct(c1, ts1)", "a_test.star:2:1: undefined: connct"},
		{"reserved word", `await("x")`, "a_test.star:2:1: got await, want primary expression; to wait for an event is await_event"},
		{"host after the lab is up", `now(); host("c2")`, "a_test.star:2:12: host: the lab is up already"},
		{"no such host", `exec("c9", "true")`, `a_test.star:2:5: exec: there is no host "c9" in this lab`},
		{"no such program", `exec(c1, "no-such-program")`, "exec: program no-such-program is neither in $TSLAB_BIN"},
		{"no host", `exec(3, "true")`, "exec: got int, want a host or its name"},
		{"does not end", `exec(c1, "sleep", "1000", timeout = 0.1)`, "exec: sleep on c1: it did not end within 100ms"},
		{"no such event", `await_event("license.marked", host = ts1, timeout = 0.1)`,
			"a_test.star:2:12: await_event: license.marked host=ts1: no such event within 100ms; since the last action there were: lab lab.up"},
		{"inside a function", "def f():\n    exec(c1)\nf()", "a_test.star:3:9: exec: want a host and a command"},
		{"client breaks", `connect(c1, ts1, name = "BROKEN")`, "connect: tsclient on c1: exit status 1: tsclient: the store is damaged"},
		{"tool fails", `clearinghouse(c1)`, "clearinghouse root on c1: exit status 1: clearinghouse: the state folder is full"},
		{"stop what is none", `stop(c1)`, "stop: for parameter program: got struct, want a program that start returned"},
		{"stopped already", `p = exec(c1, "sleep", "9", background = True); kill(p); kill(p)`, "kill: sleep on c1 is not running"},
		{"two nets", `net("a"); net("b"); host("x")`, "there are 2 nets; name those it hangs on"},
		{"between one", `packets(between = (c1,))`, "packets: between: want two hosts"},
		{"no such protocol", `packets(protocol = "UDP")`, `packets: protocol "UDP": want one of ["tcp" "udp"`},
		{"no such flag", `packets(flags = "s")`, `packets: flags "s": want some of SAFRP`},
		{"no such cable", `packets(link = "c1:eth9")`, `packets: link: there is no cable "c1:eth9" in this lab; there are c1:eth0`},
		{"no such port", `packets(port = -1)`, "packets: port: -1; want 1 to 65535"},
		{"port of nothing", `packets(port = 0)`, "packets: port: 0; want 1 to 65535"},
		{"events of no host", `events(host = "zz")`, `events: host: there is no host "zz" in this lab; there are c1`},
		{"event of no host", `await_event("lab.up", host = "zz")`, `await_event: host: there is no host "zz" in this lab`},
		{"source is no host", `packets(source = "zz")`, `packets: source: there is no host "zz" in this lab; there are c1`},
		{"no such message", `messages("NEW_LICENCE")`, `messages: there is no message "NEW_LICENCE"; want one such as`},
		{"no such message protocol", `messages(protocol = "tcp")`, `messages: protocol "tcp": want one of ["rdpele"`},
		{"no event of that name", `events("token.isued")`, `events: there is no event "token.isued"`},
		{"fault named once", `fault(c1, "los")`, `a_test.star:2:6: fault los-1: there is no kind "los"`},
		{"no time", `advance()`, "advance: want days, hours or minutes"},
		{"refuse", `now(); refuse("not here")`, "a_test.star:2:14: refuse: not here"},
		{"router on one net", `lan = net("a"); net("b"); router("r", lan)`, `router "r": want the two or more nets`},
		{"link too late", `a = net("a"); b = net("b"); c1 = host("c1", a); now(); link(c1, b)`, "link: c1 is not on net b: link: the lab is up already"},
		{"no crowd", `connect(c1, ts1, count = 0)`, "connect: count: want 1 to 5000 clients"},
		{"store elsewhere", `connect(c1, ts1, store = "../x")`, `store: "../x" is no name of a folder`},
		{"skew too late", `start(ts1, "termsrv"); skew(ts1, days = 1)`, "skew: termsrv was started on ts1 with the lab's calendar"},
		{"where that fails", `exec(c1, "shout", "ts1:9"); packets(where = lambda p: p.colour)`, `where: "packet" struct has no .colour attribute`},
		{"jump by steps", `advance(days = 1, jump = True, every = 5)`, "jump goes at once"},
		{"log of no host", `logged("c9", {1004: 1})`, `logged: there is no host "c9" in this lab`},
		{"no event logged", `logged(c1, {"token.isued": 1})`, `logged: there is no event "token.isued"`},
		{"no such number", `logged(c1, {1005: 1})`, "logged: there is no event 1005"},
		{"kind of nothing", `logged(c1, {None: 1})`, "logged: got NoneType, want the name or the number of an event"},
		{"no count", `logged(c1, {1004: "some"})`, "logged: 1004: want a count, or (least, most)"},
		{"most before least", `logged(c1, {1004: (2, 1)})`, "logged: 1004: want a count, or (least, most)"},
		{"unlike", `expect(1, 1, "x", 3)`, "expect: got 4 arguments, want at most 3"},
		{"endless", "while True:\n    pass", "too many steps"},
		{"does nothing", "x = 1", "the drill declares a lab and does nothing in it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _, err := run(t, tt.source)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v\nwant  %s", err, tt.want)
			}
			if r != nil && r.Verdict != netlab.Broken {
				t.Errorf("verdict %s", r.Verdict)
			}
		})
	}
}

func TestUnmetExpectationsAreCollected(t *testing.T) {
	r, story, err := run(t, "expect(1 + 1, 3, \"arithmetic\")\nexpect([])\nexpect(5, lambda n: n > 6)\nexpect(\"a\", \"a\")\n"+
		"expect(7, lambda a: (a,\n  1)[1] > 1, \"both\")\ndef few(n):\n    return n < 3\nexpect(8, few, \"by name\")")
	if err != nil {
		t.Fatal(err)
	}
	want := []netlab.Expectation{
		{Place: "a_test.star:2:7", Text: "arithmetic", Want: "3", Got: "2"},
		{Place: "a_test.star:3:7", Text: "expect([])", Want: "True", Got: "[]"},
		{Place: "a_test.star:4:7", Text: "expect(5, lambda n: n > 6)", Want: "lambda n: n > 6", Got: "5"},
		{Place: "a_test.star:5:7", Text: `expect("a", "a")`, Met: true, Want: `"a"`, Got: `"a"`},
		{Place: "a_test.star:6:7", Text: "both", Want: "lambda a: (a,", Got: "7"},
		{Place: "a_test.star:10:7", Text: "by name", Want: "few", Got: "8"},
		{Place: "a_test.star", Text: "nothing else was logged", Met: true, Want: "nothing", Got: "nothing"},
	}
	if diff := cmp.Diff(want, r.Expectations, cmpopts.IgnoreUnexported(netlab.Expectation{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if r.Verdict != netlab.Failed || !strings.Contains(story, "\na_test.star:2:7: arithmetic: want 3, got 2; no frame was sent since the expectation before\n") ||
		!strings.Contains(story, "failed: 2 of 7 expectations met") {
		t.Errorf("verdict %s\n%s", r.Verdict, story)
	}
}

// A drill that expects nothing says so, and a lab that is kept up expects nothing at all.
func TestDrillThatExpectsNothing(t *testing.T) {
	_, story, err := run(t, "now()\n")
	if err != nil || !strings.Contains(story, "a_test: passed: 1 of 1 expectations met, none of them the drill's own (`tslab check` says what it lacks), 0 frames captured on ") {
		t.Errorf("%v\n%s", err, story)
	}
	_, story, err = run(t, "expect(1, 1)\n")
	if err != nil || strings.Contains(story, "none of them") {
		t.Errorf("%v\n%s", err, story)
	}
	var out bytes.Buffer
	d := script.Drill{Name: "x", File: "x.star", Source: "net(\"lan\"); h = host(\"h\")\n"}
	r, err := script.Run(t.Context(), d, script.Options{
		Folder: filepath.Join(t.TempDir(), "run"), Out: &out, Keep: func(context.Context, *netlab.Lab) error { return nil },
	})
	if err != nil || len(r.Expectations) != 0 || !strings.Contains(out.String(), "0 frames captured on 1 link, 0 lost") {
		t.Errorf("%v, %+v\n%s", err, r, out.String())
	}
}

func TestInterruptedRunKeepsWhatItHas(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	d := script.Drill{Name: "x", File: "x.star", Source: "net(\"lan\"); h = host(\"h\")\nstep(\"waiting\")\nawait_event(\"fault.overrun\", timeout = 1000)\n"}
	out := writerFunc(func(b []byte) (int, error) {
		if strings.Contains(string(b), "waiting") {
			cancel()
		}
		return len(b), nil
	})
	r, err := script.Run(ctx, d, script.Options{Folder: filepath.Join(dir, "run"), Out: out})
	if err == nil || !strings.Contains(err.Error(), "interrupted") || r.Verdict != netlab.Interrupted {
		t.Errorf("%v, %+v", err, r)
	}
	if info, err := os.Stat(filepath.Join(dir, "run", netlab.CaptureName)); err == nil && info.Mode().Perm() != 0o600 {
		t.Errorf("the capture, which holds secrets, has mode %v", info.Mode())
	} else if err != nil {
		t.Errorf("no capture: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestEmbeddedDrills(t *testing.T) {
	all, err := script.List(drills.Files)
	if err != nil || len(all) < 2 {
		t.Fatalf("%d drills, %v", len(all), err)
	}
	for _, d := range all {
		if err := d.Check(); err != nil {
			t.Error(err)
		}
		if d.Title == "" || strings.Contains(d.Name, "_") {
			t.Errorf("%s: title %q", d.Name, d.Title)
		}
		if got, err := script.Load(drills.Files, d.Name); err != nil || got.Source != d.Source {
			t.Errorf("Load(%s): %v", d.Name, err)
		}
	}
	if _, err := script.Load(drills.Files, "no-such"); err == nil || !strings.Contains(err.Error(), "tslab list") {
		t.Errorf("Load of no drill: %v", err)
	}
	if _, err := script.Load(drills.Files, "no-such.star"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of no file: %v", err)
	}
}

// The example of each word is a sentence of the language that uses the word.
func TestVocabularyExamples(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range script.Vocabulary() {
		_, err := (&syntax.FileOptions{}).Parse(w.Name, w.Usage, 0)
		if err != nil || !strings.Contains(w.Usage, w.Name+"(") || w.Text == "" || seen[w.Name] {
			t.Errorf("%s: %q: %v", w.Name, w.Usage, err)
		}
		seen[w.Name] = true
	}
}
