package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/enroll"
)

// sells calls tslab sell in a folder.
func sells(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(t.Context(), command(), append([]string{"tslab", "sell", "--state", filepath.Join(dir, "shop"), "--output", filepath.Join(dir, "record")}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// TestSell: by every program the customer gets the numbers that it identifies a purchase
// by, and the clearinghouse takes the record in, dated by the lab's calendar.
func TestSell(t *testing.T) {
	date := time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)
	house, err := clearinghouse.Init(filepath.Join(t.TempDir(), "house"), "House", clock.Fixed(date))
	if err != nil {
		t.Fatal(err)
	}
	defer house.Close()
	calendar := filepath.Join(t.TempDir(), "clock")
	if err := clock.CreateLab(calendar, date); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() // of one reseller
	for _, p := range keypack.Programs() {
		code, stdout, stderr := sells(t, dir, "--program", p.Flag(), "--count", "25", "--clock", calendar, "--json")
		var got sold
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 || stderr != "" {
			t.Fatalf("%s: exit %d, %v, %s%s", p, code, err, stdout, stderr)
		}
		if _, faults := p.Check(got.Numbers); faults != nil || len(got.Numbers) != len(p.Fields()) || got.Count != 25 || got.Program != string(p) || got.Kind != "CAL" {
			t.Errorf("%s: %+v, %v", p, got, faults)
		}
		record, err := os.ReadFile(filepath.Join(dir, "record"))
		if err != nil {
			t.Fatal(err)
		}
		if purchase, err := enroll.ParsePurchase(record); err != nil || !purchase.Issued.Equal(date) || purchase.Count != 25 {
			t.Errorf("%s: %+v, %v", p, purchase, err)
		}
		if taken, err := house.TakeIn(record); err != nil || taken.Bought != 25 {
			t.Errorf("%s: %+v, %v", p, taken, err)
		}
	}
	// More under an agreement that there is already.
	if code, stdout, stderr := sells(t, dir, "--program", "select", "--number", "LAB-1234566", "--count", "5"); code != 0 || !strings.Contains(stdout, "Enrollment number: LAB-1234566\n") {
		t.Errorf("exit %d, %s%s", code, stdout, stderr)
	}
}

// TestSellRefuses: what cannot be sold is refused with its field and what to do, and no
// record is written.
func TestSellRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"--program lease --count 1":                            "program: there is no licensing program",
		"--program select --count 0":                           "count: ",
		"--program select --count 1000001":                     "count: ",
		"--program select --count x":                           "want a number",
		"--program select --count 1 --kind server":             "kind: ",
		"--program select --count 1 --product NT4":             "there is no product",
		"--program select --count 1 --number LAB-1234567":      "enrollment-number: ",
		"--program open --count 1 --number LAB-12345674":       "is sold under 2 such numbers",
		"--program campus --count 1 --kind internet-connector": "sell them under Open License, Select or Enterprise",
		"--program select --count 1 --kind per-user":           "came with Windows Server 2003",
	} {
		dir := t.TempDir()
		code, stdout, stderr := sells(t, dir, strings.Fields(args)...)
		if code != cli.CodeRefused && code != cli.CodeUsage || !strings.Contains(stderr, want) || stdout != "" {
			t.Errorf("%s: exit %d, %q, %q; want %q", args, code, stdout, stderr, want)
		}
		if _, err := os.Stat(filepath.Join(dir, "record")); err == nil {
			t.Errorf("%s: a record was written", args)
		}
	}
}
