// Command bench measures the product through its programs and prints a line for each
// figure. The client side runs in this process, the servers in theirs: their
// processor time is what a connection costs them, while rates also depend on what
// the machine has left for the clients.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/tslab/tslab/internal/harness"
)

// figure is one line.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

func main() {
	asJSON := flag.Bool("json", false, "print JSON lines")
	only := flag.Bool("networks", false, "measure networks and captures alone")
	span := flag.Duration("span", 3*time.Second, "measure each rate for so long")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if played, err := role(ctx); played {
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	print := func(f figure) {
		if *asJSON {
			line, _ := json.Marshal(f) // strings and a number
			fmt.Println(string(line))
			return
		}
		fmt.Printf("%-44s %10.4g %s\n", f.Name, f.Value, f.Unit)
	}
	if err := run(ctx, *span, print, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures everything.
func run(ctx context.Context, span time.Duration, print func(figure), networks bool) error {
	bin, done, err := harness.Programs()
	if err != nil {
		return err
	}
	defer done()
	measures := []func(context.Context, string, time.Duration, func(figure)) error{manyHostsUp, captures, faultCost, labDays, discoveries}
	if !networks {
		measures = append([]func(context.Context, string, time.Duration, func(figure)) error{codecs, licensings, issues, labStart, inventories, referrals}, measures...)
	}
	for _, measure := range measures {
		if err := measure(ctx, bin, span, print); err != nil {
			return err
		}
	}
	return nil
}

// farm runs do with a farm in a folder of its own.
func farm(bin string, do func(*harness.Farm) error) error {
	dir, err := os.MkdirTemp("", "tslab-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	f, err := harness.NewFarm(bin, dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return do(f)
}
