package discovery_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/wire/locate"
)

// loopback is the loopback as if it were a network with a broadcast address.
func loopback(t testing.TB) []discovery.Interface {
	t.Helper()
	lo, err := net.InterfaceByIndex(1)
	if err != nil {
		t.Fatal(err)
	}
	return []discovery.Interface{{Index: lo.Index, Name: lo.Name, Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}}}
}

func always(list []discovery.Interface) func() ([]discovery.Interface, error) {
	return func() ([]discovery.Interface, error) { return list, nil }
}

// freePort is a UDP port that nobody uses.
func freePort(t testing.TB) uint16 {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// An answer that lies in the socket when the time is over has come in time: who asked
// had no processor to read it.
func TestWhatCameInTimeCounts(t *testing.T) {
	port := freePort(t)
	server, err := net.ListenPacket("udp4", net.JoinHostPort("0.0.0.0", strconv.Itoa(int(port))))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := server.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	var cancel context.CancelFunc
	asked := 0
	u := &discovery.UDP{Port: port, Interfaces: func() ([]discovery.Interface, error) {
		if asked++; asked == 2 { // the query is out; whoever asked is held up here until its time is over
			b := make([]byte, 2*locate.QuerySize)
			n, from, err := server.ReadFrom(b)
			if err == nil && string(b[:n]) == "second" {
				_, err = server.WriteTo([]byte("here"), from)
			}
			<-ctx.Done()
			return loopback(t), err
		}
		return loopback(t), nil
	}}
	for _, query := range []string{"first", "second"} {
		ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		var heard []string
		if err := u.Broadcast(ctx, []byte(query), func(_ netip.AddrPort, b []byte) { heard = append(heard, string(b)) }); err != nil {
			t.Fatal(err)
		}
		cancel()
		if query == "second" && !slices.Equal(heard, []string{"here"}) {
			t.Errorf("heard %q, want what came in time", heard)
		}
		if query == "first" {
			if _, _, err := server.ReadFrom(make([]byte, 2*locate.QuerySize)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// respond starts a responder that ends with the test.
func respond(t testing.TB, r *discovery.Responder) {
	t.Helper()
	if err := r.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		r.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func named(name string) func() locate.Reply {
	return func() locate.Reply {
		return locate.Reply{Name: name, Port: 3343, Edition: "w2k-sp3", Scope: locate.Workgroup, Group: "WORKGROUP"}
	}
}

// broadcast sends a query until so many have answered, or the time is over, and
// returns their names.
func broadcast(t testing.TB, u *discovery.UDP, q locate.Query, want int, patience time.Duration) []string {
	t.Helper()
	query, err := q.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	names := map[string]bool{}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil { // a datagram may get lost
		round, done := context.WithTimeout(ctx, 20*time.Millisecond)
		err := u.Broadcast(round, query, func(from netip.AddrPort, b []byte) {
			r, err := locate.ParseReply(b)
			if err != nil || r.Nonce != q.Nonce {
				t.Errorf("%v sends %x: %v", from, b, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if names[r.Name] = true; len(names) == want {
				cancel()
			}
		})
		done()
		if err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	var list []string
	for name := range names {
		list = append(list, name)
	}
	return list
}

// TestBroadcast: everybody who is meant answers, over real sockets.
func TestBroadcast(t *testing.T) {
	port, lo := freePort(t), always(loopback(t))
	respond(t, &discovery.Responder{Reply: named("ls1"), Interfaces: lo, Port: port})
	respond(t, &discovery.Responder{Reply: named("ls2"), Interfaces: lo, Port: port})
	u := &discovery.UDP{Interfaces: lo, Port: port}
	if got := broadcast(t, u, locate.Query{Group: "WORKGROUP"}, 2, 20*time.Second); len(got) != 2 {
		t.Errorf("%v answered, want both", got)
	}
	if got := broadcast(t, u, locate.Query{Name: "LS2"}, 1, 20*time.Second); strings.Join(got, " ") != "ls2" {
		t.Errorf("%v answered to the name of ls2", got)
	}
	if got := broadcast(t, u, locate.Query{Group: "OTHER"}, 1, 100*time.Millisecond); len(got) != 0 {
		t.Errorf("%v answered another workgroup", got)
	}
}

// TestNotAttached: who is on no directly attached network is not answered.
func TestNotAttached(t *testing.T) {
	port, lo := freePort(t), loopback(t)
	far := []discovery.Interface{{Index: lo[0].Index, Name: lo[0].Name, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}}
	respond(t, &discovery.Responder{Reply: named("far"), Interfaces: always(far), Port: port})
	respond(t, &discovery.Responder{Reply: named("elsewhere"), Interfaces: always(lo), At: netip.MustParseAddr("127.0.0.2"), Port: port})
	respond(t, &discovery.Responder{Reply: named("near"), Interfaces: always(lo), At: netip.MustParseAddr("127.0.0.1"), Port: port})
	u := &discovery.UDP{Interfaces: always(lo), Port: port}
	if got := broadcast(t, u, locate.Query{}, 1, 20*time.Second); strings.Join(got, " ") != "near" {
		t.Errorf("%v answered, want near alone", got)
	}
	if got := broadcast(t, u, locate.Query{}, 2, 200*time.Millisecond); strings.Join(got, " ") != "near" {
		t.Errorf("%v answered, want near alone", got)
	}
}

// TestNobodyToAsk: a machine without a network says so.
func TestNobodyToAsk(t *testing.T) {
	err := (&discovery.UDP{Interfaces: always(nil)}).Broadcast(t.Context(), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "no interface") {
		t.Errorf("error %v", err)
	}
}

// TestRate: a source is answered so often and no more, and again after a while.
func TestRate(t *testing.T) {
	port, lo := freePort(t), always(loopback(t))
	respond(t, &discovery.Responder{Reply: named("ls1"), Interfaces: lo, Port: port, Burst: 4})
	c, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	query, err := locate.Query{}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	burst := func() (answered int) {
		for range 40 {
			if _, err := c.Write(query); err != nil {
				t.Fatal(err)
			}
		}
		b := make([]byte, 1000)
		for {
			c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			n, err := c.Read(b)
			if err != nil {
				return answered
			}
			if n > len(query) {
				t.Errorf("%d bytes for %d", n, len(query))
			}
			answered++
		}
	}
	if n := burst(); n < 4 || n > 8 {
		t.Errorf("%d of 40 queries were answered, want 4 and what a moment brings", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for answered := 0; answered == 0; answered = burst() {
		if ctx.Err() != nil {
			t.Fatal("the source is never answered again")
		}
	}
}

// TestRubbish: what is no query is not answered, and hurts nobody.
func TestRubbish(t *testing.T) {
	port, lo := freePort(t), always(loopback(t))
	respond(t, &discovery.Responder{Reply: named("ls1"), Interfaces: lo, Port: port})
	c, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	query, err := locate.Query{}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	short, long := query[:100], append(slices.Clone(query), 0)
	for _, b := range [][]byte{nil, {1}, short, long, bytes.Repeat([]byte{0xff}, locate.QuerySize)} {
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Write(query); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	b := make([]byte, 1000)
	n, err := c.Read(b)
	if r, parsed := locate.ParseReply(b[:n]); err != nil || parsed != nil || r.Name != "ls1" {
		t.Fatalf("%v, %v, %+v", err, parsed, r)
	}
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(b); err == nil {
		t.Errorf("a second answer: %x", b[:n])
	}
}
