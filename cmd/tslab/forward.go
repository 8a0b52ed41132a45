//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// forward is a port of this machine's loopback that leads to a port of a host.
type forward struct {
	local uint16
	host  string
	port  uint16
}

func parseForward(text string) (f forward, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 2 && len(parts) != 3 {
		return f, errors.New("want HOST:PORT or PORT:HOST:PORT")
	}
	port, err := strconv.ParseUint(parts[len(parts)-1], 10, 16)
	if err != nil || port == 0 {
		return f, fmt.Errorf("%q is no port", parts[len(parts)-1])
	}
	f = forward{uint16(port), parts[len(parts)-2], uint16(port)}
	if len(parts) == 3 {
		local, err := strconv.ParseUint(parts[0], 10, 16)
		if err != nil {
			return f, fmt.Errorf("%q is no port", parts[0])
		}
		f.local = uint16(local)
	}
	return f, nil
}

func listenAll(forwards []forward) ([]*net.TCPListener, error) {
	var all []*net.TCPListener
	for _, f := range forwards {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(f.local)})
		if err != nil {
			return nil, fmt.Errorf("forward to %s:%d: %w; choose another port with --forward PORT:%s:%d", f.host, f.port, err, f.host, f.port)
		}
		all = append(all, l)
		fmt.Printf("%v leads to %s:%d\n", l.Addr(), f.host, f.port)
	}
	return all, nil
}

// serveForward hands every connection to the lab.
func serveForward(l *net.TCPListener, folder string, f forward) {
	for {
		conn, err := l.AcceptTCP()
		if err != nil {
			return
		}
		go func() {
			file, err := conn.File()
			conn.Close()
			if err != nil {
				return
			}
			defer file.Close()
			// What goes wrong shows as a connection that is closed.
			_, _ = hand(context.Background(), folder, handful{Host: f.host, Port: f.port}, file)
		}()
	}
}
