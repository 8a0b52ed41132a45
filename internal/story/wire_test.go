package story

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// wires connects everybody with everybody by address, in memory.
type wires struct {
	mu     sync.Mutex
	listen map[string]*wireListener
	down   map[string]bool
	dialed map[string]int
	wrote  map[string]int // how often who dialed wrote: once a message, but for handshakes
}

func newWires() *wires {
	return &wires{listen: map[string]*wireListener{}, down: map[string]bool{}, dialed: map[string]int{}, wrote: map[string]int{}}
}

// wireAddr is an address of wires.
type wireAddr string

func (wireAddr) Network() string  { return "memory" }
func (a wireAddr) String() string { return string(a) }

type wireListener struct {
	wires *wires
	addr  string
	queue chan net.Conn
	done  chan struct{}
	once  sync.Once

	mu    sync.Mutex
	conns []net.Conn
}

func (w *wires) at(addr string) *wireListener {
	l := &wireListener{wires: w, addr: addr, queue: make(chan net.Conn), done: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listen[addr] = l
	return l
}

func (l *wireListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *wireListener) Addr() net.Addr { return wireAddr(l.addr) }

func (l *wireListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// cut ends what stands to addr and refuses what comes, or lets it through again.
func (w *wires) cut(addr string, down bool) {
	w.mu.Lock()
	w.down[addr] = down
	l := w.listen[addr]
	w.mu.Unlock()
	if l == nil || !down {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}

func (w *wires) dial(ctx context.Context, addr string) (net.Conn, error) {
	w.mu.Lock()
	l, down := w.listen[addr], w.down[addr]
	w.dialed[addr]++
	w.mu.Unlock()
	if l == nil || down {
		return nil, fmt.Errorf("dial %s: %w", addr, syscall.ECONNREFUSED)
	}
	here, there := newWire(addr)
	select {
	case l.queue <- there:
	case <-l.done:
		return nil, fmt.Errorf("dial %s: %w", addr, syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, there)
	return counted{here, w, addr}, nil
}

// counted is the end of a connection at which writes are counted.
type counted struct {
	net.Conn
	wires *wires
	addr  string
}

func (c counted) Write(p []byte) (int, error) {
	c.wires.mu.Lock()
	c.wires.wrote[c.addr]++
	c.wires.mu.Unlock()
	return c.Conn.Write(p)
}

func (w *wires) writes(addr string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wrote[addr]
}

// half is one direction of a connection: what was written waits, as in a kernel.
type half struct {
	mu       sync.Mutex
	buf      []byte
	ended    bool // the writer has closed
	deadline time.Time
	wake     chan struct{}
}

func newHalf() *half { return &half{wake: make(chan struct{})} }

func (h *half) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	close(h.wake)
	h.wake = make(chan struct{})
}

func (h *half) read(p []byte) (int, error) {
	for {
		h.mu.Lock()
		if len(h.buf) > 0 {
			n := copy(p, h.buf)
			h.buf = h.buf[n:]
			h.mu.Unlock()
			return n, nil
		}
		ended, deadline, wake := h.ended, h.deadline, h.wake
		h.mu.Unlock()
		if ended {
			return 0, io.EOF
		}
		var late <-chan time.Time
		if !deadline.IsZero() {
			left := time.Until(deadline)
			if left <= 0 {
				return 0, os.ErrDeadlineExceeded
			}
			timer := time.NewTimer(left)
			late = timer.C
			defer timer.Stop()
		}
		select {
		case <-wake:
		case <-late:
		}
	}
}

// wire is one end of a connection.
type wire struct {
	in, out *half
	addr    wireAddr
}

func newWire(addr string) (a, b *wire) {
	x, y := newHalf(), newHalf()
	return &wire{x, y, wireAddr(addr)}, &wire{y, x, wireAddr(addr)}
}

func (w *wire) Read(p []byte) (int, error) { return w.in.read(p) }

func (w *wire) Write(p []byte) (n int, err error) {
	w.out.change(func() {
		if w.out.ended {
			err = syscall.EPIPE
			return
		}
		w.out.buf, n = append(w.out.buf, p...), len(p)
	})
	return n, err
}

func (w *wire) Close() error {
	for _, h := range []*half{w.in, w.out} {
		h.change(func() { h.ended = true })
	}
	return nil
}

func (w *wire) LocalAddr() net.Addr              { return w.addr }
func (w *wire) RemoteAddr() net.Addr             { return w.addr }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
func (w *wire) SetDeadline(t time.Time) error    { return w.SetReadDeadline(t) }
func (w *wire) SetReadDeadline(t time.Time) error {
	w.in.change(func() { w.in.deadline = t })
	return nil
}
