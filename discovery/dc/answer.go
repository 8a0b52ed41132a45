package dc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/tslab/tslab/internal/eventlog"
)

const (
	plainSize    = 512  // bytes of an answer by UDP without EDNS(0) (RFC 1035, 4.2.1)
	largestUDP   = 1232 // and with it: what fits every path
	tsigRoom     = 160  // that a signature takes
	maxTCPAsked  = 128  // queries on one connection
	maxUpdate    = 512  // records of an update
	forwardWait  = time.Second
	shutdownWait = time.Second
)

// serveDNS answers on both sockets until ctx ends, and closes them.
func (s *Controller) serveDNS(ctx context.Context, udp net.PacketConn, tcp net.Listener) error {
	handler := dns.HandlerFunc(s.serve)
	servers := []*dns.Server{
		{PacketConn: udp, Handler: handler, TsigProvider: s.keys, MsgAcceptFunc: acceptDNS, UDPSize: 4096},
		{Listener: newCrowd(tcp, s.refused), Handler: handler, TsigProvider: s.keys, MsgAcceptFunc: acceptDNS, MaxTCPQueries: maxTCPAsked},
	}
	ended := make(chan error, len(servers))
	for _, server := range servers {
		go func() { ended <- server.ActivateAndServe() }()
	}
	var errs []error
	select {
	case <-ctx.Done():
		errs = append(errs, ctx.Err())
	case err := <-ended:
		errs = append(errs, fmt.Errorf("DNS: %w", err))
		ended <- nil
	}
	udp.Close()
	tcp.Close()
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer cancel()
	for _, server := range servers {
		_ = server.ShutdownContext(wait) // its sockets are closed already
		<-ended
	}
	return errors.Join(errs...)
}

// acceptDNS turns away what is no query and no update before it is read whole.
func acceptDNS(h dns.Header) dns.MsgAcceptAction {
	const response = 1 << 15
	opcode := int(h.Bits>>11) & 0xF
	switch {
	case h.Bits&response != 0:
		return dns.MsgIgnore
	case opcode != dns.OpcodeQuery && opcode != dns.OpcodeUpdate:
		return dns.MsgRejectNotImplemented
	case h.Qdcount != 1, h.Arcount > 4, h.Ancount > maxUpdate, h.Nscount > maxUpdate, opcode == dns.OpcodeQuery && h.Ancount+h.Nscount > 1:
		return dns.MsgReject
	}
	return dns.MsgAccept
}

func (s *Controller) serve(w dns.ResponseWriter, r *dns.Msg) {
	from := addrOf(w.RemoteAddr())
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	m := new(dns.Msg)
	m.SetReply(r)
	switch {
	case udp && !s.rate.allow(from, time.Now()):
		m.Truncated = true // whoever it is may ask again by TCP, where an address is proved
	case r.IsTsig() != nil && w.TsigStatus() != nil:
		m.Rcode = dns.RcodeNotAuth
	case r.Opcode == dns.OpcodeUpdate:
		m.Rcode = s.update(r, from)
	default:
		s.answer(r, m)
	}
	size := dns.MaxMsgSize
	if opt := r.IsEdns0(); opt != nil {
		m.SetEdns0(largestUDP, false)
		if opt.Version() != 0 {
			m.Answer, m.Ns, m.Extra, m.Rcode = nil, nil, nil, dns.RcodeBadVers
			m.SetEdns0(largestUDP, false)
		}
	}
	if udp {
		size = plainSize
		if opt := r.IsEdns0(); opt != nil {
			size = min(max(int(opt.UDPSize()), plainSize), largestUDP)
		}
	}
	t := r.IsTsig()
	if t != nil {
		size -= tsigRoom
	}
	m.Truncate(size)
	if t != nil {
		m.SetTsig(t.Hdr.Name, t.Algorithm, 300, time.Now().Unix())
		m.IsTsig().Error = tsigError(w.TsigStatus())
	}
	_ = write(w, m) // who asked may be gone
}

// write sends the answer, signed if the question was and its signature holds. What is
// wrong with a signature is said without one (RFC 8945, 5.3.2).
func write(w dns.ResponseWriter, m *dns.Msg) error {
	if t := m.IsTsig(); t == nil || t.Error == dns.RcodeSuccess || t.Error == dns.RcodeBadTime {
		return w.WriteMsg(m)
	}
	b, err := m.Pack()
	if err == nil {
		_, err = w.Write(b)
	}
	return err
}

// tsigError is the error field of the answer's signature (RFC 8945, 5.2).
func tsigError(err error) uint16 {
	switch {
	case err == nil:
		return dns.RcodeSuccess
	case errors.Is(err, dns.ErrTime):
		return dns.RcodeBadTime
	case errors.Is(err, dns.ErrSig):
		return dns.RcodeBadSig
	}
	return dns.RcodeBadKey
}

