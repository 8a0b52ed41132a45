package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/tsls"
)

func requestCommand() *cli.Command {
	return &cli.Command{
		Name: "request", Metadata: tscli.Examples(63, "licmgr request --output request.txt"),
		Usage: "write the server's activation request, to be answered by `clearinghouse activate`",
		Flags: flags(
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE`", DefaultText: "standard output"},
			&cli.StringFlag{Name: "company", Usage: "`NAME` of the company"},
			&cli.StringFlag{Name: "contact", Usage: "`NAME` of the administrator"},
			&cli.StringFlag{Name: "email", Usage: "`ADDRESS` of the administrator"},
			&cli.StringFlag{Name: "country", Usage: "`NAME` of the country"}),
		Action: func(ctx context.Context, c *cli.Command) error {
			return with(ctx, c, func(ctx context.Context, conn *transport.Conn) error {
				answer, err := admin.Ask[tsls.ActivationRequest](ctx, conn, tsls.GetActivationRequest{
					Company: c.String("company"), Contact: c.String("contact"), Email: c.String("email"), Country: c.String("country"),
				})
				if err != nil {
					return err
				}
				if c.String("output") == "" {
					_, err := c.Root().Writer.Write(answer.Document)
					return err
				}
				if err := durable.WriteFile(c.String("output"), answer.Document, 0o644); err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.Root().Writer, "activation request of %s: %s\n", conn.Server().Name, c.String("output"))
				return err
			})
		},
	}
}

func numberFlag(f keypack.Field) cli.Flag {
	return &cli.StringFlag{Name: f.Name, Usage: "bring the `NUMBER` that the clearinghouse answered with: " + f.Help}
}

func activateCommand() *cli.Command {
	return &cli.Command{
		Name: "activate", Metadata: tscli.Session(tscli.Step{At: 12, Line: `licmgr activate --method internet`}, tscli.Step{At: 65, Line: `licmgr activate --file activation.txt`}),
		Usage: "activate the license server, by any connection method",
		Description: "By the Internet the clearinghouse is asked and its answer brought at once. By the web, by telephone and by fax\n" +
			"it is first told what to tell the clearinghouse, and then, with --server-id or --reply, what it answered. With\n" +
			"--file a document of the clearinghouse is brought, however it came. On a terminal what is not said is asked.",
		Flags: dealFlags(optionalFile("`FILE` that `clearinghouse activate` wrote"), numberFlag(keypack.ServerIDField())),
		Action: func(ctx context.Context, c *cli.Command) error {
			return activate(ctx, c, clearinghouse.OpActivate, somebody(c))
		},
	}
}

func reactivateCommand() *cli.Command {
	return &cli.Command{
		Name:     "reactivate",
		Metadata: tscli.Examples(50, "licmgr reactivate --reason redeployed"),
		Usage:    "activate the license server again, for a reason, under another License Server ID",
		Description: "Key packs that are installed stay. Key packs that were made for the former License Server ID and are not\n" +
			"installed must be issued again by the clearinghouse.",
		Flags: dealFlags(optionalFile("`FILE` that `clearinghouse activate --reason` wrote"), numberFlag(keypack.ServerIDField()),
			&cli.StringFlag{Name: "reason", Usage: "`WHY`: " + strings.Join(reasonNames(), ", ")}),
		Action: func(ctx context.Context, c *cli.Command) error {
			return activate(ctx, c, clearinghouse.OpReactivate, somebody(c))
		},
	}
}

func reasonNames() []string {
	var list []string
	for _, r := range keypack.Reasons() {
		list = append(list, string(r))
	}
	return list
}

// activate activates by what the flags say, and by asking when somebody sits there.
func activate(ctx context.Context, c *cli.Command, op clearinghouse.Op, ask *asker) error {
	d, err := newDealer(c, ask)
	if err != nil {
		return err
	}
	f := form{op, map[string]string{}}
	brings := c.String("file") != "" || c.String("server-id") != "" || c.String("reply") != ""
	if op == clearinghouse.OpReactivate && !brings {
		if f.fields, err = d.fill([]want{{Field: reasonField(), needed: true, options: reasonNames()}}); err != nil {
			return err
		}
	}
	if brings {
		return d.bringActivation(ctx, op)
	}
	if err := d.meet(ctx); err != nil {
		return err
	}
	if op == clearinghouse.OpActivate && d.server.Activated {
		return fmt.Errorf("license server %s is activated already, as %s; a license server is activated once: run `licmgr reactivate`, with the reason, if it lost that activation",
			d.server.Name, d.server.ServerID)
	}
	if ask != nil {
		ask.title("Activate " + tscli.Printable(d.server.Name))
		ask.say("License server %s (%s), Product ID %s", tscli.Printable(d.server.Name), d.profile.Edition, d.productID)
	}
	return d.deal(ctx, f)
}

// reasonField checks the reason of a reactivation.
func reasonField() keypack.Field {
	return keypack.CheckedField("reason", "Reason", func(s string) (string, error) {
		r, err := keypack.ParseReason(s)
		return string(r), err
	})
}

// deal goes to the clearinghouse by the method that is chosen.
func (d *dealer) deal(ctx context.Context, f form) error {
	if err := d.choose(); err != nil {
		return err
	}
	if d.method.Online() {
		return d.online(ctx, f)
	}
	return d.byHand(ctx, f)
}

// bringActivation brings a document, a number or a page that came back. What is wrong
// with it is said before anything is sent.
func (d *dealer) bringActivation(ctx context.Context, op clearinghouse.Op) error {
	if d.c.String("file") != "" {
		document, err := readDocument(d.c)
		if err != nil {
			return err
		}
		if _, err := enroll.ParseActivation(document); err != nil {
			return fmt.Errorf("%s: %w", d.c.String("file"), err)
		}
		return d.bring(ctx, op, document)
	}
	numbers, err := d.numbers(op)
	if err != nil {
		return err
	}
	return d.tell(ctx, byNumber(op, numbers[0]))
}

// numbers are those that --server-id, --pack-id or --reply bring.
func (d *dealer) numbers(op clearinghouse.Op) ([]string, error) {
	f := answerField(op)
	if typed := d.c.String(f.Name); typed != "" {
		number, err := f.Check(typed)
		return []string{number}, err
	}
	page, err := tscli.ReadInput(d.c, d.c.String("reply"))
	if err != nil {
		return nil, err
	}
	return fromReply(op, string(page))
}
