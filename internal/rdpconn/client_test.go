package rdpconn_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// TestServerRefuses is what a client is told by servers that do not take it.
func TestServerRefuses(t *testing.T) {
	server := &rdpconn.ServerConfig{Key: testKey(), TLS: testTLS(), Protocols: rdpconn.TLSOnly}
	for name, tt := range map[string]struct {
		client rdpconn.ClientConfig
		server *rdpconn.ServerConfig
		code   rdp.FailureCode
	}{
		"TLS only":         {rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly}, server, rdp.FailSSLRequired},
		"TLS only, no neg": {rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, NoNegotiation: true}, server, rdp.FailSSLRequired},
		"RDP only":         {rdpconn.ClientConfig{Protocols: rdpconn.TLSOnly}, &rdpconn.ServerConfig{Key: testKey(), Protocols: rdpconn.RDPOnly}, rdp.FailSSLNotAllowed},
	} {
		_, _, serr, cerr := pair(t, tt.server, &tt.client)
		var peer *rdpconn.PeerError
		if !errors.As(cerr, &peer) || peer.Code != uint32(tt.code) || !errors.Is(cerr, rdpconn.ErrNegotiation) {
			t.Errorf("%s: client %v, want code %d", name, cerr, tt.code)
		}
		var pe *rdpconn.ProtocolError
		if !errors.As(serr, &pe) || pe.Step != rdpconn.StepNegotiate || !strings.Contains(serr.Error(), tt.code.String()) {
			t.Errorf("%s: server %v", name, serr)
		}
	}
}

func TestNoCommonMethod(t *testing.T) {
	sc := &rdpconn.ServerConfig{Key: testKey(), Encryption: []rdpsec.Method{rdpsec.Method56}}
	_, _, serr, cerr := pair(t, sc, &rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, Encryption: []rdpsec.Method{rdpsec.Method128}})
	if serr == nil || !strings.Contains(serr.Error(), "client offers encryption methods 0x2, server takes [56]") || cerr == nil {
		t.Errorf("server %v, client %v", serr, cerr)
	}
	// A client that does not take NONE refuses a server that chooses it.
	sc = &rdpconn.ServerConfig{Key: testKey(), Encryption: []rdpsec.Method{rdpsec.MethodNone}}
	_, _, serr, cerr = pair(t, sc, &rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, Encryption: []rdpsec.Method{rdpsec.Method128}})
	if cerr == nil || !strings.Contains(cerr.Error(), "server chooses encryption NONE") || !errors.Is(serr, rdpconn.ErrDisconnected) {
		t.Errorf("server %v, client %v", serr, cerr)
	}
}

// TestServerWords gives the client what a server should not say.
func TestServerWords(t *testing.T) {
	serverSaid, _ := converse(t, rdpsec.Method128)
	good := packets(t, serverSaid)
	replace := func(n int, packet []byte) []byte {
		all := append([][]byte(nil), good...)
		all[n] = packet
		return bytes.Join(all, nil)
	}
	cc := func(m rdp.ConnectionConfirm) []byte { return m.Append(nil) }
	mcs := func(m rdp.MCS) []byte { return rdp.AppendX224Data(nil, m.Append(nil)) }
	response := func(change func(*rdp.ServerData)) []byte {
		_, content, _ := rdp.ParseX224(good[1])
		gcc, err := rdp.ParseConnectResponse(content)
		if err != nil {
			t.Fatal(err)
		}
		d, err := rdp.ParseServerData(gcc)
		if err != nil {
			t.Fatal(err)
		}
		change(&d)
		return rdp.AppendX224Data(nil, rdp.AppendConnectResponse(nil, d.Append(nil)))
	}
	for _, tt := range []struct {
		name string
		said []byte
		step rdpconn.Step
		want string
	}{
		{"TLS unasked", replace(0, cc(rdp.ConnectionConfirm{Negotiation: true, Selected: rdp.ProtocolSSL})), rdpconn.StepNegotiate, "not offered"},
		{"CredSSP", replace(0, cc(rdp.ConnectionConfirm{Negotiation: true, Selected: rdp.ProtocolHybrid})), rdpconn.StepNegotiate, "not offered"},
		{"FIPS", replace(1, response(func(d *rdp.ServerData) { d.Method = rdpsec.MethodFIPS })), rdpconn.StepConnect, "encryption FIPS"},
		{"a channel too many", replace(1, response(func(d *rdp.ServerData) { d.Channels = []uint16{1004, 1005} })), rdpconn.StepConnect, "2 channels"},
		{"no certificate", replace(1, response(func(d *rdp.ServerData) { d.Certificate = nil })), rdpconn.StepSecurity, "truncated"},
		{"attach refused", replace(2, mcs(rdp.MCS{Kind: rdp.MCSAttachConfirm, Result: 14})), rdpconn.StepJoin, "result 14"},
		{"join refused", replace(3, mcs(rdp.MCS{Kind: rdp.MCSJoinConfirm, Result: 3, Initiator: 1005, Requested: 1005})), rdpconn.StepJoin, "result 3"},
		{"licensing without its flag", replace(6, mcs(rdp.MCS{Kind: rdp.MCSSendIndication, Initiator: 1002, Channel: 1003, Data: make([]byte, 20)})),
			rdpconn.StepLicense, "want a licensing message"},
		{"end in licensing", replace(6, mcs(rdp.MCS{Kind: rdp.MCSUltimatum})), rdpconn.StepLicense, "Ultimatum"},
	} {
		_, config := replayConfigs(t, rdpsec.Method128)
		err := clientPart(t, newScript(tt.said), config)
		var pe *rdpconn.ProtocolError
		var peer *rdpconn.PeerError
		step := rdpconn.Step(99)
		if errors.As(err, &pe) {
			step = pe.Step
		} else if errors.As(err, &peer) {
			step = peer.Step
		}
		if err == nil || step != tt.step || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %v and %q", tt.name, err, tt.step, tt.want)
		}
	}
}

// FuzzServer plays any client to the server, FuzzClient any server to the client.
// Seeds are whole conversations; NONE lets changes reach all of it.
func FuzzServer(f *testing.F) {
	for i, m := range methods {
		_, said := converse(f, m)
		f.Add(byte(i), said)
	}
	f.Fuzz(func(t *testing.T, m byte, said []byte) {
		sc, _ := replayConfigs(t, methods[int(m)%len(methods)])
		checkFuzz(t, serverPart(t, newScript(said), sc))
	})
}

func FuzzClient(f *testing.F) {
	for i, m := range methods {
		said, _ := converse(f, m)
		f.Add(byte(i), said)
	}
	f.Fuzz(func(t *testing.T, m byte, said []byte) {
		_, cc := replayConfigs(t, methods[int(m)%len(methods)])
		checkFuzz(t, clientPart(t, newScript(said), cc))
	})
}

// checkFuzz holds that an error is one of the package's own.
func checkFuzz(t *testing.T, err error) {
	var pe *rdpconn.ProtocolError
	var peer *rdpconn.PeerError
	if err != nil && !errors.As(err, &pe) && !errors.As(err, &peer) {
		t.Errorf("%v (%T), want a ProtocolError or a PeerError", err, err)
	}
}

// BenchmarkConnect is a connection up to the end of its activation, both roles.
func BenchmarkConnect(b *testing.B) {
	for _, m := range methods {
		b.Run(m.String(), func(b *testing.B) {
			_, said := converse(b, m)
			b.ReportAllocs()
			for b.Loop() {
				sc, _ := replayConfigs(b, m)
				if err := serverPart(b, newScript(said), sc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
