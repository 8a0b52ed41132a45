package ts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/tsls"
)

// catalog is the license servers that this terminal server talks with: those that
// discovery found, and those that it was referred to.
type catalog struct {
	server *Server
	id     *identity.Identity
	pins   *identity.Pins
	finder *discovery.Finder

	mu       sync.Mutex
	entries  map[string]*entry // by address
	tried    bool              // the override has been asked
	why      error             // the override did not answer the last probe
	features tsls.Features     // what the one in use and this server can do together, as last heard
}

// entry is one license server that was talked with.
type entry struct {
	up    *upstream
	info  tsls.ServerInfo // as last heard
	live  bool            // it answered last time
	heard time.Time       // when, by the calendar; zero for never

	referred bool // another one named it
}

// maxUpstreams bounds the license servers that are talked with.
const maxUpstreams = 64

func newCatalog(s *Server) (*catalog, error) {
	c := &catalog{
		server: s, id: s.config.Identity, pins: identity.OpenPins(s.config.Dir), entries: map[string]*entry{},
		features: tsls.Announced(s.profile().Edition),
	}
	c.pins.Met = func(address, key string) {
		s.config.Events.Event(eventlog.ServerMet, eventlog.F("address", address), eventlog.F("key", key))
	}
	var err error
	if c.id == nil {
		if c.id, err = identity.LoadOrCreate(s.config.Dir, s.config.Host); err != nil {
			return nil, err
		}
	}
	c.finder, err = c.newFinder()
	return c, err
}

// dial connects to the license server at addr. Where only certified ones count, it has
// shown then that it is one (rule V13).
func (c *catalog) dial(ctx context.Context, addr string) (*transport.Conn, error) {
	conn, err := c.connect(ctx, addr)
	if err != nil {
		return nil, err
	}
	if err := c.proved(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// connect connects to addr, whose name may be one that only discovery can resolve.
func (c *catalog) connect(ctx context.Context, addr string) (*transport.Conn, error) {
	p := c.server.profile()
	hello := tsls.Hello{Features: tsls.Announced(p.Edition), Program: "termsrv", Name: c.server.config.Host, Edition: c.server.config.announced(p)}
	config := c.id.ClientTLS(addr, c.pins, c.server.config.KeyLog)
	dialer := transport.Dialer{Tamper: &c.server.tamper}
	if c.server.config.Dial == nil {
		conn, err := dialer.Dial(ctx, addr, config, hello)
		if _, unknown := errors.AsType[*net.DNSError](err); !unknown || c.server.config.Discovery == nil {
			return conn, err
		}
		resolved, nobody := c.finder.Resolve(ctx, addr)
		if nobody != nil {
			return nil, fmt.Errorf("license server %s: %w", addr, nobody)
		}
		return dialer.Dial(ctx, resolved, config, hello)
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
			c.forget()
		}
		if len(c.entries) >= maxUpstreams {
			return nil, fmt.Errorf("license server %s: too many license servers known", addr)
		}
		e = &entry{up: &upstream{addr: addr, dial: c.dial, wait: c.server.config.Limits.Call}}
		c.entries[addr] = e
	}
	return e.up, nil
}

// referred notes that another license server named the one at addr.
func (c *catalog) referred(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[addr]; e != nil {
		e.referred = true
	}
}

// forget drops those that are silent and that discovery does not know. It needs the
// lock.
func (c *catalog) forget() {
	for addr, e := range c.entries {
		if !e.live && !c.finder.Knows(addr) {
			delete(c.entries, addr)
			go e.up.close()
		}
	}
}

func (c *catalog) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		e.up.close()
	}
}

// call asks the license server at addr. What it says of itself is learned, and
// discovery is told whether it answered.
func (c *catalog) call(ctx context.Context, addr string, m tsls.Message) (tsls.Message, tsls.ServerInfo, error) {
	answer, info, err := c.talk(ctx, addr, m)
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, info, err // nobody's fault but ours
	case err != nil:
		c.silent(addr, err)
		return nil, info, err
	}
	return answer, info, c.heard(addr, info)
}

