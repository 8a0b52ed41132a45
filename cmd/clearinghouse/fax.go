package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
)

func faxCommand() *cli.Command {
	return &cli.Command{
		Name: "fax", Metadata: tscli.Examples(24, "clearinghouse fax --state house --output reply.txt page.txt"),
		Usage:       "answer a page that was faxed with a page to be faxed back",
		ArgsUsage:   "PAGE",
		Description: "The page is what `licmgr` printed; it needs a return fax number. Windows Server 2003 has no fax method.",
		Flags:       flags(outputFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			args, err := tscli.Args(c, 1, 1)
			if err != nil {
				return err
			}
			if err := checkOutput(c); err != nil {
				return err
			}
			text, err := tscli.ReadInput(c, args[0])
			if err != nil {
				return err
			}
			page, err := keypack.ReadFax(string(text))
			if err != nil {
				return err
			}
			op := clearinghouse.Op(page.Operation)
			if !op.Public() {
				return keypack.Fault("operation", "call the clearinghouse", "%.20q is nothing that is done by fax", page.Operation)
			}
			answer, err := do(ctx, c, op, page.Fields)
			if err != nil {
				return err
			}
			return writeOutput(c, []byte(reply(page, answer)), "fax to "+page.Return)
		},
	}
}

// reply is the page that goes back.
func reply(page keypack.FaxPage, a clearinghouse.Answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "TSLAB CLEARINGHOUSE, BY FAX TO %s\n\noperation: %s\n", page.Return, page.Operation)
	for _, n := range numbers(a) {
		fmt.Fprintf(&b, "%s: %s\n", n.field, n.code)
	}
	fmt.Fprintln(&b, "\nType it into the licensing tool. A mistake is told with the group that is wrong.\n\nEND OF PAGE")
	return b.String()
}

// number is a code that an answer consists of.
type number struct{ field, name, code string }

// numbers are the codes to be typed, in an answer.
func numbers(a clearinghouse.Answer) []number {
	var list []number
	for _, p := range a.Packs {
		list = append(list, number{"pack-id", "Key Pack ID", p.PackID})
	}
	if a.Packs == nil && a.ServerID != "" {
		list = append(list, number{"server-id", "License Server ID", a.ServerID})
	}
	if a.Confirmation != "" {
		list = append(list, number{"confirmation", "confirmation code", a.Confirmation})
	}
	return list
}
