package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/clearinghouse/web"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/tsls"
)

// clearinghouseWants is where the clearinghouse is.
func clearinghouseWants(roots bool) []want {
	address := keypack.PlainField("clearinghouse", "Address of the clearinghouse")
	list := []want{{Field: address, needed: true, settled: true}}
	if roots {
		list = append(list, want{Field: keypack.PlainField("roots", "File with the clearinghouse's root certificate"), needed: true, settled: true})
	}
	return list
}

// companyWants is what an online activation asks for (Win32_TSLicenseServer,
// ActivateServerAutomatic: first and last name, company, country).
func companyWants() []want {
	var countries []string
	for _, c := range keypack.Countries() {
		countries = append(countries, c.Name)
	}
	return []want{
		{Field: contactField(), needed: true},
		{Field: keypack.PlainField("company", "Company"), needed: true},
		{Field: keypack.PlainField("country", "Country"), needed: true, options: countries},
		{Field: keypack.PlainField("email", "E-mail address, if you like")},
	}
}

// online takes a form to the clearinghouse over the network, from this machine or, as
// Windows Server 2003 does it, from the license server.
func (d *dealer) online(ctx context.Context, f form) error {
	fromTool := keypack.RouteFrom(&d.profile) != edition.NetOnLS
	wanted := clearinghouseWants(fromTool)
	if f.op != clearinghouse.OpInstall {
		wanted = append(wanted, companyWants()...)
	}
	values, err := d.fill(wanted)
	if err != nil {
		return err
	}
	if err := d.trust(values["clearinghouse"]); err != nil {
		return err
	}
	if err := d.remember(values); err != nil {
		return err
	}
	for _, name := range []string{"company", "contact", "email", "country"} {
		if values[name] != "" && f.op != clearinghouse.OpInstall {
			f.fields[name] = values[name]
		}
	}
	if !fromTool {
		return d.fromServer(ctx, f)
	}
	return d.fromHere(ctx, f, values["clearinghouse"], values["roots"])
}

// fromServer lets the license server go to the clearinghouse by itself.
func (d *dealer) fromServer(ctx context.Context, f form) error {
	return connect(ctx, d.c, func(ctx context.Context, conn *transport.Conn) error {
		answer, err := conn.Call(ctx, tsls.Automatic{Operation: string(f.op), Fields: pairs(f.fields)})
		if err != nil {
			return err
		}
		return d.brought(conn, answer)
	})
}

func pairs(fields map[string]string) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if fields[name] != "" {
			list = append(list, name+"="+fields[name])
		}
	}
	return list
}

// fromHere fetches the license server's request, takes it to the clearinghouse and
// brings back the answer: the license server needs no way there (white paper, Internet).
func (d *dealer) fromHere(ctx context.Context, f form, address, rootsFile string) error {
	roots, err := tscli.Roots(rootsFile)
	if err != nil {
		return err
	}
	request, err := d.request(ctx, f)
	if err != nil {
		return err
	}
	sent := clearinghouse.Form{clearinghouse.RequestField: string(request)}
	if f.op == clearinghouse.OpReactivate {
		sent["reason"] = f.fields["reason"]
	}
	client := &web.Client{Address: address, Roots: roots}
	if path := d.c.String("keylog"); path != "" {
		keys, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("--keylog: %w", err)
		}
		defer keys.Close()
		client.KeyLog = keys
	}
	wait, cancel := context.WithTimeout(ctx, d.c.Duration("timeout"))
	defer cancel()
	answer, err := client.Do(wait, f.op, sent)
	if err != nil {
		return err
	}
	crash.Here("online", crash.Answered)
	for _, document := range answer.Documents {
		if err := d.bring(ctx, f.op, []byte(document)); err != nil {
			return d.keep(f.op, document, err)
		}
	}
	return nil
}

// request is what the license server signs for the clearinghouse.
func (d *dealer) request(ctx context.Context, f form) (document []byte, err error) {
	err = connect(ctx, d.c, func(ctx context.Context, conn *transport.Conn) error {
		if f.op == clearinghouse.OpInstall {
			order, err := admin.Ask[tsls.Order](ctx, conn, tsls.GetOrder{Fields: pairs(f.fields)})
			document = order.Document
			return err
		}
		answer, err := admin.Ask[tsls.ActivationRequest](ctx, conn, tsls.GetActivationRequest{
			Company: f.fields["company"], Contact: f.fields["contact"], Email: f.fields["email"], Country: f.fields["country"],
		})
		document = answer.Document
		return err
	})
	return document, err
}

// bring brings a document of the clearinghouse to the license server.
func (d *dealer) bring(ctx context.Context, op clearinghouse.Op, document []byte) error {
	var m tsls.Message = tsls.Activate{Document: document}
	if op == clearinghouse.OpInstall {
		m = tsls.InstallKeyPack{Document: document}
	}
	return d.tell(ctx, m)
}

// tell sends the license server what the clearinghouse has answered.
func (d *dealer) tell(ctx context.Context, m tsls.Message) error {
	return connect(ctx, d.c, func(ctx context.Context, conn *transport.Conn) error {
		answer, err := conn.Call(ctx, m)
		if err != nil {
			return err
		}
		return d.brought(conn, answer)
	})
}

// brought says what the license server has now.
func (d *dealer) brought(conn *transport.Conn, answer tsls.Message) error {
	switch m := answer.(type) {
	case tsls.ServerInfo:
		if !m.Activated {
			d.say("%s is deactivated, and issues temporary tokens only", tscli.Printable(m.Name))
			break
		}
		d.server = m
		d.say("%s is activated as %s", tscli.Printable(m.Name), tscli.Printable(m.ServerID))
	case tsls.KeyPackInstalled:
		p := m.Pack
		d.say("key pack %s is installed at %s: %d x %s, %s", tscli.Printable(p.ID), tscli.Printable(conn.Server().Name), p.Total, tscli.Printable(p.Kind), tscli.Printable(p.Product))
	default:
		return fmt.Errorf("license server %s answers with %v; use programs of the same release", conn.Addr(), answer.Type())
	}
	return nil
}

// keep saves a document that did not reach the license server: what the clearinghouse
// gives out it does not give out twice by itself.
func (d *dealer) keep(op clearinghouse.Op, document string, failed error) error {
	path := filepath.Join(filepath.Dir(d.settings.path), string(op)+".txt")
	if err := durable.WriteFile(path, []byte(document), 0o600); err != nil {
		return errors.Join(failed, err)
	}
	command := "activate"
	if op == clearinghouse.OpInstall {
		command = "install"
	}
	return fmt.Errorf("%w; the clearinghouse's answer is kept: bring it with `licmgr %s --file %s`", failed, command, path)
}
