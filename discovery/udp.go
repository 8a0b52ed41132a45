package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/tslab/tslab/wire/locate"
)

// Interface is an interface of this machine with its networks.
type Interface struct {
	Index    int
	Name     string
	Prefixes []netip.Prefix // its addresses, each with the network that it lies in
}

// Interfaces are those that broadcasts go out on: up, and not the loopback.
func Interfaces() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("interfaces: %w", err)
	}
	var list []Interface
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || i.Flags&(net.FlagBroadcast|net.FlagMulticast) == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it has just gone
		}
		own := Interface{Index: i.Index, Name: i.Name}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				own.Prefixes = append(own.Prefixes, p)
			}
		}
		if len(own.Prefixes) > 0 {
			list = append(list, own)
		}
	}
	return list, nil
}

// attached returns the interface's own address in the network that a lies in.
func (i Interface) attached(a netip.Addr) (own netip.Addr, ok bool) {
	a = a.WithZone("")
	for _, p := range i.Prefixes {
		if p.Contains(a) {
			return p.Addr(), true
		}
	}
	return netip.Addr{}, false
}

// broadcastAddr is the last address of an IPv4 network.
func broadcastAddr(p netip.Prefix) netip.Addr {
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

// allNodes is the multicast group that every IPv6 host of a link is in (RFC 4291
// 2.7.1): what IPv6 has in place of a broadcast.
var allNodes = netip.MustParseAddr("ff02::1")

// UDP broadcasts on the machine's interfaces, which come and go: a query goes out at
// once on those that were there last time, and then on those that are there now. After
// the first query it keeps a socket ready for the next.
type UDP struct {
	Interfaces func() ([]Interface, error) // nil: those of [Interfaces]
	Port       uint16                      // that is asked; 0: locate.Port

	mu    sync.Mutex
	last  []Interface
	ready socket // of IPv4, nil for none
}

// Broadcast sends the query to the subnet's broadcast address of every interface, and
// to all nodes of its link over IPv6. What comes back counts only from an interface
// that was asked and from a network that it lies in.
func (u *UDP) Broadcast(ctx context.Context, query []byte, heard func(netip.AddrPort, []byte)) error {
	ctx, cancel := context.WithCancel(ctx)
	c := &call{ctx: ctx, query: query, port: u.Port, heard: heard, byIndex: map[int]Interface{}}
	if c.port == 0 {
		c.port = locate.Port
	}
	defer c.close() // after cancel, so that nobody goes on reading
	defer cancel()
	known, ready := u.take()
	c.open(ready)
	if c.ask(0, known); c.sent > 0 {
		c.headStart()
	}
	list := u.Interfaces
	if list == nil {
		list = Interfaces
	}
	now, err := list()
	if err != nil {
		return err
	}
	u.mu.Lock()
	u.last = now
	u.mu.Unlock()
	c.ask(0, slices.DeleteFunc(slices.Clone(now), func(i Interface) bool { return slices.ContainsFunc(known, i.same) }))
	over4 := len(c.sockets)
	c.open(listen6)
	c.ask(over4, now)
	if c.sent == 0 {
		return errors.Join(append(c.errs, errors.New("no interface to broadcast on"))...)
	}
	c.listen()
	u.prepare()
	<-ctx.Done()
	return nil
}

// take is what the last query has left for the next.
func (u *UDP) take() (known []Interface, listen func() (socket, error)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.ready
	u.ready = nil
	if s == nil {
		return u.last, listen4
	}
	return u.last, func() (socket, error) { return s, nil }
}

// prepare leaves a socket for the next query.
func (u *UDP) prepare() {
	s, err := listen4()
	if err != nil {
		return // the next one will tell
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ready == nil {
		u.ready = s
	} else {
		s.Close()
	}
}

// same reports the same interface in the same networks.
func (i Interface) same(other Interface) bool {
	return i.Index == other.Index && slices.Equal(i.Prefixes, other.Prefixes)
}

// call is one broadcast.
type call struct {
	ctx     context.Context
	query   []byte
	port    uint16
	sockets []socket
	sent    int
	errs    []error
	all     sync.WaitGroup // of who receives

	mu      sync.Mutex // one answer at a time
	byIndex map[int]Interface
	heard   func(netip.AddrPort, []byte)
}

// open adds a socket.
func (c *call) open(listen func() (socket, error)) {
	s, err := listen()
	if err != nil {
		c.errs = append(c.errs, err)
		return
	}
	c.sockets = append(c.sockets, s)
}

// lying is how long a socket is read after the call's time is over: only for what lies
// in it then.
const lying = 2 * time.Millisecond

// listen hands over what comes to the sockets, until the call ends. What came in time
// counts, also when the processor had no time to read it: a busy machine finds what
// an idle one does. Who canceled the call wants no more.
func (c *call) listen() {
	for _, s := range c.sockets {
		stop := context.AfterFunc(c.ctx, func() { s.SetReadDeadline(time.Unix(1, 0)) })
		c.all.Go(func() {
			defer stop()
			s.receive(c.take)
			if errors.Is(c.ctx.Err(), context.DeadlineExceeded) {
				drain(s, c.take)
			}
		})
	}
}

// drain hands over what lies in the socket. A read whose time was over before the
// processor came to it has not looked, and is tried again.
func drain(s socket, take func(int, netip.AddrPort, []byte)) {
	b := make([]byte, maxDatagram)
	for failures := 0; failures < maxFailures; failures++ {
		due := time.Now().Add(lying)
		s.SetReadDeadline(due)
		n, index, from, err := s.read(b)
		switch {
		case err == nil:
			failures = 0
			take(index, from, b[:n])
		case time.Since(due) < lying:
			return
		}
	}
}

// close ends the call, whose context has ended.
func (c *call) close() {
	c.all.Wait()
	for _, s := range c.sockets {
		s.Close()
	}
}

// ask sends the query on the interfaces, by the socket of that number and those after
// it.
func (c *call) ask(from int, interfaces []Interface) {
	c.mu.Lock()
	for _, i := range interfaces {
		c.byIndex[i.Index] = i
	}
	c.mu.Unlock()
	for _, s := range c.sockets[from:] {
		for _, i := range interfaces {
			for _, to := range s.targets(i) {
				if err := s.send(c.query, i.Index, to.source, netip.AddrPortFrom(to.addr, c.port)); err != nil {
					c.errs = append(c.errs, fmt.Errorf("interface %s: %w", i.Name, err))
					continue
				}
				c.sent++
			}
		}
	}
}

// headStart is how long the first answer is waited for before the interfaces are read
// again: that is long work for the processor that the answer needs.
const headStart = time.Millisecond

// headStart takes the first answer, if it comes at once. It reads here and not in a
// goroutine, which would have to be woken first.
func (c *call) headStart() {
	s := c.sockets[0]
	s.SetReadDeadline(time.Now().Add(headStart))
	defer s.SetReadDeadline(time.Time{})
	b := make([]byte, maxDatagram)
	if n, index, from, err := s.read(b); err == nil {
		c.take(index, from, b[:n])
	}
}

// take hands over what came in on an interface that was asked.
func (c *call) take(index int, from netip.AddrPort, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := attachedTo(c.byIndex, index, from.Addr()); ok {
		c.heard(from, b)
	}
}

// attachedTo finds the interface that a datagram came in on, and its address in the
// sender's network. Where the system does not say which it was, any may be it.
func attachedTo(byIndex map[int]Interface, index int, a netip.Addr) (own netip.Addr, ok bool) {
	if i, known := byIndex[index]; known || index != 0 {
		return i.attached(a)
	}
	for _, i := range byIndex {
		if own, ok := i.attached(a); ok {
			return own, true
		}
	}
	return netip.Addr{}, false
}

// target is where a query goes on one interface, and from which of its addresses.
type target struct{ source, addr netip.Addr }

// socket is a UDP socket of one family that knows the interface of each datagram.
type socket interface {
	targets(Interface) []target
	send(b []byte, index int, source netip.Addr, to netip.AddrPort) error
	read(b []byte) (n, index int, from netip.AddrPort, err error)
	receive(func(index int, from netip.AddrPort, b []byte))
	SetReadDeadline(time.Time) error
	Close() error
}

type socket4 struct{ *ipv4.PacketConn }

func listen4() (socket, error) { return open4(":0", net.ListenConfig{}) }

func open4(addr string, c net.ListenConfig) (socket, error) {
	conn, err := c.ListenPacket(context.Background(), "udp4", addr)
	if err != nil {
		return nil, err
	}
	p := ipv4.NewPacketConn(conn)
	_ = p.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true) // what cannot tell the interface goes without
	return socket4{p}, nil
}

func (socket4) targets(i Interface) (list []target) {
	for _, p := range i.Prefixes {
		if p.Addr().Is4() && p.Bits() < 31 {
			list = append(list, target{p.Addr(), broadcastAddr(p)})
		}
	}
	return list
}

func (s socket4) send(b []byte, index int, source netip.Addr, to netip.AddrPort) error {
	_, err := s.WriteTo(b, &ipv4.ControlMessage{IfIndex: index, Src: source.AsSlice()}, net.UDPAddrFromAddrPort(to))
	return err
}

func (s socket4) read(b []byte) (n, index int, from netip.AddrPort, err error) {
	n, cm, addr, err := s.ReadFrom(b)
	if cm != nil {
		index = cm.IfIndex
	}
	return n, index, addrPort(addr), err
}

func (s socket4) receive(take func(int, netip.AddrPort, []byte)) { receive(s, take) }

type socket6 struct{ *ipv6.PacketConn }

func listen6() (socket, error) { return open6(":0", net.ListenConfig{}) }

func open6(addr string, c net.ListenConfig) (socket, error) {
	conn, err := c.ListenPacket(context.Background(), "udp6", addr)
	if err != nil {
		return nil, err
	}
	p := ipv6.NewPacketConn(conn)
	_ = p.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true)
	return socket6{p}, nil
}

