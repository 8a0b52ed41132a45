package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/netlab"
)

const (
	roleHosts = "hosts" // builds a lab of many hosts

	patience        = 30 * time.Second // with what is left of a lab
	mininetPatience = 3 * time.Minute
)

// upDown is how long a lab of many hosts took.
type upDown struct {
	Up      float64 `json:"up"`      // until every host reaches every other
	Down    float64 `json:"down"`    // until no interface and no host is left of it
	Forgot  float64 `json:"forgot"`  // until the kernel knows no network of it either, from the same moment
	Reached int     `json:"reached"` // pairs of hosts, without a lost first frame
}

// manyHostsUp compares a lab of many hosts on one net with mininet's, on its Linux
// bridge and without a controller, measured inside of mininet, so without its import. The
// lab is measured before mininet and after it: the machine may do something else besides.
func manyHostsUp(ctx context.Context, _ string, span time.Duration, print func(figure)) error {
	z := sizeOf(span)
	var ups, downs, forgot []float64
	measure := func() error {
		for range z.Rounds {
			var m upDown
			if err := playRole(ctx, roleHosts, z, &m); err != nil {
				return err
			}
			if want := z.Hosts * (z.Hosts - 1); m.Reached != want {
				return fmt.Errorf("%d of %d pairs of hosts reached each other at once", m.Reached, want)
			}
			ups, downs, forgot = append(ups, m.Up), append(downs, m.Down), append(forgot, m.Forgot)
		}
		return nil
	}
	if err := measure(); err != nil {
		return err
	}
	reference, absence := mininet(ctx, z.Hosts)
	if err := measure(); err != nil {
		return err
	}
	up, down := median(ups), median(downs)
	print(figure{fmt.Sprintf("%d hosts up, each reaches each", z.Hosts), up, "ms"})
	print(figure{fmt.Sprintf("%d hosts down, no interface left", z.Hosts), down, "ms"})
	print(figure{fmt.Sprintf("%d hosts forgotten by the kernel", z.Hosts), median(forgot), "ms"})
	if absence != nil {
		return absent(print, "mininet", absence, "hosts up", "hosts down")
	}
	print(figure{"mininet, LinuxBridge: up", reference.Up, "ms"})
	print(figure{"mininet, LinuxBridge: down", reference.Down, "ms"})
	print(figure{"ratio to mininet, up (goal 10)", reference.Up / up, "times faster"})
	print(figure{"ratio to mininet, down (goal 30)", reference.Down / down, "times faster"})
	return nil
}

// upAndDown builds the lab, lets every host reach every other, and gives it up.
func upAndDown(ctx context.Context, z size, out io.Writer) error {
	dir, err := os.MkdirTemp("", "tslab-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var spec netlab.Spec
	if err := spec.AddNet("lan", netip.Prefix{}); err != nil {
		return err
	}
	for i := range z.Hosts {
		if err := spec.AddHost(fmt.Sprintf("h%d", i), "lan"); err != nil {
			return err
		}
	}
	begin := time.Now()
	lab, err := netlab.New(ctx, spec, netlab.Options{Folder: filepath.Join(dir, "run"), Name: "bench"})
	if err != nil {
		return err
	}
	m := upDown{Up: milliseconds(begin)}
	if m.Reached, err = reach(lab); err != nil {
		return errors.Join(err, lab.Close())
	}
	l, err := left()
	n, awayErr := away()
	if err := errors.Join(err, awayErr); err != nil || l.interfaces <= z.Hosts || l.namespaces == 0 || n != z.Hosts {
		return errors.Join(fmt.Errorf("of %d hosts %d threads and %+v are seen: that they are gone could not be told", z.Hosts, n, l), err, lab.Close())
	}
	begin = time.Now()
	if err := lab.Close(); err != nil {
		return err
	}
	m.Down, m.Forgot, err = awaitGone(ctx, begin)
	if err != nil {
		return err
	}
	if n, err := away(); err != nil || n > 0 {
		return errors.Join(fmt.Errorf("%d threads are still in hosts", n), err)
	}
	return json.NewEncoder(out).Encode(m)
}

// awaitGone waits until no interface is left, which is what mininet is asked for, and then
// until the kernel has forgotten the networks, which it does by itself.
func awaitGone(ctx context.Context, begin time.Time) (down, forgot float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for l := (leftover{interfaces: 1}); l != (leftover{}); {
		if ctx.Err() != nil {
			return 0, 0, fmt.Errorf("of the lab are left %+v: %w", l, ctx.Err())
		}
		if l, err = left(); err != nil {
			return 0, 0, err
		}
		if l.interfaces == 0 && down == 0 {
			down = milliseconds(begin)
		}
	}
	return down, milliseconds(begin), nil
}

// leftover is what is there of a lab.
type leftover struct {
	interfaces int // besides the loopback
	namespaces int // of networks, that interfaces have led to
}

// left looks what is there of a lab, as the kernel tells it.
func left() (leftover, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return leftover{}, err
	}
	l := leftover{interfaces: len(interfaces) - 1}
	ids, err := syscall.NetlinkRIB(unix.RTM_GETNSID, unix.AF_UNSPEC)
	if err != nil {
		return l, os.NewSyscallError("netlink", err)
	}
	messages, err := syscall.ParseNetlinkMessage(ids)
	for _, m := range messages {
		if m.Header.Type == unix.RTM_NEWNSID {
			l.namespaces++
		}
	}
	return l, os.NewSyscallError("netlink", err)
}

