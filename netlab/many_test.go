//go:build linux

package netlab_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tslab/tslab/netlab"
)

// Sixty hosts on three nets: when the lab is up, one datagram from each to all reaches
// every other host of its net, though nothing is sent twice, and none beyond.
func TestEveryHostReachesEveryOtherAtOnce(t *testing.T) {
	const nets, hosts, port = 3, 20, 7
	var s netlab.Spec
	for n := range nets {
		name := fmt.Sprintf("net%d", n)
		mustSpec(t, s.AddNet(name, netip.Prefix{}))
		for h := range hosts {
			mustSpec(t, s.AddHost(fmt.Sprintf("h%d-%d", n, h), name))
		}
	}
	l, err := netlab.New(t.Context(), s, netlab.Options{Folder: filepath.Join(t.TempDir(), "run"), Name: "x", Seed: 1})
	check(t, err)
	defer func() { check(t, l.Close()) }()
	conns := map[string]*net.UDPConn{}
	for _, h := range s.Hosts {
		check(t, l.Do(h.Name, func() error {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
			conns[h.Name] = c
			return err
		}))
		defer conns[h.Name].Close()
	}
	for i, h := range s.Hosts {
		to := net.IPv4(10, byte(i/hosts), 255, 255)
		_, err := conns[h.Name].WriteToUDP([]byte(h.Name), &net.UDPAddr{IP: to, Port: port})
		check(t, err)
	}
	for i, h := range s.Hosts {
		c, heard := conns[h.Name], map[string]bool{}
		// An ARP request that was lost would be sent again after a second.
		check(t, c.SetReadDeadline(time.Now().Add(900*time.Millisecond)))
		for b := make([]byte, 64); len(heard) < hosts; {
			n, _, err := c.ReadFromUDP(b)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("%s heard %d of %d hosts", h.Name, len(heard), hosts)
			}
			check(t, err)
			heard[string(b[:n])] = true
		}
		for name := range heard {
			if want := fmt.Sprintf("h%d-", i/hosts); name[:len(want)] != want {
				t.Errorf("%s heard %s, of another net", h.Name, name)
			}
		}
	}
}