// targets is the link once, from the interface's link-local address.
func (socket6) targets(i Interface) []target {
	for _, p := range i.Prefixes {
		if p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() {
			return []target{{p.Addr(), allNodes.WithZone(i.Name)}}
		}
	}
	return nil
}

func (s socket6) send(b []byte, index int, source netip.Addr, to netip.AddrPort) error {
	_, err := s.WriteTo(b, &ipv6.ControlMessage{IfIndex: index, Src: source.AsSlice()}, net.UDPAddrFromAddrPort(to))
	return err
}

func (s socket6) read(b []byte) (n, index int, from netip.AddrPort, err error) {
	n, cm, addr, err := s.ReadFrom(b)
	if cm != nil {
		index = cm.IfIndex
	}
	return n, index, addrPort(addr), err
}

func (s socket6) receive(take func(int, netip.AddrPort, []byte)) { receive(s, take) }

// maxDatagram is longer than any of ours: what fills it is none, and is seen as such.
const maxDatagram = locate.QuerySize + 1

// maxFailures is how often in a row a socket may fail to read before it is given up.
const maxFailures = 100

// receive hands over datagrams until the socket is closed or its time is over.
func receive(s socket, take func(int, netip.AddrPort, []byte)) {
	b := make([]byte, maxDatagram)
	for failures := 0; failures < maxFailures; failures++ {
		n, index, from, err := s.read(b)
		var timeout net.Error
		switch {
		case err == nil:
			failures = 0
			take(index, from, b[:n])
		case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, net.ErrClosed):
			return
		}
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		p := u.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}
