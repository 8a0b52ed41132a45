//go:build unix

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

const (
	crowdSize = 100
	crowdCALs = 10
)

// 100 clients ask at once for 10 CALs, the process is killed in the middle and
// started again, and every client asks until it is answered: exactly 10 CALs are out
// then, nobody holds two, and whatever was ever answered is in the store.
//
// proves R96
func TestKilledInTheMiddle(t *testing.T) {
	for _, answers := range []int32{1, 4, 9, 60} {
		t.Run(fmt.Sprintf("after %d answers", answers), func(t *testing.T) { killedAfter(t, answers) })
	}
}

func killedAfter(t *testing.T, answers int32) {
	dir := t.TempDir()
	p := start(t, dir)
	license(t, p.addr, crowdCALs)
	c := newCrowd(t, p.addr)
	c.each(func(i int) { c.temporary(i) })

	c.killAt.Store(answers)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.each(func(i int) { c.earn(i) })
	}()
	<-c.kill
	p.kill()
	p = start(t, dir)
	c.server(p.addr)
	<-done
	p.stop()
	c.judge(dir)
}

// crowd is many devices behind one terminal server.
type crowd struct {
	t      *testing.T
	me     *identity.Identity
	pins   *identity.Pins
	killAt atomic.Int32 // answers to a CAL request until it is time to kill
	kill   chan struct{}

	mu     sync.Mutex
	addr   string
	moved  chan struct{} // closed when addr changes
	client *standing

	devices [crowdSize]struct {
		temp, cal token.License
		answered  []string // ids of the CALs that it was ever given
	}
}

func newCrowd(t *testing.T, addr string) *crowd {
	t.Helper()
	me, err := identity.LoadOrCreate(t.TempDir(), "ts1")
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t, me: me, pins: identity.OpenPins(t.TempDir()), kill: make(chan struct{}), moved: make(chan struct{})}
	c.server(addr)
	return c
}

// server tells where the license server is now.
func (c *crowd) server(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		c.client.close()
	}
	c.addr = addr
	c.client = &standing{dial: func(ctx context.Context) (*transport.Conn, error) {
		hello := tsls.Hello{Program: "termsrv", Name: "ts1", Edition: "w2k-sp3", Features: tsls.FeatureMark | tsls.FeatureExpiry}
		return transport.Dial(ctx, addr, c.me.ClientTLS(addr, c.pins, nil), hello)
	}}
	close(c.moved)
	c.moved = make(chan struct{})
}

// standing is a connection that is made anew when it has ended.
type standing struct {
	dial func(context.Context) (*transport.Conn, error)

	mu   sync.Mutex
	conn *transport.Conn
}

func (s *standing) call(ctx context.Context, m tsls.Message) (tsls.Message, error) {
	conn, err := s.connected(ctx)
	if err != nil {
		return nil, err
	}
	return conn.Call(ctx, m)
}

func (s *standing) connected(ctx context.Context) (*transport.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && s.conn.Err() == nil {
		return s.conn, nil
	}
	conn, err := s.dial(ctx)
	if err == nil {
		s.conn = conn
	}
	return conn, err
}

func (s *standing) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
	}
}

func (c *crowd) each(do func(i int)) {
	var wg sync.WaitGroup
	for i := range c.devices {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// ask asks until there is an answer, at the server that is up.
func (c *crowd) ask(m tsls.Message) tsls.Message {
	for {
		c.mu.Lock()
		client, moved := c.client, c.moved
		c.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		answer, err := client.call(ctx, m)
		cancel()
		if err == nil {
			return answer
		}
		if _, ok := errors.AsType[*transport.PeerError](err); ok {
			c.t.Errorf("%v: %v", m.Type(), err)
			return nil
		}
		select { // the server was killed
		case <-moved:
		case <-time.After(30 * time.Second):
			c.t.Errorf("%v: %v, and no other server came", m.Type(), err)
			return nil
		}
	}
}

func hardware(i int) hwid.ID {
	sum := sha256.Sum256(fmt.Appendf(nil, "device %d", i))
	return hwid.New(0x04010000, [16]byte(sum[:16]))
}

func (c *crowd) allocate(i int, kind tsls.Request, class tsls.Class) (tsls.Answer, token.License) {
	d := &c.devices[i]
	answer, ok := c.ask(tsls.Allocate{
		Request: kind, Presented: class, LicenseID: d.temp.LicenseID, Issuer: d.temp.Issuer, Expires: d.temp.Expires,
		HardwareID: hardware(i), Machine: fmt.Sprintf("PC%d", i), User: "lab", Mode: "device", Edition: "w2k-sp3",
		Features: tsls.FeatureMark | tsls.FeatureExpiry,
	}).(tsls.Allocated)
	if !ok {
		return 0, token.License{}
	}
	if len(answer.License) == 0 {
		return answer.Answer, token.License{}
	}
	parsed, err := token.Parse(answer.License)
	if err != nil {
		c.t.Error(err)
		return 0, token.License{}
	}
	return answer.Answer, parsed.License
}

// temporary gives device i a validated temporary token.
func (c *crowd) temporary(i int) {
	d := &c.devices[i]
	answer, l := c.allocate(i, tsls.RequestTemp, tsls.ClassNone)
	if d.temp = l; answer != tsls.AnswerTempNew {
		c.t.Errorf("device %d: %v, want a temporary token", i, answer)
		return
	}
	c.ask(tsls.Mark{LicenseID: l.LicenseID, HardwareID: l.HardwareID, Issuer: l.Issuer, Machine: l.Machine, User: l.User, Expires: l.Expires})
}

// earn asks for a CAL for device i, and gives the sign to kill when its time comes.
func (c *crowd) earn(i int) {
	d := &c.devices[i]
	answer, l := c.allocate(i, tsls.RequestCAL, tsls.ClassTemporary)
	switch answer {
	case tsls.AnswerCALTake, tsls.AnswerCALOwn:
		d.cal, d.answered = l, append(d.answered, l.LicenseID)
	case tsls.AnswerKeep:
	default:
		c.t.Errorf("device %d: answer %v", i, answer)
	}
	if c.killAt.Add(-1) == 0 {
		close(c.kill)
	}
}

// judge compares what was answered with the store.
func (c *crowd) judge(dir string) {
	c.t.Helper()
	s, err := store.Open(dir, store.Options{Name: "ls1"})
	if err != nil {
		c.t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(); err != nil {
		c.t.Error(err)
	}
	held := map[string]bool{}
	err = s.View(func(tx *store.Tx) error {
		for i := range c.devices {
			d := &c.devices[i]
			for _, id := range d.answered {
				l, ok, err := tx.License(id)
				if err != nil {
					return err
				}
				if !ok || l.State != store.Live || l.HardwareID != hardware(i) {
					c.t.Errorf("device %d was given %s, the store has %+v", i, id, l)
				}
				held[id] = true
			}
		}
		packs, err := tx.Packs()
		if len(packs) == 0 || packs[0].Issued != crowdCALs || packs[0].Total != crowdCALs {
			c.t.Errorf("key packs %+v, want %d of %d issued", packs, crowdCALs, crowdCALs)
		}
		return err
	})
	if err != nil {
		c.t.Error(err)
	}
	if len(held) != crowdCALs {
		c.t.Errorf("%d CALs were answered, want %d: %v", len(held), crowdCALs, held)
	}
}
