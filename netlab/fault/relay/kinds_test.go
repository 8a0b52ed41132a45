//go:build linux

package relay_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tslab/tslab/netlab/fault"
)

func TestDuplicate(t *testing.T) {
	const count = 300
	l := newLab(t, 2)
	p := l.path(0, 1)
	l.apply(1, fault.Fault{Name: "dup", Kind: fault.Duplicate, Percent: 30, Copies: 2, Port: dataPort, Direction: fault.To, Seed: 1})
	times := map[uint32]int{}
	for _, n := range p.run(1, count) {
		times[n]++
	}
	twice := uint64(0)
	for n := uint32(1); n <= count; n++ {
		switch times[n] {
		case 1:
		case 3:
			twice++
		default:
			t.Errorf("datagram %d arrived %d times", n, times[n])
		}
	}
	if c := l.counter("dup", true); c.Done != twice || c.Matched < count || twice < 50 || twice > 130 { // 90 within 5 standard deviations
		t.Errorf("%d datagrams came three times, counted %+v", twice, c)
	}
}

// A frame that is chosen is overtaken by as many as gap says, and by no more.
func TestReorder(t *testing.T) {
	l := newLab(t, 2)
	p := l.path(0, 1)
	l.apply(1, fault.Fault{Name: "order", Kind: fault.Reorder, Nth: 3, Gap: 2, Delay: time.Minute, Port: dataPort, Direction: fault.To})
	if got, want := p.run(1, 6), []uint32{1, 2, 4, 5, 3, 6}; !slices.Equal(got, want) {
		t.Errorf("they came as %v, want %v", got, want)
	}
	must(t, l.engine.Remove("order"))
	l.apply(1, fault.Fault{Name: "chance", Kind: fault.Reorder, Percent: 25, Port: dataPort, Direction: fault.To, Delay: time.Minute, Seed: 9})
	const count = 400
	got := p.run(1, count)
	swapped := 0
	for i, n := range got {
		if i > 0 && n < got[i-1] {
			swapped++
			if got[i-1] != n+1 {
				t.Errorf("datagram %d came behind %d", n, got[i-1])
			}
		}
	}
	sorted := slices.Clone(got)
	slices.Sort(sorted)
	if c := l.counter("chance", true); uint64(swapped) != c.Done || swapped < 40 || !slices.Equal(sorted, upTo(uint32(len(got)), nil)) {
		t.Errorf("%d swapped, counted %+v; %d arrived", swapped, c, len(got))
	}
}

// With its checksum renewed the damage reaches the program; with the old one the
// receiver's kernel drops the datagram.
func TestCorrupt(t *testing.T) {
	const count = 200
	l := newLab(t, 2)
	p := l.path(0, 1)
	p.run(1, 1)
	l.apply(1, fault.Fault{Name: "byte", Kind: fault.Corrupt, Nth: 2, Times: 3, Port: dataPort, Direction: fault.To})
	b := make([]byte, 2048)
	damaged := 0
	for n := range uint32(10) {
		p.write(p.data, n)
		p.in.SetReadDeadline(time.Now().Add(patience))
		size, err := p.in.Read(b)
		must(t, err)
		want := make([]byte, p.size)
		binary.BigEndian.PutUint32(want, n)
		different := 0
		for i := range size {
			if b[i] != want[i] {
				different++
			}
		}
		if different > 0 {
			damaged++
		}
		if chosen := n >= 1 && n < 4; size != p.size || chosen != (different == 1) {
			t.Errorf("datagram %d has %d bytes, %d of them others", n, size, different)
		}
	}
	if damaged != 3 {
		t.Errorf("%d datagrams were damaged", damaged)
	}
	must(t, l.engine.Remove("byte"))
	l.apply(1, fault.Fault{Name: "sum", Kind: fault.Corrupt, Percent: 10, Checksum: fault.Kept, Port: dataPort, Direction: fault.To, Seed: 3})
	got := p.run(1, count)
	if c := l.counter("sum", true); uint64(len(got)) != count-c.Done || c.Done < 5 {
		t.Errorf("%d of %d arrived, counted %+v", len(got), count, c)
	}
}

// A cut in one direction lets everything through in the other; filters leave the rest.
func TestCutOneWay(t *testing.T) {
	l := newLab(t, 3)
	there, back, other := l.path(0, 1), l.path(1, 0), l.path(2, 1)
	for _, p := range []*path{there, back, other} {
		p.run(1, 1)
	}
	l.apply(1, fault.Fault{Name: "cut", Kind: fault.Cut, Direction: fault.To, Peers: []string{"h1"}, Port: dataPort})
	if got := there.run(1, 100); len(got) != 0 {
		t.Errorf("%d datagrams came through the cut", len(got))
	}
	for name, p := range map[string]*path{"the other way": back, "from another peer": other} {
		if got := p.run(1, 100); !slices.Equal(got, upTo(100, nil)) {
			t.Errorf("%s: %d of 100 arrived", name, len(got))
		}
	}
	must(t, l.engine.Remove("cut"))
	if got := there.run(1, 100); !slices.Equal(got, upTo(100, nil)) {
		t.Errorf("healed: %d of 100 arrived", len(got))
	}
}

