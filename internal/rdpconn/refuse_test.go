package rdpconn_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

var methods = []rdpsec.Method{rdpsec.MethodNone, rdpsec.Method40, rdpsec.Method56, rdpsec.Method128}

// TestCutOff ends each peer's words at every byte: there is always an error that
// names a step, and never a panic.
func TestCutOff(t *testing.T) {
	for _, m := range methods {
		t.Run(m.String(), func(t *testing.T) {
			serverSaid, clientSaid := converse(t, m)
			for n := range clientSaid {
				sc, _ := replayConfigs(t, m)
				checkError(t, "server", n, serverPart(t, newScript(clientSaid[:n]), sc), io.EOF, io.ErrUnexpectedEOF)
			}
			for n := range serverSaid {
				_, cc := replayConfigs(t, m)
				checkError(t, "client", n, clientPart(t, newScript(serverSaid[:n]), cc), io.EOF, io.ErrUnexpectedEOF)
			}
			sc, cc := replayConfigs(t, m)
			if err := serverPart(t, newScript(clientSaid), sc); err != nil {
				t.Errorf("server with all of it: %v", err)
			}
			if err := clientPart(t, newScript(serverSaid), cc); err != nil {
				t.Errorf("client with all of it: %v", err)
			}
		})
	}
}

func checkError(t *testing.T, who string, n int, err error, want ...error) {
	t.Helper()
	var pe *rdpconn.ProtocolError
	if !errors.As(err, &pe) {
		t.Fatalf("%s after %d bytes: %v, want a ProtocolError", who, n, err)
	}
	for _, w := range want {
		if errors.Is(err, w) {
			return
		}
	}
	t.Fatalf("%s after %d bytes: %v, want one of %v", who, n, err, want)
}

// TestChangedBytes changes one byte of what a client says under encryption: from the
// client random on, every change is a wrong MAC or a frame that is not understood.
func TestChangedBytes(t *testing.T) {
	_, said := converse(t, rdpsec.Method128)
	at := bytes.Index(said, []byte{0x01, 0x02, 0, 0}) // security exchange: flags 0x0201
	if at < 0 {
		t.Fatal("no security exchange")
	}
	for n := at + 8; n < len(said); n += 3 {
		changed := bytes.Clone(said)
		changed[n] ^= 0x10
		sc, _ := replayConfigs(t, rdpsec.Method128)
		err := serverPart(t, newScript(changed), sc)
		var pe *rdpconn.ProtocolError
		var peer *rdpconn.PeerError
		if err != nil && !errors.As(err, &pe) && !errors.As(err, &peer) {
			t.Errorf("byte %d changed: %v", n, err)
		}
		// Some bytes are nobody's business: the padding of the client random, the
		// initiator of data, the upper flags of a header.
		if err == nil && n < at+8+64 {
			t.Errorf("byte %d of the client random changed: no error", n-at-8)
		}
	}
}

// TestGarbage is what is not RDP, or too early, or too much: the step, the reason,
// and what the peer is told.
func TestGarbage(t *testing.T) {
	const (
		plainCR  = "0300000b06e00000000000"
		plainCC  = "0300000b06d00000123400"
		failure  = "030000130ed00000123400 03000800"
		ultimate = "0300000902f0802080"
	)
	_, said := converse(t, rdpsec.MethodNone)
	ci := hex.EncodeToString(bytes.Join(packets(t, said)[:2], nil))
	for _, tt := range []struct {
		name, said string
		step       rdpconn.Step
		reason     string
		answer     string // its end
	}{
		{"nothing", "", rdpconn.StepNegotiate, "EOF", ""},
		{"HTTP", hex.EncodeToString([]byte("GET / HTTP/1.1\r\n\r\n")), rdpconn.StepNegotiate, "first byte 0x47", ""},
		{"TLS at once", "160301020001", rdpconn.StepNegotiate, "first byte 0x16", ""},
		{"fast path at once", "000401020304", rdpconn.StepNegotiate, "fast-path packet before the session", ""},
		{"huge", "0300ffff27e00000000000", rdpconn.StepNegotiate, "packet of 65535 bytes", ""},
		{"short frame", "03000003", rdpconn.StepNegotiate, "TPKT length 3", ""},
		{"data at once", "0300000802f08028", rdpconn.StepNegotiate, "TPDU code 0xf0", ""},
		{"CredSSP alone", "030000130ee000000000000100080002000000", rdpconn.StepNegotiate, "SSL_REQUIRED_BY_SERVER", failure + "01000000"},
		{"farewell at once", plainCR + "0300000902f0802180", rdpconn.StepConnect, "MCS Connect-Initial", plainCC},
		{"rdesktop's disconnect", plainCR + "0300000b06800000000000", rdpconn.StepConnect, "X.224 Disconnect", plainCC},
		{"join before attach", ci + "0300000c02f08038000603ef", rdpconn.StepJoin, "Channel Join Request, want Erect Domain", ultimate},
		{"data before join", ci + "0300000802f08004" + "0300000802f08028" + "0300001002f08064000603eb7002ffff", rdpconn.StepJoin, "Send Data Request, want Channel Join", ultimate},
		{"rdesktop's farewell", ci + "0300000f02f0803006020200033000", rdpconn.StepJoin, "Detach User", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := hex.DecodeString(strings.ReplaceAll(tt.said, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			sc, _ := replayConfigs(t, rdpsec.MethodNone)
			sc.TLS = testTLS()
			conn := newScript(b)
			_, err = rdpconn.Accept(t.Context(), conn, sc)
			var pe *rdpconn.ProtocolError
			var peer *rdpconn.PeerError
			var step rdpconn.Step
			switch {
			case errors.As(err, &pe):
				step = pe.Step
			case errors.As(err, &peer):
				step = peer.Step
			}
			if err == nil || step != tt.step || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("%v, want %v and %q", err, tt.step, tt.reason)
			}
			if want, _ := hex.DecodeString(strings.ReplaceAll(tt.answer, " ", "")); !bytes.HasSuffix(conn.out.Bytes(), want) || tt.answer == "" && tt.step == rdpconn.StepNegotiate && conn.out.Len() > 0 {
				t.Errorf("answered %x, want %x at its end", conn.out.Bytes(), want)
			}
			if !conn.done {
				t.Error("the connection is still open")
			}
		})
	}
}

