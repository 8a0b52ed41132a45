package main

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/tsls"
)

// answerField is the number that comes back by telephone, browser or fax: a License
// Server ID for an activation, a Key Pack ID for an order, a confirmation code for a
// deactivation.
func answerField(op clearinghouse.Op) keypack.Field {
	switch op {
	case clearinghouse.OpInstall:
		return keypack.PackIDField()
	case clearinghouse.OpDeactivate:
		return keypack.ConfirmationField()
	}
	return keypack.ServerIDField()
}

// byHand says what to tell the clearinghouse by the method, and takes the number that
// it answers, if somebody sits there to type it.
func (d *dealer) byHand(ctx context.Context, f form) error {
	told := maps.Clone(f.fields)
	if f.op == clearinghouse.OpInstall || f.op == clearinghouse.OpDeactivate {
		told["server-id"] = d.server.ServerID
	} else {
		told["product-id"] = d.productID
	}
	var err error
	switch d.method {
	case keypack.Web:
		err = d.byWeb(f.op, told)
	case keypack.Phone:
		err = d.byPhone(f.op, told)
	case keypack.Fax:
		err = d.byFax(f.op, told)
	default:
		err = fmt.Errorf("nothing is done by hand by the method %s", d.method.Label())
	}
	if err != nil {
		return err
	}
	answer := answerField(f.op)
	if d.ask == nil {
		or := ""
		if d.method == keypack.Fax {
			or = ", or the page that is faxed back with --reply"
		}
		d.say("Bring its answer with --%s%s.", answer.Name, or)
		return nil
	}
	d.ask.title(answer.Label)
	number, err := d.ask.field(answer, "")
	if err != nil {
		return err
	}
	return d.tell(ctx, byNumber(f.op, number))
}

func byNumber(op clearinghouse.Op, number string) tsls.Message {
	switch op {
	case clearinghouse.OpInstall:
		return tsls.InstallByNumber{PackID: number}
	case clearinghouse.OpDeactivate:
		return tsls.Deactivate{Confirmation: number}
	}
	return tsls.ActivateByNumber{ServerID: number}
}

// dictate shows the numbers that the clearinghouse is told, as they are printed.
func (d *dealer) dictate(told map[string]string, names ...string) {
	for _, name := range names {
		if told[name] != "" {
			d.say("  %-22s %s", labelOf(name), told[name])
		}
	}
}

// labelOf is what a field is called.
func labelOf(name string) string {
	for _, f := range append(programFields(), keypack.ServerIDField(), keypack.ProductIDField()) {
		if f.Name == name {
			return f.Label
		}
	}
	return strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "-", " ")
}

// ordered are the names of all that an order or an activation may be told, in the order
// of the pages.
func ordered() []string {
	names := []string{"product-id", "server-id", "reason", "program"}
	for _, f := range programFields() {
		names = append(names, f.Name)
	}
	return append(names, "product", "kind", "count", "company", "contact", "email", "country")
}

func (d *dealer) byWeb(op clearinghouse.Op, told map[string]string) error {
	values, err := d.fill(clearinghouseWants(false))
	if err != nil {
		return err
	}
	if err := d.trust(values["clearinghouse"]); err != nil {
		return err
	}
	d.say("Open this page in a browser, on any computer:\n  https://%s/%s\nand fill in:", values["clearinghouse"], op)
	d.dictate(told, ordered()...)
	return d.remember(values)
}

func (d *dealer) byPhone(op clearinghouse.Op, told map[string]string) error {
	wanted := companyWants()[2:3]
	values, err := d.fill(wanted)
	if err != nil {
		return err
	}
	country, err := keypack.ParseCountry(values["country"])
	if err != nil {
		return err
	}
	values["country"] = country.Name
	d.say("Call the clearinghouse in %s: %s\nYou want: %s. The agent will ask for:", country.Name, country.Number, op)
	d.dictate(told, ordered()...)
	return d.remember(values)
}

func (d *dealer) byFax(op clearinghouse.Op, told map[string]string) error {
	wanted := []want{{Field: keypack.PlainField("return-fax", "Fax number for the answer"), needed: true}}
	if op != clearinghouse.OpInstall {
		company := companyWants()
		for i := range company {
			company[i].needed, company[i].options = false, nil
		}
		wanted = append(wanted, company...)
	}
	values, err := d.fill(wanted)
	if err != nil {
		return err
	}
	page := keypack.FaxPage{Operation: string(op), Return: values["return-fax"], Fields: told}
	for name, value := range values {
		if name != "return-fax" {
			page.Fields[name] = value
		}
	}
	text, err := page.Print()
	if err != nil {
		return err
	}
	if err := d.remember(values); err != nil {
		return err
	}
	path := d.c.String("page")
	if path == "" {
		d.say("%s", text)
		return nil
	}
	if err := durable.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("--page: %w", err)
	}
	d.say("Fax this page to the clearinghouse: %s", path)
	return nil
}

// fromReply finds the numbers on a page that was faxed back.
func fromReply(op clearinghouse.Op, page string) ([]string, error) {
	f := answerField(op)
	var numbers []string
	var faults keypack.Faults
	for line := range strings.Lines(page) {
		name, value, ok := strings.Cut(line, ":")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), f.Name) {
			continue
		}
		number, err := f.Check(strings.TrimSpace(value))
		if err != nil {
			faults = append(faults, keypack.FaultsOf(err)...)
		}
		numbers = append(numbers, number)
	}
	if faults != nil {
		return nil, faults
	}
	if numbers == nil {
		return nil, keypack.Fault("reply", "give the page that the clearinghouse faxed back", "the page has no line \"%s: ...\"", f.Name)
	}
	return numbers, nil
}
