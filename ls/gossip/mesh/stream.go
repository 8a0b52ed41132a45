package mesh

import (
	"net"
	"net/netip"
)

// stream is a connection between two hosts.
type stream struct {
	mesh      *Mesh
	from, to  netip.AddrPort
	near, far net.Conn
}

// end breaks the stream; it needs the mesh's lock.
func (s *stream) end() {
	s.near.Close()
	s.far.Close()
	delete(s.mesh.streams, s)
}

// end is one end of a stream.
type end struct {
	net.Conn
	stream *stream
	peer   net.Addr
}

// RemoteAddr is the host at the other end.
func (e end) RemoteAddr() net.Addr { return e.peer }

// Write counts what goes through.
func (e end) Write(b []byte) (int, error) {
	n, err := e.Conn.Write(b)
	e.stream.mesh.mu.Lock()
	defer e.stream.mesh.mu.Unlock()
	e.stream.mesh.sent.StreamBytes += n
	return n, err
}

// Close closes this end.
func (e end) Close() error {
	err := e.Conn.Close()
	e.stream.mesh.mu.Lock()
	defer e.stream.mesh.mu.Unlock()
	delete(e.stream.mesh.streams, e.stream)
	return err
}
