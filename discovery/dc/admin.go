package dc

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/wire/enroll"
)

// What an administrator does on the domain controller itself.

// Directory is what a domain controller knows.
type Directory struct {
	Domain  string   `json:"domain"`
	Records []string `json:"records"` // in presentation format
	Stale   []string `json:"stale"`
	Hidden  []string `json:"hidden"`
	Subnets []Subnet `json:"subnets"`
	Entries []Entry  `json:"entries"`
	Hosts   []Host   `json:"hosts"`
	Groups  []Group  `json:"groups"`
}

// Group is the groups that an administrator gave a host.
type Group struct {
	Host   string   `json:"host"`
	Groups []string `json:"groups"`
}

// Directory is all that this domain controller knows now.
func (s *Controller) Directory() Directory {
	d := s.dir.view()
	out := Directory{Domain: s.config.Domain, Records: slices.Clone(d.Records), Stale: slices.Clone(d.Stale), Hidden: slices.Clone(d.Hidden),
		Subnets: slices.Clone(d.Subnets), Entries: slices.Collect(maps.Values(d.Entries)), Hosts: slices.Collect(maps.Values(d.Hosts))}
	for host, groups := range d.Groups {
		out.Groups = append(out.Groups, Group{host, slices.Clone(groups)})
	}
	slices.SortFunc(out.Entries, func(a, b Entry) int { return strings.Compare(a.Site, b.Site) })
	slices.SortFunc(out.Hosts, func(a, b Host) int { return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Role, b.Role)) })
	slices.SortFunc(out.Groups, func(a, b Group) int { return strings.Compare(a.Host, b.Host) })
	return out
}

// parse reads a record in presentation format. A name without a last dot is the
// domain's, and so is the host that a record names.
func (s *Controller) parse(text string) (dns.RR, error) {
	parser := dns.NewZoneParser(strings.NewReader(text+"\n"), fqdn(s.config.Domain), "")
	parser.SetDefaultTTL(defaultTTL)
	rr, ok := parser.Next()
	switch err := parser.Err(); {
	case err != nil:
		return nil, fmt.Errorf("record %q: want NAME TYPE DATA, as in `ts1 A 10.0.0.2`: %w", text, err)
	case !ok, empty(rr):
		return nil, fmt.Errorf("record %q: want NAME TYPE DATA, as in `ts1 A 10.0.0.2`", text)
	case !kept(rr.Header().Rrtype):
		return nil, fmt.Errorf("record %q: A, AAAA, SRV and PTR records are kept here", text)
	}
	if _, ok := parser.Next(); ok {
		return nil, fmt.Errorf("record %q: want one record", text)
	}
	rr.Header().Name = dns.CanonicalName(rr.Header().Name)
	if _, own := s.zoneOf(rr.Header().Name); !own {
		return nil, fmt.Errorf("record %q: %s is in no zone of this server", text, rr.Header().Name)
	}
	return rr, nil
}

// empty says whether a record has no data, as only updates may have them.
func empty(rr dns.RR) bool {
	switch rr := rr.(type) {
	case *dns.A:
		return rr.A == nil
	case *dns.AAAA:
		return rr.AAAA == nil
	case *dns.SRV:
		return rr.Target == ""
	case *dns.PTR:
		return rr.Ptr == ""
	}
	return false
}

// AddRecord adds a record in presentation format, such as `ts1 A 10.0.0.2`.
func (s *Controller) AddRecord(text string) error {
	rr, err := s.parse(text)
	if err != nil {
		return err
	}
	if err := s.dir.change(func(d *data) error { return d.add(rr) }); err != nil {
		return err
	}
	s.config.Log.Event(eventlog.NameUpdated, eventlog.F("name", rr.Header().Name), eventlog.F("key", "an administrator"), eventlog.F("changed", 1), eventlog.F("peer", ""))
	return nil
}

