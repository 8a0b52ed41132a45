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

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/tamper"
	"github.com/tslab/tslab/wire/tsls"
)

// maxHello bounds the first message: nobody is known yet who could send more.
const maxHello = 8 << 10

// serverConn is the accepting end of a connection.
type serverConn struct {
	server *server
	raw    net.Conn
	source string

	crowded bool // ended to make room; the server's lock guards it

	deadlines sync.Mutex // guards stopped against a later deadline
	stopped   bool

	conn    *tls.Conn
	again   []request // read, and to be given out before anything else is read
	peer    Peer
	writing sync.Mutex // held while a frame is written
}

// stop ends the reading, now and for all later reads.
func (c *serverConn) stop() {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	c.stopped = true
	c.raw.SetReadDeadline(time.Unix(1, 0))
}

// readWithin sets the deadline of the next reads.
func (c *serverConn) readWithin(d time.Duration) {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	if !c.stopped {
		c.raw.SetReadDeadline(time.Now().Add(d))
	}
}

// serve runs the connection to its end. All requests are answered when it returns;
// the error says what the peer did wrong, if anything.
func (c *serverConn) serve(ctx context.Context) error {
	defer c.raw.Close()
	limits := c.server.limits
	c.readWithin(limits.Handshake)
	c.raw.SetWriteDeadline(time.Now().Add(limits.Handshake))
	c.conn = tls.Server(c.raw, c.server.config)
	if err := c.conn.Handshake(); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	r := bufio.NewReader(c.conn)
	if err := c.hello(ctx, r); err != nil {
		c.goodbye()
		return fmt.Errorf("hello: %w", err)
	}
	err := c.requests(ctx, r)
	c.goodbye()
	return err
}

// requests answers what the peer asks until it goes.
func (c *serverConn) requests(ctx context.Context, r *bufio.Reader) error {
	slots := make(chan struct{}, c.server.limits.InFlight)
	var work sync.WaitGroup
	defer work.Wait()
	for {
		id, message, err := c.next(r)
		switch {
		case errors.Is(err, ErrFrame):
			c.reply(id, tsls.Errorf(tsls.CodeMalformed, "%v", err))
			return err
		case errors.Is(err, errIdle), errors.Is(err, net.ErrClosed):
			return nil // gone, or of no more use
		case err != nil:
			return fmt.Errorf("request: %w", err)
		}
		slots <- struct{}{} // a peer with too many requests waits to be read
		work.Go(func() {
			defer func() { <-slots }()
			at := exchangeOf(message)
			crash.Here(at, crash.Asked)
			answer := c.answer(crash.In(ctx, at), message)
			crash.Here(at, crash.BeforeReply)
			c.reply(id, answer)
			crash.Here(at, crash.AfterReply)
		})
	}
}

// exchangeOf names the exchange that a request begins, where a step of it may be the
// last: [crash.Here].
func exchangeOf(message []byte) string {
	if !crash.Armed() {
		return ""
	}
	return messageName(message)()
}

// request is a frame.
type request struct {
	id      uint32
	message []byte
}

// read reads a frame into what is to be given out, as the faults of a lab leave it.
func (c *serverConn) read(r *bufio.Reader, limit int) (id uint32, err error) {
	id, message, err := readFrame(r, limit)
	if err != nil {
		return id, err
	}
	for _, message := range c.server.limits.Tamper.Pass(tamper.Received, messageName(message), message, 1) {
		c.again = append(c.again, request{id, message})
	}
	return id, nil
}

// take gives out the first of what was read.
func (c *serverConn) take() (uint32, []byte) {
	first := c.again[0]
	c.again = c.again[1:]
	return first.id, first.message
}

// errIdle is a connection that ended, or had nothing to say for too long, between
// two requests.
var errIdle = errors.New("no more requests")

// next waits for a frame as long as a connection may idle, then reads it.
func (c *serverConn) next(r *bufio.Reader) (uint32, []byte, error) {
	for len(c.again) == 0 {
		if r.Buffered() == 0 {
			c.readWithin(c.server.limits.Idle)
			if _, err := r.Peek(1); err != nil {
				return 0, nil, errors.Join(errIdle, err)
			}
		}
		c.readWithin(c.server.limits.Frame)
		if id, err := c.read(r, tsls.MaxMessage); err != nil {
			return id, nil, err
		}
	}
	id, message := c.take()
	return id, message, nil
}

