package ls_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/tsls"
)

// members are certificates of a forest by host, made up: what they show is looked up.
type members map[*x509.Certificate]enroll.Member

func (m members) check(c *x509.Certificate) (enroll.Member, error) {
	if member, ok := m[c]; ok {
		return member, nil
	}
	return enroll.Member{}, errors.New(`"rogue" shows no membership of a domain`)
}

// TestAdmission: who is served what, in a workgroup, in a domain, and where the
// security group is demanded.
func TestAdmission(t *testing.T) {
	ts1, ts2, admin, stranger := &x509.Certificate{}, &x509.Certificate{}, &x509.Certificate{}, &x509.Certificate{}
	forest := members{
		ts1:   {Domain: "corp.example", Host: "ts1", Groups: []string{enroll.GroupComputers, enroll.GroupTerminalServers}},
		ts2:   {Domain: "corp.example", Host: "ts2", Groups: []string{enroll.GroupComputers}},
		admin: {Domain: "corp.example", Host: "admin", Groups: []string{enroll.GroupComputers}},
	}
	hello := func(program string) tsls.Message {
		return tsls.Hello{Version: tsls.Version, Program: program, Name: "x"}
	}
	allocate := tsls.Allocate{Request: tsls.RequestTemp, HardwareID: hwid.ID{1}, Machine: "PC-1", Mode: "device", Edition: "w2k-sp3"}
	workgroup, domain, group := ls.Domain{}, ls.Domain{Member: forest.check}, ls.Domain{Member: forest.check, RequireGroup: true}
	for _, tt := range []struct {
		name   string
		in     ls.Domain
		shown  *x509.Certificate
		m      tsls.Message
		reason string // empty: served
	}{
		{"workgroup", workgroup, stranger, hello("termsrv"), ""},
		{"workgroup, a license", workgroup, stranger, allocate, ""},
		{"workgroup, no certificate", workgroup, nil, hello("licmgr"), ""},
		{"stranger", domain, stranger, hello("termsrv"), `"rogue" shows no membership of a domain: this license server serves members of its domain`},
		{"a stranger's tool", domain, stranger, hello("licmgr"), "join a tool's folder with `labdc join`"},
		{"no certificate", domain, nil, hello("termsrv"), "no certificate is shown"},
		{"member", domain, ts2, hello("termsrv"), ""},
		{"a member's tool", domain, admin, hello("licmgr"), ""},
		{"a license for a member", domain, ts2, allocate, ""},
		{"in the group", group, ts1, hello("termsrv"), ""},
		{"a license in the group", group, ts1, allocate, ""},
		{"not in the group", group, ts2, hello("termsrv"), "ts2.corp.example is not in the group Terminal Server Computers: put it there with `labdc group add`"},
		{"a tool is in no group", group, admin, hello("licmgr"), ""},
		{"who says that it is a tool", group, ts2, allocate, "ts2.corp.example is not in the group"},
		{"a mark", group, ts2, tsls.Mark{LicenseID: "x"}, "is not in the group"},
		{"a return", group, ts2, tsls.Return{LicenseID: "x"}, "is not in the group"},
		{"a closing", group, ts2, tsls.Close{}, "is not in the group"},
		{"a sign of life", group, ts2, tsls.Ping{}, ""},
	} {
		l := newLab(t, edition.W2KSP3())
		l.Join(tt.in)
		peer := transport.Peer{Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 4711}, Certificate: tt.shown, Hello: tsls.Hello{Name: "ts9"}}
		answer := l.Handle(context.Background(), peer, tt.m)
		refusal, refused := answer.(tsls.Error)
		switch {
		case refused != (tt.reason != ""), refused && (refusal.Code != tsls.CodeForbidden || !strings.Contains(refusal.Text, tt.reason)):
			t.Errorf("%s: %v is answered %v; want %q", tt.name, tt.m.Type(), answer, tt.reason)
		}
		told := slices.ContainsFunc(l.logged(), func(e eventlog.Event) bool { return e.Name == eventlog.PeerRefused.Name })
		if _, greets := tt.m.(tsls.Hello); told != (refused && !greets) { // a connection that ends is told by who ends it
			t.Errorf("%s: event %v, refused %v", tt.name, told, refused)
		}
	}
}

// TestProof: the answer to Hello shows that the license server has the key of its
// certificate, on this connection and no other; before an activation and after.
func TestProof(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	check := func(when string) {
		t.Helper()
		answer := l.Handle(context.Background(), transport.Peer{Binding: []byte("this connection")}, tsls.Hello{Version: tsls.Version, Program: "termsrv"})
		info, ok := answer.(tsls.ServerInfo)
		if !ok {
			t.Fatalf("%s: %v", when, answer)
		}
		cert, err := x509.ParseCertificate(info.Certificates[0])
		if err != nil {
			t.Fatal(err)
		}
		good, other := tsls.ProofOf([]byte("this connection")), tsls.ProofOf([]byte("another"))
		key := cert.PublicKey.(*ecdsa.PublicKey)
		if !ecdsa.VerifyASN1(key, good[:], info.Proof) || ecdsa.VerifyASN1(key, other[:], info.Proof) {
			t.Errorf("%s: the proof is not one of this connection", when)
		}
	}
	check("not activated")
	l.activate()
	check("activated")
	l.Join(ls.Domain{Site: "Oslo"})
	if info := must[tsls.ServerInfo](l, tsls.Ping{}); info.Site != "Oslo" || len(info.Proof) != 0 {
		t.Errorf("%+v", info)
	}
}
