package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/tamper"
	"github.com/tslab/tslab/wire/tsls"
)

// What ties a proof to a TLS connection: the exporter's label and the bytes that are
// drawn (RFC 9266).
const (
	BindingLabel = "EXPORTER-Channel-Binding"
	BindingSize  = 32
)

// writeTimeout bounds the write of one frame.
const writeTimeout = 10 * time.Second

// ErrClosed is wrapped by the errors of calls on a connection that has ended.
var ErrClosed = errors.New("connection closed")

// PeerError is an error that the peer answered with, in contrast to one that arose
// here. It unwraps to the [tsls.Error] received.
type PeerError struct {
	Addr string // of the peer
	Err  tsls.Error
}

func (e *PeerError) Error() string { return fmt.Sprintf("%s answers: %v", e.Addr, e.Err) }

// Unwrap is the error received.
func (e *PeerError) Unwrap() error { return e.Err }

// Conn is the dialing end of a connection. Calls may be made from any goroutine.
type Conn struct {
	conn   *tls.Conn
	addr   string
	server tsls.ServerInfo
	tamper *tamper.Table // the faults of a lab; nil for none

	writing sync.Mutex // held while a frame is written

	mu      sync.Mutex
	last    uint32
	pending map[uint32]chan tsls.Message
	err     error         // why the connection ended
	gaveUp  bool          // on an answer
	done    chan struct{} // closed when the reader has ended
}

// Dialer makes connections. The zero value is what [Dial] and [NewConn] use.
type Dialer struct {
	Tamper   *tamper.Table // the faults of a lab; nil for none
	Resolver *net.Resolver // DNS; nil for the machine's
}

// Dial connects to a license server and says hello; the answer is [Conn.Server].
// The context bounds all of it and has no effect later.
func Dial(ctx context.Context, addr string, config *tls.Config, hello tsls.Hello) (*Conn, error) {
	return Dialer{}.Dial(ctx, addr, config, hello)
}

// NewConn is [Dial] on a connection that stands already; addr names the peer in
// errors. The connection is closed on failure.
func NewConn(ctx context.Context, raw net.Conn, addr string, config *tls.Config, hello tsls.Hello) (*Conn, error) {
	return Dialer{}.NewConn(ctx, raw, addr, config, hello)
}

// Dial is [Dial] with the dialer's options.
func (d Dialer) Dial(ctx context.Context, addr string, config *tls.Config, hello tsls.Hello) (*Conn, error) {
	dialer := net.Dialer{KeepAlive: -1, Resolver: d.Resolver} // a silent peer is found out by the next call
	raw, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("license server %s: %w", addr, err)
	}
	return d.NewConn(ctx, raw, addr, config, hello)
}

// NewConn is [NewConn] with the dialer's options.
func (d Dialer) NewConn(ctx context.Context, raw net.Conn, addr string, config *tls.Config, hello tsls.Hello) (*Conn, error) {
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("license server %s: %w", addr, err)
	}
	c := &Conn{conn: conn, addr: addr, tamper: d.Tamper, pending: map[uint32]chan tsls.Message{}, done: make(chan struct{})}
	go c.read()
	answer, err := c.Call(ctx, hello)
	if err != nil {
		c.Close()
		return nil, err
	}
	info, ok := answer.(tsls.ServerInfo)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("license server %s: answers Hello with %v", addr, answer.Type())
	}
	c.server = info
	return c, nil
}

// Server is what the license server said of itself when the connection was made.
func (c *Conn) Server() tsls.ServerInfo { return c.server }

// Addr is the address that was dialed.
func (c *Conn) Addr() string { return c.addr }

// Binding is what ties a proof to this connection (RFC 9266).
func (c *Conn) Binding() ([]byte, error) {
	state := c.conn.ConnectionState()
	return state.ExportKeyingMaterial(BindingLabel, nil, BindingSize)
}

