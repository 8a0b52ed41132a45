package dc

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/tslab/tslab/internal/eventlog"
)

// Dynamic update, RFC 2136. The sections of a message have other names there: the
// question is the zone, the answer the prerequisites, the authority the update.

// rcode is an update that is not done, with the code that says so.
type rcode struct {
	code   int
	reason string
}

func (e rcode) Error() string { return e.reason }

func refuse(code int, format string, args ...any) error {
	return rcode{code, fmt.Sprintf(format, args...)}
}

// update does an update whose signature holds, whole or not at all.
func (s *Controller) update(r *dns.Msg, from netip.Addr) int {
	signer := ""
	if t := r.IsTsig(); t != nil {
		signer = dns.CanonicalName(t.Hdr.Name)
	}
	q := r.Question[0]
	zone := dns.CanonicalName(q.Name)
	changed := 0
	err := s.checkUpdate(q, zone, signer)
	if err == nil {
		err = s.dir.change(func(d *data) (err error) {
			if err = d.prerequisites(zone, r.Answer); err != nil {
				return err
			}
			before := d.said(r.Ns)
			changed, err = s.apply(d, zone, signer, r.Ns)
			if err == nil && d.said(r.Ns) == before {
				changed = 0
			}
			return err
		})
	}
	if err != nil {
		s.config.Log.Event(eventlog.NameRefused, eventlog.F("peer", from), eventlog.F("name", firstName(r)), eventlog.F("reason", err))
		if code, ok := errors.AsType[rcode](err); ok {
			return code.code
		}
		return dns.RcodeServerFailure
	}
	if changed == 0 {
		return dns.RcodeSuccess // it says what was known
	}
	s.config.Log.Event(eventlog.NameUpdated, eventlog.F("name", firstName(r)), eventlog.F("key", signer), eventlog.F("changed", changed), eventlog.F("peer", from))
	return dns.RcodeSuccess
}

