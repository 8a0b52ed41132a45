//go:build linux

package script_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tslab/tslab/netlab/drills"
	"github.com/tslab/tslab/netlab/script"
)

// proves R52, R53, R54
func TestLint(t *testing.T) {
	const proof = "expect(packets()); await_event(\"b\"); expect(inventory(\"a\"))\n"
	const declared = "# t\nlan = net(\"lan\")\nc1 = host(\"c1\")\n"
	const asked = "# t\nlan = net(\"lan\")\nc1 = host(\"c1\")\nr = run(c1, \"x\").json\n"
	const proof2 = "expect(packets()); await_event(\"lab.up\")\n"
	for _, tt := range []struct {
		source  string
		remarks []string
		errs    []string
	}{
		{"# t\n" + proof, nil, nil},
		{"x = (", nil, []string{"x.star:1:6: got end of file"}},
		{"y = edition()", nil, []string{
			"no title", "no expectation about anything", "never calls packets or messages", "never calls events or await_event",
			"x.star:1:5: edition() without a matrix"}},
		{"# t\neditions = [\"w2k\"]\ny = edition()\n" + proof, nil, nil},
		{"# t\nstart(\"a\", \"lserver\"); expect(packets()); expect(events())", []string{"x.star:2:1: advice: one license server"}, []string{"no expectation about the pool"}},
		{"# t\npackets(); events(); expect(1, 1)", nil, []string{
			"no expectation about packets: no expect looks at what packets or messages found", "no expectation about events: no expect looks"}},
		{"# t\nn = packets(); n = n + 1; found = []; found.append(events()); expect([n, found])", nil, nil},
		{"# t\ndef same(a): expect(a)\ndef all():\n  for e in events(): same(e)\nsame([m for m in messages()]); all()", nil, nil},
		{"# t\neditions = [\"w2k-sp3\", \"ws2003\"]\nif edition() == \"ws2003\":\n  expect(packets())\nelse:\n  expect(events())", nil, []string{
			"no expectation about packets under w2k-sp3", "no expectation about events under ws2003"}},
		{"# t\neditions = [\"w2k-sp3\", \"ws2003\"]\nexpect(packets() if edition() in (\"ws2003\",) else events()); await_event(\"b\")", nil, []string{
			"no expectation about packets under w2k-sp3"}},
		{"# t\nstart(\"a\", \"termsrv\")\n" + proof, []string{"x.star:2:1: advice: a terminal server and no license server"}, nil},
		{"# t\nstart(\"a\", \"lserver\")\n" + proof, []string{"x.star:2:1: advice: one license server"}, nil},
		{"# t\na = \"a\"; start(a, \"lserver\"); activate(a, 1); start(a, \"lserver\")\n" + proof, []string{"x.star:2:10: advice: one license server"}, nil},
		{"# t\nstart(\"a\", \"lserver\"); start(\"b\", \"lserver\"); activate(\"a\", 1)\n" + proof,
			[]string{"x.star:2:24: advice: more license servers than are activated"}, nil},
		{"# t\nstart(\"a\", \"termsrv\", mode = \"user\"); start(\"b\", \"lserver\")\n" + proof,
			[]string{"x.star:2:1: advice: a terminal server licensed per user", "x.star:2:39: advice: one license server"}, nil},
		{"# t\nstart(\"a\", \"termsrv\", mode = \"user\"); start(\"b\", \"lserver\"); stock(\"b\", 1, kind = \"per-user\", cals = 2)\n" + proof,
			[]string{"x.star:2:39: advice: one license server"}, nil},
		{"# t\nh = 1; fault(h, \"loss\", percent=10, peer=h, name=h, direction=\"from\"); fault(h, \"loss\", percent=h)\n" + proof, nil, nil},
		{"# t\nh = 1; fault(h, \"los\"); fault(h, \"loss\", percent=101)\nfault(h, \"delay\", delay=-0.5); fault(h, \"cut\", direction=\"out\")\n" +
			"fault(h, \"drop\", message=\"NEW_LICENCE\"); fault(h, \"cut\", colour=1); fault(h, \"cut\", port=70000)\n" + proof, nil, []string{
			`x.star:2:8: fault los: there is no kind "los"`, "x.star:2:25: fault loss: ", "x.star:3:1: fault delay: ", `x.star:3:32: fault cut: direction "out"`,
			`x.star:4:1: fault drop: there is no message "NEW_LICENCE"`, `unexpected keyword argument "colour"`, "port: 70000"}},
		{declared + "c1 = host(\"c1\")\n" + proof2, nil, []string{`x.star:4:10: host: there is a host "c1" already`}},
		{"# t\nlan = net(\"lan\", prefix = \"10.0.0.0/99\"); c1 = host(\"c1\")\n" + proof2, nil, []string{`x.star:2:10: net: prefix "10.0.0.0/99": want one such as`}},
		{declared + "for n in range(2): connect(c1, \"nowhere\")\nexec(\"c9\", \"true\")\n" + proof2,
			[]string{`x.star:4:27: advice: connect: there is no host "nowhere" in this lab; there are c1`}, []string{`x.star:5:5: exec: there is no host "c9"`}},
		{declared + "connect(c1, \"nowhere:3390\")\n" + proof2, []string{`x.star:4:8: advice: connect: there is no host "nowhere"`}, nil},
		{declared + "dc = host(\"dc\", lan, domain = \"corp.example\", dc = True); connect(c1, \"farm\")\n" + proof2, nil, nil},
		{declared + "connect(c1, \"10.0.0.9\"); connect(c1, \"ts9.corp.example:3390\"); connect(c1, \"c1\")\n" + proof2, nil, nil},
		{declared + "exec(\"c9\", \"true\")\n" + proof2, nil, []string{`x.star:4:5: exec: there is no host "c9"`}},
		{declared + "start(c1, \"termsvr\")\n" + proof2, nil, []string{`x.star:4:6: start: there is no program "termsvr"`}},
		{declared + "def deep():\n  await_event(\"token.isued\")\nfor n in range(2): deep()\n" + proof2, nil, []string{`x.star:5:14: await_event: there is no event "token.isued"`}},
		{declared + "expect(packets(between = (c1, \"c7\")), 0)\n" + proof2, nil, []string{`x.star:4:15: packets: between: there is no host "c7"`}},
		{declared + "expect(messages(\"NEW_LICENCE\"), [])\n" + proof2, nil, []string{`x.star:4:16: messages: there is no message "NEW_LICENCE"`}},
		{declared + "logged(c1, {1005: 1})\n" + proof2, nil, []string{"x.star:4:7: logged: there is no event 1005"}},
		{declared + "partition([c1], [\"c4\"])\n" + proof2, nil, []string{`x.star:4:10: partition: there is no host "c4"`}},
		{declared + "fault(c1, \"cut\", peer = \"c4\")\n" + proof2, nil, []string{`x.star:4:6: fault: there is no host "c4"`}},
		{declared + "r = run(c1, \"x\").json\nif r.ok: host(\"late\")\nexec(r.name, \"true\"); connect(c1, r.to)\nevents(host = r.host); x = r.n + 1\nrefuse(\"not here\")\n" + proof2, nil, nil},
		{asked + "if r.ok:\n  pass\nelse:\n  exec(\"c9\", \"true\")\n" + proof2, nil, nil},
		{asked + "if r.state != \"granted\": exec(\"c9\", \"true\")\n" + proof2, nil, nil},
		{asked + "if not r.a == r.b: pass\nexec(\"c9\", \"true\")\n" + proof2, nil, nil},
		{asked + "if \"x\" in r.names: exec(\"c9\", \"true\")\n" + proof2, nil, nil},
		{asked + "if {\"x\": 1}.get(r.name) == None: exec(\"c9\", \"true\")\n" + proof2, nil, nil},
		{asked + "if len(events(\"lab.up\")) == 1: exec(\"c9\", \"true\")\n" + proof2, nil, nil},
		{asked + "for e in events(\"lab.up\"): exec(\"c9\", \"true\")\n" + proof2, nil, nil},
		{asked + "h = \"c2\" if r.ok else \"c1\"; host(h)\n" + proof2, nil, nil},
		{asked + "exec(\"c%s\" % r.n, \"true\")\n" + proof2, nil, nil},
		{asked + "connect(c1, \"c%s\" % r.n)\n" + proof2, nil, nil},
		{asked + "n = [e.text for e in events(\"lab.up\")]; x = r.n + 1; expect(r.ok); events(host = r.host)\nexec(\"c9\", \"true\")\n" + proof2, nil, []string{
			`x.star:6:5: exec: there is no host "c9"`}},
		{declared + "while not events(\"lab.up\")[0].text: pass\n" + proof2, nil, nil},
		{"# t\neditions = [\"w2k-sp3\", \"ws2003\"]\nlan = net(\"lan\"); c1 = host(\"c1\")\nif edition() == \"ws2003\": exec(\"c9\", \"true\")\nexec(\"c8\", \"true\")\n" + proof2, nil, []string{
			`x.star:5:5: exec: there is no host "c8"`, `x.star:4:31: exec: there is no host "c9"`}},
	} {
		remarks, err := script.Drill{Name: "x", File: "x.star", Title: title(tt.source), Source: tt.source}.Lint()
		for i, want := range tt.remarks {
			if i >= len(remarks) || !strings.HasPrefix(remarks[i].String(), want) {
				t.Errorf("%s: remarks %v, want %s", tt.source, remarks, want)
			}
		}
		if len(remarks) != len(tt.remarks) || (err == nil) != (tt.errs == nil) {
			t.Errorf("%s: %v, %v", tt.source, remarks, err)
		}
		for _, want := range tt.errs {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", tt.source, err, want)
			}
		}
	}
}

