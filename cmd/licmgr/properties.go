package main

import (
	"context"
	"strings"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/ls/keypack"
)

func propertiesCommand() *cli.Command {
	return &cli.Command{
		Name:     "properties",
		Metadata: tscli.Examples(10, "licmgr properties --clearinghouse 127.0.0.1:8443 --roots root.pem --company Fabrikam --contact \"Amy Jones\" --country Norway"),
		Usage:    "show what the tool knows of a license server, and set what it shall remember",
		Description: "Without --company and the like they are shown: the installed product, the connection method with what it\n" +
			"needs, and who is told to the clearinghouse. With them they are kept, in the tool's state folder.",
		Flags: flags(
			&cli.StringFlag{Name: "clearinghouse", Usage: "the clearinghouse's `ADDR`, host or host:port"},
			tscli.RootsFlag(""),
			&cli.StringFlag{Name: "company", Usage: "`NAME` of the company"},
			&cli.StringFlag{Name: "contact", Usage: "`NAME` of the administrator, first and last"},
			&cli.StringFlag{Name: "email", Usage: "`ADDRESS` of the administrator"},
			&cli.StringFlag{Name: "country", Usage: "`NAME` of the country"},
			&cli.StringFlag{Name: "return-fax", Usage: "`NUMBER` that the clearinghouse faxes its answers to"},
			&cli.StringSliceFlag{Name: "set", Usage: "turn a knob of the license server's edition, `KNOB=VALUE`"},
			tscli.JSONFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			d, err := newDealer(c, nil)
			if err != nil {
				return err
			}
			changed, err := d.setProperties()
			if err != nil {
				return err
			}
			if changed {
				return d.settings.save()
			}
			if err := d.meet(ctx); err != nil {
				return err
			}
			return d.showProperties()
		},
	}
}

// setProperties takes over what the flags say.
func (d *dealer) setProperties() (changed bool, err error) {
	for _, name := range []string{"clearinghouse", "roots", "company", "contact", "email", "country", "return-fax"} {
		if !d.c.IsSet(name) {
			continue
		}
		value := d.c.String(name)
		if name == "country" && value != "" {
			country, err := keypack.ParseCountry(value)
			if err != nil {
				return false, err
			}
			value = country.Name
		}
		if name == "roots" && value != "" {
			if _, err := tscli.Roots(value); err != nil {
				return false, err
			}
		}
		*d.props.field(name), changed = value, true
	}
	return changed, nil
}

// shownProperties is what `licmgr properties` shows; its JSON form is stable.
type shownProperties struct {
	Server    string   `json:"server"`
	Edition   string   `json:"edition"`
	Activated bool     `json:"activated"`
	ServerID  string   `json:"server_id"`
	ProductID string   `json:"product_id"`
	Method    string   `json:"method"`
	Methods   []string `json:"methods"` // of the edition, the recommended one first
	properties
}

func (d *dealer) showProperties() error {
	method, err := keypack.ParseMethod(&d.profile, d.props.Method)
	if err != nil {
		return err
	}
	s := shownProperties{Server: d.server.Name, Edition: d.server.Edition, Activated: d.server.Activated, ServerID: d.server.ServerID,
		ProductID: d.productID, properties: *d.props, Method: string(method)}
	for _, m := range keypack.Methods(&d.profile) {
		s.Methods = append(s.Methods, string(m))
	}
	w := d.c.Root().Writer
	if d.c.Bool("json") {
		return tscli.JSON(w, s)
	}
	var t tscli.Table
	t.Row("License server", s.Server)
	t.Row("Edition", s.Edition)
	t.Row("License Server ID", orDash(s.ServerID))
	t.Row("Product ID", s.ProductID)
	t.Row("Connection method", method.Label())
	for _, row := range [][2]string{{"Clearinghouse", s.Clearinghouse}, {"Root certificate", s.Roots}, {"Company", s.Company}, {"Name", s.Contact},
		{"E-mail", s.Email}, {"Country", s.Country}, {"Fax for answers", s.ReturnFax}} {
		t.Row(row[0], orDash(row[1]))
	}
	return t.Print(w)
}

func methodCommand() *cli.Command {
	return &cli.Command{
		Name:        "connection-method",
		Metadata:    tscli.Examples(11, "licmgr connection-method"),
		Usage:       "show the connection methods of a license server's edition, or change the one that is used",
		ArgsUsage:   "[METHOD]",
		Description: "As by View, Properties of the original. The recommended method stands first.",
		Flags: flags(&cli.StringSliceFlag{Name: "set", Usage: "turn a knob of the license server's edition, `KNOB=VALUE`"},
			tscli.JSONFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			args, err := tscli.Args(c, 0, 1)
			if err != nil {
				return err
			}
			d, err := dealerFor(c)
			if err != nil {
				return err
			}
			if err := d.meet(ctx); err != nil {
				return err
			}
			if len(args) == 0 {
				return d.showMethods()
			}
			if strings.TrimSpace(args[0]) == "" {
				return tscli.Usage("connection-method: an empty METHOD; name one of those that `licmgr connection-method` shows")
			}
			method, err := keypack.ParseMethod(&d.profile, args[0])
			if err != nil {
				return err
			}
			d.props.Method = string(method)
			if err := d.settings.save(); err != nil {
				return err
			}
			d.say("Connection method of %s: %s", tscli.Printable(d.server.Name), method.Label())
			return nil
		},
	}
}

// shownMethod is a row of `licmgr connection-method`; its JSON form is stable.
type shownMethod struct {
	Method      string `json:"method"`
	Label       string `json:"label"`
	Recommended bool   `json:"recommended"`
	Used        bool   `json:"used"`
}

func (d *dealer) showMethods() error {
	used, err := keypack.ParseMethod(&d.profile, d.props.Method)
	if err != nil {
		return err
	}
	var list []shownMethod
	t := tscli.Table{Header: []string{"METHOD", "NAME", ""}}
	for i, m := range keypack.Methods(&d.profile) {
		s := shownMethod{string(m), m.Label(), i == 0, m == used}
		var notes []string
		if s.Used {
			notes = append(notes, "used")
		}
		if s.Recommended {
			notes = append(notes, "recommended")
		}
		list = append(list, s)
		t.Row(s.Method, s.Label, strings.Join(notes, ", "))
	}
	if d.c.Bool("json") {
		return tscli.JSON(d.c.Root().Writer, list)
	}
	return t.Print(d.c.Root().Writer)
}
