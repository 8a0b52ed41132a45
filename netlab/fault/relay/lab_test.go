//go:build linux

package relay_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tslab/tslab/netlab/fault"
	"github.com/tslab/tslab/netlab/fault/relay"
	"github.com/tslab/tslab/netlab/netns"
)

// The tests live in namespaces of their own, as a lab does.
func TestMain(m *testing.M) {
	os.Exit(netns.UserGround.Main(m.Run))
}

// lab is hosts on one bridge.
type lab struct {
	t      *testing.T
	engine *relay.Engine
	hosts  []*netns.Host
	links  []fault.Link
	paths  int

	overruns bool // are part of the test
}

func newLab(t *testing.T, count int) *lab {
	t.Helper()
	sw, err := netns.NewSwitch()
	must(t, err)
	l := &lab{t: t, engine: relay.New(sw)}
	bridge := sw.Name("br")
	must(t, sw.AddBridge(bridge))
	t.Cleanup(func() { must(t, sw.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var ports []string
	for i := range count {
		name := fmt.Sprintf("h%d", i+1)
		h, err := netns.NewHost(name, files(t, name))
		must(t, err)
		t.Cleanup(func() { h.Close() })
		address := netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
		c := netns.Cable{
			Bridge: bridge, Port: sw.Name("p", i), Interface: "eth0", MAC: net.HardwareAddr{2, 0, 10, 0, 0, byte(i + 1)},
			Address: netip.PrefixFrom(address, 24),
		}
		must(t, sw.Connect(h, c))
		ports = append(ports, c.Port)
		l.hosts = append(l.hosts, h)
		l.links = append(l.links, fault.Link{Name: name + ":eth0", Port: c.Port, Bridge: bridge, Addresses: []netip.Addr{address}})
	}
	t.Cleanup(func() { // before the hosts go
		must(t, l.engine.Close())
		if n := l.engine.Overruns(); n != 0 && !l.overruns {
			t.Errorf("the relay lost %d frames by itself", n)
		}
	})
	must(t, sw.AwaitPorts(ctx, ports))
	for _, h := range l.hosts {
		must(t, h.AwaitInterfaces(ctx, []string{"eth0"}))
	}
	return l
}

func files(t *testing.T, name string) netns.Etc {
	t.Helper()
	dir := t.TempDir()
	e := netns.Etc{Hosts: filepath.Join(dir, "hosts"), ResolvConf: filepath.Join(dir, "resolv.conf")}
	for _, path := range []string{e.Hosts, e.ResolvConf} {
		must(t, os.WriteFile(path, []byte(name+"\n"), 0o644))
	}
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// apply lays a fault on the cable of host i.
func (l *lab) apply(i int, f fault.Fault) {
	l.t.Helper()
	f.Host = l.hosts[i].Name
	must(l.t, f.Check())
	p := fault.Placed{Fault: f, Links: l.links[i : i+1]}
	for _, peer := range f.Peers {
		for j, h := range l.hosts {
			if h.Name == peer {
				p.Peers = append(p.Peers, l.links[j].Addresses...)
			}
		}
	}
	must(l.t, l.engine.Apply(p))
}

// counter is what the fault has done on the way to its host, or from it.
func (l *lab) counter(name string, toHost bool) fault.Counter {
	for _, c := range l.engine.Counters() {
		if c.Fault == name && c.ToHost == toHost {
			return c
		}
	}
	l.t.Helper()
	l.t.Fatalf("no counter of %s", name)
	return fault.Counter{}
}

// Ports of the tests' datagrams. Faults are laid on dataPort; marks, which say that
// everything sent before has arrived, come from another.
const (
	dataPort = 7001
	markPort = 7002
	sinkPort = 7010 // and up

	patience = 10 * time.Second // with an event that must come
	window   = 100              // datagrams between marks: more might not fit into the socket
	mark     = ^uint32(0)
)

// path carries numbered datagrams from a host to another.
type path struct {
	t          *testing.T
	data, mark *net.UDPConn
	in         *net.UDPConn
	size       int
}

func (l *lab) path(from, to int) *path {
	l.t.Helper()
	p := &path{t: l.t, size: 64}
	l.paths++
	sink := &net.UDPAddr{IP: l.links[to].Addresses[0].AsSlice(), Port: sinkPort + l.paths}
	must(l.t, l.hosts[to].Do(func() (err error) { p.in, err = net.ListenUDP("udp4", sink); return err }))
	l.t.Cleanup(func() { p.in.Close() })
	must(l.t, p.in.SetReadBuffer(1<<20)) // as much of it as the kernel gives
	for port, conn := range map[int]**net.UDPConn{dataPort: &p.data, markPort: &p.mark} {
		local := &net.UDPAddr{IP: l.links[from].Addresses[0].AsSlice(), Port: port}
		must(l.t, l.hosts[from].Do(func() (err error) { *conn, err = net.DialUDP("udp4", local, sink); return err }))
		l.t.Cleanup(func() { (*conn).Close() })
	}
	return p
}

func (p *path) write(c *net.UDPConn, n uint32) {
	p.t.Helper()
	b := make([]byte, p.size)
	binary.BigEndian.PutUint32(b, n)
	if _, err := c.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// read is the number of the next datagram; false when none comes for so long.
func (p *path) read(d time.Duration) (uint32, bool) {
	p.t.Helper()
	b := make([]byte, 2048)
	p.in.SetReadDeadline(time.Now().Add(d))
	n, err := p.in.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, false
	}
	if err != nil || n != p.size {
		p.t.Fatalf("%d bytes, %v", n, err)
	}
	return binary.BigEndian.Uint32(b), true
}

// run sends the datagrams first to last and returns those that arrive, in order, that
// is until the mark behind them arrives.
func (p *path) run(first, last uint32) (arrived []uint32) {
	p.t.Helper()
	for n := first; n <= last; n++ {
		p.write(p.data, n)
		if n%window != 0 && n != last {
			continue
		}
		p.write(p.mark, mark)
		for {
			got, ok := p.read(patience)
			if !ok {
				p.t.Fatalf("the mark behind datagram %d does not come", n)
			}
			if got == mark {
				break
			}
			arrived = append(arrived, got)
		}
	}
	return arrived
}

// upTo are the numbers from 1 to n but for those that skip says.
func upTo(n uint32, skip func(uint32) bool) (all []uint32) {
	for i := uint32(1); i <= n; i++ {
		if skip == nil || !skip(i) {
			all = append(all, i)
		}
	}
	return all
}
