// Package admin is the administrator's side of the license server protocol
// (wire/tsls): what licmgr and lsreport share. The tools of a user have one key, and
// remember the keys of the license servers that they have met, in one state folder.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/tsls"
)

// DefaultPort is that of the license server protocol.
const DefaultPort = "3343"

// DefaultTimeout is how long a license server may take for what it is asked.
const DefaultTimeout = 10 * time.Second

// Desk is where an administrator sits: a tool with its key.
type Desk struct {
	program, host string
	own           *identity.Identity
	pins          *identity.Pins
	keys          *os.File // nil: none
	network       discovery.Network
	resolver      *net.Resolver // nil: the machine's
}

// Open opens the desk of a tool, "licmgr". The state folder is the user's when state
// is empty, one for all tools; it may be a license server's own, or one that a
// membership of a domain lies in. TLS secrets are appended to the file keyLog unless that is empty.
func Open(program, state, keyLog string) (*Desk, error) {
	if state == "" {
		var err error
		if state, err = cli.StateDir("licmgr"); err != nil {
			return nil, err
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = program
	}
	own, err := identity.Load(state) // whoever's it is
	if errors.Is(err, fs.ErrNotExist) {
		own, err = identity.LoadOrCreate(state, host)
	}
	if err == nil {
		_, err = own.LoadMembership()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	d := &Desk{program: program, host: host, own: own, pins: identity.OpenPins(state), network: &discovery.UDP{}}
	if keyLog != "" {
		if d.keys, err = os.OpenFile(keyLog, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			return nil, fmt.Errorf("--keylog: %w", err)
		}
	}
	return d, nil
}

// Domain is the domain that the tools are members of, "" in a workgroup.
func (d *Desk) Domain() string {
	if m := d.own.Membership(); m != nil {
		return m.Domain
	}
	return ""
}

// Close ends it, after its connections.
func (d *Desk) Close() {
	if d.keys != nil {
		d.keys.Close()
	}
}

// Dial connects to the license server at an address, host or host:port. A name that DNS
// does not know, or that there is no DNS for, is asked for on the network, as that of a
// license server. Calls at the same time are safe.
func (d *Desk) Dial(ctx context.Context, server string) (*transport.Conn, error) {
	addr, err := hostport.Parse(server, DefaultPort)
	if err != nil {
		return nil, err
	}
	config := d.own.ClientTLS(addr, d.pins, nil)
	if d.keys != nil {
		config.KeyLogWriter = d.keys
	}
	hello := tsls.Hello{Program: d.program, Name: d.host}
	dialer := transport.Dialer{Resolver: d.resolver}
	conn, err := dialer.Dial(ctx, addr, config, hello)
	if unknownName(err) {
		resolved, nobody := d.resolve(ctx, addr)
		if nobody != nil {
			return nil, fmt.Errorf("license server %s: %w; `licmgr list` finds those there are", addr, nobody)
		}
		conn, err = dialer.Dial(ctx, resolved, config, hello)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w; nobody listens there: start lserver, or name another license server (`licmgr list` finds those there are)", err)
	}
	return conn, err
}

// unknownName reports that DNS has no such name, or that no DNS takes questions, as in a
// workgroup; one that is late may know it yet.
func unknownName(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && !dns.IsTimeout
}

// resolve asks the network for the license server of a name.
func (d *Desk) resolve(ctx context.Context, addr string) (string, error) {
	f, err := d.Finder(Search{})
	if err != nil {
		return "", err
	}
	return f.Resolve(ctx, addr)
}

// Ask is a call whose answer must be of type T.
func Ask[T tsls.Message](ctx context.Context, conn *transport.Conn, request tsls.Message) (T, error) {
	var want T
	answer, err := conn.Call(ctx, request)
	if err != nil {
		return want, err
	}
	got, ok := answer.(T)
	if !ok {
		return want, fmt.Errorf("license server %s answers %v with %v; use programs of the same release", conn.Addr(), request.Type(), answer.Type())
	}
	return got, nil
}

// Licenses asks for all tokens of a license server, page by page, in the order of
// their ids.
func Licenses(ctx context.Context, conn *transport.Conn) ([]tsls.LicenseInfo, error) {
	var all []tsls.LicenseInfo
	for after := ""; ; {
		page, err := Ask[tsls.LicenseList](ctx, conn, tsls.Licenses{After: after})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Licenses...)
		if !page.More || len(page.Licenses) == 0 {
			return all, nil
		}
		after = page.Licenses[len(page.Licenses)-1].LicenseID
	}
}
