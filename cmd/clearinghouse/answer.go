package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
)

func activateCommand() *cli.Command {
	return &cli.Command{
		Name: "activate", Metadata: tscli.Examples(64, "clearinghouse activate --state house --output activation.txt request.txt"),
		Usage:     "activate a license server: answer its activation request, or its Product ID with a License Server ID",
		ArgsUsage: "[REQUEST]",
		Flags: flags(outputFlag(),
			textFlag("product-id", "`ID` of a license server that was installed from a product document"),
			textFlag("reason", "`WHY` a license server is activated again: "+reasons())),
		Action: func(ctx context.Context, c *cli.Command) error {
			op := clearinghouse.OpActivate
			if c.IsSet("reason") {
				op = clearinghouse.OpReactivate
			}
			args, err := tscli.Args(c, 0, 1)
			if err != nil {
				return err
			}
			form := formOf(c, "product-id", "reason")
			if len(args) == 1 {
				request, err := tscli.ReadInput(c, args[0])
				if err != nil {
					return err
				}
				form[clearinghouse.RequestField] = string(request)
			} else if form["product-id"] == "" {
				return tscli.Usage("want a file with an activation request, or --product-id")
			}
			return perform(ctx, c, op, form)
		},
	}
}

func reasons() string {
	var list []string
	for _, r := range keypack.Reasons() {
		list = append(list, string(r))
	}
	return strings.Join(list, ", ")
}

// orderFlags are those of every command about key packs.
func orderFlags(own ...cli.Flag) []cli.Flag {
	list := []cli.Flag{
		&cli.StringFlag{Name: "server", Aliases: []string{"server-id"}, Usage: "the license server's `LSID`", Required: true},
		textFlag("count", "`N` tokens", "n"),
		textFlag("kind", "`KIND` of tokens: cal, internet-connector or per-user (default cal)"),
		textFlag("product", "`PRODUCT` that they license, by name or version (default \"Windows 2000\")"),
	}
	return flags(append(append(list, outputFlag()), own...)...)
}

func textFlag(name, usage string, aliases ...string) cli.Flag {
	return &cli.StringFlag{Name: name, Usage: usage, Aliases: aliases}
}

// programFlags say how tokens were bought.
func programFlags() []cli.Flag {
	var flags []string
	for _, p := range keypack.Programs() {
		flags = append(flags, p.Flag())
	}
	list := []cli.Flag{&cli.StringFlag{Name: "program", Usage: "licensing `PROGRAM` that they were bought by: " + strings.Join(flags, ", "), Required: true}}
	seen := map[string]bool{}
	for _, p := range keypack.Programs() {
		for _, f := range p.Fields() {
			if !seen[f.Name] {
				seen[f.Name] = true
				list = append(list, textFlag(f.Name, "`NUMBER` of the purchase: "+f.Help))
			}
		}
	}
	return list
}

// formOf takes the flags that are set, under their names.
func formOf(c *cli.Command, names ...string) clearinghouse.Form {
	form := clearinghouse.Form{}
	for _, name := range names {
		if c.IsSet(name) {
			form[name] = c.String(name)
		}
	}
	return form
}

// orderForm is the form of a command about key packs.
func orderForm(c *cli.Command, more ...string) clearinghouse.Form {
	names := append([]string{"program", "kind", "product", "count"}, more...)
	for _, p := range keypack.Programs() {
		for _, f := range p.Fields() {
			names = append(names, f.Name)
		}
	}
	form := formOf(c, names...)
	form["server-id"] = c.String("server")
	if form["product"] == "" && form["license-code"] == "" {
		form["product"] = keypack.Products()[0].Name
		if form["kind"] == "per-user" {
			form["product"] = keypack.Products()[1].Name
		}
	}
	return form
}

// orderCommand is a command whose form is about key packs.
func orderCommand(op clearinghouse.Op, usage string, more ...cli.Flag) *cli.Command {
	var names []string
	for _, f := range more {
		names = append(names, f.Names()[0])
	}
	return &cli.Command{
		Name: string(op), Usage: usage, Metadata: tscli.Examples(orderExample(op)),
		Flags: orderFlags(append(programFlags(), more...)...),
		Action: func(ctx context.Context, c *cli.Command) error {
			if _, err := tscli.Args(c, 0, 0); err != nil {
				return err
			}
			return perform(ctx, c, op, orderForm(c, names...))
		},
	}
}