// Every drill that comes with the lab passes the check that users have for theirs,
// and says in its first lines what it shows, under which number of the drills and
// where the rules are from.
func TestDrillsOfTheLab(t *testing.T) {
	all, err := script.List(drills.Files)
	if err != nil || len(all) < 7 {
		t.Fatalf("%d drills, %v", len(all), err)
	}
	number := regexp.MustCompile(`^(d\d\d[a-z]?)-`)
	for _, d := range all {
		if _, err := d.Lint(); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
		if d.File != d.Name+".star" || !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(d.Name) {
			t.Errorf("%s is named %s", d.File, d.Name)
		}
		head, _, _ := strings.Cut(d.Source, "\n\n")
		for _, want := range []string{`^# \S`, `(?m)^# Source: \S`, `\bD\d\d`, `\bRules?\s(# )?[A-Z]\d`} {
			if !regexp.MustCompile(want).MatchString(head) {
				t.Errorf("%s: nothing in the first lines is like %s:\n%s", d.File, want, head)
			}
		}
		if m := number.FindStringSubmatch(d.Name); m != nil && !strings.HasPrefix(strings.ToLower(d.Title), m[1]+": ") {
			t.Errorf("%s: the title %q does not begin with its number", d.File, d.Title)
		}
	}
}

func title(source string) string {
	if strings.HasPrefix(source, "#") {
		return "t"
	}
	return ""
}