// blackHole passes on a number of writes and swallows the rest.
type blackHole struct {
	net.Conn
	left int
}

func (b *blackHole) Write(p []byte) (int, error) {
	if b.left == 0 {
		return len(p), nil
	}
	b.left--
	return b.Conn.Write(p)
}

// TestStalled stops the client at each of its packets: the server gives up when the
// step's time is over, and says in which step.
func TestStalled(t *testing.T) {
	steps := []rdpconn.Step{rdpconn.StepNegotiate, rdpconn.StepConnect, rdpconn.StepJoin, rdpconn.StepJoin, rdpconn.StepJoin, rdpconn.StepJoin,
		rdpconn.StepJoin, rdpconn.StepSecurity, rdpconn.StepInfo, rdpconn.StepLicense, rdpconn.StepActivate, rdpconn.StepActivate,
		rdpconn.StepActivate, rdpconn.StepActivate, rdpconn.StepActivate}
	for n, step := range steps {
		synctest.Test(t, func(t *testing.T) {
			a, b := pipe()
			sc, cc := replayConfigs(t, rdpsec.Method128)
			sc.StepTimeout, cc.StepTimeout = 7*time.Second, time.Hour
			go func() {
				clientPart(t, &blackHole{b, n}, cc)
				b.Close()
			}()
			start := time.Now()
			err := serverPart(t, a, sc)
			var pe *rdpconn.ProtocolError
			if !errors.As(err, &pe) || pe.Step != step || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 7*time.Second {
				t.Errorf("client silent after %d packets: %v after %v, want %v after 7s", n, err, time.Since(start), step)
			}
		})
	}
}

// TestDrip feeds a client's words a byte a second: that does not stretch a step.
func TestDrip(t *testing.T) {
	_, said := converse(t, rdpsec.MethodNone)
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		sc, _ := replayConfigs(t, rdpsec.MethodNone)
		sc.StepTimeout = 30 * time.Second
		go io.Copy(io.Discard, b)
		done := make(chan struct{})
		defer func() { <-done }()
		go func() {
			defer close(done)
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for _, c := range said {
				<-tick.C
				if _, err := b.Write([]byte{c}); err != nil {
					return
				}
			}
		}()
		start := time.Now()
		_, err := rdpconn.Accept(t.Context(), a, sc)
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) > 2*30*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestPeerNeverReads: a peer that reads nothing cannot hold a writer.
func TestPeerNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		defer b.Close()
		_, said := converse(t, rdpsec.MethodNone)
		go b.Write(said)
		sc, _ := replayConfigs(t, rdpsec.MethodNone)
		sc.StepTimeout = 5 * time.Second
		_, err := rdpconn.Accept(t.Context(), a, sc)
		var pe *rdpconn.ProtocolError
		if !errors.As(err, &pe) || pe.Direction != rdpconn.Sent || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v, want a deadline in sending", err)
		}
	})
}

// TestWrongTurns are calls of the wrong role or too early.
func TestWrongTurns(t *testing.T) {
	sc, cc := replayConfigs(t, rdpsec.MethodNone)
	server, client, serr, cerr := pair(t, sc, cc)
	if serr != nil || cerr != nil {
		t.Fatal(serr, cerr)
	}
	_, readErr := server.ReadInput()
	_, updateErr := server.ReadUpdate()
	for name, err := range map[string]error{
		"bitmap too early": server.WriteBitmap(nil), "input too early": client.WriteInput(nil), "read too early": readErr,
		"error info too early": server.SetErrorInfo(1), "palette of a client": client.WritePalette(rdp.Palette{}), "update of a server": updateErr,
		"logon too early": server.WriteLogon(),
	} {
		var pe *rdpconn.ProtocolError
		if !errors.As(err, &pe) {
			t.Errorf("%s: %v, want a ProtocolError", name, err)
		}
	}
	if err := client.WriteLicense(make([]byte, rdp.MaxUserData)); err == nil || !strings.Contains(err.Error(), "licensing of 16387 bytes, want at most 16383") {
		t.Errorf("licensing message that is too long: %v", err)
	}
	go client.WriteLicense(nil)
	if _, err := server.ReadLicense(); err == nil || !strings.Contains(err.Error(), "no bytes") {
		t.Errorf("licensing message of no bytes: %v", err)
	}
}
