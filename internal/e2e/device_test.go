package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tslab/tslab/internal/harness"
)

// TestOneStoreManyPrograms lets many clients of one device connect at once: they
// share its store, which stays whole, and the license server knows one device.
func TestOneStoreManyPrograms(t *testing.T) {
	ctx := bounded(t)
	f := newFarm(t)
	for _, err := range []error{f.StartLServer(ctx), f.Enroll(ctx, cals), f.StartTermServ(ctx)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	d := device{f, "PC-1"}
	for range 2 {
		connectAll(ctx, t, slices.Repeat([]device{d}, 12))
	}
	wantKinds(ctx, t, []device{d}, map[string]int{"CAL": 1})
	shown, err := f.Show(ctx)
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]int{}
	for _, token := range shown.Tokens {
		held[token.Kind+" of "+token.HardwareID]++
	}
	for what, n := range held {
		if n != 1 || len(held) > 2 {
			t.Errorf("the license server has %d rows: %s; in all %v", n, what, held)
		}
	}
	left, err := filepath.Glob(filepath.Join(d.state(), ".*[0-9]"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in the device's folder: %v, %v", left, err)
	}
}

// A narrows is a wire to a terminal server that carries so many reads of what the
// server says and then nothing more.
type narrows struct {
	net.Listener
	stalled chan struct{} // closed when there is nothing more
}

func newNarrows(t *testing.T, server string, reads int) *narrows {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	n := &narrows{l, make(chan struct{})}
	go func() {
		device, err := l.Accept()
		if err != nil {
			return
		}
		defer device.Close()
		there, err := net.Dial("tcp", server)
		if err != nil {
			return
		}
		defer there.Close()
		go n.carry(device, there, reads)
		io.Copy(there, device)
	}()
	return n
}

// carry passes on what the server says, one TPKT packet a read.
func (n *narrows) carry(device, server net.Conn, reads int) {
	for range reads {
		packet := make([]byte, 4)
		if _, err := io.ReadFull(server, packet); err != nil {
			return
		}
		rest := make([]byte, int(packet[2])<<8+int(packet[3])-len(packet))
		if _, err := io.ReadFull(server, rest); err != nil {
			return
		}
		if _, err := device.Write(append(packet, rest...)); err != nil {
			return
		}
	}
	close(n.stalled)
	io.Copy(io.Discard, server)
}

// TestClientEndedAtEveryPacket ends the client after each packet that a terminal
// server sends it up to its session, in three ways. Its store holds the token of
// before or the new one, whole, and the next connection goes well.
func TestClientEndedAtEveryPacket(t *testing.T) {
	for _, tt := range []struct {
		name   string
		signal syscall.Signal
		code   int
	}{
		{"interrupted", syscall.SIGINT, 130},
		{"terminated", syscall.SIGTERM, 130},
		{"killed", syscall.SIGKILL, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := bounded(t)
			f := newFarm(t)
			f.TermServArgs = []string{"--security", "rdp"}
			for _, err := range []error{f.StartLServer(ctx), f.Enroll(ctx, cals), f.StartTermServ(ctx)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			var held []string
			for packets := 1; ; packets++ {
				if packets > 30 {
					t.Fatal("30 packets and no session")
				}
				d := device{f, fmt.Sprintf("PC-%02d", packets)}
				if endAfter(ctx, t, d, packets, tt.signal, tt.code) {
					break
				}
				kinds, err := d.kinds(ctx)
				if empty := err != nil && strings.Contains(err.Error(), "mslicensing.reg holds no license"); err != nil && !empty {
					t.Fatalf("the store after %d packets: %v", packets, err)
				}
				held = append(held, strings.Join(kinds, "+"))
				if err := d.connect(ctx); err != nil {
					t.Errorf("the connection after %d packets: %v", packets, err)
				}
			}
			// Which packet carries the token is the server's affair, and whether the client
			// had looked at the last one the machine's; but it saves before it answers on.
			odd := slices.ContainsFunc(held, func(kinds string) bool { return kinds != "" && kinds != "temporary" })
			if len(held) < 2 || held[0] != "" || held[len(held)-1] != "temporary" || odd {
				t.Errorf("held after each packet: %q", held)
			}
		})
	}
}

// endAfter connects the device over a wire that carries so many packets of the
// server and then ends the client; or reports that it came to its end before.
func endAfter(ctx context.Context, t *testing.T, d device, packets int, signal syscall.Signal, code int) (done bool) {
	t.Helper()
	n := newNarrows(t, d.farm.Addr, packets)
	command := d.client()
	command[len(command)-1] = n.Addr().String()
	p, err := harness.Start(d.farm.Dir, nil, "", command[0], command[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	select {
	case <-p.Ended():
		if code, err := p.Wait(ctx); code != 0 || err != nil {
			t.Errorf("by itself, within %d packets: exit status %d, %v: %s", packets, code, err, p.Output())
		}
		return true
	case <-n.stalled:
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
	if err := syscall.Kill(p.PID(), signal); err != nil {
		t.Fatal(err)
	}
	got, err := p.Wait(ctx)
	if got == 0 {
		return true // it had all it needed
	}
	if got != code || err != nil {
		t.Errorf("after %d packets: exit status %d, %v, want %d: %s", packets, got, err, code, p.Output())
	}
	return false
}
