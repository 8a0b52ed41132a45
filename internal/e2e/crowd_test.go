package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

const (
	stalledClients = 5000
	garbageClients = 1000
	honestClients  = 15
)

// TestCrowd holds clients on a terminal server that stall at every step of a
// connection, and throws garbage at it, while devices are licensed. Afterwards the
// server holds what it held before.
//
// Everybody comes from an address of his own, so that the bound for one address is
// not what is tested.
func TestCrowd(t *testing.T) {
	ctx := bounded(t)
	needFiles(t, stalledClients+1000)
	f := newFarm(t)
	f.TermServArgs = []string{"--limit", "half-open=8000", "--limit", "connections=9000", "--limit", "step=2m"}
	if err := f.StartLServer(ctx); err != nil {
		t.Fatal(err)
	}
	if err := f.StartTermServ(ctx); err != nil {
		t.Fatal(err)
	}
	said := clientWords(t, f.Addr)
	idle := licensings(t, ctx, f, "IDLE")
	before, told := held(t, ctx, f, 0), refused(t, f.TermServLog)

	crowd := newCrowd(t, f.Addr)
	crowd.stall(ctx, stalledClients, said)
	during := held(t, ctx, f, stalledClients)
	var garbage errgroup.Group
	garbage.Go(func() error { return crowd.garbage(ctx) })
	busy := licensings(t, ctx, f, "BUSY")
	if err := garbage.Wait(); err != nil {
		t.Error(err)
	}
	crowd.close()
	after := held(t, ctx, f, 0)

	t.Logf("median of %d licensings: idle %v, in the crowd %v, ratio %.2f", honestClients, idle, busy, float64(busy)/float64(idle))
	if busy > 5*idle && busy > time.Second { // the garbage and the devices share the machine with the server
		t.Errorf("a licensing takes %v in the crowd, %v without", busy, idle)
	}
	t.Logf("goroutines %d, %d, %d; heap %d, %d, %d KiB", before.Goroutines, during.Goroutines, after.Goroutines,
		before.Heap>>10, during.Heap>>10, after.Heap>>10)
	const slack = 4 << 20
	if after.Goroutines > before.Goroutines || after.Heap > before.Heap+slack {
		t.Errorf("the server holds %+v after the crowd, %+v before", after, before)
	}
	if n := refused(t, f.TermServLog) - told; n != stalledClients+garbageClients {
		t.Errorf("%d connections refused in the event log, want %d: one for each", n, stalledClients+garbageClients)
	}
}

// refused counts the connections that the event log says were refused.
func refused(t *testing.T, log *harness.Journal) (n int) {
	t.Helper()
	events, err := log.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Name == eventlog.ConnectionRefused.Name {
			n++
		}
	}
	return n
}

// TestLServerCrowd is the same for the license server, at its usual limits: who
// stalls makes room, and the terminal server's licensings go on.
func TestLServerCrowd(t *testing.T) {
	const stalled = 1000
	ctx := bounded(t)
	f := newFarm(t)
	if err := f.StartLServer(ctx); err != nil {
		t.Fatal(err)
	}
	if err := f.StartTermServ(ctx); err != nil {
		t.Fatal(err)
	}
	licensings(t, ctx, f, "IDLE") // the terminal server's connection stands
	before, told := stands(t, ctx, f.Path("lserver")), refused(t, f.LServerLog)

	crowd := newCrowd(t, f.LServerAddr)
	const clientHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
	crowd.stall(ctx, stalled, [][]byte{[]byte(clientHello)})
	if err := crowd.garbage(ctx); err != nil {
		t.Error(err)
	}
	licensings(t, ctx, f, "BUSY")
	f.TermServ.Stop()
	if err := f.StartTermServ(ctx); err != nil {
		t.Fatal(err)
	}
	licensings(t, ctx, f, "NEW") // over a new connection
	crowd.close()
	want := stalled + garbageClients
	err := harness.Until(ctx, "an event for each connection", func() (bool, error) { return refused(t, f.LServerLog)-told >= want, nil })
	if n := refused(t, f.LServerLog) - told; err != nil || n != want {
		t.Errorf("%d connections refused in the event log, want %d: one for each", n, want)
	}
	if after := stands(t, ctx, f.Path("lserver")); after.Goroutines > before.Goroutines {
		t.Errorf("the server holds %+v after the crowd, %+v before", after, before)
	}
}

// needFiles says before the test what it would fail of: this process and the server,
// which raise their limits themselves, need a descriptor for each connection.
func needFiles(t *testing.T, n uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < n {
		t.Fatalf("at most %d open files are allowed, the test needs %d: raise the hard limit (ulimit -Hn)", limit.Max, n)
	}
}