// RemoveRecords removes the records of a name: of one type unless kind is empty, and
// of that content unless it is empty. It reports how many there were.
func (s *Controller) RemoveRecords(name, kind, content string) (n int, err error) {
	var only dns.RR
	code := dns.TypeANY
	if kind != "" {
		ok := false
		if code, ok = dns.StringToType[strings.ToUpper(kind)]; !ok || !kept(code) {
			return 0, fmt.Errorf("there are no %s records here", kind)
		}
	}
	if content != "" {
		if only, err = s.parse(name + " " + kind + " " + content); err != nil {
			return 0, err
		}
	}
	full := s.full(name)
	err = s.dir.change(func(d *data) error {
		n = d.remove(full, code, only)
		return nil
	})
	if err == nil && n > 0 {
		s.config.Log.Event(eventlog.NameUpdated, eventlog.F("name", full), eventlog.F("key", "an administrator"), eventlog.F("changed", n), eventlog.F("peer", ""))
	}
	return n, err
}

// full is a name in the domain unless it ends in a dot.
func (s *Controller) full(name string) string {
	if strings.HasSuffix(name, ".") {
		return dns.CanonicalName(name)
	}
	return fqdn(name + "." + s.config.Domain)
}

// SetStale makes the records of a name outlive every update, as in a directory that
// has not heard of it, or ends that.
func (s *Controller) SetStale(name string, on bool) error {
	return s.fault(name, on, "stale", func(d *data) *[]string { return &d.Stale })
}

// SetHidden makes a name be answered as if it were not there (NXDOMAIN), or ends that.
func (s *Controller) SetHidden(name string, on bool) error {
	return s.fault(name, on, "not there", func(d *data) *[]string { return &d.Hidden })
}

func (s *Controller) fault(name string, on bool, what string, of func(*data) *[]string) error {
	name = s.full(name)
	if _, own := s.zoneOf(name); !own {
		return fmt.Errorf("%s is in no zone of this server", name)
	}
	err := s.dir.change(func(d *data) error {
		names := of(d)
		*names = slices.DeleteFunc(*names, func(n string) bool { return n == name })
		if !on {
			return nil
		}
		if len(*names) >= maxFaultList {
			return fmt.Errorf("%d names are %s already", maxFaultList, what)
		}
		*names = append(*names, name)
		return nil
	})
	if err == nil {
		s.config.Log.Event(eventlog.NameFault, eventlog.F("name", name), eventlog.F("fault", what), eventlog.F("on", onOff(on)))
	}
	return err
}

func onOff(on bool) string {
	if on {
		return "now"
	}
	return "no longer"
}

// SetGroup puts a host into a group, or takes it out; it counts from the host's next
// join, which is at the start of its programs.
func (s *Controller) SetGroup(host, group string, in bool) error {
	if err := errors.Join(enroll.CheckHost(host), enroll.CheckGroup(group)); err != nil {
		return err
	}
	if slices.Contains([]string{enroll.GroupControllers, enroll.GroupLicenseServers, enroll.GroupComputers}, group) {
		return fmt.Errorf("the group %q comes with the role in which a host joins", group)
	}
	err := s.dir.change(func(d *data) error {
		groups := slices.DeleteFunc(slices.Clone(d.Groups[host]), func(g string) bool { return strings.EqualFold(g, group) })
		if in {
			groups = append(groups, group)
		}
		if len(groups) > maxGroups {
			return fmt.Errorf("%s is in %d groups already", host, maxGroups)
		}
		if d.Groups[host] = groups; len(groups) == 0 {
			delete(d.Groups, host)
		}
		return nil
	})
	if err == nil {
		s.config.Log.Event(eventlog.GroupChanged, eventlog.F("host", host), eventlog.F("group", group), eventlog.F("on", onOff(in)))
	}
	return err
}

// SetSubnet puts a subnet into a site; the empty site takes it out of the map.
func (s *Controller) SetSubnet(prefix netip.Prefix, site string) error {
	err := s.dir.change(func(d *data) error { return d.setSubnet(Subnet{prefix, site}) })
	if err == nil {
		s.config.Log.Event(eventlog.SiteMapChanged, eventlog.F("subnet", prefix.Masked()), eventlog.F("site", cmp.Or(site, "no site")))
	}
	return err
}
