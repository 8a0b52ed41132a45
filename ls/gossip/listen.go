package gossip

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// maxDatagram is more than any packet that is sent here has.
const maxDatagram = 4096

// sockets is the transport of real networks: UDP for packets, TCP for streams, on one
// port. It keeps one buffer, where memberlist's own takes 64 KB for each packet.
type sockets struct {
	advertise netip.AddrPort
	tcp       *net.TCPListener
	udp       *net.UDPConn
	packets   chan *memberlist.Packet
	streams   chan net.Conn
	closed    chan struct{}
	close     sync.Once
	all       sync.WaitGroup
}

// Listen opens UDP and TCP on one address, port 0 standing for any. The address that
// it returns is the one to advertise: that of advertise where it is valid, with the
// port of the sockets if it has none.
func Listen(bind netip.AddrPort, advertise netip.Addr) (Transport, netip.AddrPort, error) {
	ip := net.IP(bind.Addr().AsSlice())
	if bind.Addr().IsUnspecified() {
		ip = nil // of whatever families the host has
	}
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip, Port: int(bind.Port())})
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("gossip: %w: choose another --gossip", err)
	}
	port := tcp.Addr().(*net.TCPAddr).AddrPort().Port()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: int(port)})
	if err != nil {
		tcp.Close()
		return nil, netip.AddrPort{}, fmt.Errorf("gossip: %w: choose another --gossip", err)
	}
	s := &sockets{
		advertise: netip.AddrPortFrom(advertise, port), tcp: tcp, udp: udp,
		packets: make(chan *memberlist.Packet), streams: make(chan net.Conn), closed: make(chan struct{}),
	}
	s.all.Go(s.receive)
	s.all.Go(s.accept)
	return s, s.advertise, nil
}

// receive reads packets until the socket is closed.
func (s *sockets) receive() {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			select {
			case <-s.closed:
				return
			default:
				continue // an ICMP error of a packet sent before
			}
		}
		p := &memberlist.Packet{Buf: append([]byte(nil), buf[:n]...), From: net.UDPAddrFromAddrPort(from), Timestamp: time.Now()}
		select {
		case s.packets <- p:
		case <-s.closed:
			return
		}
	}
}

// accept takes streams until the listener is closed.
func (s *sockets) accept() {
	for {
		conn, err := s.tcp.Accept()
		if err != nil {
			select {
			case <-s.closed:
				return
			case <-time.After(acceptPause):
				continue
			}
		}
		select {
		case s.streams <- conn:
		case <-s.closed:
			conn.Close()
			return
		}
	}
}

// acceptPause is for a lack of file descriptors to pass.
const acceptPause = 100 * time.Millisecond

// FinalAdvertiseAddr is what was advertised already.
func (s *sockets) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return s.advertise.Addr().AsSlice(), int(s.advertise.Port()), nil
}

// WriteTo sends a packet.
func (s *sockets) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return time.Time{}, err
	}
	_, err = s.udp.WriteToUDPAddrPort(b, to)
	return time.Now(), err
}

// PacketCh is where packets come.
func (s *sockets) PacketCh() <-chan *memberlist.Packet { return s.packets }

// DialTimeout makes a stream.
func (s *sockets) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", addr, timeout)
}

// StreamCh is where streams come.
func (s *sockets) StreamCh() <-chan net.Conn { return s.streams }

// Shutdown closes the sockets and waits for their readers.
func (s *sockets) Shutdown() error {
	s.close.Do(func() {
		close(s.closed)
		s.tcp.Close()
		s.udp.Close()
	})
	s.all.Wait()
	return nil
}
