package ts

import (
	"context"
	"errors"
	"net"
)

// Server is a terminal server.
type Server struct {
	config Config
}

// New makes a terminal server: its keys are made now if its state folder has none.
func New(c Config) (*Server, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Server{config: c}, nil
}

// Addr is where it listens.
func (s *Server) Addr() net.Addr { return s.config.Listener.Addr() }

// Run serves until ctx ends, then ends every connection and returns nil.
func (s *Server) Run(ctx context.Context) error { return errors.ErrUnsupported }
