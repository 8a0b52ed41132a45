package ts

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/tsls"
)

// catalog is the license servers of this terminal server: the one that it is
// configured with, and those that it was referred to.
type catalog struct {
	server *Server
	id     *identity.Identity
	pins   *identity.Pins

	mu       sync.Mutex
	up       map[string]*upstream // by address
	found    bool                 // the configured one answered last time
	tried    bool
	features tsls.Features // what both ends can do, as last heard
	info     tsls.ServerInfo
}

// maxUpstreams bounds the license servers that are talked with.
const maxUpstreams = 64

func newCatalog(s *Server) (*catalog, error) {
	id, err := identity.LoadOrCreate(s.config.Dir, s.config.Host)
	if err != nil {
		return nil, err
	}
	return &catalog{
		server: s, id: id, pins: identity.OpenPins(s.config.Dir), up: map[string]*upstream{},
		features: policy.Features(s.config.Profile.Edition),
	}, nil
}

func (c *catalog) dial(ctx context.Context, addr string) (*transport.Conn, error) {
	return transport.Dial(ctx, addr, c.id.ClientTLS(addr, c.pins, c.server.config.KeyLog), tsls.Hello{
		Features: policy.Features(c.server.config.Profile.Edition),
		Program:  "termsrv",
		Name:     c.server.config.Host,
		Edition:  c.server.config.Profile.Edition.String(),
	})
}

func (c *catalog) at(addr string) (*upstream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.up[addr]
	if u == nil {
		if len(c.up) >= maxUpstreams {
			return nil, fmt.Errorf("license server %s: too many license servers known", addr)
		}
		u = &upstream{addr: addr, dial: c.dial, wait: c.server.config.Limits.Call}
		c.up[addr] = u
	}
	return u, nil
}

func (c *catalog) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range c.up {
		u.close()
	}
}

// call asks the license server at addr. What it says of itself is learned, and an
// event tells when the configured one is found or lost.
func (c *catalog) call(ctx context.Context, addr string, m tsls.Message) (tsls.Message, tsls.ServerInfo, error) {
	u, err := c.at(addr)
	if err != nil {
		return nil, tsls.ServerInfo{}, err
	}
	answer, info, err := u.call(ctx, m)
	if ctx.Err() != nil && err != nil {
		return nil, info, err // nobody's fault but ours
	}
	own := addr == c.server.config.LicenseServer
	if err != nil {
		if own {
			c.lost(err)
		}
		return nil, info, err
	}
	var former [][]byte
	switch a := answer.(type) {
	case tsls.ServerInfo:
		info = a
	case tsls.Allocated:
		former, info.CALIssuedEver = a.Former, info.CALIssuedEver || a.CALIssuedEver
	}
	if err := c.server.known.learn(info, former, own); err != nil {
		return nil, info, err
	}
	if own {
		err = c.heard(info)
	}
	return answer, info, err
}

// heard notes that the configured license server answered.
func (c *catalog) heard(info tsls.ServerInfo) error {
	c.mu.Lock()
	first := !c.found
	c.found, c.tried, c.info = true, true, info
	c.features = policy.Features(c.server.config.Profile.Edition) & info.Features
	c.mu.Unlock()
	if first {
		c.server.config.Events.Event(eventlog.ServerFound, eventlog.F("server", info.Name),
			eventlog.F("address", c.server.config.LicenseServer), eventlog.F("server_id", info.ServerID))
	}
	return c.server.grace.change(func(g policy.Grace) (policy.Grace, []policy.Duty) {
		return g.ServerFound(&c.server.config.Profile, info.CALIssuedEver), nil
	})
}

// lost notes that the configured license server did not answer.
func (c *catalog) lost(why error) {
	c.mu.Lock()
	was, first := c.found, !c.tried
	c.found, c.tried = false, true
	name := c.info.Name
	c.mu.Unlock()
	if name == "" {
		name = c.server.config.LicenseServer
	}
	if was || first {
		c.server.config.Events.Event(eventlog.ServerLost, eventlog.F("server", name), eventlog.F("reason", why.Error()))
	}
}

// both is what this terminal server and its license server can do together.
func (c *catalog) both() tsls.Features {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.features
}

// probe asks whether the license server lives: a discovery pass, as far as there is
// one address to look at.
func (c *catalog) probe(ctx context.Context) {
	config := &c.server.config
	if config.LicenseServer != "" {
		if _, _, err := c.call(ctx, config.LicenseServer, tsls.Ping{}); err == nil || ctx.Err() != nil {
			return
		}
	}
	config.Events.Event(systemKind(policy.EventNoLicenseServer, &config.Profile))
}

// pause is how long after a probe the next one is due.
func (c *catalog) pause() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found {
		return time.Duration(c.server.config.Profile.VerifyMin) * time.Minute
	}
	return time.Duration(c.server.config.Profile.RetryMin) * time.Minute
}
