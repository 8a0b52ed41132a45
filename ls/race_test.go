package ls_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// crowd lets 100 devices with validated temporary tokens ask for a CAL at once, and
// looks at what they got: exactly as many CALs as there are, no id twice.
func crowd(t *testing.T, l *lab, cals int, ask func(tsls.Allocate) (tsls.Message, error)) {
	t.Helper()
	devices := make([]*device, 100)
	for i := range devices {
		devices[i] = newDevice(i)
		l.ask(devices[i], tsls.RequestTemp, tsls.ClassNone)
		l.mark(devices[i])
	}
	var wg sync.WaitGroup
	answers := make([]tsls.Allocated, len(devices))
	for i, d := range devices {
		wg.Go(func() {
			m, err := ask(l.request(d, tsls.RequestCAL, tsls.ClassTemporary))
			if err != nil {
				t.Errorf("device %d: %v", i, err)
				return
			}
			answers[i] = m.(tsls.Allocated)
		})
	}
	wg.Wait()
	ids := map[string]int{}
	for i, a := range answers {
		switch a.Answer {
		case tsls.AnswerCALTake:
			devices[i].keep(t, a.License)
			if other, twice := ids[devices[i].license.LicenseID]; twice {
				t.Errorf("devices %d and %d both hold %s", i, other, devices[i].license.LicenseID)
			}
			ids[devices[i].license.LicenseID] = i
		case tsls.AnswerKeep:
		default:
			t.Errorf("device %d: answer %v", i, a.Answer)
		}
	}
	if len(ids) != cals || l.free() != 0 {
		t.Errorf("%d CALs issued and %d free, want %d and 0", len(ids), l.free(), cals)
	}
	for id, i := range ids {
		if devices[i].license.Kind != token.CAL || devices[i].license.HardwareID != devices[i].id {
			t.Errorf("%s is not a CAL of device %d", id, i)
		}
	}
}

// proves R96
func TestHundredClientsTenCALs(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 10)
	crowd(t, l, 10, func(req tsls.Allocate) (tsls.Message, error) { return l.tell(req) })
	l.sound()
}

// proves R96
func TestHundredClientsOverTransport(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 10)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, err := identity.LoadOrCreate(t.TempDir(), "ls1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, listener, host.ServerTLS(identity.AnyPeer, nil)) }()
	<-l.Ready()

	conns := make([]*transport.Conn, 4)
	for i := range conns {
		conns[i] = dial(t, listener.Addr().String())
	}
	var n atomic.Uint32
	crowd(t, l, 10, func(req tsls.Allocate) (tsls.Message, error) {
		return conns[n.Add(1)%uint32(len(conns))].Call(t.Context(), req)
	})
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	l.sound()
}

// dial connects as a terminal server does.
func dial(t testing.TB, addr string) *transport.Conn {
	t.Helper()
	me, err := identity.LoadOrCreate(t.TempDir(), "ts1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := transport.Dial(ctx, addr, me.ClientTLS(addr, identity.OpenPins(t.TempDir()), nil),
		tsls.Hello{Program: "termsrv", Name: "ts1", Edition: "w2k-sp3", Features: tsls.FeatureMark | tsls.FeatureExpiry})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