func addrOf(a net.Addr) netip.Addr {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// zoneOf is the zone that this server has the name in.
func (s *Controller) zoneOf(name string) (string, bool) {
	for _, z := range s.zones {
		if dns.IsSubDomain(z, name) {
			return z, true
		}
	}
	return "", false
}

// answer answers one question.
func (s *Controller) answer(r, m *dns.Msg) {
	q := r.Question[0]
	name := dns.CanonicalName(q.Name)
	zone, own := s.zoneOf(name)
	switch {
	case q.Qclass != dns.ClassINET && q.Qclass != dns.ClassANY:
		m.Rcode = dns.RcodeRefused
		return
	case !own:
		s.forward(r, m, name)
		return
	case q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR:
		m.Rcode = dns.RcodeRefused
		return
	}
	m.Authoritative = true
	d := s.dir.view()
	if holds(d.Hidden, name) {
		m.Rcode, m.Ns = dns.RcodeNameError, []dns.RR{s.soa(zone, d)}
		return
	}
	switch {
	case q.Qtype == dns.TypeANY: // RFC 8482: an answer to ANY says nothing
		m.Answer = []dns.RR{&dns.HINFO{Hdr: header(q.Name, dns.TypeHINFO), Cpu: "RFC8482"}}
	case q.Qtype == dns.TypeSOA && name == zone:
		m.Answer = []dns.RR{s.soa(zone, d)}
	case q.Qtype == dns.TypeNS && name == zone:
		m.Answer = []dns.RR{&dns.NS{Hdr: header(zone, dns.TypeNS), Ns: s.name()}}
	default:
		m.Answer = d.names[name][q.Qtype]
	}
	if len(m.Answer) > 0 {
		m.Extra = d.targets(m.Answer)
		return
	}
	m.Ns = []dns.RR{s.soa(zone, d)}
	if name != zone && !d.exists(name) {
		m.Rcode = dns.RcodeNameError
	}
}

// targets are the addresses of the hosts that SRV records name (RFC 2782).
func (d *data) targets(answer []dns.RR) (extra []dns.RR) {
	seen := map[string]bool{}
	for _, rr := range answer {
		srv, ok := rr.(*dns.SRV)
		if !ok {
			continue
		}
		target := dns.CanonicalName(srv.Target)
		if seen[target] || holds(d.Hidden, target) {
			continue
		}
		seen[target] = true
		extra = append(append(extra, d.names[target][dns.TypeA]...), d.names[target][dns.TypeAAAA]...)
	}
	return extra
}

// exists reports whether the name or one below it has a record.
func (d *data) exists(name string) bool {
	if len(d.names[name]) > 0 {
		return true
	}
	for n := range d.names {
		if strings.HasSuffix(n, "."+name) {
			return true
		}
	}
	return false
}

func header(name string, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: defaultTTL}
}

func (s *Controller) name() string { return s.config.Host + "." + fqdn(s.config.Domain) }

// soa says who may be sent an update: this server.
func (s *Controller) soa(zone string, d *data) dns.RR {
	return &dns.SOA{Hdr: header(zone, dns.TypeSOA), Ns: s.name(), Mbox: "hostmaster." + fqdn(s.config.Domain),
		Serial: d.Serial, Refresh: 900, Retry: 600, Expire: maxTTL, Minttl: defaultTTL}
}

// forward asks the name server of another zone, if one is configured and the asker
// wants that. It asks without that wish, so that two servers cannot ask each other in
// a ring.
func (s *Controller) forward(r, m *dns.Msg, name string) {
	addr := ""
	for zone, a := range s.config.Forward {
		if dns.IsSubDomain(fqdn(zone), name) {
			addr = a
		}
	}
	if addr == "" || !r.RecursionDesired {
		m.Rcode = dns.RcodeRefused
		return
	}
	m.RecursionAvailable = true
	q := new(dns.Msg)
	q.SetQuestion(r.Question[0].Name, r.Question[0].Qtype)
	q.RecursionDesired = false
	client := dns.Client{Timeout: forwardWait}
	answer, _, err := client.Exchange(q, addr)
	if err != nil {
		m.Rcode = dns.RcodeServerFailure
		return
	}
	m.Rcode, m.Answer, m.Ns, m.Extra, m.Truncated = answer.Rcode, answer.Answer, answer.Ns, answer.Extra, answer.Truncated
}

// refused logs a connection that had to make room or was not finished.
func (s *Controller) refused(peer net.Addr, reason error) {
	s.config.Log.Event(eventlog.ConnectionRefused, eventlog.F("peer", peer), eventlog.F("reason", reason))
}
