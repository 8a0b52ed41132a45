//go:build linux

package capture

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/tslab/tslab/wire/locate"
)

const dnsPort = 53

// datagram reads the messages by which license servers are sought: those of
// wire/locate, and DNS.
func (a *analysis) datagram(from, to netip.AddrPort, payload []byte, at origin) {
	m := Message{Time: at.time, Link: a.names[at.recording], From: from, To: to, Security: "NONE", at: at.place}
	switch {
	case from.Port() == locate.Port || to.Port() == locate.Port:
		m.Protocol = "locate"
		m.Name, m.Text = describeLocate(payload)
	case from.Port() == dnsPort || to.Port() == dnsPort:
		m.Protocol = "dns"
		if m.Name, m.Text = describeDNS(payload); m.Name == "" {
			return
		}
	default:
		return
	}
	a.messages = append(a.messages, m)
}

// describeLocate says in plain words what a discovery datagram says.
func describeLocate(payload []byte) (name, text string) {
	parsed, err := locate.Parse(payload)
	if err != nil {
		return "broken", "a broken discovery datagram: " + err.Error()
	}
	switch m := parsed.(type) {
	case locate.Query:
		text = "which license servers are there"
		if m.Scope != locate.AnyScope {
			text = fmt.Sprintf("which license servers of the %v %s are there", m.Scope, m.Group)
		}
		if m.Name != "" {
			text += " of the name " + m.Name
		}
		return "Query", text + "?"
	case locate.Reply:
		text = fmt.Sprintf("%s, port %d, %v %s, %s", named(m.Name), m.Port, m.Scope, m.Group, m.Edition)
		if !m.Activated {
			return "Reply", text + ", not activated"
		}
		return "Reply", text + ", activated as " + m.ServerID
	}
	return "", ""
}

// describeDNS says what a DNS message asks or answers; its name is the type of record,
// `SRV query` or `SRV answer`.
func describeDNS(payload []byte) (name, text string) {
	var m layers.DNS
	if err := m.DecodeFromBytes(payload, gopacket.NilDecodeFeedback); err != nil || len(m.Questions) == 0 {
		return "", ""
	}
	q := m.Questions[0]
	if m.OpCode != layers.DNSOpCodeQuery {
		return fmt.Sprintf("%v", m.OpCode), string(q.Name)
	}
	if !m.QR {
		return q.Type.String() + " query", string(q.Name)
	}
	if m.ResponseCode != layers.DNSResponseCodeNoErr {
		return q.Type.String() + " answer", fmt.Sprintf("%s: %v", q.Name, m.ResponseCode)
	}
	var answers []string
	for _, r := range m.Answers {
		switch r.Type {
		case layers.DNSTypeSRV:
			answers = append(answers, fmt.Sprintf("%s:%d", r.SRV.Name, r.SRV.Port))
		case layers.DNSTypeA, layers.DNSTypeAAAA:
			answers = append(answers, r.IP.String())
		case layers.DNSTypePTR:
			answers = append(answers, string(r.PTR))
		case layers.DNSTypeCNAME:
			answers = append(answers, string(r.CNAME))
		}
	}
	if len(answers) == 0 {
		return q.Type.String() + " answer", string(q.Name) + ": none"
	}
	return q.Type.String() + " answer", string(q.Name) + ": " + strings.Join(answers, ", ")
}