// It is dark for a quarter of each period, again and again.
func TestFlap(t *testing.T) {
	l := newLab(t, 2)
	p := l.path(0, 1)
	p.run(1, 1)
	const period, dark, changes = 400 * time.Millisecond, 100 * time.Millisecond, 9
	l.apply(1, fault.Fault{Name: "flap", Kind: fault.Flap, Port: dataPort, Schedule: fault.Schedule{Every: period, For: dark}})
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	began, was := time.Now(), true
	var lengths [2][]time.Duration // of light and of dark, without the first, which was on before
	for n, seen, since := uint32(1), 0, began; seen < changes; n++ {
		<-ticker.C
		if time.Since(began) > patience {
			t.Fatalf("%d changes in %v", seen, patience)
		}
		if lost := len(p.run(n, n)) == 0; lost == was {
			if seen > 0 {
				lengths[seen%2] = append(lengths[seen%2], time.Since(since))
			}
			was, since = !lost, time.Now()
			seen++
		}
	}
	slices.Sort(lengths[0])
	slices.Sort(lengths[1])
	light, night := lengths[0][len(lengths[0])/2], lengths[1][len(lengths[1])/2]
	if night > 2*dark || light < period/2 {
		t.Errorf("dark for %v of %v in the median, want %v of %v", night, night+light, dark, period)
	}
}

// Only the nth, and what a second cable or direction counts is its own.
func TestNth(t *testing.T) {
	l := newLab(t, 2)
	there, back := l.path(0, 1), l.path(1, 0)
	there.run(1, 1)
	back.run(1, 1)
	l.apply(1, fault.Fault{Name: "nth", Kind: fault.Drop, Nth: 7, Times: 2, Port: dataPort})
	want := upTo(20, func(n uint32) bool { return n == 7 || n == 8 })
	for _, p := range []*path{there, back} {
		if got := p.run(1, 20); !slices.Equal(got, want) {
			t.Errorf("arrived %v, want %v", got, want)
		}
	}
}

// The nth message of a kind, whatever else is sent.
func TestMessageOnTheWire(t *testing.T) {
	l := newLab(t, 2)
	var in *net.UDPConn
	var out [2]*net.UDPConn
	at := &net.UDPAddr{IP: l.links[1].Addresses[0].AsSlice(), Port: 53}
	must(t, l.hosts[1].Do(func() (err error) { in, err = net.ListenUDP("udp4", at); return err }))
	defer in.Close()
	for i := range out {
		must(t, l.hosts[0].Do(func() (err error) { out[i], err = net.DialUDP("udp4", nil, at); return err }))
		defer out[i].Close()
	}
	l.apply(0, fault.Fault{Name: "srv", Kind: fault.Drop, Message: "dns.SRV", Nth: 2, Direction: fault.From})
	ask := func(id byte, kind byte) []byte {
		return append([]byte{0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 'l', 's', 0}, 0, kind, 0, 1)
	}
	const typeA, typeSRV = 1, 33
	for i, kind := range []byte{typeA, typeSRV, typeA, typeSRV, typeSRV, typeA} {
		_, err := out[i%2].Write(ask(byte(i), kind))
		must(t, err)
	}
	var got []byte
	b := make([]byte, 64)
	for range 5 {
		in.SetReadDeadline(time.Now().Add(patience))
		_, err := in.Read(b)
		must(t, err)
		got = append(got, b[1])
	}
	if want := []byte{0, 1, 2, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("the questions %v arrived, want %v", got, want)
	}
	if c := l.counter("srv", false); c.Matched != 3 || c.Done != 1 {
		t.Errorf("counted %+v", c)
	}
}

// Both ends of a connection learn of a reset, and who dials is refused.
func TestReset(t *testing.T) {
	l := newLab(t, 2)
	var listener *net.TCPListener
	at := &net.TCPAddr{IP: l.links[1].Addresses[0].AsSlice(), Port: 7200}
	must(t, l.hosts[1].Do(func() (err error) { listener, err = net.ListenTCP("tcp4", at); return err }))
	defer listener.Close()
	dial := func() (c *net.TCPConn, err error) {
		err = l.hosts[0].Do(func() (err error) { c, err = net.DialTCP("tcp4", nil, at); return err })
		return c, err
	}
	out, err := dial()
	must(t, err)
	defer out.Close()
	in, err := listener.AcceptTCP()
	must(t, err)
	defer in.Close()
	l.apply(1, fault.Fault{Name: "reset", Kind: fault.Reset, Port: 7200})
	_, err = out.Write([]byte("any news?"))
	must(t, err)
	for name, c := range map[string]*net.TCPConn{"who sent": out, "who received": in} {
		c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 16)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v, want a reset", name, err)
		}
	}
	if _, err := dial(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v, want it refused", err)
	}
	must(t, l.engine.Remove("reset"))
	c, err := dial()
	must(t, err)
	c.Close()
}

// A corrupted TCP segment with a checksum that holds reaches the program.
func TestCorruptTCP(t *testing.T) {
	l := newLab(t, 2)
	var listener *net.TCPListener
	at := &net.TCPAddr{IP: l.links[1].Addresses[0].AsSlice(), Port: 7300}
	must(t, l.hosts[1].Do(func() (err error) { listener, err = net.ListenTCP("tcp4", at); return err }))
	defer listener.Close()
	l.apply(1, fault.Fault{Name: "byte", Kind: fault.Corrupt, Port: 7300, Direction: fault.To})
	sent := []byte("what is sent")
	go func() {
		var c *net.TCPConn
		err := l.hosts[0].Do(func() (err error) { c, err = net.DialTCP("tcp4", nil, at); return err })
		if err == nil {
			c.Write(sent)
			c.Close()
		}
	}()
	listener.SetDeadline(time.Now().Add(patience))
	c, err := listener.Accept()
	must(t, err)
	defer c.Close()
	got, err := io.ReadAll(c)
	must(t, err)
	different := 0
	for i := range got {
		if got[i] != sent[i] {
			different++
		}
	}
	if len(got) != len(sent) || different != 1 {
		t.Errorf("%q arrived, want one byte of %q another", got, sent)
	}
}
