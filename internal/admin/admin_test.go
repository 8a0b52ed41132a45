package admin

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/locate"
	"github.com/tslab/tslab/wire/tsls"
)

// street is a network on which license servers answer broadcasts, by their names.
type street map[string]string

func (s street) Broadcast(_ context.Context, query []byte, heard func(netip.AddrPort, []byte)) error {
	q, err := locate.ParseQuery(query)
	if err != nil {
		return err
	}
	for name, addr := range s {
		if !q.Means(locate.Workgroup, "LAB", name) {
			continue
		}
		at := netip.MustParseAddrPort(addr)
		reply, err := locate.Reply{Nonce: q.Nonce, Name: name, Port: at.Port(), Edition: "w2k-sp3", Scope: locate.Workgroup, Group: "LAB"}.Append(nil)
		if err != nil {
			return err
		}
		heard(netip.AddrPortFrom(at.Addr(), locate.Port), reply)
	}
	return nil
}

// noDNS is the DNS of a workgroup: nobody takes questions.
var noDNS = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("no network")
}}

// serve is a license server that says its name.
func serve(t *testing.T, name string) string {
	t.Helper()
	own, err := identity.LoadOrCreate(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- transport.Serve(ctx, l, own.ServerTLS(identity.AnyPeer, nil), func(context.Context, transport.Peer, tsls.Message) tsls.Message {
			return tsls.ServerInfo{Name: name}
		}, transport.Limits{})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// TestName: a license server is called by its name where no DNS has that, as lsreport's
// example NTLS-1 was in a workgroup; who is not there is named, with what to do.
func TestName(t *testing.T) {
	d, err := Open("lsreport", t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.resolver = noDNS
	d.network = street{"NTLS-1": serve(t, "NTLS-1"), "NTLS2": serve(t, "NTLS2")}
	for _, name := range []string{"NTLS-1", "ntls2"} {
		conn, err := d.Dial(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.Server().Name; !strings.EqualFold(got, name) {
			t.Errorf("%s is %s", name, got)
		}
		conn.Close()
	}
	if _, err := d.Dial(t.Context(), "NTLS-3"); err == nil || !strings.Contains(err.Error(), "no license server of the network has the name NTLS-3; `licmgr list`") {
		t.Errorf("nobody: %v", err)
	}
}

// TestNobodyListens: where nothing listens, the remedy is said.
func TestNobodyListens(t *testing.T) {
	d, err := Open("licmgr", t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	d.network = street{"NTLS-1": l.Addr().String()}
	for _, server := range []string{l.Addr().String(), "NTLS-1"} {
		if _, err := d.Dial(t.Context(), server); err == nil || !strings.Contains(err.Error(), "start lserver, or name another license server") {
			t.Errorf("%s: %v", server, err)
		}
	}
}

// TestUnknownName: the network is asked for a name that DNS does not have, not for one
// that it has not answered about.
func TestUnknownName(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"no error":       {nil, false},
		"refused":        {syscall.ECONNREFUSED, false},
		"no such name":   {&net.DNSError{IsNotFound: true}, true},
		"while dialing":  {&net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}, true},
		"no DNS listens": {&net.DNSError{Err: "connection refused", IsTemporary: true}, true},
		"DNS is late":    {&net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true, IsTemporary: true}}, false},
	} {
		if got := unknownName(tt.err); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
