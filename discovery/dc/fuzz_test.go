package dc

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/wire/enroll"
)

// silent is a domain controller that serves nobody.
func silent(t testing.TB) *Controller {
	t.Helper()
	dir := t.TempDir()
	forest, err := OpenForest(filepath.Join(dir, "forest.pem"), "corp.example")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Host: "dc1", Domain: "corp.example", Dir: dir, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, Forest: forest, Secret: []byte(testSecret),
		Subnets: []Subnet{{netip.MustParsePrefix("10.0.0.0/8"), "Oslo"}}, Log: eventlog.New(nil, "dc1", Program, clock.System{}, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// FuzzRequest: whatever a member of none sends, the answer is a document or the end,
// and nobody becomes a member by it.
func FuzzRequest(f *testing.F) {
	s := silent(f)
	id, err := identity.LoadOrCreate(f.TempDir(), "ts1")
	if err != nil {
		f.Fatal(err)
	}
	for _, sign := range []func() ([]byte, error){
		func() ([]byte, error) {
			return enroll.JoinRequest{Domain: "corp.example", Host: "ts1", Role: "termsrv", Issued: time.Unix(0, 0), Proof: make([]byte, 32)}.Sign(id.Key)
		},
		func() ([]byte, error) {
			return enroll.SiteQuery{Host: "ts1", Site: "Oslo", Issued: time.Unix(0, 0)}.Sign(id.Key)
		},
		func() ([]byte, error) {
			return enroll.SiteEntry{Domain: "corp.example", Server: "ts1", Address: ":3343", Issued: time.Unix(0, 0)}.Sign(id.Key)
		},
	} {
		text, err := sign()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	a := asker{addr: netip.MustParseAddr("10.0.0.2"), key: &id.Key.PublicKey, binding: []byte("binding")}
	f.Fuzz(func(t *testing.T, text []byte) {
		answer, err := s.answerDocument(a, text)
		if err != nil {
			return
		}
		kind, err := enroll.KindOf(answer)
		if err != nil || kind != enroll.KindSiteAnswer && kind != enroll.KindRefusal {
			t.Fatalf("%q is answered with %v (%v)", text, kind, err)
		}
		if d := s.Directory(); len(d.Hosts) > 0 || len(d.Entries) > 0 {
			t.Fatalf("%q is believed: %+v", text, d)
		}
	})
}

// FuzzDNS: every message is answered with one that can be sent; what is not signed
// changes nothing, and an answer to an unsigned question by UDP is bounded.
func FuzzDNS(f *testing.F) {
	s := silent(f)
	for _, m := range []*dns.Msg{
		new(dns.Msg).SetQuestion("dc1.corp.example.", dns.TypeA),
		new(dns.Msg).SetQuestion("_ldap._tcp.dc._msdcs.corp.example.", dns.TypeSRV),
		new(dns.Msg).SetQuestion("corp.example.", dns.TypeANY),
		new(dns.Msg).SetUpdate("corp.example."),
	} {
		if m.Opcode == dns.OpcodeUpdate {
			rr, err := s.parse("ts1 A 10.0.0.2")
			if err != nil {
				f.Fatal(err)
			}
			m.Insert([]dns.RR{rr})
			m.NameNotUsed([]dns.RR{rr})
		}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	before := len(s.Directory().Records)
	f.Fuzz(func(t *testing.T, b []byte) {
		r := new(dns.Msg)
		if len(b) < 12 || r.Unpack(b) != nil || len(r.Question) != 1 {
			return
		}
		m := new(dns.Msg)
		m.SetReply(r)
		if r.Opcode == dns.OpcodeUpdate {
			r.Extra = nil // a signature that was not checked
			m.Rcode = s.update(r, netip.MustParseAddr("10.0.0.2"))
		} else {
			s.answer(r, m)
		}
		m.Truncate(plainSize)
		if packed, err := m.Pack(); err != nil || len(packed) > plainSize+len(b) {
			t.Fatalf("answer of %d bytes: %v", len(packed), err)
		}
		if got := len(s.Directory().Records); got != before {
			t.Fatalf("%d records became %d", before, got)
		}
	})
}
