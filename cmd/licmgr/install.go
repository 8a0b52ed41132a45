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
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
)

func installCommand() *cli.Command {
	var programs []string
	for _, p := range keypack.Programs() {
		programs = append(programs, p.Flag())
	}
	own := []cli.Flag{
		optionalFile("`FILE` that `clearinghouse install` or `issue` wrote"), numberFlag(keypack.PackIDField()),
		&cli.StringFlag{Name: "program", Usage: "licensing `PROGRAM` that the licenses were bought by: " + strings.Join(programs, ", ")},
	}
	for _, f := range programFields() {
		own = append(own, &cli.StringFlag{Name: f.Name, Usage: "`NUMBER` of the purchase: " + f.Help})
	}
	own = append(own,
		&cli.StringFlag{Name: "kind", Usage: "`KIND` of licenses: cal, per-user or internet-connector", DefaultText: "cal"},
		&cli.StringFlag{Name: "product", Usage: "`PRODUCT` that they are for, by name or version", DefaultText: "the license server's"},
		&cli.StringFlag{Name: "count", Usage: "`N` licenses", Aliases: []string{"n"}})
	return &cli.Command{
		Name: "install", Metadata: tscli.Session(
			tscli.Step{At: 22, Line: "licmgr install --program select --enrollment-number LAB-1234566 --count 25"},
			tscli.Step{At: 23, Line: `licmgr install --method fax --return-fax "+47 22 00 00 00" --page page.txt --program select --enrollment-number LAB-1234566 --count 5`},
			tscli.Step{At: 25, Line: "licmgr install --reply reply.txt"},
			tscli.Step{At: 44, Line: "licmgr install --file connector.txt"}),
		Usage: "get a key pack for a purchase and install it, by any connection method",
		Description: "By the Internet the license server's signed order is taken to the clearinghouse and the key pack brought at\n" +
			"once. By the web, by telephone and by fax it is first told what to tell the clearinghouse, and then, with\n" +
			"--pack-id or --reply, what it answered. With --file the key packs in a file are brought, however they came. A\n" +
			"License Code says itself what was bought; the other programs need --count. On a terminal what is not said is\n" +
			"asked.",
		Flags: dealFlags(own...),
		Action: func(ctx context.Context, c *cli.Command) error {
			return install(ctx, c, somebody(c))
		},
	}
}

// programFields are the fields of all programs, each once.
func programFields() []keypack.Field {
	var list []keypack.Field
	seen := map[string]bool{}
	for _, p := range keypack.Programs() {
		for _, f := range p.Fields() {
			if !seen[f.Name] {
				seen[f.Name] = true
				list = append(list, f)
			}
		}
	}
	return list
}

// install installs by what the flags say, and by asking when somebody sits there.
func install(ctx context.Context, c *cli.Command, ask *asker) error {
	d, err := newDealer(c, ask)
	if err != nil {
		return err
	}
	switch {
	case c.String("file") != "":
		return d.installFile(ctx)
	case c.String("pack-id") != "" || c.String("reply") != "":
		numbers, err := d.numbers(clearinghouse.OpInstall)
		for _, n := range numbers {
			if err == nil {
				err = d.tell(ctx, byNumber(clearinghouse.OpInstall, n))
			}
		}
		return err
	}
	var fields map[string]string
	if ask == nil { // a script hears what is wrong before anything is sent
		if fields, err = d.order(); err != nil {
			return err
		}
	}
	if err := d.meet(ctx); err != nil {
		return err
	}
	if !d.server.Activated {
		return fmt.Errorf("license server %s: %w", d.server.Name, keypack.ErrNotActivated)
	}
	if ask != nil {
		if fields, err = d.order(); err != nil {
			return err
		}
	}
	if err := d.complete(fields); err != nil {
		return err
	}
	return d.deal(ctx, form{clearinghouse.OpInstall, fields})
}

