package rdpconn

import (
	"testing"

	"github.com/tslab/tslab/wire/rdp"
)

// TestChoose is the server's answer to every offer that real clients make.
func TestChoose(t *testing.T) {
	const (
		SSL, Hybrid, Ex = rdp.ProtocolSSL, rdp.ProtocolHybrid, rdp.ProtocolHybridEx
		answerRDP       = iota
		answerTLS
	)
	for _, tt := range []struct {
		name    string
		offers  bool // RDP_NEG_REQ is there
		offer   rdp.Protocol
		rdp     any // rdp.FailureCode or an answer, by the server's protocols
		tls     any
		both    any
		bothTLS any
		without any // both, without a TLS configuration
	}{
		{"old client, xfreerdp /sec:rdp", false, 0, answerRDP, rdp.FailSSLRequired, answerRDP, answerRDP, answerRDP},
		{"standard security named", true, 0, answerRDP, rdp.FailSSLRequired, answerRDP, answerRDP, answerRDP},
		{"rdesktop, xfreerdp, mstsc 6", true, SSL | Hybrid, answerRDP, answerTLS, answerRDP, answerTLS, answerRDP},
		{"mstsc 10", true, SSL | Hybrid | Ex, answerRDP, answerTLS, answerRDP, answerTLS, answerRDP},
		{"xfreerdp /sec:tls", true, SSL, rdp.FailSSLNotAllowed, answerTLS, answerTLS, answerTLS, rdp.FailNoCertificate},
		{"insists on NLA", true, Hybrid, rdp.FailSSLNotAllowed, rdp.FailSSLRequired, rdp.FailSSLRequired, rdp.FailSSLRequired, rdp.FailNoCertificate},
		{"insists on newer NLA", true, Hybrid | Ex, rdp.FailSSLNotAllowed, rdp.FailSSLRequired, rdp.FailSSLRequired, rdp.FailSSLRequired, rdp.FailNoCertificate},
	} {
		for _, c := range []struct {
			p    Protocols
			tls  bool
			want any
		}{{RDPOnly, true, tt.rdp}, {RDPOnly, false, tt.rdp}, {TLSOnly, true, tt.tls}, {Both, true, tt.both}, {BothPreferTLS, true, tt.bothTLS}, {Both, false, tt.without}} {
			selected, failure := choose(rdp.ConnectionRequest{Negotiation: tt.offers, Protocols: tt.offer}, c.p, c.tls)
			var got any = failure
			if failure == 0 {
				got = answerRDP
				if selected == SSL {
					got = answerTLS
				}
			}
			if got != c.want {
				t.Errorf("%s, server %v, TLS %v: %v, want %v", tt.name, c.p, c.tls, got, c.want)
			}
		}
	}
}

func TestProtocolsText(t *testing.T) {
	for _, p := range []Protocols{Both, RDPOnly, TLSOnly, BothPreferTLS} {
		if back, err := ParseProtocols(p.String()); err != nil || back != p {
			t.Errorf("ParseProtocols(%q) = %v, %v", p, back, err)
		}
	}
	if p, err := ParseProtocols("nla"); err == nil {
		t.Errorf("ParseProtocols(nla) = %v", p)
	}
	if s := Protocols(9).String(); s != "protocols 9" {
		t.Error(s)
	}
	if StepLicense.String() != "licensing" || Step(99).String() != "step 99" || Sent.String() != "sent" || Received.String() != "received" {
		t.Error("names of steps and directions")
	}
}

// TestCut holds that the pieces of a rectangle cover it once and fit.
func TestCut(t *testing.T) {
	for _, size := range [][2]uint16{{1, 1}, {4, 4000}, {4000, 3}, {16000, 2}, {333, 333}} {
		for _, bpp := range []uint16{8, 16, 24, 32} {
			r := rdp.BitmapRect{Left: 5, Top: 7, Width: size[0], Height: size[1], Bpp: bpp}
			r.Pixels = make([]byte, int(size[0])*int(size[1])*rdp.BytesPerPixel(bpp))
			area := 0
			for _, p := range cut(r) {
				if err := p.Check(); err != nil || p.WireSize()+rdp.BitmapOverhead > maxRects {
					t.Fatalf("%v of %d bits: piece of %d bytes, %v", size, bpp, p.WireSize(), err)
				}
				if p.Left < 5 || p.Top < 7 || p.Left+p.Width > 5+size[0] || p.Top+p.Height > 7+size[1] {
					t.Fatalf("%v: piece at %d,%d of %d by %d", size, p.Left, p.Top, p.Width, p.Height)
				}
				area += int(p.Width) * int(p.Height)
			}
			if area != int(size[0])*int(size[1]) {
				t.Errorf("%v of %d bits: pieces of %d pixels", size, bpp, area)
			}
		}
	}
}
