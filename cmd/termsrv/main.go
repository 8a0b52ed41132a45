// Command termsrv is the terminal server: it takes Remote Desktop clients through
// licensing and logon, and shows them who they are to the license system.
package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ts"
)

// defaultListen is where a terminal server listens unless told otherwise.
const defaultListen = ":3389"

// defaultWait is how long the answers to a broadcast are waited for, in elapsed time.
const defaultWait = 50 * time.Millisecond

func main() { cli.Main(context.Background(), command()) }

func command() *ucli.Command {
	return &ucli.Command{
		Name:     "termsrv",
		Metadata: cli.Examples(30, "termsrv --state ts1 --host TS1 --listen 127.0.0.1:3389 --license-server 127.0.0.1 --roots root.pem"),
		Usage:    "the terminal server: licenses Remote Desktop clients and logs them on",
		Description: "Clients reach it at --listen. It asks the license server of --license-server for their licenses, or the\n" +
			"one that it finds by broadcast; without one it admits them as long as the licensing grace period runs.\n" +
			"Its keys and the grace period lie in the state folder.",
		Flags:    slices.Concat(cli.ParentFlags(defaultListen), flags(), cli.DomainFlags(), cli.RDPFlags()),
		Commands: []*ucli.Command{userCommand()},
		Action: func(ctx context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			if c.String("state") == "" {
				return cli.Usage("say --state DIR, the folder that keys and the grace period are kept in")
			}
			config, err := configFrom(c)
			if err != nil {
				return err
			}
			d, err := cli.DomainFrom(c)
			if err != nil {
				return err
			}
			return serve(ctx, cli.DaemonFrom(c), d, config, c.String("transcript"), c.Root().Writer)
		},
	}
}

func flags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "license-server", Usage: "ask the license server at `ADDR`, as the registry's DefaultLicenseServer names it; ws2003: several, with commas", DefaultText: "those that discovery finds"},
		cli.WorkgroupFlag(),
		&ucli.DurationFlag{Name: "discovery-wait", Usage: "wait `TIME` for the answers to a broadcast", Value: defaultWait},
		&ucli.Uint64Flag{Name: "seed", Usage: "draw among the license servers that are found from `N`", DefaultText: "random"},
		&ucli.DurationFlag{Name: "license-server-timeout", Usage: "give a license server `TIME` to take a connection and to answer", DefaultText: "1s for a connection, the knob ls_timeout_s for an answer"},
		&ucli.StringFlag{Name: "edition", Usage: "behave as `EDITION`: w2k-rtm, w2k-sp3 or ws2003", Value: edition.SP3.String()},
		&ucli.StringSliceFlag{Name: "set", Usage: "turn a knob of the edition, `KNOB=VALUE`"},
		&ucli.StringFlag{Name: "announce", Usage: "be the terminal server of an `EDITION` to license servers, such as nt4-tse, which none of them serves", DefaultText: "that of --edition"},
		&ucli.StringFlag{Name: "mode", Usage: "license by `MODE`: device, user or admin", DefaultText: "as in the edition"},
		&ucli.StringFlag{Name: "users", Usage: "users and password hashes in `FILE` (see `termsrv user`)", DefaultText: "user lab, password lab"},
		&ucli.StringFlag{Name: "roots", Usage: "trust the clearinghouse roots in `FILE` (PEM) beside the license server's own", DefaultText: "none"},
		&ucli.BoolFlag{Name: "hardened", Usage: "ignore license servers that the clearinghouses in --roots have not certified (the knob require_clearinghouse_chain)"},
		&ucli.StringSliceFlag{Name: "limit", Usage: "bound what clients can take, `NAME=VALUE`: connections, per-source (of one address), half-open (before the logon), " +
			"step (the time for each step of a connection), logon (at the logon screen), call (as --license-server-timeout)"},
		&ucli.StringFlag{Name: "transcript", Usage: "append every RDP PDU, decrypted, to `FILE`", DefaultText: "none"},
	}
}

// configFrom reads everything that needs no open file but the users and the roots.
func configFrom(c *ucli.Command) (config ts.Config, err error) {
	config = ts.Config{DefaultLicenseServer: true, Announce: c.String("announce")}
	config.Limits.Call = c.Duration("license-server-timeout") // 0: the default
	config.Limits.Answer = config.Limits.Call
	usage := func(e error) {
		if err == nil && e != nil {
			err = cli.Exit(cli.CodeUsage, e)
		}
	}
	for _, limit := range c.StringSlice("limit") {
		usage(config.Limits.Set(limit))
	}
	usage(config.Speak(ts.Speech(cli.RDPFrom(c))))
	var e error
	config.Profile, e = edition.Parse(c.String("edition"))
	usage(e)
	config.Discovery = &ts.Discovery{
		Workgroup: c.String("workgroup"), Network: &discovery.UDP{}, Seed: c.Uint64("seed"),
		Limits: discovery.Limits{Answers: c.Duration("discovery-wait")},
	}
	usage(config.Profile.SetFor(edition.TerminalServer|edition.Calendar, c.StringSlice("set")))
	named, e := ts.LicenseServers(c.String("license-server"), &config.Profile)
	usage(e)
	if len(named) > 0 {
		config.LicenseServer, config.LicenseServers = named[0], named[1:]
	}
	if c.Bool("hardened") {
		usage(config.Profile.Set("require_clearinghouse_chain", "on"))
		if c.String("roots") == "" {
			usage(errors.New("--hardened needs --roots: the clearinghouses that count"))
		}
	}
	if config.Mode, e = ts.ParseMode(c.String("mode"), &config.Profile); e != nil {
		usage(fmt.Errorf("--mode: %w", e))
	}
	if path := c.String("users"); path != "" && err == nil {
		config.Users, err = ts.LoadUsers(path)
	}
	if path := c.String("roots"); path != "" && err == nil {
		config.Roots, err = loadRoots(path)
	}
	return config, err
}

func loadRoots(path string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("roots: %w", err)
	}
	roots, err := cli.Certificates(text)
	if err != nil {
		return nil, fmt.Errorf("roots: %s: %w", path, err)
	}
	if len(roots) == 0 && len(bytes.TrimSpace(text)) > 0 {
		return nil, errors.New("roots: " + path + " holds no certificate in PEM; `clearinghouse init` writes one")
	}
	return roots, nil
}
