//go:build linux

package script

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/drills"
	"github.com/tslab/tslab/netlab/fault"
)

func planOf(t *testing.T, source string, o Options) netlab.Plan {
	t.Helper()
	p, err := newDrill("x.star", "x.star", source).Plan(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// step is the first action of that word.
func step(t *testing.T, p netlab.Plan, word string) netlab.Planned {
	t.Helper()
	i := slices.IndexFunc(p.Steps, func(s netlab.Planned) bool { return s.Word == word })
	if i < 0 {
		t.Fatalf("no %s in %+v", word, p.Steps)
	}
	return p.Steps[i]
}

const planned = `# What is planned
editions = ["w2k-rtm", "ws2003"]
lan = net("lan", prefix = "192.168.7.0/24", site = "north")
far = net("far", ipv6 = True)
dc = host("dc", lan, domain = "corp.example", dc = True)
ls1 = host("ls1", lan, domain = "corp.example")
c1 = host("c1", far)
r1 = router("r1", lan, far)
start(dc, "labdc")
ls = start(ls1, "lserver", cal_life = 60)
office = clearinghouse(c1, name = "Office")
activate(ls1, office)
stock(ls1, office, cals = 7, program = "select")
ts = start(r1, "termsrv", roots = office.roots, license_server = ls1, seed = 3)
expect(inventory(ls1).free, 7, "free")
r = connect(c1, r1, name = "PC", store = "x")
if edition() == "ws2003":
    advance(days = 2, hours = 1)
found = [e.fields.server for e in events("server.found", host = r1)]
fault(link(c1, far), "loss", percent = 5)
fault(c1, "cut", name = "gone")
split = partition([r1], [ls1, c1])
heal(split, "gone")
expect(now()[:10], "2003-03-05", "the day")
kill(ls)
for n in range(len(found)):
    exec(c1, "true")
refuse("here it ends") if found[0] > 3 else None
`

// TestPlan: what a drill would build and do, with the command lines of its programs.
func TestPlan(t *testing.T) {
	p := planOf(t, planned, Options{Edition: "ws2003", Seed: 5})
	if p.Edition != "ws2003" || p.Title != "What is planned" || len(p.Spec.Hosts) != 4 || len(p.Spec.Nets) != 2 {
		t.Errorf("%s %q, %s", p.Edition, p.Title, p.Spec.String())
	}
	var words []string
	for _, s := range p.Steps {
		words = append(words, s.Word)
	}
	if got, want := strings.Join(words, " "), "start start clearinghouse activate stock start connect advance fault fault partition heal kill exec"; got != want {
		t.Errorf("steps: %s, want %s", got, want)
	}
	if s := step(t, p, "stock"); s.Host != "ls1" || s.Office != "c1" || s.Count != 7 || strings.Join(s.Args, " ") != "--program select" || s.Place != "x.star:13:6" {
		t.Errorf("stock: %+v", s)
	}
	if s := step(t, p, "clearinghouse"); s.Host != "c1" || s.Name != "Office" {
		t.Errorf("clearinghouse: %+v", s)
	}
	if s := step(t, p, "connect"); s.Host != "c1" || s.Target != "r1" || !strings.HasSuffix(strings.Join(s.Args, " "), "--name PC r1") {
		t.Errorf("connect: %+v", s)
	}
	if s := step(t, p, "advance"); s.Duration != 49*time.Hour {
		t.Errorf("advance: %v", s.Duration)
	}
	if s := step(t, p, "fault"); s.Fault.Kind != fault.Loss || s.Fault.Host != "c1" || s.Fault.Interface != "eth0" || s.Name != "loss-1" {
		t.Errorf("fault: %+v", s)
	}
	if s := step(t, p, "partition"); s.Name != "partition-1" || len(s.Groups) != 2 {
		t.Errorf("partition: %+v", s)
	}
	if s := step(t, p, "heal"); strings.Join(s.Names, " ") != "partition-1 gone" {
		t.Errorf("heal: %+v", s)
	}
	if s := step(t, p, "kill"); s.Host != "ls1" || s.Program != "lserver" {
		t.Errorf("kill: %+v", s)
	}
	if !strings.HasPrefix(p.End, "x.star:28:") || !strings.Contains(p.End, "unknown > int") {
		t.Errorf("it ends: %q", p.End)
	}
}

// TestPlanCommands: servers are called as in a run, with the paths of a lab elsewhere.
func TestPlanCommands(t *testing.T) {
	p := planOf(t, planned, Options{Edition: "w2k-rtm", Seed: 5})
	starts := slices.DeleteFunc(slices.Clone(p.Steps), func(s netlab.Planned) bool { return s.Word != "start" })
	for i, want := range [][]string{
		{"labdc --state /lab/state/labdc --host dc --clock /lab/calendar/clock", "--listen :3346 --domain corp.example --join-secret-file /lab/domain/secret --forest /lab/domain/forest.pem --site 192.168.7.0/24=north"},
		{"lserver --state /lab/state/lserver --host ls1", "--events /lab/state/lserver/events.jsonl --keylog /lab/state/lserver/keys.log --listen :3343 --domain corp.example --join-secret-file /lab/domain/secret --cal-life 60 --edition w2k-rtm --seed "},
		{"termsrv --state /lab/state/termsrv --host r1", "--listen :3389 --roots /lab/documents/roots.pem --license-server ls1 --seed 3 --edition w2k-rtm"},
	} {
		got := strings.Join(starts[i].Args, " ")
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: no %q", got, part)
			}
		}
	}
	if slices.ContainsFunc(p.Steps, func(s netlab.Planned) bool { return s.Word == "advance" }) {
		t.Error("the other edition's calendar is advanced")
	}
	ls1, _ := p.Spec.Host("ls1")
	if got, want := strings.Join(p.PlanJoin(ls1), " "), "labdc join --domain corp.example --dc 192.168.7.1 --join-secret-file /lab/domain/secret --state /lab/state/licmgr --host ls1"; !strings.HasPrefix(got, want) {
		t.Errorf("join: %s", got)
	}
	if address, port := p.PlanEnroll("corp.example"); address != "192.168.7.1" || port != "3346" {
		t.Errorf("enroll: %s %s", address, port)
	}
}