// Done is closed when the connection has ended; [Conn.Err] says why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the connection ended, nil while it stands.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Call sends a request and waits for its answer. A [tsls.Error] that the server
// answers comes back as a [*PeerError]. The wait has no bound but the context's; an
// answer that comes after the context's end is dropped and the connection stays
// good. An error that wraps [ErrClosed] says that the connection has ended, be it
// before the request was sent or while its answer was awaited.
func (c *Conn) Call(ctx context.Context, m tsls.Message) (tsls.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("license server %s: %v: %w", c.addr, m.Type(), err)
	}
	id, answer, err := c.register()
	if err != nil {
		return nil, err
	}
	defer c.forget(id)
	if err := c.write(ctx, id, m); err != nil {
		return nil, fmt.Errorf("license server %s: %w", c.addr, err)
	}
	select {
	case m, ok := <-answer:
		if !ok {
			return nil, c.Err()
		}
		if e, ok := m.(tsls.Error); ok {
			return nil, &PeerError{Addr: c.addr, Err: e}
		}
		return m, nil
	case <-ctx.Done():
		c.mu.Lock()
		c.gaveUp = true
		c.mu.Unlock()
		return nil, fmt.Errorf("license server %s: no answer to %v: %w", c.addr, m.Type(), ctx.Err())
	}
}

func (c *Conn) register() (uint32, chan tsls.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, nil, c.err
	}
	for c.last++; c.pending[c.last] != nil; c.last++ {
	}
	answer := make(chan tsls.Message, 1)
	c.pending[c.last] = answer
	return c.last, answer, nil
}

func (c *Conn) forget(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// write sends one frame. A frame that was sent in part leaves nothing to go on
// with, so the connection ends then.
func (c *Conn) write(ctx context.Context, id uint32, m tsls.Message) error {
	frame, err := appendFrame(nil, id, m)
	if err != nil {
		return err
	}
	frames := tamperedFrames(c.tamper, frame)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%v not sent: %w", m.Type(), err)
	}
	deadline := time.Now().Add(writeTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	c.conn.SetWriteDeadline(deadline)
	for _, frame := range frames {
		if _, err := c.conn.Write(frame); err != nil {
			c.end(err)
			return fmt.Errorf("%v not sent: %w", m.Type(), err)
		}
	}
	return nil
}

// read hands answers to their calls until the connection ends.
func (c *Conn) read() {
	defer close(c.done)
	r := bufio.NewReader(c.conn)
	for {
		id, message, err := readFrame(r, tsls.MaxMessage)
		if err != nil {
			c.end(err)
			return
		}
		for _, message := range c.tamper.Pass(tamper.Received, messageName(message), message, 1) {
			m, err := tsls.Parse(message)
			if err != nil {
				c.end(fmt.Errorf("answer: %w", err))
				return
			}
			c.answered(id, m)
		}
	}
}

// answered hands an answer to the call that waits for it, if one does.
func (c *Conn) answered(id uint32, m tsls.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer := c.pending[id]; answer != nil {
		answer <- m
		delete(c.pending, id)
	}
}

// end records why the connection ended, wakes the calls and closes it. Where an answer
// was given up, what the network has not carried yet is thrown away: a request that
// arrives when it is whole again would take a license for nobody.
func (c *Conn) end(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = fmt.Errorf("license server %s: %w: %w", c.addr, ErrClosed, err)
		for _, answer := range c.pending {
			close(answer)
		}
		clear(c.pending)
	}
	gaveUp := c.gaveUp
	c.mu.Unlock()
	if tcp, ok := c.conn.NetConn().(*net.TCPConn); ok && gaveUp {
		tcp.SetLinger(0)
	}
	c.conn.NetConn().Close()
}

// Close ends the connection and the calls that wait on it, and returns when its
// goroutine has ended.
func (c *Conn) Close() error {
	c.conn.SetWriteDeadline(time.Now().Add(time.Second)) // a write under way ends too
	c.writing.Lock()
	c.conn.SetWriteDeadline(time.Now().Add(time.Second))
	c.conn.CloseWrite()
	c.writing.Unlock()
	c.end(net.ErrClosed)
	<-c.done
	return nil
}