// licensings licenses new devices one after the other and returns the median of how
// long that took each.
func licensings(t *testing.T, ctx context.Context, f *harness.Farm, name string) time.Duration {
	t.Helper()
	var all []time.Duration
	for i := range honestClients {
		d := device{f, name + strconv.Itoa(i)}
		start := time.Now()
		if err := d.connect(ctx); err != nil {
			t.Fatal(err)
		}
		all = append(all, time.Since(start))
		kinds, err := d.kinds(ctx)
		if err != nil || !slices.Equal(kinds, []string{"temporary"}) {
			t.Fatalf("%s has %v (%v), want a temporary token", d.name, kinds, err)
		}
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// held is what the terminal server holds once it has so many connections.
func held(t *testing.T, ctx context.Context, f *harness.Farm, connections int) control.Process {
	t.Helper()
	err := harness.Until(ctx, fmt.Sprintf("%d connections", connections), func() (bool, error) {
		var status struct{ Connections int }
		err := control.Call(ctx, f.Path("termsrv"), "status", nil, &status)
		return status.Connections == connections, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return stands(t, ctx, f.Path("termsrv"))
}

// stands is what a server holds once its number of goroutines does not change.
func stands(t *testing.T, ctx context.Context, dir string) control.Process {
	t.Helper()
	var last control.Process
	same := 0
	err := harness.Until(ctx, "the goroutines of "+dir, func() (bool, error) {
		was := last.Goroutines
		err := control.Call(ctx, dir, control.ProcessOp, nil, &last)
		if same++; last.Goroutines != was {
			same = 0
		}
		return same == 5, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// clientWords is what a client says without encryption up to the licensing phase, a
// packet each: it is the same for every connection.
func clientWords(t *testing.T, addr string) [][]byte {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	said := &recorder{Conn: nc}
	conn, err := rdpconn.Dial(t.Context(), said, &rdpconn.ClientConfig{
		Protocols: rdpconn.RDPOnly, Encryption: []rdpsec.Method{rdpsec.MethodNone}, ClientName: "STALLED", User: "lab",
		Desktop: rdp.Desktop{Width: 640, Height: 480, Bpp: 16},
	})
	if err != nil {
		t.Fatal(err)
	}
	conn.Abort() // no farewell
	return said.packets
}

// recorder keeps what is written to a connection.
type recorder struct {
	net.Conn
	packets [][]byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.packets = append(r.packets, slices.Clone(p))
	return r.Conn.Write(p)
}

// crowd is many connections from as many addresses of the loopback network.
type crowd struct {
	t    *testing.T
	addr string

	mu   sync.Mutex
	all  []net.Conn
	next uint32
}

func newCrowd(t *testing.T, addr string) *crowd {
	c := &crowd{t: t, addr: addr}
	t.Cleanup(c.close)
	return c
}

// dial comes from the next address.
func (c *crowd) dial(ctx context.Context) (net.Conn, error) {
	c.mu.Lock()
	c.next++
	n := c.next
	c.mu.Unlock()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1+byte(n>>16), byte(n>>8), byte(n))}}
	return d.DialContext(ctx, "tcp", c.addr)
}

// stall opens connections that stop at every packet of a client, and in its middle.
func (c *crowd) stall(ctx context.Context, clients int, said [][]byte) {
	var g errgroup.Group
	g.SetLimit(50)
	for i := range clients {
		g.Go(func() error {
			conn, err := c.dial(ctx)
			if err != nil {
				return err
			}
			c.mu.Lock()
			c.all = append(c.all, conn)
			c.mu.Unlock()
			n := i / 2 % (len(said) + 1)
			words := slices.Concat(said[:n]...)
			if i%2 == 0 && n < len(said) {
				words = append(words, said[n][:len(said[n])/2]...)
			}
			_, err = conn.Write(words)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		c.t.Fatal(err)
	}
}

// garbage opens connections that say what is not RDP, and waits for the server to
// end each.
func (c *crowd) garbage(ctx context.Context) error {
	var g errgroup.Group
	g.SetLimit(50)
	for i := range garbageClients {
		g.Go(func() error {
			conn, err := c.dial(ctx)
			if err != nil {
				return err
			}
			defer conn.Close()
			random := rand.New(rand.NewPCG(1, uint64(i)))
			words := make([]byte, 1+random.IntN(4096))
			for j := range words {
				words[j] = byte(random.Uint32())
			}
			if i%4 == 0 { // it looks like a frame
				words = append([]byte{3, 0, 0, byte(7 + random.IntN(64))}, words...)
			}
			conn.Write(words) // the server may hang up in the middle
			conn.(*net.TCPConn).CloseWrite()
			conn.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
				return fmt.Errorf("garbage %d: the server keeps the connection", i)
			}
			return nil
		})
	}
	return g.Wait()
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// close ends the stalled connections.
func (c *crowd) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.all {
		conn.Close()
	}
	c.all = nil
}