// TestPlanOfEveryDrill: each has hosts and starts servers on them before it ends.
func TestPlanOfEveryDrill(t *testing.T) {
	all, err := List(drills.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		p, err := d.Plan(Options{Seed: 1})
		if err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
		if s := step(t, p, "start"); s.Host == "" || s.Program == "" {
			t.Errorf("%s: %+v", d.Name, s)
		}
	}
}

// TestPlanGoesOn: what is looked for may be what would have been found, and lists may
// hold themselves; the plan does not end there.
func TestPlanGoesOn(t *testing.T) {
	const begin = "# X\nlan = net(\"lan\"); c1 = host(\"c1\", lan); r = connect(c1, \"c1\")\n"
	for _, line := range []string{
		`events("token.issued", device = r.name)`,
		`await_event(r.event, host = r.host, timeout = 5)`,
		`packets(between = (c1, r.name))`,
		`packets(port = r.port)`,
		`messages(r.message)`,
		`l = []; l.append(l); events(l)`,
		`l = []; l.append(l); l.append(l); events("token.issued", device = l)`,
		`d = {}; d["d"] = d; messages(d)`,
		`messages(range(1000000000))`,
	} {
		p := planOf(t, begin+line+"\nexec(c1, \"true\")\n", Options{})
		if s := step(t, p, "exec"); s.Host != "c1" || p.End != "" {
			t.Errorf("%s: %+v, it ends: %q", line, s, p.End)
		}
	}
}

// TestLambdaOfEveryLineEnd: a lambda is told as it stands, whatever ends the lines.
func TestLambdaOfEveryLineEnd(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", "\r"} {
		d := newDrill("x.star", "x.star", strings.Join([]string{"# X", "", "x = 1", "f = lambda n: n > 6", ""}, end))
		e := newEngine(t.Context(), d, Options{})
		program, err := d.compile(starlark.StringDict{})
		if err != nil {
			t.Fatal(err)
		}
		names, err := program.Init(&starlark.Thread{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.functionText(names["f"].(*starlark.Function)); got != "lambda n: n > 6" {
			t.Errorf("%q: %q", end, got)
		}
		if d.Title != "X" {
			t.Errorf("%q: the title is %q", end, d.Title)
		}
		if got := e.sourceLine(3); got != "x = 1" {
			t.Errorf("%q: line 3 is %q", end, got)
		}
	}
}

// TestPlanRefuses: what cannot be read has no plan, and what has no host neither.
func TestPlanRefuses(t *testing.T) {
	for source, want := range map[string]string{
		"# X\nnet(":                            "x.star:2:5",
		"# X\nlan = net(\"lan\")\n":            "declares no hosts",
		"# X\nnet(\"lan\", prefix=\"x\")\n":    "declares no hosts: x.star:2:4",
		"# X\neditions = [\"w95\"]\nnet(\"\")": "w95",
	} {
		if _, err := newDrill("x.star", "x.star", source).Plan(Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", source, err, want)
		}
	}
}