// hello reads and answers the first message; the error says why the connection must
// end, and the peer has been told.
func (c *serverConn) hello(ctx context.Context, r *bufio.Reader) error {
	for len(c.again) == 0 {
		if id, err := c.read(r, maxHello); err != nil {
			if errors.Is(err, ErrFrame) {
				c.reply(id, tsls.Errorf(tsls.CodeMalformed, "%v", err))
			}
			return err
		}
	}
	id, message := c.take()
	refuse := func(e tsls.Error) error {
		c.reply(id, e)
		return e
	}
	m, err := tsls.Parse(message)
	if err != nil {
		return refuse(tsls.ErrorFor(err))
	}
	hello, ok := m.(tsls.Hello)
	if !ok {
		return refuse(tsls.Errorf(tsls.CodeHelloFirst, "%v comes before Hello: say Hello first", m.Type()))
	}
	if hello.Version != tsls.Version {
		return refuse(tsls.Errorf(tsls.CodeVersion, "protocol version %d is not spoken here: this license server speaks version %d; use programs of the same release", hello.Version, tsls.Version))
	}
	state := c.conn.ConnectionState()
	c.peer = Peer{Addr: c.raw.RemoteAddr(), Hello: hello}
	if c.peer.Binding, err = state.ExportKeyingMaterial(BindingLabel, nil, BindingSize); err != nil {
		return refuse(tsls.Errorf(tsls.CodeInternal, "%v", err))
	}
	if len(state.PeerCertificates) > 0 {
		c.peer.Certificate = state.PeerCertificates[0]
	}
	switch answer := c.handle(ctx, hello).(type) {
	case tsls.ServerInfo:
		c.server.finished(c) // before the peer hears of it
		if !c.reply(id, answer) {
			return errors.New("the answer cannot be sent")
		}
		return nil
	case tsls.Error:
		return refuse(answer)
	default:
		return refuse(tsls.Errorf(tsls.CodeInternal, "hello is answered with %v", answer.Type()))
	}
}

// answer is what the message, as read, is answered with.
func (c *serverConn) answer(ctx context.Context, message []byte) tsls.Message {
	m, err := tsls.Parse(message)
	switch {
	case err != nil:
		return tsls.ErrorFor(err)
	case m.Type() == tsls.TypeHello:
		return tsls.Errorf(tsls.CodeHelloFirst, "Hello was said already")
	case !m.Type().IsRequest():
		return tsls.Errorf(tsls.CodeUnknownType, "%v is no request", m.Type())
	}
	return c.handle(ctx, m)
}

func (c *serverConn) handle(ctx context.Context, m tsls.Message) tsls.Message {
	ctx, cancel := context.WithTimeout(ctx, c.server.limits.Request)
	defer cancel()
	if answer := c.server.handler(ctx, c.peer, m); answer != nil {
		return answer
	}
	return tsls.Errorf(tsls.CodeUnknownType, "%v is not answered here", m.Type())
}

// reply writes an answer; false when that failed and the connection is closed.
func (c *serverConn) reply(id uint32, m tsls.Message) bool {
	frame, err := appendFrame(nil, id, m)
	if err != nil {
		frame, err = appendFrame(nil, id, tsls.Errorf(tsls.CodeInternal, "answer cannot be sent: %v", err))
	}
	if err != nil {
		return false
	}
	frames := tamperedFrames(c.server.limits.Tamper, frame)
	c.writing.Lock()
	defer c.writing.Unlock()
	c.raw.SetWriteDeadline(time.Now().Add(c.server.limits.Frame))
	for _, frame := range frames {
		if _, err := c.conn.Write(frame); err != nil {
			c.raw.Close()
			return false
		}
	}
	return true
}

// goodbye says in TLS that no more follows.
func (c *serverConn) goodbye() {
	c.raw.SetWriteDeadline(time.Now().Add(time.Second))
	c.conn.CloseWrite()
}
