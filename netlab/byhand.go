//go:build linux

package netlab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Attach starts any program in a host with stdio as its input, output and error
// output, and with env (NAME=value) beside what all programs have. With terminal the
// input is a terminal, which becomes the program's own: its keys reach what runs in the
// foreground.
func (l *Lab) Attach(hostName string, argv, env []string, stdio [3]*os.File, terminal bool) (*Process, error) {
	l.action()
	h, err := l.host(hostName)
	if err != nil {
		return nil, err
	}
	if len(argv) == 0 {
		return nil, fmt.Errorf("no program to run on %s", hostName)
	}
	return l.launch(h, launch{argv: argv, env: env, output: filepath.Join(l.hostFolder(hostName), "output", "byhand-"), stdio: stdio[:], terminal: terminal})
}

// RunningOn are the names of the programs that the lab has started in a host and that
// have not ended.
func (l *Lab) RunningOn(hostName string) []string {
	names := []string{}
	for _, p := range l.running {
		if p.Host == hostName && p.Running() {
			names = append(names, p.Program)
		}
	}
	return names
}

// Wait returns the program's exit status when it has ended; when ctx ends first, it
// is killed.
func (p *Process) Wait(ctx context.Context) int {
	select {
	case <-p.done:
	case <-ctx.Done():
		_ = p.signalGroup(syscall.SIGKILL)
	}
	return p.Exit()
}

// Do runs f in a host, on its thread: files and sockets that f opens are the host's
// wherever they are used later.
func (l *Lab) Do(hostName string, f func() error) error {
	h, err := l.host(hostName)
	if err != nil {
		return err
	}
	return h.Do(f)
}

// Dial connects from a host to a port of another by TCP.
func (l *Lab) Dial(ctx context.Context, from, to string, port uint16) (net.Conn, error) {
	h, err := l.host(from)
	if err != nil {
		return nil, err
	}
	_, err = l.host(to)
	if err != nil {
		return nil, err
	}
	// An address as it stands: for a name, the dialer would leave the host's thread.
	addr := netip.AddrPortFrom(l.spec.AddressesOf(to, from)[0], port)
	var conn net.Conn
	err = h.Do(func() error {
		var dialer net.Dialer
		conn, err = dialer.DialContext(ctx, "tcp", addr.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s to %s: %w", from, net.JoinHostPort(to, strconv.Itoa(int(port))), err)
	}
	return conn, nil
}
