package transport_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/tsls"
)

// gate answers Hello at once and other requests when told to, by license id.
type gate struct {
	arrived chan string
	mu      sync.Mutex
	open    map[string]chan struct{}
}

func newGate() *gate {
	return &gate{arrived: make(chan string, 100), open: map[string]chan struct{}{}}
}

func (g *gate) door(id string) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open[id] == nil {
		g.open[id] = make(chan struct{})
	}
	return g.open[id]
}

func (g *gate) handle(ctx context.Context, _ transport.Peer, m tsls.Message) tsls.Message {
	r, ok := m.(tsls.Return)
	if !ok {
		return tsls.ServerInfo{Name: "ls1"}
	}
	g.arrived <- r.LicenseID
	select {
	case <-g.door(r.LicenseID):
	case <-ctx.Done():
	}
	return tsls.Errorf(tsls.CodeNoLicense, "no license %s", r.LicenseID)
}

// call starts a call and returns where its error comes out.
func call(ctx context.Context, conn *transport.Conn, id string) chan error {
	out := make(chan error, 1)
	go func() {
		_, err := conn.Call(ctx, tsls.Return{LicenseID: id})
		out <- err
	}()
	return out
}

// TestOutOfOrder: an answer finds its call, whatever was asked before.
func TestOutOfOrder(t *testing.T) {
	g := newGate()
	conn := newLab(t, g.handle, transport.Limits{}).dial(t)
	first, second := call(t.Context(), conn, "1"), call(t.Context(), conn, "2")
	<-g.arrived
	<-g.arrived
	close(g.door("2"))
	if err := <-second; err == nil || !strings.HasSuffix(err.Error(), "no license 2") {
		t.Error(err)
	}
	close(g.door("1"))
	if err := <-first; err == nil || !strings.HasSuffix(err.Error(), "no license 1") {
		t.Error(err)
	}
}

// TestCallEnds: a call that its caller gives up leaves the connection good, and
// its late answer is dropped.
func TestCallEnds(t *testing.T) {
	g := newGate()
	conn := newLab(t, g.handle, transport.Limits{}).dial(t)
	ctx, cancel := context.WithCancel(t.Context())
	given := call(ctx, conn, "1")
	<-g.arrived
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "no answer to Return") {
		t.Error(err)
	}
	if _, err := conn.Call(ctx, tsls.Ping{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(g.door("1"))
	if _, err := conn.Call(t.Context(), tsls.Ping{}); err != nil {
		t.Error(err)
	}
}

// TestInFlight: a peer with too many requests waits, and all are answered.
func TestInFlight(t *testing.T) {
	g := newGate()
	conn := newLab(t, g.handle, transport.Limits{InFlight: 2}).dial(t)
	var calls []chan error
	for _, id := range []string{"1", "2", "3", "4"} {
		calls = append(calls, call(t.Context(), conn, id))
	}
	for range 4 {
		id := <-g.arrived
		if len(g.arrived) > 1 {
			t.Errorf("%d requests are handled at once", 1+len(g.arrived))
		}
		close(g.door(id))
	}
	for _, c := range calls {
		if err := <-c; !errors.Is(err, tsls.Error{Code: tsls.CodeNoLicense}) {
			t.Error(err)
		}
	}
}

// TestStop: a server that stops finishes what it has begun, then closes.
func TestStop(t *testing.T) {
	g := newGate()
	lab := newLab(t, g.handle, transport.Limits{})
	conn, idle := lab.dial(t), lab.dial(t)
	under := call(t.Context(), conn, "1")
	<-g.arrived
	lab.stop()
	<-idle.Done()
	select {
	case <-lab.ended:
		t.Error("Serve returns while a request is at work")
	default:
	}
	close(g.door("1"))
	if err := <-under; !errors.Is(err, tsls.Error{Code: tsls.CodeNoLicense}) {
		t.Error(err)
	}
	<-lab.ended
	<-conn.Done()
	if _, err := net.Dial("tcp", lab.addr); err == nil {
		t.Error("the listener is open")
	}
}

// TestLost: a connection that is lost wakes the calls on it.
func TestLost(t *testing.T) {
	g := newGate()
	conn := newLab(t, g.handle, transport.Limits{}).dial(t)
	waiting := call(t.Context(), conn, "1")
	<-g.arrived
	conn.Close()
	if err := <-waiting; !errors.Is(err, transport.ErrClosed) {
		t.Error(err)
	}
	if err := conn.Err(); !errors.Is(err, transport.ErrClosed) || !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	conn.Close()
	close(g.door("1"))
}

func TestDialRefuses(t *testing.T) {
	lab := newLab(t, echo, transport.Limits{})
	lab.dial(t)

	other, err := identity.LoadOrCreate(t.TempDir(), "ls1")
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.pins.Keep("127.0.0.1:1", other.Certificate); err != nil {
		t.Fatal(err)
	}
	config := lab.client.ClientTLS("127.0.0.1:1", lab.pins, nil) // pinned to another key
	_, err = transport.Dial(t.Context(), lab.addr, config, tsls.Hello{})
	if _, ok := errors.AsType[*identity.ChangedKeyError](err); !ok {
		t.Errorf("a changed key: %v", err)
	}

	if _, err := transport.Dial(t.Context(), lab.addr, lab.tls(), tsls.Hello{Version: 2}); !errors.Is(err, tsls.Error{Code: tsls.CodeVersion}) {
		t.Errorf("another version: %v", err)
	}
	if _, err := transport.Dial(t.Context(), lab.addr, lab.tls(), tsls.Hello{Name: "\xff"}); err == nil || !strings.Contains(err.Error(), "Hello: name: text is not UTF-8") {
		t.Errorf("a name that is no text: %v", err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := transport.Dial(ctx, l.Addr().String(), lab.tls(), tsls.Hello{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a server that never answers: %v", err)
	}
	l.Close()
	if _, err := transport.Dial(t.Context(), l.Addr().String(), lab.tls(), tsls.Hello{}); err == nil || !strings.Contains(err.Error(), "license server "+l.Addr().String()) {
		t.Errorf("nobody there: %v", err)
	}
}

// TestGoroutines: all of them come back.
func TestGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	lab := newLab(t, echo, transport.Limits{})
	for range 20 {
		conn := lab.dial(t)
		if _, err := conn.Call(t.Context(), tsls.Ping{}); err != nil {
			t.Error(err)
		}
		conn.Close()
	}
	lab.stop()
	<-lab.ended
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}
