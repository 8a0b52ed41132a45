package main

import (
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
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/netlab/capture"
	"github.com/tslab/tslab/netlab/netns"
)

const (
	roleFlood  = "flood"  // records a flood, and lets tcpdump record one
	roleSender = "sender" // sends a flood

	floodPayload = 64 // bytes
	floodRing    = 8 << 20
	floodBacklog = 64 << 20
)

// recorded is what a recorder made of a flood.
type recorded struct {
	Packets uint64  `json:"packets"`
	Lost    uint64  `json:"lost"`
	CPU     float64 `json:"cpu"` // nanoseconds a packet
}

type flood struct{ Lab, Tcpdump []recorded }

// captures compares the lab's recorder with tcpdump, under a flood as fast as one sender
// can: what is lost, and the processor time of a packet.
func captures(ctx context.Context, _ string, span time.Duration, print func(figure)) error {
	var f flood
	z := sizeOf(span)
	if err := playRole(ctx, roleFlood, z, &f); err != nil {
		return err
	}
	lab := middle(f.Lab)
	print(figure{"flood: packets recorded", float64(lab.Packets) / z.Flood.Seconds(), "packets/s"})
	print(figure{"flood: packets lost (goal 0)", float64(lab.Lost), "packets"})
	print(figure{"flood: recorder's CPU", lab.CPU, "ns a packet"})
	if len(f.Tcpdump) == 0 {
		return absent(print, "tcpdump", noTcpdump(), "flood")
	}
	other := middle(f.Tcpdump)
	print(figure{"flood: tcpdump's CPU", other.CPU, "ns a packet"})
	print(figure{"flood: packets tcpdump lost", float64(other.Lost), "packets"})
	print(figure{"ratio to tcpdump, CPU (goal 1.2)", lab.CPU / other.CPU, "times"})
	return nil
}

// middle is the run with the median CPU, and what all runs lost.
func middle(all []recorded) recorded {
	var cpus []float64
	var lost uint64
	for _, r := range all {
		cpus = append(cpus, r.CPU)
		lost += r.Lost
	}
	m := recorded{CPU: median(cpus), Lost: lost}
	for _, r := range all {
		if r.CPU == m.CPU {
			m.Packets = r.Packets
		}
	}
	return m
}

// street is two hosts on a net.
type street struct {
	sw    *netns.Switch
	hosts [2]*netns.Host
	ports [2]string
}

func newStreet(ctx context.Context) (*street, error) {
	sw, err := netns.NewSwitch()
	if err != nil {
		return nil, err
	}
	s, bridge := &street{sw: sw}, sw.Name("br")
	if err := sw.AddBridge(bridge); err != nil {
		return nil, err
	}
	for i := range s.hosts {
		h, err := netns.NewHost(fmt.Sprintf("h%d", i+1), netns.Etc{Hosts: os.DevNull, ResolvConf: os.DevNull})
		if err != nil {
			return nil, err
		}
		s.hosts[i], s.ports[i] = h, sw.Name("p", i)
		err = sw.Connect(h, netns.Cable{
			Bridge: bridge, Port: s.ports[i], Interface: "eth0", MAC: net.HardwareAddr{2, 0, 0, 0, 0, byte(i + 1)},
			Address: netip.PrefixFrom(address(i), 24),
		})
		if err != nil {
			return nil, err
		}
	}
	err = sw.AwaitPorts(ctx, s.ports[:])
	for _, h := range s.hosts {
		err = errors.Join(err, h.AwaitInterfaces(ctx, []string{"eth0"}))
	}
	return s, err
}

func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}) }

// target is where a flood goes: a socket that nobody reads.
func (s *street) target() (*net.UDPConn, error) {
	var sink *net.UDPConn
	err := s.hosts[1].Do(func() (err error) {
		sink, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(address(1), floodPort)))
		return err
	})
	return sink, err
}

const floodPort = 7007

