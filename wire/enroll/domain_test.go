package enroll

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"
)

// domain is a forest, a host that is a member of it, and one document of each kind
// between them.
type domain struct {
	forestKey, hostKey *ecdsa.PrivateKey
	forest, cert       *x509.Certificate

	join    JoinRequest
	joined  Joined
	entry   SiteEntry
	answer  SiteAnswer
	samples map[Kind]sample
}

func newDomain(t testing.TB) domain {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	d := domain{forestKey: newKey(t, elliptic.P256()), hostKey: newKey(t, elliptic.P256()), samples: map[Kind]sample{}}
	var err error
	d.forest, err = CreateForest("corp.example", d.forestKey)
	must(err)
	groups := []string{GroupComputers, GroupTerminalServers}
	d.cert, err = CreateMember(Member{Domain: "corp.example", Host: "ts1", Groups: groups}, d.hostKey.Public(), d.forest, d.forestKey, day)
	must(err)
	public, err := x509.MarshalPKIXPublicKey(d.hostKey.Public())
	must(err)
	add := func(kind Kind, value any, text []byte, err error) {
		t.Helper()
		must(err)
		d.samples[kind] = sample{value, text}
	}
	d.join = JoinRequest{Domain: "corp.example", Host: "ts1", Role: RoleTerminalServer, Issued: day, PublicKey: public,
		Proof: RequestProof([]byte("secret"), []byte("binding"))}
	text, err := d.join.Sign(d.hostKey)
	add(KindJoinRequest, d.join, text, err)
	d.joined = Joined{Domain: "corp.example", Host: "ts1", Role: RoleTerminalServer, Site: "Oslo", Issued: day, Groups: groups,
		Certificate: d.cert.Raw, Forests: [][]byte{d.forest.Raw}, GossipKey: bytes.Repeat([]byte{1}, KeySize), SiteKey: bytes.Repeat([]byte{2}, KeySize),
		UpdateName: "ts1.corp.example.", UpdateKey: bytes.Repeat([]byte{3}, KeySize), Proof: AnswerProof([]byte("secret"), []byte("binding"))}
	text, err = d.joined.Sign(d.forestKey)
	add(KindJoined, d.joined, text, err)
	query := SiteQuery{Domain: "corp.example", Host: "ts1", Site: "Oslo", Issued: day, PublicKey: public}
	text, err = query.Sign(d.hostKey)
	add(KindSiteQuery, query, text, err)
	d.entry = SiteEntry{Domain: "corp.example", Server: "ls1", Address: "10.0.0.3:3343", Site: "Oslo", Issued: day, PublicKey: public}
	text, err = d.entry.Sign(d.hostKey)
	add(KindSiteEntry, d.entry, text, err)
	d.answer = SiteAnswer{Domain: "corp.example", Site: "Oslo", DistinguishedName: DistinguishedName("Oslo", "corp.example"),
		Server: "ls1", Address: "10.0.0.3:3343", Issued: day}
	text, err = d.answer.Sign(d.forestKey)
	add(KindSiteAnswer, d.answer, text, err)
	refusal := Refusal{Text: "the join secret is another one", Issued: day}
	text, err = refusal.Sign(d.forestKey)
	add(KindRefusal, refusal, text, err)
	return d
}

// parse reads a document of any kind of the domain's.
func (d domain) parse(kind Kind, text []byte) (any, error) {
	switch kind {
	case KindJoinRequest:
		return ParseJoinRequest(text)
	case KindJoined:
		return ParseJoined(text)
	case KindSiteQuery:
		return ParseSiteQuery(text)
	case KindSiteEntry:
		return ParseSiteEntry(text)
	case KindSiteAnswer:
		return ParseSiteAnswer(text, []*x509.Certificate{d.forest})
	default:
		return ParseRefusal(text, []*x509.Certificate{d.forest})
	}
}

func TestKindOf(t *testing.T) {
	for kind, s := range newDomain(t).samples {
		if got, err := KindOf(append([]byte("hello\n"), s.text...)); got != kind || err != nil {
			t.Errorf("%v is taken for %v (%v)", kind, got, err)
		}
		if !strings.HasSuffix(string(s.text), EndMark+kind.String()+markTail+"\n") {
			t.Errorf("%v has no end that a reader of a connection could see", kind)
		}
	}
	if _, err := KindOf([]byte("GET / HTTP/1.1\r\n")); err == nil {
		t.Error("a kind of nothing")
	}
}

