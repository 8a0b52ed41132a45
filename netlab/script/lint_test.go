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
