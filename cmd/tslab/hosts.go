//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/netlab"
)

// labShown is the answer to the control socket's operation "hosts".
type labShown struct {
	Run    string      `json:"run"` // folder, as it was asked for
	Drill  string      `json:"drill"`
	Date   time.Time   `json:"date"`   // of the lab's calendar
	Faults int         `json:"faults"` // laid at the moment
	Hosts  []hostShown `json:"hosts"`
}

type hostShown struct {
	netlab.Host
	Programs []string `json:"programs"` // that run there
}

// hosts says what the lab is made of at the moment.
func (h *hands) hosts(ctx context.Context, _ json.RawMessage) (any, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	shown := labShown{Drill: h.lab.Record().Name(), Date: h.lab.Clock.Now()}
	records, err := h.lab.Faults(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.Healed.IsZero() {
			shown.Faults++
		}
	}
	for _, host := range h.lab.Spec().Hosts {
		shown.Hosts = append(shown.Hosts, hostShown{host, h.lab.RunningOn(host.Name)})
	}
	return shown, nil
}

func hostsCommand() *ucli.Command {
	return &ucli.Command{
		Name: "hosts", Metadata: cli.Examples(111, "tslab hosts"),
		Usage: "show the labs that `tslab up` keeps: hosts, addresses, and the programs that run there",
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "run", Usage: "the lab of this folder, `DIR`", DefaultText: "all that are up under runs/"}, cli.JSONFlag(),
		},
		Action: func(ctx context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			named := c.String("run")
			folders := []string{named}
			if named == "" {
				folders = keptLabs(ctx)
			}
			labs, err := showLabs(ctx, folders, named == "")
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return cli.JSON(c.Root().Writer, labs)
			}
			if len(labs) == 0 {
				return cli.Exit(cli.CodeNothing, errors.New("no lab is up under runs/; `tslab up DRILL` builds one, --run names one elsewhere"))
			}
			return printLabs(c.Root().Writer, labs)
		},
	}
}

// showLabs asks the labs of the folders what they are made of. Of those that were only
// found, not named, one may have ended since.
func showLabs(ctx context.Context, folders []string, found bool) ([]labShown, error) {
	labs := []labShown{}
	for _, folder := range folders {
		var shown labShown
		err := control.Call(ctx, folder, "hosts", nil, &shown)
		if errors.Is(err, control.ErrNotRunning) {
			if found {
				continue
			}
			err = fmt.Errorf("no lab is up in %s; `tslab up` builds one", folder)
		}
		if err != nil {
			return nil, err
		}
		shown.Run = folder
		labs = append(labs, shown)
	}
	return labs, nil
}

func printLabs(w io.Writer, labs []labShown) error {
	for i, l := range labs {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s, %s", l.Run, l.Drill, l.Date.Format("2006-01-02 15:04:05 UTC"))
		if l.Faults > 0 {
			fmt.Fprintf(w, ", faults: %d", l.Faults)
		}
		fmt.Fprint(w, "\n\n")
		t := cli.Table{Header: []string{"HOST", "CABLE", "NET", "ADDRESS", "RUNS"}}
		for _, h := range l.Hosts {
			name, programs := h.Name, strings.Join(h.Programs, " ")
			if h.Router {
				name += " (router)"
			}
			for _, c := range h.Cables {
				for _, a := range c.Addresses() {
					t.Row(name, c.Interface, c.Net, a, programs)
					name, programs = "", ""
				}
			}
		}
		if err := t.Print(w); err != nil {
			return err
		}
	}
	return nil
}
