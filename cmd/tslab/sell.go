package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/enroll"
)

func sellCommand() *ucli.Command {
	var programs []string
	for _, p := range keypack.Programs() {
		programs = append(programs, p.Flag())
	}
	return &ucli.Command{
		Name:     "sell",
		Metadata: cli.Examples(20, "tslab sell --program select --number LAB-1234566 --count 100 --state shop --output purchase.txt"),
		Usage:    "be a reseller: sell licenses, and write the purchase record that the clearinghouse takes in",
		Description: "The record is a signed file: `clearinghouse purchase FILE` takes it in. What the customer needs are the\n" +
			"numbers that are printed: a License Code, or those of the agreement. With --number, more licenses are sold\n" +
			"under an agreement that there is already.",
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "program", Usage: "licensing `PROGRAM`: " + strings.Join(programs, ", "), Value: keypack.LicenseCode.Flag()},
			&ucli.StringFlag{Name: "kind", Usage: "`KIND` of licenses: cal, per-user or internet-connector", Value: "cal"},
			&ucli.StringFlag{Name: "product", Usage: "`PRODUCT` that they are for, by name or version", Value: keypack.Products()[0].Name},
			&ucli.StringFlag{Name: "count", Aliases: []string{"n"}, Usage: "`N` licenses", Required: true},
			&ucli.StringSliceFlag{Name: "number", Usage: "`NUMBER` of an agreement; for an Open License also its authorization number"},
			&ucli.StringFlag{Name: "reseller", Usage: "`NAME` of the reseller", Value: "TSLab Reseller"},
			&ucli.StringFlag{Name: "state", Usage: "keep the reseller's key in `DIR`", DefaultText: "the user's state folder"},
			&ucli.StringFlag{Name: "clock", Usage: "take the calendar from `FILE`", DefaultText: "the machine's clock"},
			&ucli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the record to `FILE`", Required: true},
			cli.JSONFlag(),
		},
		Action: func(_ context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			return sell(c)
		},
	}
}

// sold is what the customer is told.
type sold struct {
	Program string            `json:"program"`
	Kind    string            `json:"kind"`
	Product string            `json:"product"`
	Count   uint32            `json:"count"`
	Numbers map[string]string `json:"numbers"`
	Record  string            `json:"record"`
}

func sell(c *ucli.Command) error {
	purchase, program, err := saleFrom(c)
	if err != nil {
		return err
	}
	calendar, closer, err := clock.Open(c.String("clock"))
	if err != nil {
		return err
	}
	purchase.Issued = calendar.Now()
	defer closer.Close()
	state := c.String("state")
	if state == "" {
		if state, err = cli.StateDir("reseller"); err != nil {
			return err
		}
	}
	own, err := identity.LoadOrCreate(state, purchase.Reseller)
	if err != nil {
		return err
	}
	record, err := purchase.Sign(own.Key)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(c.String("output"), record, 0o644); err != nil {
		return err
	}
	s := sold{Program: purchase.Program, Kind: purchase.Kind, Product: purchase.Product, Count: purchase.Count, Numbers: map[string]string{}, Record: c.String("output")}
	for i, f := range program.Fields() {
		s.Numbers[f.Name] = purchase.Numbers[i]
	}
	if c.Bool("json") {
		return cli.JSON(c.Root().Writer, s)
	}
	w := c.Root().Writer
	fmt.Fprintf(w, "%d x %s, %s, %s\n", s.Count, s.Kind, s.Product, s.Program)
	for i, f := range program.Fields() {
		fmt.Fprintf(w, "%s: %s\n", f.Label, purchase.Numbers[i])
	}
	_, err = fmt.Fprintf(w, "purchase record: %s\n", s.Record)
	return err
}

// saleFrom reads the flags.
func saleFrom(c *ucli.Command) (enroll.Purchase, keypack.Program, error) {
	p := enroll.Purchase{Reseller: c.String("reseller")}
	program, err := keypack.ParseProgram(c.String("program"))
	if err != nil {
		return p, program, err
	}
	kind, err := keypack.KindOf(c.String("kind"))
	if err != nil {
		return p, program, err
	}
	product, err := keypack.ParseProduct(c.String("product"))
	if err != nil {
		return p, program, cli.Usage("--product: %v", err)
	}
	count, err := strconv.ParseUint(c.String("count"), 10, 32)
	if err != nil {
		return p, program, cli.Usage("--count %q: want a number", c.String("count"))
	}
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return p, program, err
	}
	p.Program, p.Kind, p.Product, p.Count = string(program), kind.String(), product.Name, uint32(count)
	if p.Numbers, err = program.NewNumbers(kind, product, p.Count, random); err != nil {
		return p, program, err
	}
	if given := c.StringSlice("number"); len(given) > 0 {
		p.Numbers, err = givenNumbers(program, given)
	}
	return p, program, err
}

// givenNumbers are those of an agreement that there is already.
func givenNumbers(program keypack.Program, given []string) ([]string, error) {
	fields := program.Fields()
	if program == keypack.LicenseCode || len(given) != len(fields) {
		return nil, cli.Usage("--number: %s is sold under %d such numbers of an agreement", program, len(fields))
	}
	values := map[string]string{}
	for i, f := range fields {
		values[f.Name] = given[i]
	}
	numbers, faults := program.Check(values)
	if faults != nil {
		return nil, keypack.Faults(faults)
	}
	return numbers, nil
}
