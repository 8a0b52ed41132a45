package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/tsls"
)

// dealer takes a license server's business to the clearinghouse and brings back what it
// answers, by one of the connection methods.
type dealer struct {
	c        *cli.Command
	ask      *asker // nil: nobody sits there
	wizard   bool   // everything is asked, not only what is missing
	fresh    bool   // the wizard has just activated
	settings *settings
	props    *properties

	server    tsls.ServerInfo
	productID string
	profile   edition.Profile
	method    keypack.Method
}

// dealFlags are those of every command that goes to the clearinghouse, then its own.
func dealFlags(own ...cli.Flag) []cli.Flag {
	return flags(append([]cli.Flag{
		&cli.StringFlag{Name: "method", Usage: "connection `METHOD`: internet (automatic in Windows Server 2003), web, phone or fax", DefaultText: "as in the properties, else the recommended one"},
		&cli.StringFlag{Name: "clearinghouse", Usage: "the clearinghouse's `ADDR`, host or host:port", DefaultText: "as in the properties"},
		tscli.RootsFlag("as in the properties"),
		&cli.StringFlag{Name: "company", Usage: "`NAME` of the company", DefaultText: "as in the properties"},
		&cli.StringFlag{Name: "contact", Usage: "`NAME` of the administrator, first and last", DefaultText: "as in the properties"},
		&cli.StringFlag{Name: "email", Usage: "`ADDRESS` of the administrator", DefaultText: "as in the properties"},
		&cli.StringFlag{Name: "country", Usage: "`NAME` of the country; it says whom to call", DefaultText: "as in the properties"},
		&cli.StringFlag{Name: "return-fax", Usage: "`NUMBER` that the clearinghouse faxes its answer to", DefaultText: "as in the properties"},
		&cli.StringFlag{Name: "page", Usage: "write the page to be faxed to `FILE`", DefaultText: "standard output"},
		&cli.StringFlag{Name: "reply", Usage: "bring the page in `FILE` that was faxed back"},
		&cli.BoolFlag{Name: "trust", Usage: "add the clearinghouse to the trusted sites, where that is asked for"},
		&cli.StringSliceFlag{Name: "set", Usage: "turn a knob of the license server's edition, `KNOB=VALUE`: connection_methods, default_method, activation_needs_net_on, ie_esc"},
	}, own...)...)
}

// newDealer reads what is remembered; nothing is sent yet.
func newDealer(c *cli.Command, ask *asker) (*dealer, error) {
	if _, err := tscli.Args(c, 0, 0); err != nil {
		return nil, err
	}
	d, err := dealerFor(c)
	if err == nil {
		d.ask = ask
	}
	return d, err
}

// dealerFor is newDealer for a command that has arguments.
func dealerFor(c *cli.Command) (*dealer, error) {
	s, err := openSettings(c)
	if err != nil {
		return nil, err
	}
	p, err := s.of(c)
	if err != nil {
		return nil, err
	}
	return &dealer{c: c, settings: s, props: p}, nil
}

// profileOf is the edition by its name, with knobs turned.
func profileOf(name string, knobs []string) (edition.Profile, error) {
	p, err := edition.Parse(name)
	if err != nil {
		return p, fmt.Errorf("the license server says that it is of the edition %q: %w", name, err)
	}
	if err := p.SetFor(edition.Tool, knobs); err != nil {
		return p, tscli.Usage("--set: %v", err)
	}
	return p, nil
}

// meet asks the license server what it is. Later steps connect again: a human may take
// longer than a connection lasts.
func (d *dealer) meet(ctx context.Context) error {
	err := connect(ctx, d.c, func(ctx context.Context, conn *transport.Conn) error {
		d.server = conn.Server()
		answer, err := admin.Ask[tsls.ActivationRequest](ctx, conn, tsls.GetActivationRequest{})
		if err != nil {
			return err
		}
		request, err := enroll.ParseActivationRequest(answer.Document)
		d.productID = request.ProductID
		return err
	})
	if err != nil {
		return err
	}
	d.profile, err = profileOf(d.server.Edition, d.c.StringSlice("set"))
	return err
}

