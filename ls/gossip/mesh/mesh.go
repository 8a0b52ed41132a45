// Package mesh is a network in memory for gossip in tests: hosts with packets and
// streams between them, which can be lost, delayed and cut. It keeps to package time,
// so that in a bubble of testing/synctest years of gossip pass in seconds, and the
// same way each time.
package mesh

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// Mesh is a network. All hosts reach each other until they are cut.
type Mesh struct {
	mu      sync.Mutex
	dice    *rand.Rand
	delay   time.Duration
	loss    float64 // of packets
	hosts   map[netip.AddrPort]*Host
	cut     map[[2]netip.AddrPort]bool // from, to
	streams map[*stream]bool
	sent    Sent
}

// Sent counts what went into the network.
type Sent struct {
	Packets, Bytes int // datagrams, and bytes in them
	Streams        int
	StreamBytes    int
}

// New makes a network with its own dice.
func New(seed uint64) *Mesh {
	return &Mesh{
		dice: rand.New(rand.NewPCG(seed, 1)), hosts: map[netip.AddrPort]*Host{},
		cut: map[[2]netip.AddrPort]bool{}, streams: map[*stream]bool{},
	}
}

// Weather sets how long everything takes, and what share of packets is lost.
func (m *Mesh) Weather(delay time.Duration, loss float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delay, m.loss = delay, loss
}

// Cut takes the way from one host to another, or gives it back. Streams between them
// end.
func (m *Mesh) Cut(from, to netip.AddrPort, cut bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut[[2]netip.AddrPort{from, to}] = cut
	for s := range m.streams {
		if cut && (s.from == from && s.to == to || s.from == to && s.to == from) {
			s.end()
		}
	}
}

// Partition lets hosts reach those of their own side only. A host that is on no side
// reaches nobody; without sides everybody reaches everybody.
func (m *Mesh) Partition(sides ...[]netip.AddrPort) {
	m.mu.Lock()
	side := map[netip.AddrPort]int{}
	for i, hosts := range sides {
		for _, h := range hosts {
			side[h] = i + 1
		}
	}
	var pairs [][2]netip.AddrPort
	for a := range m.hosts {
		for b := range m.hosts {
			pairs = append(pairs, [2]netip.AddrPort{a, b})
		}
	}
	m.mu.Unlock()
	for _, p := range pairs {
		m.Cut(p[0], p[1], len(sides) > 0 && (side[p[0]] == 0 || side[p[0]] != side[p[1]]))
	}
}

// Reaches reports whether packets and streams get from one host to another.
func (m *Mesh) Reaches(from, to netip.AddrPort) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hosts[to] != nil && !m.cut[[2]netip.AddrPort{from, to}]
}

// Sent is what has been sent so far.
func (m *Mesh) Sent() Sent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sent
}

// Host makes a host with that address, or brings back one that was shut down.
func (m *Mesh) Host(addr netip.AddrPort) *Host {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := &Host{
		mesh: m, addr: addr, packets: make(chan *memberlist.Packet, 1024), streams: make(chan net.Conn, 64), closed: make(chan struct{}),
	}
	m.hosts[addr] = h
	return h
}

// Host is a host of the network, as memberlist.Transport.
type Host struct {
	mesh    *Mesh
	addr    netip.AddrPort
	packets chan *memberlist.Packet
	streams chan net.Conn
	closed  chan struct{}
	close   sync.Once
}

// FinalAdvertiseAddr is the host's address.
func (h *Host) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return h.addr.Addr().AsSlice(), int(h.addr.Port()), nil
}

// PacketCh is where packets come.
func (h *Host) PacketCh() <-chan *memberlist.Packet { return h.packets }

// StreamCh is where streams come.
func (h *Host) StreamCh() <-chan net.Conn { return h.streams }

// WriteTo sends a packet, which may be lost without a word.
func (h *Host) WriteTo(b []byte, to string) (time.Time, error) {
	addr, err := netip.ParseAddrPort(to)
	if err != nil {
		return time.Time{}, err
	}
	m := h.mesh
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent.Packets++
	m.sent.Bytes += len(b)
	if lost := m.dice.Float64() < m.loss; lost || h.isClosed() {
		return time.Now(), nil
	}
	b = append([]byte(nil), b...)
	time.AfterFunc(m.delay, func() { m.arrive(h.addr, addr, b) })
	return time.Now(), nil
}

// arrive delivers a packet, if it can.
func (m *Mesh) arrive(from, to netip.AddrPort, b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.hosts[to]
	if h == nil || h.isClosed() || m.cut[[2]netip.AddrPort{from, to}] {
		return
	}
	select {
	case h.packets <- &memberlist.Packet{Buf: b, From: net.UDPAddrFromAddrPort(from), Timestamp: time.Now()}:
	default: // its buffer is full
	}
}

// DialTimeout makes a stream. Where one direction is cut it waits in vain, where there
// is no host it is refused.
func (h *Host) DialTimeout(to string, timeout time.Duration) (net.Conn, error) {
	addr, err := netip.ParseAddrPort(to)
	if err != nil {
		return nil, err
	}
	m := h.mesh
	m.mu.Lock()
	silent := m.cut[[2]netip.AddrPort{h.addr, addr}] || m.cut[[2]netip.AddrPort{addr, h.addr}]
	wait := 2 * m.delay
	m.mu.Unlock()
	if silent {
		wait = timeout
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-h.closed:
	}
	if silent {
		return nil, fmt.Errorf("%s does not answer", to)
	}
	return m.connect(h, addr)
}

func (m *Mesh) connect(h *Host, to netip.AddrPort) (net.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	peer := m.hosts[to]
	if peer == nil || peer.isClosed() || h.isClosed() {
		return nil, fmt.Errorf("%s refuses the connection", to)
	}
	near, far := net.Pipe()
	s := &stream{mesh: m, from: h.addr, to: to, near: near, far: far}
	select {
	case peer.streams <- end{far, s, net.TCPAddrFromAddrPort(h.addr)}:
		m.sent.Streams++
		m.streams[s] = true
		return end{near, s, net.TCPAddrFromAddrPort(to)}, nil
	default:
		return nil, fmt.Errorf("%s takes no more connections", to)
	}
}

// Shutdown takes the host off the network.
func (h *Host) Shutdown() error {
	h.close.Do(func() {
		close(h.closed)
		h.mesh.mu.Lock()
		defer h.mesh.mu.Unlock()
		if h.mesh.hosts[h.addr] == h {
			delete(h.mesh.hosts, h.addr)
		}
		for s := range h.mesh.streams {
			if s.from == h.addr || s.to == h.addr {
				s.end()
			}
		}
	})
	return nil
}

func (h *Host) isClosed() bool {
	select {
	case <-h.closed:
		return true
	default:
		return false
	}
}
