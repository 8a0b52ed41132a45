//go:build linux

package script_test

import (
	"strings"
	"testing"

	"github.com/tslab/tslab/netlab/drills"
	"github.com/tslab/tslab/netlab/script"
)

// proves R52, R53, R54
func TestLint(t *testing.T) {
	const proof = "expect(packets()); events(); inventory(\"a\")\n"
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
		{"# t\nstart(\"a\", \"lserver\"); expect(packets()); events()", []string{"x.star:2:1: advice: one license server"}, []string{"no expectation about the pool"}},
		{"# t\nstart(\"a\", \"termsrv\")\n" + proof, []string{"x.star:2:1: advice: a terminal server and no license server"}, nil},
		{"# t\nstart(\"a\", \"lserver\")\n" + proof, []string{"x.star:2:1: advice: one license server"}, nil},
		{"# t\nstart(\"a\", \"lserver\"); start(\"b\", \"lserver\"); activate(\"a\", 1)\n" + proof,
			[]string{"x.star:2:24: advice: more license servers than are activated"}, nil},
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
	first, err := script.Load(drills.Files, "first-logon")
	if err != nil {
		t.Fatal(err)
	}
	if remarks, err := first.Lint(); err != nil || len(remarks) != 1 {
		t.Errorf("first-logon: %v, %v", remarks, err)
	}
}

func title(source string) string {
	if strings.HasPrefix(source, "#") {
		return "t"
	}
	return ""
}
