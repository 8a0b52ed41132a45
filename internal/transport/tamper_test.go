package transport_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/tamper"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/tsls"
)

// Faults inside of TLS, at either end: a message that is lost is never seen or never
// answered, and the connection stays good.
func TestTamper(t *testing.T) {
	var asked atomic.Int64
	handler := func(ctx context.Context, peer transport.Peer, m tsls.Message) tsls.Message {
		if m.Type() == tsls.TypePing {
			asked.Add(1)
		}
		return echo(ctx, peer, m)
	}
	server, client := &tamper.Table{}, &tamper.Table{}
	lab := newLab(t, handler, transport.Limits{Tamper: server})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := transport.Dialer{Tamper: client}.Dial(ctx, lab.addr, lab.tls(), tsls.Hello{Program: "termsrv", Name: "ts1"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, tt := range []struct {
		name     string
		at       *tamper.Table
		rule     tamper.Rule
		answered bool
		asked    int64 // what the server is asked when the client pings once
	}{
		{"a request is not sent", client, tamper.Rule{Act: tamper.Drop, Message: "tsls.Ping", Way: tamper.Sent}, false, 0},
		{"a request is not seen", server, tamper.Rule{Act: tamper.Drop, Message: "tsls.Ping", Way: tamper.Received}, false, 0},
		{"an answer is not sent", server, tamper.Rule{Act: tamper.Drop, Message: "tsls.ServerInfo", Way: tamper.Sent}, false, 1},
		{"an answer is not seen", client, tamper.Rule{Act: tamper.Drop, Message: "tsls.ServerInfo", Way: tamper.Received}, false, 1},
		{"another message", client, tamper.Rule{Act: tamper.Drop, Message: "tsls.Allocate"}, true, 1},
		{"sent twice", client, tamper.Rule{Act: tamper.Duplicate, Message: "tsls.Ping", Way: tamper.Sent}, true, 2},
		{"seen twice", server, tamper.Rule{Act: tamper.Duplicate, Message: "tsls.Ping", Way: tamper.Received}, true, 2},
		{"answered twice", server, tamper.Rule{Act: tamper.Duplicate, Message: "tsls.ServerInfo", Way: tamper.Sent}, true, 1},
		{"late", client, tamper.Rule{Act: tamper.Delay, Message: "tsls.Ping", Way: tamper.Sent, Delay: 20 * time.Millisecond}, true, 1},
		{"none", client, tamper.Rule{}, true, 1},
	} {
		rules := []tamper.Rule{}
		if tt.rule.Act != "" {
			tt.rule.Name = "x"
			rules = append(rules, tt.rule)
		}
		if err := errors.Join(server.Set(nil), client.Set(nil), tt.at.Set(rules)); err != nil {
			t.Fatal(err)
		}
		before, began := asked.Load(), time.Now()
		patience := 10 * time.Second
		if !tt.answered {
			patience = 300 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err := conn.Call(ctx, tsls.Ping{})
		cancel()
		if (err == nil) != tt.answered {
			t.Errorf("%s: %v", tt.name, err)
		}
		// A second request behind it has been handled when it is answered, and so has
		// what came before.
		if err := errors.Join(server.Set(nil), client.Set(nil)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Call(t.Context(), tsls.Return{LicenseID: "x"}); !errors.Is(err, tsls.Error{Code: tsls.CodeNoLicense}) {
			t.Errorf("%s: the connection is no longer good: %v", tt.name, err)
		}
		if tt.rule.Delay > 0 && time.Since(began) < tt.rule.Delay {
			t.Errorf("%s: answered after %v", tt.name, time.Since(began))
		}
		for deadline := time.After(5 * time.Second); asked.Load()-before != tt.asked; {
			select {
			case <-deadline:
				t.Fatalf("%s: the server was asked %d times, want %d", tt.name, asked.Load()-before, tt.asked)
			default:
				runtime.Gosched()
			}
		}
	}
}

// A message that is damaged is answered as one that is malformed, or ends the
// connection of who cannot read the answer; nobody crashes.
func TestTamperCorrupt(t *testing.T) {
	server, client := &tamper.Table{}, &tamper.Table{}
	lab := newLab(t, echo, transport.Limits{Tamper: server})
	unharmed := &transport.PeerError{Addr: lab.addr, Err: tsls.Errorf(tsls.CodeNoLicense, "no license LAB-1")}
	seen := 0 // the damage: the echo does not look at every byte
	for seed := range uint64(20) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		conn, err := transport.Dialer{Tamper: client}.Dial(ctx, lab.addr, lab.tls(), tsls.Hello{Program: "termsrv", Name: "ts1"})
		if err != nil {
			t.Fatal(err)
		}
		at, rule := server, tamper.Rule{Name: "x", Act: tamper.Corrupt, Message: "tsls.Error", Way: tamper.Sent, Seed: seed}
		if seed%2 == 0 {
			at, rule.Message = client, "tsls.Return"
		}
		if err := at.Set([]tamper.Rule{rule}); err != nil {
			t.Fatal(err)
		}
		if _, err = conn.Call(ctx, tsls.Return{LicenseID: "LAB-1"}); err == nil {
			t.Errorf("seed %d: no error is what was answered", seed)
		} else if err.Error() != unharmed.Error() {
			seen++
		}
		if c := at.Counts()[0]; c.Done != 1 {
			t.Errorf("seed %d: counted %+v", seed, c)
		}
		if err := errors.Join(server.Set(nil), client.Set(nil)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		cancel()
	}
	if seen < 5 {
		t.Errorf("%d of 20 damaged messages were another for their reader", seen)
	}
}