// TestDistinguishedName: the form of the original, with the site and the forest.
func TestDistinguishedName(t *testing.T) {
	want := "CN=TS-Enterprise-License-Server,CN=Oslo,CN=sites,CN=configuration,DC=corp,DC=example"
	if got := DistinguishedName("Oslo", "corp.example"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestKeysAreNotShown: the header lines, which people read and pass on, show no key.
func TestKeysAreNotShown(t *testing.T) {
	d := newDomain(t)
	head, _, _ := strings.Cut(string(d.samples[KindJoined].text), "\n\n")
	want := "-----BEGIN TSLAB MEMBERSHIP-----\nDomain: corp.example\nHost: ts1\nRole: termsrv\nSite: Oslo\nDate: 2003-03-03 09:00:00 UTC\n" +
		"Group: Domain Computers\nGroup: Terminal Server Computers"
	if head != want {
		t.Errorf("head is\n%s\nwant\n%s", head, want)
	}
}

func TestProofs(t *testing.T) {
	secret, binding := []byte("secret"), []byte("binding")
	request := RequestProof(secret, binding)
	for name, other := range map[string][]byte{
		"answer":       AnswerProof(secret, binding), // or a proof could be sent back to its maker
		"secret":       RequestProof([]byte("Secret"), binding),
		"connection":   RequestProof(secret, []byte("another")),
		"no secret":    RequestProof(nil, binding),
		"no binding":   RequestProof(secret, nil),
		"shifted seam": RequestProof([]byte("secretb"), []byte("inding")),
	} {
		if bytes.Equal(request, other) {
			t.Errorf("%s: the same proof", name)
		}
	}
	if !bytes.Equal(request, RequestProof(secret, binding)) {
		t.Error("a proof cannot be checked")
	}
}

// TestMember: what a membership certificate says, and under whom it counts.
func TestMember(t *testing.T) {
	d, foreign := newDomain(t), newDomain(t)
	both := []*x509.Certificate{foreign.forest, d.forest}
	m, err := CheckMember(d.cert, both, day)
	if err != nil || m.FQDN() != "ts1.corp.example" || !m.In("terminal server computers") || m.In(GroupLicenseServers) {
		t.Errorf("%+v, %v", m, err)
	}
	server, err := CreateServerCertificate(d.hostKey.Public(), d.forest, d.forestKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		cert    *x509.Certificate
		forests []*x509.Certificate
		now     time.Time
		want    string
	}{
		{"another forest", d.cert, []*x509.Certificate{foreign.forest}, day, `ts1 is member of a domain "corp.example" that is not of this forest`},
		{"no forest", d.cert, nil, day, "not of this forest"},
		{"before its time", d.cert, both, day.AddDate(0, 0, -2), "is valid from 2003-03-02 to 2023-03-03, and the machine's clock says 2003-03-01"},
		{"after its time", d.cert, both, day.AddDate(20, 0, 1), "the machine's clock says 2023-03-04"},
		{"a license server's certificate", server, both, day, "shows no membership of a domain"},
		{"the forest's own", d.forest, both, day, "shows no membership of a domain"},
	} {
		if _, err := CheckMember(tt.cert, tt.forests, tt.now); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
	}
}

func TestRoleGroups(t *testing.T) {
	for role, want := range map[string]string{
		RoleHost: GroupComputers, RoleTerminalServer: GroupComputers, RoleLicenseServer: GroupLicenseServers, RoleController: GroupControllers,
	} {
		groups := RoleGroups(role)
		if !(Member{Groups: groups}).In(want) || (Member{Groups: groups}).In(GroupTerminalServers) {
			t.Errorf("%s is in %q; the group %q is by role, %q is an administrator's to give", role, groups, want, GroupTerminalServers)
		}
	}
	if RoleGroups("king") != nil {
		t.Error("there is a role king")
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		check func(string) error
		good  []string
		bad   []string
	}{
		{CheckDomain, []string{"x", "corp.example", "a-b.c1"}, []string{"", "Corp.example", ".x", "x.", "a..b", "-a.b", "a_b", "a b", strings.Repeat("a.", 120) + "a"}},
		{CheckHost, []string{"ts1", "a", "1"}, []string{"", "TS1", "a.b", "a-", strings.Repeat("a", 64)}},
		{CheckSite, []string{"Oslo", "Default-First-Site-Name", "a.b_c"}, []string{"", "CN=x", "a,b", "a b", "\u00c5s", strings.Repeat("a", 64)}},
		{CheckGroup, []string{GroupTerminalServers, "x"}, []string{"", " x", "x ", "a\nb", "\u00c5", strings.Repeat("a", 65)}},
	} {
		for _, name := range tt.good {
			if err := tt.check(name); err != nil {
				t.Error(err)
			}
		}
		for _, name := range tt.bad {
			if tt.check(name) == nil {
				t.Errorf("%q is taken", name)
			}
		}
	}
}

// TestDomainRefuses: sound documents of the wrong people, and what is never written.
func TestDomainRefuses(t *testing.T) {
	d, foreign := newDomain(t), newDomain(t)
	other := d.joined
	other.Certificate = foreign.cert.Raw
	renamed := d.joined
	renamed.Host = "ts2"
	short := d.joined
	short.GossipKey = short.GossipKey[1:]
	noSite := d.joined
	noSite.Site = ""
	many := d.joined
	many.Groups = make([]string, maxList+1)
	sign := func(f func(crypto.Signer) ([]byte, error), key crypto.Signer) error {
		_, err := f(key)
		return err
	}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"certificate of another forest", sign(other.Sign, d.forestKey), "not of this forest"},
		{"certificate of another host", sign(renamed.Sign, d.forestKey), "it is made for ts2.corp.example, its certificate for ts1.corp.example"},
		{"short key", sign(short.Sign, d.forestKey), "a key in it has not 32 bytes"},
		{"key of no site", sign(noSite.Sign, d.forestKey), "a site and its key come together"},
		{"many groups", sign(many.Sign, d.forestKey), "it is made for"},
		{"no role", sign(JoinRequest{Domain: "x", Host: "a", Role: "king"}.Sign, d.hostKey), "there is no role king"},
		{"no domain", sign(JoinRequest{Host: "a", Role: RoleHost}.Sign, d.hostKey), `join request: domain ""`},
		{"P-384", sign(d.join.Sign, newKey(t, elliptic.P384())), "no ECDSA key on P-256"},
		{"no reason", sign(Refusal{Issued: day}.Sign, d.forestKey), "it gives no reason"},
		{"site", sign(SiteQuery{Host: "a", Site: "a,b", Issued: day}.Sign, d.hostKey), `site "a,b"`},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, tt.err, tt.want)
		}
	}
	for _, kind := range []Kind{KindSiteAnswer, KindRefusal} {
		_, err := foreign.parse(kind, d.samples[kind].text)
		if err == nil || !strings.Contains(err.Error(), "the signature is not that of the forest") {
			t.Errorf("%v of another forest: %v", kind, err)
		}
	}
	if _, err := ParseSiteAnswer(d.samples[KindSiteAnswer].text, nil); err != nil {
		t.Errorf("who is no member takes any answer: %v", err)
	}
}

// TestRefusalText: whatever the reason is, a refusal can be written.
func TestRefusalText(t *testing.T) {
	d := newDomain(t)
	for _, reason := range []string{"plain", " blanks\n and lines\t", strings.Repeat("\u00c5", 1000), "bell\a"} {
		text, err := Refusal{Text: reason, Issued: day}.Sign(d.forestKey)
		if err != nil {
			t.Errorf("%q: %v", reason, err)
			continue
		}
		r, err := ParseRefusal(text, []*x509.Certificate{d.forest})
		if err != nil || r.Text == "" || len(r.Text) > maxField {
			t.Errorf("%q became %q (%v)", reason, r.Text, err)
		}
		if refusal, ok := errors.AsType[*Refusal](error(&r)); !ok || refusal.Error() != r.Text {
			t.Error("a refusal is an error with its text")
		}
	}
}
