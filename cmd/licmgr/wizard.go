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
			"tokens are installed. The answers are lines of standard input. What a flag says is not asked. The answer\n" +
			"back leads to the choice of what to do, where a license server can be activated again, too.",
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
	ask.say("Answer back to go back to the choice of what to do.")
	next := d.install
	if !d.server.Activated {
		next = d.activate
	}
	for {
		err := next(ctx)
		if err == errBack {
			d.method = ""
			if next, err = d.menu(); next != nil && err == nil {
				continue
			}
			return done(err)
		}
		if err != nil {
			return err
		}
		more, err := ask.yes(map[bool]string{true: "Install license tokens now", false: "Install more"}[d.fresh])
		if err == errBack {
			next, d.fresh = func(context.Context) error { return errBack }, false
			continue
		}
		if err != nil || !more {
			return done(err)
		}
		next, d.fresh = d.install, false
	}
}

// menu is the choice of what to do; nothing is to be done when it returns no step.
func (d *dealer) menu() (func(context.Context) error, error) {
	d.ask.title("What to do")
	labels, steps := []string{"Activate the license server", "End"}, []func(context.Context) error{d.activate, nil}
	if d.server.Activated {
		labels = []string{"Install license tokens", "Activate the license server again", "End"}
		steps = []func(context.Context) error{d.install, d.reactivate, nil}
	}
	for {
		n, err := d.ask.choice("What shall be done", labels, false)
		if err == errBack { // there is nothing before it
			continue
		}
		if err != nil {
			return nil, err
		}
		return steps[n], nil
	}
}

// activate is the wizard's activation, and reactivate asks for the reason before.
func (d *dealer) activate(ctx context.Context) error {
	return d.dealAndMeet(ctx, form{clearinghouse.OpActivate, map[string]string{}})
}

func (d *dealer) reactivate(ctx context.Context) error {
	fields, err := d.fill([]want{{Field: reasonField(), needed: true, options: reasonNames()}})
	if err != nil {
		return err
	}
	return d.dealAndMeet(ctx, form{clearinghouse.OpReactivate, fields})
}

func (d *dealer) dealAndMeet(ctx context.Context, f form) error {
	if err := d.deal(ctx, f); err != nil {
		return err
	}
	d.fresh = true
	return d.meet(ctx)
}

// install is the wizard's order of license tokens.
func (d *dealer) install(ctx context.Context) error {
	for {
		fields, err := d.order()
		if keypack.FaultsOf(err) != nil {
			d.ask.wrong(err)
			continue
		}
		if err == nil {
			err = d.complete(fields)
		}
		if err != nil {
			return err
		}
		return d.deal(ctx, form{clearinghouse.OpInstall, fields})
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
