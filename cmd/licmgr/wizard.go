package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
)

func wizardCommand() *cli.Command {
	return &cli.Command{
		Name: "wizard", Metadata: tscli.Examples(26, "licmgr wizard --method internet"),
		Usage: "be asked, page by page, as by the Licensing Wizard",
		Description: "A license server that is not activated is activated, the recommended connection method first; then license\n" +
			"tokens are installed. The answers are lines of standard input. What a flag says is not asked.",
		Flags: dealFlags(),
		Action: func(ctx context.Context, c *cli.Command) error {
			return runWizard(ctx, c, newAsker(c))
		},
	}
}

// runWizard activates, if that is to be done, and installs.
func runWizard(ctx context.Context, c *cli.Command, ask *asker) error {
	d, err := newDealer(c, ask)
	if err != nil {
		return err
	}
	d.wizard = true
	if err := d.meet(ctx); err != nil {
		return err
	}
	ask.title("Licensing Wizard")
	status := "not activated"
	if d.server.Activated {
		status = "activated as " + tscli.Printable(d.server.ServerID)
	}
	ask.say("License server   %s\nStatus           %s\nProduct ID       %s", tscli.Printable(d.server.Name), status, d.productID)
	if !d.server.Activated {
		if err := d.deal(ctx, form{clearinghouse.OpActivate, map[string]string{}}); err != nil {
			return err
		}
		if err := d.meet(ctx); err != nil {
			return err
		}
		more, err := ask.yes("Install license tokens now")
		if err != nil || !more {
			return done(err)
		}
	}
	for {
		fields, err := d.order()
		if faults := keypack.FaultsOf(err); faults != nil {
			ask.wrong(err)
			continue
		}
		if err == nil {
			err = d.complete(fields)
		}
		if err == nil {
			err = d.deal(ctx, form{clearinghouse.OpInstall, fields})
		}
		if err != nil {
			return err
		}
		more, err := ask.yes("Install more")
		if err != nil || !more {
			return done(err)
		}
	}
}

// done is how the wizard ends once something was done: who goes away then is through.
func done(err error) error {
	if err == errEnded {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wizard: %w", err)
	}
	return nil
}
