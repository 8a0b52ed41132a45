// Command lserver is the license server: it issues, renews and takes back the
// license tokens of terminal servers' clients.
package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/edition"
)

// defaultListen is where a license server listens unless told otherwise.
const defaultListen = ":3343"

func main() { cli.Main(context.Background(), command()) }

func command() *ucli.Command {
	return &ucli.Command{
		Name:     "lserver",
		Metadata: cli.Examples(4, "lserver --state ls1 --host LS1 --listen 127.0.0.1:3343 --product product.txt"),
		Usage:    "the license server: issues, renews and takes back license tokens",
		Description: "Terminal servers and tools reach it at --listen, over TLS. It issues temporary tokens at once, and CALs\n" +
			"after `licmgr activate` and `licmgr install` have brought it a certificate and a key pack.\n" +
			"Everything that it knows lies in the state folder; it can be killed at any moment.",
		Flags:  slices.Concat(cli.DaemonFlags(defaultListen), flags(), cli.DomainFlags(), gossipFlags()),
		Action: cli.Serving(optionsFrom, serve),
	}
}

func flags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "edition", Usage: "behave as `EDITION`: w2k-rtm, w2k-sp3 or ws2003", Value: edition.SP3.String()},
		&ucli.StringSliceFlag{Name: "set", Usage: "turn a knob of the edition, `KNOB=VALUE`"},
		&ucli.StringFlag{Name: "cal-life", Usage: "CALs live `DAYS`: a number, a span such as 52..89, or unlimited", DefaultText: "as in the edition"},
		&ucli.Uint64Flag{Name: "seed", Usage: "draw license ids and lifetimes of a new state folder from `N`", DefaultText: "random"},
		&ucli.StringFlag{Name: "product", Usage: "install the product document `FILE`, which `clearinghouse product` made: the server can be activated by a number then", DefaultText: "none"},
		&ucli.StringFlag{Name: "scope", Usage: "discovery `SCOPE`: workgroup, domain or enterprise; what `licmgr scope` has set counts before", DefaultText: "domain with --domain, otherwise workgroup"},
		cli.WorkgroupFlag(),
		&ucli.BoolFlag{Name: "require-group", Usage: "give licenses to terminal servers in the group 'Terminal Server Computers' only"},
		&ucli.StringFlag{Name: "clearinghouse", Usage: "reach the clearinghouse at `ADDR` for the connection method Automatic", DefaultText: "it cannot be reached from here"},
		cli.RootsFlag("none; needed with --clearinghouse"),
		&ucli.StringFlag{Name: "os", Usage: "the server product that this machine runs: `OS`, server, advanced-server or datacenter", DefaultText: "not said"},
	}
}

// options are what the command line says.
type options struct {
	cli.Daemon
	edition edition.Profile
	seed    uint64
	scope   string
	product string // file

	clearinghouse, roots string // address; file

	workgroup    string
	gossip       gossipOptions
	domain       cli.Domain
	requireGroup bool
}

func optionsFrom(c *ucli.Command) (options, error) {
	o := options{Daemon: cli.DaemonFrom(c), seed: c.Uint64("seed"), scope: c.String("scope"), workgroup: c.String("workgroup"), product: c.String("product"),
		clearinghouse: c.String("clearinghouse"), roots: c.String("roots"),
		requireGroup: c.Bool("require-group")}
	var err error
	if o.domain, err = cli.DomainFrom(c); err != nil {
		return o, err
	}
	if o.edition, err = edition.Parse(c.String("edition")); err != nil {
		return o, cli.Exit(cli.CodeUsage, err)
	}
	if err := o.edition.SetFor(edition.LicenseServer|edition.Calendar, c.StringSlice("set")); err != nil {
		return o, cli.Exit(cli.CodeUsage, err)
	}
	if life := c.String("cal-life"); life != "" {
		if err := o.edition.Set("cal_life_days", life); err != nil {
			return o, cli.Exit(cli.CodeUsage, fmt.Errorf("--cal-life: %w", err))
		}
	}
	if o.gossip, err = gossipOptionsFrom(c, o.Listen); err != nil {
		return o, err
	}
	if (o.clearinghouse == "") != (o.roots == "") {
		return o, cli.Usage("--clearinghouse and --roots go together")
	}
	if err := checkOS(c.String("os")); err != nil {
		return o, err
	}
	return o, o.checkScope()
}

// checkScope fills in the scope, and refuses what does not fit the environment.
func (o *options) checkScope() error {
	switch {
	case o.scope == "" && o.domain.Name != "":
		o.scope = scopeDomain
	case o.scope == "":
		o.scope = scopeWorkgroup
	}
	if err := checkScope(o.scope, o.domain.Name); err != nil {
		return cli.Usage("--%v", err)
	}
	if o.requireGroup && o.domain.Name == "" {
		return cli.Usage("--require-group needs --domain: a workgroup has no groups")
	}
	return nil
}

// settleScope lets a scope that was set in the state folder count before the command
// line, where it still fits.
func (o *options) settleScope(dir string) error {
	stored, err := storedScope(dir)
	if err != nil {
		return err
	}
	if stored == "" {
		return nil
	}
	if err := checkScope(stored, o.domain.Name); err != nil {
		return fmt.Errorf("%s: %w: delete it, and --scope counts", filepath.Join(dir, scopeFile), err)
	}
	o.scope = stored
	return nil
}

// checkOS refuses what has no Terminal Services Licensing: it "runs on" the three
// server products (white paper, Introduction; its glossary names two of them, C15).
func checkOS(name string) error {
	switch name {
	case "", "server", "advanced-server", "datacenter":
		return nil
	}
	return fmt.Errorf("--os: Terminal Services Licensing does not run on %q; choose server, advanced-server or datacenter", name)
}