// orderExample is an example of a command about key packs, and its step.
func orderExample(op clearinghouse.Op) (step int, line string) {
	const rest = " --state house --server LAB-A... --program select --enrollment-number LAB-1234566"
	line = "clearinghouse " + string(op) + rest
	switch op {
	case clearinghouse.OpInstall:
		return 45, line + " --count 10 --output more.txt"
	case clearinghouse.OpPrint:
		return 46, line + " --output again.txt"
	case clearinghouse.OpRecover:
		return 47, line + " --license-id LAB-BB3AH-0000002 --output lost.txt"
	case clearinghouse.OpTransfer:
		return 48, line + " --license-id LAB-BB3AH-0000003 --from PC-3 --to PC-4 --output moved.txt"
	case clearinghouse.OpReissue:
		return 51, line + " --former-id LAB-A... --output reissued.txt"
	}
	return 0, line
}

func issueCommand() *cli.Command {
	return &cli.Command{
		Name: "issue", Metadata: tscli.Examples(42, "clearinghouse issue --state house --server LAB-A... --kind internet-connector --count 1 --output connector.txt"),
		Usage: "make a key pack for a license server, for no purchase",
		Flags: orderFlags(textFlag("program", "licensing `PROGRAM` that it names (default license-code, or select)")),
		Action: func(ctx context.Context, c *cli.Command) error {
			if _, err := tscli.Args(c, 0, 0); err != nil {
				return err
			}
			form := orderForm(c)
			if form["program"] == "" {
				form["program"] = string(keypack.LicenseCode)
				if form["kind"] == "internet-connector" { // it is not sold in a box
					form["program"] = string(keypack.Select)
				}
			}
			if form["count"] == "" {
				return tscli.Usage("want --count")
			}
			return perform(ctx, c, clearinghouse.OpIssue, form)
		},
	}
}

func purchaseCommand() *cli.Command {
	return &cli.Command{
		Name:      "purchase",
		Metadata:  tscli.Examples(21, "clearinghouse purchase --state house purchase.txt"),
		Usage:     "take in a reseller's record of a purchase, which `tslab sell` wrote",
		ArgsUsage: "FILE",
		Flags:     flags(outputFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			args, err := tscli.Args(c, 1, 1)
			if err != nil {
				return err
			}
			record, err := tscli.ReadInput(c, args[0])
			if err != nil {
				return err
			}
			return perform(ctx, c, clearinghouse.OpPurchase, clearinghouse.Form{"purchase": string(record)})
		},
	}
}

func productCommand() *cli.Command {
	return &cli.Command{
		Name:        "product",
		Metadata:    tscli.Examples(3, "clearinghouse product --state house --output product.txt"),
		Usage:       "make what a license server is installed from",
		Description: "The document has a Product ID and sealed activations: `lserver --product FILE` installs it, and a License\nServer ID that is typed opens the next of them. So telephone, fax and browser carry nothing but numbers.",
		Flags:       flags(outputFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			if _, err := tscli.Args(c, 0, 0); err != nil {
				return err
			}
			return perform(ctx, c, clearinghouse.OpProduct, clearinghouse.Form{})
		},
	}
}

func deactivateCommand() *cli.Command {
	return &cli.Command{
		Name: "deactivate", Metadata: tscli.Examples(61, "clearinghouse deactivate --state house --server LAB-A..."),
		Usage: "take an activation back, and say the code that confirms it",
		Flags: flags(outputFlag(), &cli.StringFlag{Name: "server", Aliases: []string{"server-id"}, Usage: "the license server's `LSID`", Required: true}),
		Action: func(ctx context.Context, c *cli.Command) error {
			if _, err := tscli.Args(c, 0, 0); err != nil {
				return err
			}
			return perform(ctx, c, clearinghouse.OpDeactivate, clearinghouse.Form{"server-id": c.String("server")})
		},
	}
}

func buyCommand() *cli.Command {
	return &cli.Command{
		Name:  "buy",
		Usage: "refused: licenses are bought from a reseller (`tslab sell`)",
		Flags: flags(),
		Action: func(context.Context, *cli.Command) error {
			return errors.New("you cannot purchase CALs from the clearinghouse; buy them from a reseller: `tslab sell` writes the record, `clearinghouse purchase` takes it in")
		},
	}
}

// perform does what a form asks for and writes the documents, or the one line when
// there are none.
func perform(ctx context.Context, c *cli.Command, op clearinghouse.Op, form clearinghouse.Form) error {
	if err := checkOutput(c); err != nil {
		return err
	}
	answer, err := do(ctx, c, op, form)
	if err != nil {
		return err
	}
	if len(answer.Documents) == 0 {
		_, err := fmt.Fprintln(c.Root().Writer, answer.Text)
		return err
	}
	return writeOutput(c, []byte(strings.Join(answer.Documents, "")), answer.Text)
}