// choose settles the connection method: by the flag, by a human, by the properties, or
// the recommended one.
func (d *dealer) choose() error {
	if d.method != "" { // by the wizard, for the step before
		return nil
	}
	said := d.c.String("method")
	if said == "" && d.ask != nil && (d.wizard || d.props.Method == "") {
		methods := keypack.Methods(&d.profile)
		var labels []string
		for _, m := range methods {
			labels = append(labels, m.Label())
		}
		d.ask.title("Connection method")
		n, err := d.ask.choice("How shall the clearinghouse be reached", labels, true)
		if err != nil {
			return err
		}
		d.method, d.props.Method = methods[n], string(methods[n])
		return d.settings.save()
	}
	if said == "" {
		said = d.props.Method
	}
	var err error
	d.method, err = keypack.ParseMethod(&d.profile, said)
	return err
}

// want is something that a step needs to know.
type want struct {
	keypack.Field
	needed  bool
	settled bool     // not asked when it is known
	options []string // to choose from, when a human is asked
}

// given is what is known of a field without asking: its flag, else its property.
func (d *dealer) given(name string) string {
	if value := d.c.String(name); value != "" {
		return value
	}
	if p := d.props.field(name); p != nil {
		return *p
	}
	return ""
}

// fill finds out all that is wanted, by name: what is known, and else by asking. Where
// there is nobody to ask, what is missing is one usage error, and what is wrong are
// faults.
func (d *dealer) fill(wanted []want) (map[string]string, error) {
	values := map[string]string{}
	var missing []string
	var faults keypack.Faults
	for _, w := range wanted {
		value := d.given(w.Name)
		if d.ask != nil && d.c.String(w.Name) == "" && (d.wizard && !(w.settled && value != "") || w.needed && value == "") {
			var err error
			if value, err = d.question(w, value); err != nil {
				return nil, err
			}
		}
		if value == "" {
			if w.needed {
				missing = append(missing, "--"+w.Name)
			}
			continue
		}
		checked, err := w.Check(value)
		if err != nil {
			faults = append(faults, keypack.FaultsOf(err)...)
		}
		values[w.Name] = checked
	}
	if faults != nil {
		return nil, faults
	}
	if missing != nil {
		return nil, tscli.Usage("%s: say it, or let `licmgr wizard` ask", strings.Join(missing, " and "))
	}
	return values, nil
}

// question asks a human for one field.
func (d *dealer) question(w want, otherwise string) (string, error) {
	if len(w.options) > 0 {
		options := w.options
		for i, o := range options {
			if strings.EqualFold(o, otherwise) {
				options = append([]string{o}, append(append([]string{}, options[:i]...), options[i+1:]...)...)
				break
			}
		}
		d.ask.title(w.Label)
		n, err := d.ask.choice(w.Label, options, false)
		if err != nil {
			return "", err
		}
		return options[n], nil
	}
	for {
		value, err := d.ask.field(w.Field, otherwise)
		if err != nil || value != "" || !w.needed {
			return value, err
		}
		d.ask.say("  %s", d.ask.style.Warn("It is needed."))
	}
}

// remember keeps what was said for the next time.
func (d *dealer) remember(values map[string]string) error {
	changed := false
	for _, name := range []string{"clearinghouse", "roots", "company", "contact", "email", "country", "return-fax"} {
		value := values[name]
		if p := d.props.field(name); value != "" && *p != value {
			*p, changed = value, true
		}
	}
	if !changed {
		return nil
	}
	return d.settings.save()
}

// say tells who runs the command something.
func (d *dealer) say(format string, args ...any) {
	fmt.Fprintf(d.c.Root().Writer, format+"\n", args...)
}

// form is what the clearinghouse is told of an operation.
type form struct {
	op     clearinghouse.Op
	fields map[string]string
}