// talk is one message and its answer. A license server that does not serve this
// edition is none (rule L1), nor is one that the clearinghouse does not vouch for
// where that is wanted (rule V13).
func (c *catalog) talk(ctx context.Context, addr string, m tsls.Message) (tsls.Message, tsls.ServerInfo, error) {
	u, err := c.at(addr)
	if err != nil {
		return nil, tsls.ServerInfo{}, err
	}
	answer, info, err := c.watch(ctx, u, m)
	if err != nil {
		return nil, info, err
	}
	var former [][]byte
	switch a := answer.(type) {
	case tsls.ServerInfo:
		info = a
	case tsls.Allocated:
		former, info.CALIssuedEver = a.Former, info.CALIssuedEver || a.CALIssuedEver
	}
	if err = c.serves(answer, info); err == nil {
		err = c.vouched(info)
	}
	if err == nil {
		err = c.server.known.learn(addr, info, former, !c.strict())
	}
	if err != nil {
		return nil, info, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[addr]; e != nil {
		e.info, e.live, e.heard = info, true, c.server.config.Clock.Now()
	}
	return answer, info, nil
}

// watch is a call that is given up before its time when the license server does not
// even answer a ping and there is another to ask.
func (c *catalog) watch(ctx context.Context, u *upstream, m tsls.Message) (tsls.Message, tsls.ServerInfo, error) {
	wait := c.server.patience(m)
	if _, other := c.after(u.addr); !other || m.Type() == tsls.TypePing {
		return u.call(ctx, m, wait)
	}
	return u.watched(ctx, m, wait, c.server.config.Limits.Call)
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
	own := c.server.config.announced(c.server.profile())
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

// heard notes that the license server at addr answered.
func (c *catalog) heard(addr string, info tsls.ServerInfo) error {
	c.finder.Heard(addr, info)
	if addr != c.inUse() {
		return nil
	}
	if !c.finder.Knows(addr) { // it is named, and no pass has seen it yet
		c.finder.Found(addr, c.server.sought().Steps()[0], info)
	}
	return c.meet(info)
}

// meet does what follows from every answer of the license server in use.
func (c *catalog) meet(info tsls.ServerInfo) error {
	c.mu.Lock()
	c.features = tsls.Announced(c.server.profile().Edition) & info.Features
	c.mu.Unlock()
	perUser := c.server.setup().mode == policy.ModeUser && holdsPerUser(info)
	return c.server.grace.found(c.server.config.Clock.Now(), info.CALIssuedEver, perUser)
}

// holdsPerUser reports whether the license server licenses users: it is activated and
// has a key pack for them.
func holdsPerUser(info tsls.ServerInfo) bool { return info.Activated && info.PerUserPack }

// silent notes that the license server at addr did not answer.
func (c *catalog) silent(addr string, why error) {
	override := c.server.sought().Override
	c.mu.Lock()
	if e := c.entries[addr]; e != nil {
		e.live = false
	}
	unheard := addr == override && !c.tried
	c.mu.Unlock()
	if unheard {
		c.unheard(addr, why)
	}
	c.finder.Silent(addr, why)
}

// unheard tells, once, that the override does not answer, and has not before.
func (c *catalog) unheard(addr string, why error) {
	c.mu.Lock()
	tell := !c.tried
	c.tried = true
	c.mu.Unlock()
	if tell {
		c.server.config.Events.Event(eventlog.ServerLost, eventlog.F("server", addr), eventlog.F("reason", why))
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

// reach connects to the license server in use, or to the next of the catalog where
// that takes no connection (rule V8), before a decision is made on what both can do:
// one that was away may have come back as another edition. moved: it is the next one.
func (c *catalog) reach(ctx context.Context) (addr string, moved bool, err error) {
	if addr = c.inUse(); addr == "" {
		return "", false, errNoLicenseServer
	}
	if err = c.greet(ctx, addr); err == nil || ctx.Err() != nil {
		return addr, false, err
	}
	next, ok := c.after(addr)
	if !ok || c.greet(ctx, next) != nil {
		return addr, false, err
	}
	return next, true, nil
}

var errNoLicenseServer = errors.New("no license server is known")

func (c *catalog) greet(ctx context.Context, addr string) error {
	u, err := c.at(addr)
	if err != nil {
		return err
	}
	conn, fresh, err := u.connect(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		c.silent(addr, err)
		return err
	case err == nil && fresh:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.features = tsls.Announced(c.server.profile().Edition) & conn.Server().Features
	}
	return err
}

// restart forgets what was found and seeks anew: an administrator has named another
// license server.
func (c *catalog) restart() {
	c.mu.Lock()
	c.tried, c.why = false, nil
	c.features = tsls.Announced(c.server.profile().Edition)
	c.mu.Unlock()
	c.finder.Restart()
}
