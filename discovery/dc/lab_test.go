package dc

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
)

const testSecret = "correct horse battery"

// lab is a domain controller that serves on loopback.
type lab struct {
	*Controller
	dir         string
	dns, enroll string // addresses
	log         *buffer
	stop        func()
}

// buffer is a log that tests read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// events are the texts of the events with that name.
func (b *buffer) events(t *testing.T, name string) (texts []string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.b.String()) {
		var e eventlog.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Name == name {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

// start runs a domain controller of corp.example; change may alter its configuration.
func start(t *testing.T, change func(*Config)) *lab {
	t.Helper()
	dir := t.TempDir()
	l := &lab{dir: dir, log: &buffer{}}
	c := Config{
		Host: "dc1", Domain: "corp.example", Dir: dir, Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Secret: []byte(testSecret),
		Subnets: []Subnet{{netip.MustParsePrefix("127.0.0.0/8"), "Oslo"}, {netip.MustParsePrefix("10.1.0.0/16"), "Bergen"}},
		Log:     eventlog.New(l.log, "dc1", Program, clock.System{}, nil),
	}
	if change != nil {
		change(&c)
	}
	if c.Forest == nil {
		c.Forest = openForest(t, filepath.Join(dir, "forest.pem"), c.Domain)
	}
	l.dir = c.Dir
	var err error
	if l.Controller, err = New(c); err != nil {
		t.Fatal(err)
	}
	sockets := listen(t)
	l.dns, l.enroll = sockets.UDP.LocalAddr().String(), sockets.Enroll.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, sockets) }()
	l.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(l.stop)
	return l
}

func openForest(t *testing.T, path, name string) *Forest {
	t.Helper()
	f, err := OpenForest(path, name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// listen opens the sockets, DNS by UDP and TCP on one port.
func listen(t *testing.T) Sockets {
	t.Helper()
	for range 20 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err != nil {
			tcp.Close() // the port is taken for UDP
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return Sockets{UDP: udp, TCP: tcp, Enroll: l}
	}
	t.Fatal("no port is free for both UDP and TCP")
	return Sockets{}
}

// host is a machine that is to join.
func host(t *testing.T, name string) *identity.Identity {
	t.Helper()
	id, err := identity.LoadOrCreate(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (l *lab) controller() identity.Controller { return identity.Controller{Addr: l.enroll} }

// join makes the host a member or fails the test.
func (l *lab) join(t *testing.T, id *identity.Identity, role string) *identity.Membership {
	t.Helper()
	m, err := id.Join(t.Context(), l.controller(), identity.JoinOptions{Domain: l.config.Domain, Role: role, Secret: []byte(testSecret)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// program runs one of BIND's tools, which the tests need.
func program(t *testing.T, stdin, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run 'make deps'", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// dig asks as an administrator would and returns what it prints.
func (l *lab) dig(t *testing.T, args ...string) string {
	t.Helper()
	addr, port, err := net.SplitHostPort(l.dns)
	if err != nil {
		t.Fatal(err)
	}
	out, err := program(t, "", "dig", append([]string{"@" + addr, "-p", port, "+tries=1", "+time=3"}, args...)...)
	if err != nil {
		t.Fatalf("dig %v: %v\n%s", args, err, out)
	}
	return out
}

// nsupdate sends an update; the lines are those between `server` and `send`.
func (l *lab) nsupdate(t *testing.T, keyFile, lines string, flags ...string) (string, error) {
	t.Helper()
	addr, port, err := net.SplitHostPort(l.dns)
	if err != nil {
		t.Fatal(err)
	}
	if keyFile != "" {
		flags = append(flags, "-k", keyFile)
	}
	return program(t, "server "+addr+" "+port+"\n"+lines+"\nsend\n", "nsupdate", flags...)
}

// await waits until an event of that name has been logged, and returns the last.
func (l *lab) await(t *testing.T, name string) string {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		if texts := l.log.events(t, name); len(texts) > 0 {
			return texts[len(texts)-1]
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Fatalf("no event %s", name)
	return ""
}
