package domain

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/internal/identity"
)

const (
	nameTTL    = 60 // seconds
	fudge      = 300
	updateWait = 2 * time.Second
)

// register enters the host's addresses and the pointers to its name by dynamic update
// (RFC 2136), signed with the key that came with the membership.
func (d *Domain) register(ctx context.Context, dc identity.Controller) error {
	addr, err := hostport.Parse(dc.Addr, identity.EnrollPort)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	controller, err := netip.ParseAddr(host)
	if err != nil { // a name
		addrs, err := d.config.Resolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return err
		}
		if len(addrs) == 0 {
			return fmt.Errorf("%s has no address", host)
		}
		controller = addrs[0]
	}
	server := d.config.DNS
	if server == "" {
		server = net.JoinHostPort(controller.Unmap().String(), DNSPort)
	}
	own, err := ownAddresses(controller.Unmap())
	if err != nil {
		return err
	}
	errs := []error{d.update(ctx, server, d.names(own))}
	for _, a := range own {
		m, err := d.pointer(a)
		if err == nil {
			err = d.update(ctx, server, m)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// names is the update of the host's addresses.
func (d *Domain) names(own []netip.Addr) *dns.Msg {
	name := dns.Fqdn(d.Membership().FQDN())
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(d.config.Domain))
	m.RemoveRRset([]dns.RR{
		&dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET}},
		&dns.AAAA{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeAAAA, Class: dns.ClassINET}},
	})
	for _, a := range own {
		h := dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: nameTTL}
		if a.Is4() {
			m.Insert([]dns.RR{&dns.A{Hdr: h, A: a.AsSlice()}})
			continue
		}
		h.Rrtype = dns.TypeAAAA
		m.Insert([]dns.RR{&dns.AAAA{Hdr: h, AAAA: a.AsSlice()}})
	}
	return m
}

// pointer is the update of the pointer from an address to the host.
func (d *Domain) pointer(a netip.Addr) (*dns.Msg, error) {
	at, err := dns.ReverseAddr(a.String())
	if err != nil {
		return nil, err
	}
	zone := "in-addr.arpa."
	if a.Is6() {
		zone = "ip6.arpa."
	}
	m := new(dns.Msg)
	m.SetUpdate(zone)
	m.Insert([]dns.RR{&dns.PTR{
		Hdr: dns.RR_Header{Name: at, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: nameTTL}, Ptr: dns.Fqdn(d.Membership().FQDN()),
	}})
	return m, nil
}

func (d *Domain) update(ctx context.Context, server string, m *dns.Msg) error {
	own := d.Membership()
	client := dns.Client{Net: "tcp", Timeout: updateWait,
		TsigSecret: map[string]string{own.UpdateName: base64.StdEncoding.EncodeToString(own.UpdateKey[:])}}
	m.SetTsig(own.UpdateName, dns.HmacSHA256, fudge, time.Now().Unix())
	answer, _, err := client.ExchangeContext(ctx, m, server)
	if err != nil {
		return fmt.Errorf("name server %s: %w", server, err)
	}
	if answer.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("name server %s answers %s", server, dns.RcodeToString[answer.Rcode])
	}
	return nil
}
