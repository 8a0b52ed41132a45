package ts

import (
	"context"
	"net"
)

// Take serves one connection, whoever accepted it, to its end.
func (s *Server) Take(ctx context.Context, c net.Conn) {
	g, refused := s.door.enter(c)
	if g == nil {
		s.refuse(c, refused)
		return
	}
	s.serve(ctx, g)
}