// said is what is known of the names that an update is about.
func (d *data) said(update []dns.RR) string {
	var all []string
	for _, rr := range update {
		for _, set := range d.names[dns.CanonicalName(rr.Header().Name)] {
			for _, known := range set {
				all = append(all, known.String())
			}
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "\n")
}

func firstName(r *dns.Msg) string {
	if len(r.Ns) == 0 {
		return r.Question[0].Name
	}
	return r.Ns[0].Header().Name
}

func (s *Controller) checkUpdate(q dns.Question, zone, signer string) error {
	switch {
	case q.Qtype != dns.TypeSOA || q.Qclass != dns.ClassINET:
		return refuse(dns.RcodeFormatError, "the zone section names no zone")
	case !slices.Contains(s.zones, zone):
		return refuse(dns.RcodeNotAuth, "zone %s is not served here", zone)
	case signer == "":
		return refuse(dns.RcodeRefused, "the update is not signed: give nsupdate a key with -k")
	}
	return nil
}

// prerequisites checks what must hold before the update (RFC 2136, 3.2).
func (d *data) prerequisites(zone string, list []dns.RR) error {
	exact := map[string][]dns.RR{} // sets that must be as listed, by name and type
	for _, rr := range list {
		h := rr.Header()
		name := dns.CanonicalName(h.Name)
		if !dns.IsSubDomain(zone, name) {
			return refuse(dns.RcodeNotZone, "%s is not in zone %s", name, zone)
		}
		there := len(d.names[name]) > 0
		if h.Rrtype != dns.TypeANY {
			there = len(d.names[name][h.Rrtype]) > 0
		}
		switch {
		case h.Ttl != 0:
			return refuse(dns.RcodeFormatError, "a prerequisite has a time to live")
		case h.Class == dns.ClassANY && !there:
			return refuse(missing(h.Rrtype, dns.RcodeNameError, dns.RcodeNXRrset), "%s is not there", name)
		case h.Class == dns.ClassNONE && there:
			return refuse(missing(h.Rrtype, dns.RcodeYXDomain, dns.RcodeYXRrset), "%s is there", name)
		case h.Class == dns.ClassINET:
			key := name + " " + dns.TypeToString[h.Rrtype]
			exact[key] = append(exact[key], rr)
		case h.Class != dns.ClassANY && h.Class != dns.ClassNONE:
			return refuse(dns.RcodeFormatError, "a prerequisite of class %d", h.Class)
		}
	}
	for _, want := range exact {
		h := want[0].Header()
		have := d.names[dns.CanonicalName(h.Name)][h.Rrtype]
		same := len(have) == len(want)
		for _, rr := range want {
			same = same && slices.ContainsFunc(have, func(old dns.RR) bool { return dns.IsDuplicate(old, rr) })
		}
		if !same {
			return refuse(dns.RcodeNXRrset, "%s is another", h.Name)
		}
	}
	return nil
}

// missing is the code for a name or for a set of it.
func missing(kind uint16, name, set int) int {
	if kind == dns.TypeANY {
		return name
	}
	return set
}

// apply makes the changes (RFC 2136, 3.4.2) and counts them. What it is told of a
// stale name it takes and does not do.
func (s *Controller) apply(d *data, zone, signer string, list []dns.RR) (changed int, err error) {
	for _, rr := range list {
		h := rr.Header()
		name := dns.CanonicalName(h.Name)
		if err := s.mayChange(d, zone, signer, rr); err != nil {
			return 0, err
		}
		if holds(d.Stale, name) {
			continue
		}
		switch h.Class {
		case dns.ClassINET:
			h.Ttl = min(h.Ttl, maxTTL)
			h.Name = name
			if err := d.add(rr); err != nil {
				return 0, refuse(dns.RcodeRefused, "%v", err)
			}
			changed++
		case dns.ClassANY:
			changed += d.remove(name, h.Rrtype, nil)
		case dns.ClassNONE:
			h.Class = dns.ClassINET // as it is stored
			changed += d.remove(name, h.Rrtype, rr)
		}
	}
	return changed, nil
}

// mayChange holds that the record is one that this server keeps and that the key's
// holder may change: the key for all names any, a host's own the addresses of its name
// and the pointers to it.
func (s *Controller) mayChange(d *data, zone, signer string, rr dns.RR) error {
	h := rr.Header()
	name := dns.CanonicalName(h.Name)
	deleting := h.Class == dns.ClassANY || h.Class == dns.ClassNONE
	switch {
	case !dns.IsSubDomain(zone, name):
		return refuse(dns.RcodeNotZone, "%s is not in zone %s", name, zone)
	case h.Class != dns.ClassINET && !deleting:
		return refuse(dns.RcodeFormatError, "%s has class %d", name, h.Class)
	case !kept(h.Rrtype) && !(h.Class == dns.ClassANY && h.Rrtype == dns.TypeANY):
		return refuse(dns.RcodeRefused, "%s records are not kept here: A, AAAA, SRV and PTR are", dns.TypeToString[h.Rrtype])
	case h.Class == dns.ClassINET && empty(rr):
		return refuse(dns.RcodeFormatError, "%s is to get a record without data", name)
	case signer == s.keys.admin():
		return nil
	case name == signer && h.Rrtype != dns.TypePTR && h.Rrtype != dns.TypeSRV:
		return nil
	case h.Rrtype != dns.TypePTR && !(h.Rrtype == dns.TypeANY && strings.HasSuffix(name, ".arpa.")):
		return refuse(dns.RcodeRefused, "the key %s may change the addresses of its own name, and not %s", signer, name)
	}
	points := []dns.RR{rr}
	if h.Class == dns.ClassANY {
		points = d.names[name][dns.TypePTR]
	}
	for _, p := range points {
		if ptr, ok := p.(*dns.PTR); !ok || dns.CanonicalName(ptr.Ptr) != signer {
			return refuse(dns.RcodeRefused, "the key %s may change pointers to its own name only", signer)
		}
	}
	return nil
}

// kept reports whether this server keeps records of the type.
func kept(kind uint16) bool {
	return kind == dns.TypeA || kind == dns.TypeAAAA || kind == dns.TypeSRV || kind == dns.TypePTR
}
