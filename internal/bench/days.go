package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
)

// daysDrill lives through 90 days with a license server that the terminal server asks
// as it does on any day, and a client that stays licensed.
const daysDrill = `# Ninety days, measured
lan = net("lan")
c1 = host("c1")
ts1 = host("ts1")
ls1 = host("ls1")
ls = start(ls1, "lserver")
start(ts1, "termsrv", license_server = ls1)
connect(c1, ts1, name = "PC-1")
step("begin")
advance(days = %d)
step("end")
`

// labDays measures how many days of the calendar a lab lives through in a second.
func labDays(ctx context.Context, bin string, span time.Duration, print func(figure)) error {
	dir, err := os.MkdirTemp("", "tslab-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	z := sizeOf(span)
	path := filepath.Join(dir, "days.star")
	if err := os.WriteFile(path, fmt.Appendf(nil, daysDrill, z.Days), 0o644); err != nil {
		return err
	}
	var rates []float64
	for range z.Rounds {
		p, err := harness.Start(dir, nil, "", filepath.Join(bin, "tslab"), "run", path)
		if err != nil {
			return err
		}
		defer p.Kill()
		if code, err := p.Wait(ctx); code != 0 || err != nil {
			return fmt.Errorf("tslab run: exit status %d, %v:\n%s", code, err, p.Output())
		}
		took, err := between(filepath.Join(dir, "runs", "days", "lab.jsonl"), "begin", "end")
		if err != nil {
			return err
		}
		rates = append(rates, float64(z.Days)/took.Seconds())
	}
	print(figure{fmt.Sprintf("%d days with a license server in reach", z.Days), median(rates), "days/s"})
	const goal = 60
	print(figure{"ratio to the goal of 60 days a second", median(rates) / goal, "times"})
	return nil
}

// between is the machine's time from one step of a drill to another.
func between(path, from, to string) (time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	at := map[string]time.Time{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e eventlog.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err == nil && e.Name == eventlog.LabStep.Name {
			at[e.Text] = e.Machine
		}
	}
	if at[from].IsZero() || at[to].IsZero() {
		return 0, fmt.Errorf("%s has no steps %q and %q", path, from, to)
	}
	return at[to].Sub(at[from]), nil
}
