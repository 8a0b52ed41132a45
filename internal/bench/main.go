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
	"strings"
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
	networks := flag.Bool("networks", false, "measure networks and captures alone")
	only := flag.String("only", "", "measure only what is called so: "+strings.Join(names(), ", "))
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
	if err := run(ctx, *span, print, func(m measure) bool { return (m.network || !*networks) && (*only == "" || *only == m.name) }); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measure is something that is measured, in a line or more.
type measure struct {
	name    string
	network bool // of networks and captures
	do      func(ctx context.Context, bin string, span time.Duration, print func(figure)) error
}

func measures() []measure {
	return []measure{
		{"codecs", false, codecs}, {"licensings", false, licensings}, {"issues", false, issues}, {"lab", false, labStart},
		{"inventories", false, inventories}, {"referrals", false, referrals},
		{"hosts", true, manyHostsUp}, {"flood", true, captures}, {"faults", true, faultCost}, {"days", true, labDays}, {"discovery", true, discoveries},
	}
}

func names() (all []string) {
	for _, m := range measures() {
		all = append(all, m.name)
	}
	return all
}

// run measures what is wanted.
func run(ctx context.Context, span time.Duration, print func(figure), wanted func(measure) bool) error {
	bin, done, err := harness.Programs()
	if err != nil {
		return err
	}
	defer done()
	for _, m := range measures() {
		if !wanted(m) {
			continue
		}
		if err := m.do(ctx, bin, span, print); err != nil {
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
