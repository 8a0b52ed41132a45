//go:build linux

package script_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tslab/tslab/netlab"
)

// A drill passes if what it lists was logged and nothing else: each row is the end of a
// drill in which a device was refused, and one that connects twice came once before.
func TestLogged(t *testing.T) {
	t.Parallel()
	const begin = `start(ts1, "termsrv")
connect(c1, ts1, name = "PC-1")
connect(c1, ts1, name = "REFUSED")
`
	const refused = `at 2003-03-03 09:00:\d\d on c1: refused by ts1: no license`
	for name, tt := range map[string]struct {
		end  string
		want []string // of the expectations that are not met, their reasons as patterns
	}{
		"listed":            {`logged(c1, {"client.refused": 1})`, nil},
		"listed by two":     {`logged(c1, {"client.refused": 0}); logged(c1, {"client.refused": 1})`, nil},
		"between":           {`logged(c1, {"client.refused": (0, 2)})`, nil},
		"not listed":        {``, []string{`^nothing else was logged: want logged\(c1, \{"client.refused": 1\}\), if it is meant, got 1 of "client.refused", the first ` + refused}},
		"fewer than listed": {`logged(c1, {"client.refused": 2})`, []string{`^events "client.refused" in the log of c1: want 2, got 1; see frames`}},
		"more than listed":  {`logged(c1, {"client.refused": 0})`, []string{`^events "client.refused" in the log of c1: want 0, got 1, the first too many ` + refused}},
		"another host":      {`logged(ts1, {"client.refused": 1})`, []string{`in the log of ts1: want 1, got 0`, `^nothing else was logged: want logged\(c1,`}},
		"no such number":    {`logged(c1, {"client.refused": 1}); logged(ts1, {1004: (1, 2)})`, []string{`^events 1004 in the log of ts1: want 1 to 2, got 0`}},
		// A kind that is no warning counts where the drill lists it.
		"listed information": {`logged(c1, {"client.refused": 1, "client.logged-on": 1})`, nil},
		"information elsewhere": {`logged(c1, {"client.refused": 1}); logged(ts1, {"client.logged-on": 0})`, []string{
			`got 1 of "client.logged-on", the first at 2003-03-03 09:00:\d\d on c1: logged on as PC-1`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, story, err := run(t, begin+tt.end)
			if err != nil {
				t.Fatal(err)
			}
			var unmet []netlab.Expectation
			for _, x := range r.Expectations {
				if !x.Met {
					unmet = append(unmet, x)
				}
			}
			if len(unmet) != len(tt.want) || (r.Verdict == netlab.Passed) != (len(unmet) == 0) {
				t.Fatalf("%s, %d not met\n%s", r.Verdict, len(unmet), story)
			}
			for i, x := range unmet {
				if !regexp.MustCompile(tt.want[i]).MatchString(x.Why()) {
					t.Errorf("%s\nwant %s", x.Why(), tt.want[i])
				}
				if x.Event != nil && (x.FirstFrame == 0 || x.LastFrame < x.FirstFrame || !strings.Contains(x.Why(), "since the event before")) {
					t.Errorf("frames %d to %d: %s", x.FirstFrame, x.LastFrame, x.Why())
				}
			}
		})
	}
}

// What a drill does to the lab itself is no surprise to it.
func TestLoggedByTheLab(t *testing.T) {
	r, story, err := run(t, `ts = start(ts1, "termsrv"); fault(c1, "loss", percent = 1); kill(ts)`)
	if err != nil || r.Verdict != netlab.Passed || len(r.Expectations) != 1 {
		t.Errorf("%v, %+v\n%s", err, r, story)
	}
}

// A drill that ends in an error says that, and nothing about logs.
func TestLoggedOfABrokenDrill(t *testing.T) {
	r, _, err := run(t, `connect(c1, ts1, name = "REFUSED"); refuse("that is all")`)
	if err == nil || r.Verdict != netlab.Broken || len(r.Expectations) != 0 {
		t.Errorf("%v, %+v", err, r)
	}
}
