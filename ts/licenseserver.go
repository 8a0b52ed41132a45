package ts

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/edition"
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
	entries  map[string]*entry // by address
	found    bool              // the one in use answered last time
	tried    bool
	features tsls.Features // what it and this server can do together, as last heard
	wanted   want          // a pass that is due before its time
}

// entry is one license server of the catalog.
type entry struct {
	up    *upstream
	info  tsls.ServerInfo // as last heard
	live  bool            // it answered last time
	heard time.Time       // when, by the calendar; zero for never
}

// want says which pass is wanted.
type want uint8

const (
	wantNothing want = iota
	wantPass         // now; the timer goes on as it was
	wantAnew         // now, and the timer begins anew
)

// maxUpstreams bounds the license servers that are talked with.
const maxUpstreams = 64

func newCatalog(s *Server) (*catalog, error) {
	id, err := identity.LoadOrCreate(s.config.Dir, s.config.Host)
	if err != nil {
		return nil, err
	}
	return &catalog{
		server: s, id: id, pins: identity.OpenPins(s.config.Dir), entries: map[string]*entry{},
		features: policy.Features(s.profile().Edition),
	}, nil
}

func (c *catalog) dial(ctx context.Context, addr string) (*transport.Conn, error) {
	e := c.server.profile().Edition
	hello := tsls.Hello{Features: policy.Features(e), Program: "termsrv", Name: c.server.config.Host, Edition: e.String()}
	config := c.id.ClientTLS(addr, c.pins, c.server.config.KeyLog)
	dialer := transport.Dialer{Tamper: &c.server.tamper}
	if c.server.config.Dial == nil {
		return dialer.Dial(ctx, addr, config, hello)
	}
	raw, err := c.server.config.Dial(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("license server %s: %w", addr, err)
	}
	return dialer.NewConn(ctx, raw, addr, config, hello)
}

func (c *catalog) at(addr string) (*upstream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[addr]
	if e == nil {
		if len(c.entries) >= maxUpstreams {
			return nil, fmt.Errorf("license server %s: too many license servers known", addr)
		}
		e = &entry{up: &upstream{addr: addr, dial: c.dial, wait: c.server.config.Limits.Call}}
		c.entries[addr] = e
	}
	return e.up, nil
}

func (c *catalog) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		e.up.close()
	}
}

// call asks the license server at addr. What it says of itself is learned, and an
// event tells when the one in use is found or lost. One that does not serve this
// edition is none (rule L1).
func (c *catalog) call(ctx context.Context, addr string, m tsls.Message) (tsls.Message, tsls.ServerInfo, error) {
	u, err := c.at(addr)
	if err != nil {
		return nil, tsls.ServerInfo{}, err
	}
	answer, info, err := u.call(ctx, m, c.server.patience(m))
	if ctx.Err() != nil && err != nil {
		return nil, info, err // nobody's fault but ours
	}
	var former [][]byte
	if err == nil {
		switch a := answer.(type) {
		case tsls.ServerInfo:
			info = a
		case tsls.Allocated:
			former, info.CALIssuedEver = a.Former, info.CALIssuedEver || a.CALIssuedEver
		}
		err = c.serves(answer, info)
	}
	own := addr == c.server.setup().licenseServer
	if err != nil {
		c.silent(addr, own, err)
		return nil, info, err
	}
	if err := c.server.known.learn(info, former, own); err != nil {
		return nil, info, err
	}
	return answer, info, c.heard(addr, own, info)
}

// patience is how long a license server has for an answer: for a license as long as
// the knob says, for a sign of life as long as a connection may take.
func (s *Server) patience(m tsls.Message) time.Duration {
	switch {
	case m.Type() == tsls.TypePing:
		return s.config.Limits.Call
	case s.config.Limits.Answer > 0:
		return s.config.Limits.Answer
	}
	return time.Duration(s.profile().LSTimeout) * time.Second
}

// serves is an error if the license server does not serve terminal servers of this
// edition.
func (c *catalog) serves(answer tsls.Message, info tsls.ServerInfo) error {
	own := c.server.profile().Edition.String()
	refused := false
	if e, err := edition.ParseEdition(info.Edition); err == nil {
		p := edition.Of(e)
		refused = !slices.Contains(p.ServesTS, own)
	}
	if a, ok := answer.(tsls.Allocated); ok {
		refused = a.Answer == tsls.AnswerDenyServed
	}
	if !refused {
		return nil
	}
	return fmt.Errorf("license server %s of edition %s does not serve %s", info.Name, info.Edition, own)
}

// heard notes that the license server at addr answered; own: it is the one in use.
func (c *catalog) heard(addr string, own bool, info tsls.ServerInfo) error {
	now := c.server.config.Clock.Now()
	c.mu.Lock()
	if e := c.entries[addr]; e != nil {
		e.info, e.live, e.heard = info, true, now
	}
	if !own {
		c.mu.Unlock()
		return nil
	}
	first := !c.found
	c.found, c.tried = true, true
	c.features = policy.Features(c.server.profile().Edition) & info.Features
	c.mu.Unlock()
	if first {
		c.server.config.Events.Event(eventlog.ServerFound, eventlog.F("server", info.Name),
			eventlog.F("address", addr), eventlog.F("server_id", info.ServerID), eventlog.F("features", c.both()))
	}
	perUser := c.server.setup().mode == policy.ModeUser && holdsPerUser(info)
	return c.server.grace.found(now, info.CALIssuedEver, perUser)
}

// holdsPerUser reports whether the license server licenses users: it is activated and
// has a key pack for them.
func holdsPerUser(info tsls.ServerInfo) bool { return info.Activated && info.PerUserPack }

// silent notes that the license server at addr did not answer.
func (c *catalog) silent(addr string, own bool, why error) {
	name := addr
	c.mu.Lock()
	if e := c.entries[addr]; e != nil {
		e.live = false
		if e.info.Name != "" {
			name = e.info.Name
		}
	}
	tell := own && (c.found || !c.tried)
	if own {
		c.found, c.tried = false, true
	}
	c.mu.Unlock()
	if tell {
		c.server.config.Events.Event(eventlog.ServerLost, eventlog.F("server", name), eventlog.F("reason", why.Error()))
	}
}

// issuer is the address of the license server that issued a token, if it is in the
// catalog and answered last time. Its name counts only while it has no License
// Server ID.
func (c *catalog) issuer(issuer string) (addr string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for addr, e := range c.entries {
		if e.live && issuer != "" && (e.info.ServerID == issuer || e.info.ServerID == "" && strings.EqualFold(e.info.Name, issuer)) {
			return addr, true
		}
	}
	return "", false
}

// both is what this terminal server and the license server in use can do together.
func (c *catalog) both() tsls.Features {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.features
}

// greet makes sure that what both can do is known before a decision is made on it:
// a license server that was away may have come back as another edition. The error is
// that of a connection which cannot be made.
func (c *catalog) greet(ctx context.Context, addr string) error {
	if addr == "" {
		return nil
	}
	u, err := c.at(addr)
	if err != nil {
		return err
	}
	conn, fresh, err := u.connect(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		c.silent(addr, true, err)
		return err
	case err == nil && fresh:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.features = policy.Features(c.server.profile().Edition) & conn.Server().Features
	}
	return err
}

// chosen forgets what was known of the license server in use: an administrator has
// named another.
func (c *catalog) chosen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found, c.tried = false, false
	c.features = policy.Features(c.server.profile().Edition)
}