// away counts the threads of this process that have mounts of their own, as hosts do.
func away() (n int, err error) {
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return 0, err
	}
	threads, err := filepath.Glob("/proc/self/task/*/ns/mnt")
	for _, path := range threads {
		mounts, err := os.Readlink(path)
		if err == nil && mounts != own { // else it has just ended
			n++
		}
	}
	return n, err
}

func milliseconds(begin time.Time) float64 { return time.Since(begin).Seconds() * 1000 }

// reach lets every host send one datagram to all, and counts how many came. Nothing is
// sent again. (With a frame to each alone, the kernel's one table of neighbors, 1024
// entries for all namespaces, would be what is measured.)
func reach(lab *netlab.Lab) (n int, err error) {
	const port, onTheWay = 7, 5 * time.Second
	var conns []*net.UDPConn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	hosts := lab.Spec().Hosts
	for _, h := range hosts {
		err := lab.Do(h.Name, func() error {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
			conns = append(conns, c)
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	for _, c := range conns {
		if _, err := c.WriteToUDP([]byte("all"), &net.UDPAddr{IP: net.IPv4(10, 0, 255, 255), Port: port}); err != nil {
			return 0, err
		}
	}
	end := time.Now().Add(onTheWay)
	for i, c := range conns {
		if err := c.SetReadDeadline(end); err != nil {
			return n, err
		}
		for heard := 0; heard < len(hosts); heard++ { // itself too
			_, from, err := c.ReadFromUDPAddrPort(make([]byte, 8))
			if err != nil {
				return n, nil // the others do not come
			}
			if from.Addr() != hosts[i].Address() {
				n++
			}
		}
	}
	return n, nil
}

// mininetProgram does the same in mininet: up is when what every host sends to all has
// come to every other, and down when neither an interface nor a host is left. A try in
// which something does not come takes a tenth of a second, no more.
const mininetProgram = `
import ctypes, os, socket, sys, time
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import SingleSwitchTopo

def enter(path):
    fd = os.open(path, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0):
        raise OSError(ctypes.get_errno(), "setns " + path)
    os.close(fd)

def listen(host):
    enter("/proc/%d/ns/net" % host.pid)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.bind(("", 7))
    return s

def heard(s, all, end):
    from_whom = set()
    try:
        while len(from_whom) < all:
            s.settimeout(max(end - time.time(), 0.001))
            from_whom.add(s.recvfrom(8)[1][0])
    except socket.timeout:
        return False
    return True

def reach(hosts):
    sockets = [listen(h) for h in hosts]
    enter("/proc/%d/ns/net" % os.getpid())
    for s in sockets:
        s.sendto(b"all", ("10.255.255.255", 7))
    end = time.time() + 0.1
    reached = all(heard(s, len(hosts), end) for s in sockets)
    for s in sockets:
        s.close()
    return reached

size, interfaces, begin = int(sys.argv[1]), set(os.listdir("/sys/class/net")), time.time()
net = Mininet(topo=SingleSwitchTopo(size), switch=LinuxBridge, controller=None, waitConnected=False)
net.start()
up = time.time()
while not reach(net.hosts):
    up = time.time()
pids, down = [h.pid for h in net.hosts], time.time()
net.stop()
while set(os.listdir("/sys/class/net")) - interfaces or any(os.path.exists("/proc/%d/ns/net" % pid) for pid in pids):
    pass
print("figures", (up - begin) * 1000, (time.time() - down) * 1000, size * (size - 1))
`

// mininet measures once: it takes long enough to tell.
func mininet(ctx context.Context, hosts int) (upDown, error) {
	if os.Getuid() != 0 {
		return upDown{}, errors.New("mininet needs root")
	}
	const python = "/usr/bin/python3" // for which Debian's mininet is installed
	ctx, cancel := context.WithTimeout(ctx, mininetPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "-c", mininetProgram, strconv.Itoa(hosts))
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		var m upDown
		if _, scanErr := fmt.Sscanf(line, "figures %f %f %d", &m.Up, &m.Down, &m.Reached); scanErr == nil {
			return m, err
		}
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return upDown{}, fmt.Errorf("%w: %s", cmp.Or(err, errors.New("it printed no figures")), lines[len(lines)-1])
}
