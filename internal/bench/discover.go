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
	"syscall"
	"time"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/wire/locate"
)

const (
	roleDiscover = "discover" // answers broadcasts
	roleAsker    = "asker"    // asks, in the other host
)

// answered is how long an answer takes in two namespaces, in microseconds, the median
// of many: bare is a datagram and its echo, of the same sizes.
type answered struct{ Bare, Broadcast float64 }

// discoverDrill has a terminal server look again and again, in the three ways.
const discoverDrill = `# How long it takes to find a license server
domain = "corp.example"
lan = net("lan")
ts1 = host("ts1", lan)
ls1 = host("ls1", lan)
ts2 = host("ts2", lan, domain = domain)
dc1 = host("dc1", lan, domain = domain, dc = True)
start(dc1, "labdc")
start(dc1, "lserver")
start(ls1, "lserver")
start(ts1, "termsrv")
start(ts2, "termsrv")
for i in range(%d):
    for ts, ls in [(ts1, ls1), (ts2, dc1)]:
        for name in [ls.address, ""]:
            run(ts, "tscc", "set", "DefaultLicenseServer=" + name)
            await_event("server.found", host = ts)
`

// discoveries measures how a license server is found, and what its death costs.
func discoveries(ctx context.Context, bin string, span time.Duration, print func(figure)) error {
	z := sizeOf(span)
	var a answered
	if err := playRole(ctx, roleDiscover, z, &a); err != nil {
		return err
	}
	print(figure{"discovery: a datagram and its echo", a.Bare, "us"})
	print(figure{"discovery: broadcast to first answer", a.Broadcast, "us"})
	print(figure{"ratio to the echo (goal 3)", a.Broadcast / a.Bare, "times"})
	if err := foundBy(ctx, bin, z, print); err != nil {
		return err
	}
	return failovers(ctx, bin, z, print)
}

// asked measures the two round trips.
func asked(ctx context.Context, z size, out io.Writer) error {
	s, err := newStreet(ctx)
	if err != nil {
		return err
	}
	reply := locate.Reply{Name: "h2", Port: 3343, Edition: "w2k-sp3", Scope: locate.Workgroup}
	r := &discovery.Responder{Reply: func() locate.Reply { return reply }, Burst: 1 << 30}
	var echo net.PacketConn
	err = s.hosts[1].Do(func() (err error) {
		list, err := discovery.Interfaces()
		if err != nil {
			return err
		}
		r.Interfaces = func() ([]discovery.Interface, error) { return list, nil }
		if echo, err = net.ListenPacket("udp4", ":7"); err != nil {
			return err
		}
		return r.Listen()
	})
	if err != nil {
		return err
	}
	defer echo.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go r.Run(ctx)
	go echoes(echo)
	text, err := json.Marshal(z)
	if err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+roleAsker, sizeVariable+"="+string(text))
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := s.hosts[0].Start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// ask measures both in a process of its own, as terminal servers are: in turn, so that
// both meet the machine alike.
func ask(ctx context.Context, z size, out io.Writer) error {
	echo, err := net.Dial("udp4", netip.AddrPortFrom(address(1), 7).String())
	if err != nil {
		return err
	}
	defer echo.Close()
	query, err := locate.Query{Nonce: locate.Nonce{1}}.Append(nil)
	if err != nil {
		return err
	}
	u := &discovery.UDP{}
	var bare, broadcast []float64
	for i := range max(z.Packets/100, 5) {
		for _, turn := range []int{i, i + 1} { // each is the first one in every other round
			times, once := &bare, func() (time.Duration, error) { return bareOnce(echo) }
			if turn%2 == 1 {
				times, once = &broadcast, func() (time.Duration, error) { return broadcastOnce(ctx, u, query) }
			}
			took, err := once()
			if err != nil {
				return err
			}
			*times = append(*times, float64(took.Nanoseconds())/1000)
		}
	}
	return json.NewEncoder(out).Encode(answered{median(bare), median(broadcast)})
}

const replySize = 53 // bytes, as the answer of [asked] has

func echoes(c net.PacketConn) {
	b := make([]byte, locate.QuerySize)
	for {
		_, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = c.WriteTo(b[:replySize], from) // who waits in vain says so
	}
}

// bareOnce is the round trip of a datagram on a standing socket.
func bareOnce(c net.Conn) (time.Duration, error) {
	b := make([]byte, locate.QuerySize)
	c.SetDeadline(time.Now().Add(time.Second))
	begin := time.Now()
	_, err1 := c.Write(b)
	_, err2 := c.Read(b)
	return time.Since(begin), errors.Join(err1, err2)
}

// broadcastOnce is the time from the call that asks everybody to the first answer.
func broadcastOnce(ctx context.Context, u *discovery.UDP, query []byte) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	begin := time.Now()
	err = u.Broadcast(ctx, query, func(netip.AddrPort, []byte) {
		took = time.Since(begin)
		cancel()
	})
	if err == nil && took == 0 {
		err = errors.New("nobody answers the broadcast")
	}
	return took, err
}

