package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/rdpsec"
	"github.com/tslab/tslab/wire/token"
)

// clients connect at once.
const clients = 4

// security is one way to protect a connection.
type security struct {
	name       string
	termsrv    []string
	protocols  rdpconn.Protocols
	encryption []rdpsec.Method
}

func securities() []security {
	var all []security
	for _, m := range []rdpsec.Method{rdpsec.MethodNone, rdpsec.Method40, rdpsec.Method56, rdpsec.Method128} {
		flags := []string{"--security", "rdp", "--encryption", strings.ToLower(m.String())}
		all = append(all, security{m.String(), flags, rdpconn.RDPOnly, []rdpsec.Method{m}})
	}
	return append(all, security{"TLS", []string{"--security", "tls"}, rdpconn.TLSOnly, nil})
}

// licensings measures connections from TCP to the end of the licensing phase: of
// devices that have never been here and get a temporary token, and of devices that
// show a CAL, for which the license server is not asked.
func licensings(ctx context.Context, bin string, span time.Duration, print func(figure)) error {
	for _, s := range securities() {
		err := farm(bin, func(f *harness.Farm) error {
			f.TermServArgs = s.termsrv
			for _, err := range []error{f.StartLServer(ctx), f.Enroll(ctx, 100), f.StartTermServ(ctx)} {
				if err != nil {
					return err
				}
			}
			if err := first(ctx, f, s, span, print); err != nil {
				return err
			}
			return known(ctx, f, s, span, print)
		})
		if err != nil {
			return fmt.Errorf("licensings with %s: %w", s.name, err)
		}
	}
	return nil
}

func first(ctx context.Context, f *harness.Farm, s security, span time.Duration, print func(figure)) error {
	var number atomic.Int64
	return rate(ctx, f, "first connection, "+s.name, span, print, func(int) error {
		d := newDevice(f, s, fmt.Sprintf("NEW-%d", number.Add(1)))
		return d.license(ctx)
	})
}

func known(ctx context.Context, f *harness.Farm, s security, span time.Duration, print func(figure)) error {
	devices := make([]device, clients)
	for i := range devices {
		d := newDevice(f, s, fmt.Sprintf("PC-%d", i))
		if err := errors.Join(d.logon(ctx), d.license(ctx)); err != nil {
			return err
		}
		devices[i] = d
	}
	return rate(ctx, f, "known client, "+s.name, span, print, func(worker int) error { return devices[worker].shows(ctx) })
}

// rate lets all clients connect over and over for span.
func rate(ctx context.Context, f *harness.Farm, name string, span time.Duration, print func(figure), connect func(worker int) error) error {
	before, err := cpu(f)
	if err != nil {
		return err
	}
	begin := time.Now()
	var count atomic.Int64
	var workers sync.WaitGroup
	errs := make([]error, clients)
	for w := range clients {
		workers.Go(func() {
			for time.Since(begin) < span && ctx.Err() == nil && errs[w] == nil {
				errs[w] = connect(w)
				count.Add(1)
			}
		})
	}
	workers.Wait()
	elapsed := time.Since(begin)
	after, err := cpu(f)
	if err := errors.Join(append(errs, err, ctx.Err())...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	n := float64(count.Load())
	print(figure{name, n / elapsed.Seconds(), "licensings/s"})
	print(figure{name + ", server CPU", float64((after - before).Microseconds()) / n, "us each"})
	return nil
}

// cpu is what both servers have taken.
func cpu(f *harness.Farm) (time.Duration, error) {
	termsrv, err1 := harness.CPU(f.TermServ.PID())
	lserver, err2 := harness.CPU(f.LServer.PID())
	return termsrv + lserver, errors.Join(err1, err2)
}

// device is a client with its store in memory.
type device struct{ config *client.Config }

func newDevice(f *harness.Farm, s security, name string) device {
	var persona client.Persona
	for _, p := range client.Personas() {
		if p.Name == client.DefaultPersona {
			persona = p
		}
	}
	return device{&client.Config{
		Server: f.Addr, Persona: persona, Store: &memory{}, Name: name,
		User: "lab", Password: "lab", Security: s.protocols, Encryption: s.encryption,
	}}
}

// license is a connection up to the end of licensing.
func (d device) license(ctx context.Context) error {
	s, err := client.License(ctx, d.config)
	if err != nil {
		return err
	}
	return s.Close()
}

// shows is a connection up to the end of licensing of a device that shows a CAL, and
// is given nothing.
func (d device) shows(ctx context.Context) error {
	s, err := client.License(ctx, d.config)
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	if shown, given := s.Licensed.Presented != nil, s.Licensed.Stored != nil; !shown || given {
		return fmt.Errorf("%s showed a license: %t, was given one: %t; it should show its CAL and get nothing", d.config.Name, shown, given)
	}
	t, err := token.Parse(s.Licensed.Presented.License)
	if err == nil && t.Kind != token.CAL {
		err = fmt.Errorf("%s showed a %v, want a CAL", d.config.Name, t.Kind)
	}
	return err
}

// logon is a whole connection.
func (d device) logon(ctx context.Context) error {
	s, err := client.Connect(ctx, d.config)
	if err != nil {
		return err
	}
	return s.Close()
}

// memory is a license store that the disk does not slow down.
type memory struct {
	id       hwid.ID
	licenses []client.StoredLicense
}

func (m *memory) HardwareID() (hwid.ID, bool)      { return m.id, !m.id.IsZero() }
func (m *memory) SetHardwareID(id hwid.ID) error   { m.id = id; return nil }
func (m *memory) Licenses() []client.StoredLicense { return m.licenses }
func (m *memory) String() string                   { return "memory" }

func (m *memory) FirstHardwareID(id hwid.ID) (hwid.ID, error) {
	if m.id.IsZero() {
		m.id, m.licenses = id, nil
	}
	return m.id, nil
}

func (m *memory) Put(l client.StoredLicense) error {
	m.licenses = []client.StoredLicense{l} // there is one server
	return nil
}

func (m *memory) Wipe(licenses, hardwareID bool) error {
	if licenses {
		m.licenses = nil
	}
	if hardwareID {
		m.id = hwid.ID{}
	}
	return nil
}
