//go:build linux

package capture

import (
	"net"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/tslab/tslab/wire/locate"
)

// dnsMessage is a DNS message in bytes.
func dnsMessage(t *testing.T, m layers.DNS) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := m.SerializeTo(b, gopacket.SerializeOptions{FixLengths: true}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDatagrams: how license servers are sought is told in plain words.
func TestDatagrams(t *testing.T) {
	query, err := locate.Query{Scope: locate.Workgroup, Group: "WORKGROUP"}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	named, err := locate.Query{Name: "LS1"}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := locate.Reply{Name: "ls1", Port: 3343, Edition: "ws2003", Scope: locate.Domain, Group: "corp.example"}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	activated, err := locate.Reply{Name: "ls1", Port: 3343, Edition: "ws2003", Scope: locate.Domain, ServerID: "LAB-1", Activated: true}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := layers.DNSQuestion{Name: []byte("_ldap._tcp.dc._msdcs.corp.example"), Type: layers.DNSTypeSRV, Class: layers.DNSClassIN}
	answer := layers.DNS{QR: true, Questions: []layers.DNSQuestion{srv}, Answers: []layers.DNSResourceRecord{
		{Name: srv.Name, Type: layers.DNSTypeSRV, Class: layers.DNSClassIN, SRV: layers.DNSSRV{Port: 389, Name: []byte("dc1.corp.example")}},
		{Name: srv.Name, Type: layers.DNSTypeA, Class: layers.DNSClassIN, IP: net.IPv4(10, 0, 0, 1).To4()},
	}}
	for _, tt := range []struct {
		port                 uint16
		payload              []byte
		protocol, name, text string
	}{
		{3345, query, "locate", "Query", "which license servers of the workgroup WORKGROUP are there?"},
		{3345, named, "locate", "Query", "which license servers are there of the name LS1?"},
		{3345, reply, "locate", "Reply", "ls1, port 3343, domain corp.example, ws2003, not activated"},
		{3345, activated, "locate", "Reply", "ls1, port 3343, domain , ws2003, activated as LAB-1"},
		{3345, query[:30], "locate", "broken", "*"},
		{53, dnsMessage(t, layers.DNS{Questions: []layers.DNSQuestion{srv}}), "dns", "SRV query", "_ldap._tcp.dc._msdcs.corp.example"},
		{53, dnsMessage(t, answer), "dns", "SRV answer", "_ldap._tcp.dc._msdcs.corp.example: dc1.corp.example:389, 10.0.0.1"},
		{53, dnsMessage(t, layers.DNS{QR: true, Questions: []layers.DNSQuestion{srv}}), "dns", "SRV answer", "_ldap._tcp.dc._msdcs.corp.example: none"},
		{
			53, dnsMessage(t, layers.DNS{QR: true, ResponseCode: layers.DNSResponseCodeNXDomain, Questions: []layers.DNSQuestion{srv}}),
			"dns", "SRV answer", "_ldap._tcp.dc._msdcs.corp.example: Non-Existent Domain",
		},
		{53, []byte{1, 2, 3}, "", "", ""},
		{4711, query, "", "", ""},
	} {
		a := newAnalysis([]Recording{{Name: "ts1:eth0"}}, &secrets{}, nil)
		a.datagram(netip.MustParseAddrPort("10.0.0.2:40000"), netip.AddrPortFrom(netip.MustParseAddr("10.0.255.255"), tt.port), tt.payload, origin{})
		if tt.name == "" {
			if len(a.messages) != 0 {
				t.Errorf("port %d: %+v", tt.port, a.messages)
			}
			continue
		}
		if len(a.messages) != 1 {
			t.Fatalf("port %d, %q: %d messages", tt.port, tt.text, len(a.messages))
		}
		if m := a.messages[0]; m.Protocol != tt.protocol || m.Name != tt.name || m.Text != tt.text && tt.text != "*" || m.Link != "ts1:eth0" {
			t.Errorf("%s %s %q on %s, want %s %s %q", m.Protocol, m.Name, m.Text, m.Link, tt.protocol, tt.name, tt.text)
		}
	}
}