// installFile brings every key pack of a file: `clearinghouse print` writes all of a
// purchase, some of which may be installed already.
func (d *dealer) installFile(ctx context.Context) error {
	text, err := readDocument(d.c)
	if err != nil {
		return err
	}
	documents := enroll.Documents(text)
	for _, document := range documents {
		if err := enroll.Expect(document, enroll.KindKeyPack); err != nil {
			return fmt.Errorf("%s: %w", d.c.String("file"), err)
		}
	}
	var refused []error
	for i, document := range documents {
		err := d.bring(ctx, clearinghouse.OpInstall, document)
		if err != nil && len(documents) > 1 {
			err = fmt.Errorf("document %d of %d: %w", i+1, len(documents), err)
		}
		refused = append(refused, err)
	}
	return errors.Join(refused...)
}

// order is what is ordered: the licensing program first, then what it asks for.
func (d *dealer) order() (map[string]string, error) {
	program, err := d.program()
	if err != nil {
		return nil, err
	}
	var wanted []want
	for _, f := range program.Fields() {
		wanted = append(wanted, want{Field: f, needed: true})
	}
	if d.ask != nil {
		d.ask.title(string(program))
	}
	fields, err := d.fill(wanted)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, f := range programFields() {
		all[f.Name] = d.c.String(f.Name)
	}
	for name, value := range fields {
		all[name] = value
	}
	if _, faults := program.Check(all); faults != nil { // a number of another program, too
		return nil, keypack.Faults(faults)
	}
	fields["program"] = program.Flag()
	return fields, d.licenses(program, fields)
}

// program is the licensing program, by the flag or by asking.
func (d *dealer) program() (keypack.Program, error) {
	said := d.c.String("program")
	if said == "" && d.c.String("license-code") != "" {
		return keypack.LicenseCode, nil
	}
	if said == "" && d.ask != nil {
		d.ask.title("Licensing program")
		var labels []string
		for _, p := range keypack.Programs() {
			labels = append(labels, p.Label(d.profile.Edition))
		}
		n, err := d.ask.choice("How were the licenses bought", labels, false)
		if err != nil {
			return "", err
		}
		return keypack.Programs()[n], nil
	}
	if said == "" {
		_, err := d.fill([]want{{Field: keypack.PlainField("program", ""), needed: true}})
		return "", err
	}
	return keypack.ParseProgram(said)
}

// licenses adds what is ordered of a purchase. A License Code says it itself.
func (d *dealer) licenses(program keypack.Program, fields map[string]string) error {
	kind, err := keypack.KindOf(d.c.String("kind"))
	if err != nil {
		return err
	}
	if program == keypack.LicenseCode {
		if !program.Sells(kind) {
			return notSold(program, kind)
		}
		_, bought, err := codes.ReadLicenseCode(fields["license-code"])
		if err != nil {
			return err
		}
		has, _, err := keypack.Bought(bought)
		if err == nil && d.c.String("kind") != "" && has != kind {
			err = keypack.Fault("kind", "leave it out", "the License Code stands for %v licenses, not for %v", has, kind)
		}
		return err
	}
	kinds := []string{token.CAL.String(), token.PerUser.String(), token.InternetConnector.String()}
	values, err := d.fill([]want{
		{Field: kindField(), options: kinds},
		{Field: productField(), options: productNames()},
		{Field: countField(), needed: true},
	})
	if err != nil {
		return err
	}
	if kind, err = keypack.KindOf(values["kind"]); err != nil {
		return err
	}
	if !program.Sells(kind) {
		return notSold(program, kind)
	}
	for name, value := range values {
		fields[name] = value
	}
	return nil
}

// notSold: the Internet Connector license comes by Open, Select and Enterprise only.
func notSold(program keypack.Program, kind token.Kind) error {
	return keypack.Fault("kind", "choose Open License, Select or Enterprise, or another kind", "%v licenses are not sold by the program %s", kind, program)
}

// complete fills in the product, which is the license server's own unless said.
func (d *dealer) complete(fields map[string]string) error {
	if fields["program"] == keypack.LicenseCode.Flag() {
		return nil
	}
	kind, err := keypack.KindOf(fields["kind"])
	if err != nil {
		return err
	}
	product := ownProduct(&d.profile)
	if fields["product"] != "" {
		if product, err = keypack.ParseProduct(fields["product"]); err != nil {
			return err
		}
	}
	if err := keypack.CheckVersion(kind, product.Version); err != nil {
		return keypack.Fault("kind", "choose another product or kind", "%v", err)
	}
	fields["product"] = product.Name
	return nil
}