// flooded records floods in turn with the lab's recorder and with tcpdump.
func flooded(ctx context.Context, z size, out io.Writer) error {
	s, err := newStreet(ctx)
	if err != nil {
		return err
	}
	sink, err := s.target()
	if err != nil {
		return err
	}
	defer sink.Close()
	dir, err := os.MkdirTemp("", "tslab-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var f flood
	for range z.Rounds {
		r, err := s.byLab(ctx, dir)
		if err != nil {
			return err
		}
		f.Lab = append(f.Lab, r)
		if noTcpdump() != nil {
			continue
		}
		if r, err = s.byTcpdump(ctx, dir); err != nil {
			return err
		}
		f.Tcpdump = append(f.Tcpdump, r)
	}
	return json.NewEncoder(out).Encode(f)
}

// noTcpdump is why there is no tcpdump to compare with.
func noTcpdump() error {
	if os.Getuid() != 0 {
		return errors.New("in a user namespace it cannot give up its rights, and ends")
	}
	return harness.Need("tcpdump")
}

// send runs a sender in the first host until it has ended.
func (s *street) send() error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+roleSender)
	cmd.Stderr = os.Stderr
	if err := s.hosts[0].Start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// sendFlood is the sender: datagrams one after the other.
func sendFlood(span time.Duration) error {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(address(1), floodPort)))
	if err != nil {
		return err
	}
	defer conn.Close()
	b := make([]byte, floodPayload)
	const look = 256 // at the clock, every so many
	for begin := time.Now(); time.Since(begin) < span; {
		for range look {
			if _, err := conn.Write(b); err != nil && !errors.Is(err, syscall.ENOBUFS) {
				return err
			}
		}
	}
	return nil
}

func (s *street) byLab(ctx context.Context, dir string) (recorded, error) {
	link, err := capture.Open("h1:eth0", s.ports[0], filepath.Join(dir, "lab.pcap"), floodRing, capture.NewBacklog(floodBacklog), func(frame []byte) error {
		return s.hosts[0].SendFrame("eth0", frame)
	})
	if err != nil {
		return recorded{}, err
	}
	before, err := used(unix.RUSAGE_SELF)
	if err != nil {
		return recorded{}, err
	}
	if err := s.send(); err != nil {
		return recorded{}, err
	}
	stats, err := link.End(ctx)
	err = errors.Join(err, link.Close())
	after, usedErr := used(unix.RUSAGE_SELF)
	return recorded{stats.Packets, stats.Drops, float64((after - before).Nanoseconds()) / float64(stats.Packets)}, errors.Join(err, usedErr)
}

// used is the processor time of this process.
func used(who int) (time.Duration, error) {
	var u unix.Rusage
	err := unix.Getrusage(who, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

func (s *street) byTcpdump(ctx context.Context, dir string) (recorded, error) {
	cmd := exec.CommandContext(ctx, "tcpdump", "-i", s.ports[0], "-Q", "in", "-B", strconv.Itoa(floodRing>>10), "-n", "-Z", "root", "-w", filepath.Join(dir, "tcpdump.pcap"))
	said, err := cmd.StderrPipe()
	if err != nil {
		return recorded{}, err
	}
	if err := cmd.Start(); err != nil {
		return recorded{}, err
	}
	defer cmd.Process.Kill()
	var words strings.Builder
	for b := make([]byte, 1); !strings.Contains(words.String(), "listening on"); {
		if _, err := said.Read(b); err != nil {
			return recorded{}, fmt.Errorf("tcpdump: %w: %s", err, words.String())
		}
		words.Write(b)
	}
	if err := s.send(); err != nil {
		return recorded{}, err
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		return recorded{}, err
	}
	rest, err := io.ReadAll(said)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return recorded{}, err
	}
	count := func(what string) (n uint64) {
		if m := regexp.MustCompile(`(\d+) packets ` + what).FindSubmatch(rest); m != nil {
			n, _ = strconv.ParseUint(string(m[1]), 10, 64)
		}
		return n
	}
	r := recorded{Packets: count("captured"), Lost: count("dropped by kernel")}
	state := cmd.ProcessState
	r.CPU = float64((state.UserTime() + state.SystemTime()).Nanoseconds()) / float64(r.Packets)
	return r, nil
}
