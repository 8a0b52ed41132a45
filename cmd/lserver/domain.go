package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/tslab/tslab/discovery/domain"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/wire/enroll"
)

// enterAgain is the elapsed time until an entry that could not be made is tried again.
const enterAgain = 10 * time.Second

// enterDomain makes this host a member of its domain, if it has one, and tells the
// server of it.
func (d *daemon) enterDomain(ctx context.Context, id *identity.Identity) (*domain.Domain, error) {
	o := d.o.domain
	if o.Name == "" {
		return nil, nil
	}
	in, err := domain.Enter(ctx, id, domain.Config{
		Domain: o.Name, Controller: o.Controller, Secret: o.Secret, Role: enroll.RoleLicenseServer, Log: d.Log, KeyLog: d.KeyLog,
	})
	if err != nil {
		return nil, err
	}
	if err := d.o.mayStand(ctx, d.o.scope, in.OnController); err != nil {
		return nil, err
	}
	m := in.Membership()
	d.server.Join(ls.Domain{Member: m.Check, Site: m.Site, RequireGroup: d.o.requireGroup})
	return in, nil
}

// mayStand is an error for the scope domain on a machine that is no domain controller,
// where ls_host wants one: "this means the license server must be deployed
// on a domain controller" (white paper, Licensing Service Location). Where DNS cannot
// tell, it may.
func (o *options) mayStand(ctx context.Context, scope string, onController func(context.Context) (bool, error)) error {
	if scope != scopeDomain || o.edition.LSHost != edition.HostDC {
		return nil
	}
	if on, err := onController(ctx); on || err != nil {
		return nil
	}
	return fmt.Errorf("this machine is no domain controller of %s, where alone terminal servers seek a license server of domain scope: start it on one, "+
		"or with --scope enterprise (licmgr scope), or with --set ls_host=any where each terminal server is told of it by name", o.domain.Name)
}

// enterSite has the directory name this as its site's enterprise license server, as
// soon as a domain controller takes it.
func (d *daemon) enterSite(ctx context.Context, in *domain.Domain, l net.Addr) {
	_, port, err := net.SplitHostPort(l.String())
	for tell := true; err == nil; tell = false {
		if _, failed := in.EnterSite(ctx, port); failed == nil || ctx.Err() != nil {
			return
		} else if tell {
			d.Log.Event(eventlog.SiteNotEntered, eventlog.F("reason", failed))
		}
		timer := time.NewTimer(enterAgain)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}
