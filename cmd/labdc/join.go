package main

import (
	"context"
	"fmt"
	"os"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/discovery/domain"
	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/wire/enroll"
)

func joinCommand() *ucli.Command {
	return &ucli.Command{
		Name: "join", Metadata: cli.Examples(90, "labdc join --state desk --host desk --domain corp.example --dc 127.0.0.1 --join-secret-file secret.txt --dns 127.0.0.1:53"),
		Usage: "make this host, or a tool of it, a member of a domain",
		Description: "Servers join by themselves. A tool such as licmgr is a member when the folder that it keeps its key in has\n" +
			"a membership, and this command puts one there. The host's names are registered in the DNS too.",
		Flags: append(cli.DomainFlags(),
			&ucli.StringFlag{Name: "state", Usage: "keep key and membership in `DIR`", DefaultText: "where licmgr and lsreport of this user keep their key"},
			&ucli.StringFlag{Name: "host", Usage: "`NAME` of this host", DefaultText: "the machine's name"},
			&ucli.StringFlag{Name: "dns", Usage: "send updates of names to `ADDR`", DefaultText: "port 53 of the domain controller"},
			&ucli.StringFlag{Name: "keylog", Usage: "append TLS secrets for Wireshark to `FILE`", DefaultText: "none"},
		),
		Action: join,
	}
}

func join(ctx context.Context, c *ucli.Command) (err error) {
	if _, err := cli.Args(c, 0, 0); err != nil {
		return err
	}
	d, err := cli.DomainFrom(c)
	if err != nil {
		return err
	}
	if d.Name == "" {
		return cli.Usage("say --domain NAME, the domain to join")
	}
	state, host := c.String("state"), c.String("host")
	if state == "" {
		if state, err = cli.StateDir("licmgr"); err != nil {
			return err
		}
	}
	if host == "" {
		if host, err = os.Hostname(); err != nil {
			return err
		}
	}
	id, err := identity.LoadOrCreate(state, host)
	if err != nil {
		return err
	}
	config := domain.Config{Domain: d.Name, Controller: d.Controller, DNS: c.String("dns"), Role: enroll.RoleHost, Secret: d.Secret,
		Log: eventlog.New(program.Printer(c.Root().Writer), host, "labdc", clock.System{}, nil)}
	if path := c.String("keylog"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("--keylog: %w", err)
		}
		defer f.Close()
		config.KeyLog = f
	}
	_, err = domain.Enter(ctx, id, config)
	return err
}