// foundBy measures the programs: from the moment that what is sought changes to that
// at which the license server is found, probe and all.
func foundBy(ctx context.Context, bin string, z size, print func(figure)) error {
	dir, err := os.MkdirTemp("", "tslab-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "discover.star")
	if err := os.WriteFile(path, fmt.Appendf(nil, discoverDrill, 3*z.Rounds), 0o644); err != nil {
		return err
	}
	p, err := harness.Start(dir, nil, "", filepath.Join(bin, "tslab"), "run", path)
	if err != nil {
		return err
	}
	defer p.Kill()
	if code, err := p.Wait(ctx); code != 0 || err != nil {
		return fmt.Errorf("tslab run: exit status %d, %v:\n%s", code, err, p.Output())
	}
	took := map[string][]float64{}
	for _, host := range []string{"ts1", "ts2"} {
		all, err := eventlog.ReadFile(filepath.Join(dir, "runs", "discover", "hosts", host, "termsrv", "events.jsonl"))
		if err != nil {
			return err
		}
		var begin time.Time
		for _, e := range all {
			switch {
			case e.Name == eventlog.SettingsChanged.Name:
				begin = e.Machine
			case e.Name == eventlog.ServerFound.Name && !begin.IsZero():
				took[e.Fields["how"]] = append(took[e.Fields["how"]], float64(e.Machine.Sub(begin).Microseconds())/1000)
			}
		}
	}
	for _, way := range []struct{ how, name string }{
		{"override", "discovery by override, to a probed server"}, {"dcs", "discovery by SRV records, to a probed server"},
		{"broadcast", "discovery by broadcast, waiting 50 ms for all"},
	} {
		if len(took[way.how]) == 0 {
			return fmt.Errorf("no license server was found by %s", way.how)
		}
		print(figure{way.name, median(took[way.how]), "ms"})
	}
	return nil
}

// failovers measures what a client waits for that is the first one after the death of
// the license server: one that is killed, and one that takes requests and answers none.
func failovers(ctx context.Context, bin string, z size, print func(figure)) error {
	var healthy, killed, silent []float64
	for range z.Rounds {
		for _, how := range []struct {
			times *[]float64
			end   func(*harness.Process) error
		}{
			{&healthy, func(*harness.Process) error { return nil }},
			{&killed, func(p *harness.Process) error { p.Kill(); return nil }},
			{&silent, freeze},
		} {
			if err := farm(bin, func(f *harness.Farm) error {
				took, err := failover(ctx, f, how.end)
				*how.times = append(*how.times, took)
				return err
			}); err != nil {
				return err
			}
		}
	}
	print(figure{"a client, both license servers alive", median(healthy), "ms"})
	print(figure{"the next client, one killed (goal 50)", median(killed), "ms"})
	print(figure{"the next client, one silent (goal 1500)", median(silent), "ms"})
	return nil
}

// failover is how long a new device takes after end has done its work, in ms.
func failover(ctx context.Context, f *harness.Farm, end func(*harness.Process) error) (float64, error) {
	if err := os.Mkdir(f.Path("second"), 0o700); err != nil {
		return 0, err
	}
	second, err := harness.NewFarm(f.Bin, f.Path("second"))
	if err != nil {
		return 0, err
	}
	defer second.Close()
	f.LServerArgs, second.LServerArgs = []string{"--edition", "ws2003"}, []string{"--edition", "ws2003"}
	if err := errors.Join(f.StartLServer(ctx), second.StartLServer(ctx)); err != nil {
		return 0, err
	}
	first := f.LServerAddr
	f.LServerAddr += "," + second.LServerAddr
	f.TermServArgs = []string{"--edition", "ws2003", "--security", "rdp", "--encryption", "none"}
	err = f.StartTermServ(ctx)
	f.LServerAddr = first
	if err != nil {
		return 0, err
	}
	persona, err := client.FindPersona(client.DefaultPersona)
	if err != nil {
		return 0, err
	}
	store, err := client.OpenStore(persona, f.Path("device"))
	if err != nil {
		return 0, err
	}
	if err := end(f.LServer); err != nil {
		return 0, err
	}
	begin := time.Now()
	s, err := client.Connect(ctx, &client.Config{Server: f.Addr, Persona: persona, Store: store, Name: "PC-1", User: "lab", Password: "lab"})
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	if s.Licensed.Stored == nil {
		return 0, errors.New("the device was given no license")
	}
	return float64(took.Microseconds()) / 1000, s.Close()
}

// freeze stops a program where it is: its connections stay open and nothing answers.
func freeze(p *harness.Process) error { return syscall.Kill(p.PID(), syscall.SIGSTOP) }
