package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/ts/policy"
)

func showCommand() *ucli.Command {
	return &ucli.Command{
		Name:     "show",
		Metadata: cli.Examples(32, "tscc show --state ts1"),
		Usage:    "show the mode, the grace period, the license server, sessions and knobs",
		Flags:    flags(),
		Action: func(ctx context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			var s ts.Status
			if err := call(ctx, c, "status", nil, &s); err != nil {
				return err
			}
			if c.Bool("json") {
				return cli.JSON(c.Root().Writer, s)
			}
			return show(c.Root().Writer, s)
		},
	}
}

func show(w io.Writer, s ts.Status) error {
	var t cli.Table
	t.Row("Terminal server", s.Host+" at "+s.Address)
	t.Row("Edition", s.Edition)
	t.Row("Date", moment(s.Now))
	t.Row("Mode", mode(s.Mode))
	t.Row("Grace period", grace(s))
	t.Row(s.Knobs["override"], server(s))
	t.Row("Sought by", sought(s.Discovery))
	t.Row("Next", next(s))
	t.Row("Together they can", orNone(s.Features))
	if c := s.Connector; c != nil {
		t.Row("Internet Connector", fmt.Sprintf("license %s from %s since %s, %d sessions at most; TSInternetUser %s", c.LicenseID, c.Server, moment(c.Since), c.Limit, c.Account))
	}
	t.Row("Sessions", s.Sessions)
	for _, name := range slices.Sorted(maps.Keys(s.Set)) {
		t.Row("Set here", name+"="+s.Set[name])
	}
	if err := t.Print(w); err != nil {
		return err
	}
	if s.Grace.State == policy.GraceRunning {
		fmt.Fprintln(w, "\nThe grace period is not free use: who connects needs a license all the same.")
	}
	return showMore(w, s)
}

// showMore shows the lists.
func showMore(w io.Writer, s ts.Status) error {
	if len(s.SessionList) > 0 {
		fmt.Fprintln(w)
		t := cli.Table{Header: []string{"USER", "DEVICE", "SINCE"}}
		for _, session := range s.SessionList {
			t.Row(session.User, session.Device, moment(session.Since))
		}
		if err := t.Print(w); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	t := cli.Table{Header: []string{"KNOB", "VALUE"}}
	for _, name := range slices.Sorted(maps.Keys(s.Knobs)) {
		t.Row(name, s.Knobs[name])
	}
	return t.Print(w)
}

func mode(m string) string {
	switch m {
	case "device":
		return "application server, licensed per device"
	case "user":
		return "application server, licensed per user"
	case "invalid":
		return "application server, its licensing mode is not valid"
	case "ic":
		return "application server, Internet Connector"
	}
	return "remote administration, not licensed"
}

func grace(s ts.Status) string {
	switch g := s.Grace; g.State {
	case policy.GraceNotStarted:
		return "not started: the first client starts it"
	case policy.GraceRunning:
		return fmt.Sprintf("running since %s, until %s", moment(g.Start), moment(g.End))
	default:
		return "ended: " + reason(g.Reason)
	}
}

func reason(r policy.GraceReason) string {
	switch r {
	case policy.GraceLSContact:
		return "a license server was found"
	case policy.GraceForfeited:
		return "a license server was there from the start"
	case policy.GraceCAL:
		return "the license server has issued its first permanent CAL"
	}
	return "its days are over"
}

func server(s ts.Status) string {
	name := s.LicenseServer
	switch {
	case name == "":
		return "none"
	case s.Knobs["override"] == string(edition.OverrideOne) && !slices.Contains(s.Discovery.Steps, discovery.StepOverride):
		name = "not set; found " + name
	}
	if !s.Found {
		return name + ", does not answer"
	}
	return name + ", answers"
}

// next is what discovery does at its next due moment.
func next(s ts.Status) string {
	switch due := s.Discovery.Next; {
	case due.IsZero():
		return "none: a server for remote administration seeks no license server"
	case s.Found:
		return fmt.Sprintf("a ping of %s at %s", s.LicenseServer, moment(due))
	default:
		return "a discovery pass at " + moment(due)
	}
}

// sought is where discovery looks, in its order.
func sought(d ts.DiscoveryStatus) string {
	var steps []string
	for _, step := range d.Steps {
		switch step {
		case discovery.StepOverride:
			steps = append(steps, "the named server alone")
		case discovery.StepKeys:
			steps = append(steps, "the named servers")
		case discovery.StepDCs:
			steps = append(steps, "domain controllers of "+d.Domain)
		case discovery.StepSite:
			site := d.Site
			if site == "" {
				site = "none"
			}
			steps = append(steps, "entry of the site ("+site+")")
		case discovery.StepBroadcast:
			steps = append(steps, "broadcast to "+d.Workgroup)
		}
	}
	if len(steps) == 0 {
		return "nowhere"
	}
	return strings.Join(steps, ", then ")
}

func orNone(s string) string {
	if s == "" {
		return "neither mark tokens nor date them"
	}
	return s
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func catalogCommand() *ucli.Command {
	return &ucli.Command{
		Name: "catalog", Metadata: cli.Examples(53, "tscc catalog --state ts1"),
		Usage:  "show the license servers that the terminal server knows, and when it looks again",
		Flags:  flags(),
		Action: func(ctx context.Context, c *ucli.Command) error { return catalog(ctx, c, ts.CatalogOperation) },
	}
}

func discoverCommand() *ucli.Command {
	return &ucli.Command{
		Name: "discover", Metadata: cli.Examples(54, "tscc discover --state ts1"),
		Usage:  "seek license servers at once, and show those that are known then",
		Flags:  flags(),
		Action: func(ctx context.Context, c *ucli.Command) error { return catalog(ctx, c, ts.DiscoverOperation) },
	}
}

func catalog(ctx context.Context, c *ucli.Command, op string) error {
	if _, err := cli.Args(c, 0, 0); err != nil {
		return err
	}
	var list []ts.CatalogEntry
	if err := call(ctx, c, op, nil, &list); err != nil {
		return err
	}
	if c.Bool("json") {
		return cli.JSON(c.Root().Writer, list)
	}
	var s ts.Status
	if err := call(ctx, c, "status", nil, &s); err != nil {
		return err
	}
	if err := printCatalog(c.Root().Writer, list); err != nil {
		return err
	}
	fmt.Fprintf(c.Root().Writer, "\nSought by: %s\nNext: %s\n", sought(s.Discovery), next(s))
	return nil
}

func printCatalog(w io.Writer, list []ts.CatalogEntry) error {
	t := cli.Table{Header: []string{"", "NAME", "ADDRESS", "FOUND BY", "SCOPE", "STATE", "HEARD"}}
	for _, e := range list {
		use, state, heard := "", "does not answer", "never"
		if e.InUse {
			use = "*"
		}
		switch {
		case e.Live && e.Activated:
			state = "activated"
		case e.Live:
			state = "not activated"
		}
		if !e.Heard.IsZero() {
			heard = moment(e.Heard)
		}
		t.Row(use, e.Name, e.Address, e.How, e.Scope, state, heard)
	}
	return t.Print(w)
}
