package program

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Listen listens for what the program serves; its errors say what to do.
func Listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program; stop it or choose another --listen, such as 127.0.0.1:0", addr)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("no permission to listen on %s; choose another --listen, such as 127.0.0.1:0", addr)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another --listen", addr, err)
	}
	return l, nil
}
