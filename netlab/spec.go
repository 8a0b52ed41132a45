package netlab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Spec describes nets and hosts. The zero value is an empty lab.
type Spec struct {
	Nets  []Net  `json:"nets"`
	Hosts []Host `json:"hosts"`
}

// Net is an Ethernet that hosts hang on.
type Net struct {
	Name    string       `json:"name"`
	Prefix  netip.Prefix `json:"prefix,omitzero"`  // of its IPv4 addresses; invalid without any
	Prefix6 netip.Prefix `json:"prefix6,omitzero"` // of its IPv6 addresses; invalid without any
	Site    string       `json:"site,omitempty"`   // the site that it belongs to
}

// Host is a machine with a cable to each of its nets.
type Host struct {
	Name   string `json:"name"`
	Router bool   `json:"router,omitempty"` // it forwards from net to net
	Domain string `json:"domain,omitempty"` // DNS name of the domain that it is of; empty in a workgroup
	// Controller: it is a domain controller of that domain.
	Controller bool    `json:"controller,omitempty"`
	Cables     []Cable `json:"cables"`
}

// Cable connects a host to a net.
type Cable struct {
	Net       string     `json:"net"`
	Interface string     `json:"interface"`
	Address   netip.Addr `json:"address,omitzero"`  // invalid on a net without IPv4
	Address6  netip.Addr `json:"address6,omitzero"` // invalid on a net without IPv6
}

// Prefixes are the net's, that of IPv4 first.
func (n Net) Prefixes() []netip.Prefix {
	return slices.DeleteFunc([]netip.Prefix{n.Prefix, n.Prefix6}, func(p netip.Prefix) bool { return !p.IsValid() })
}

// Addresses are the cable's addresses, that of IPv4 first.
func (c Cable) Addresses() []netip.Addr {
	return slices.DeleteFunc([]netip.Addr{c.Address, c.Address6}, func(a netip.Addr) bool { return !a.IsValid() })
}

// LinkLocal is the cable's address on its link alone, as programs use it for what they
// send to all nodes; invalid on a net without IPv6. It is fe80::/64 and the MAC.
func (c Cable) LinkLocal() netip.Addr {
	if !c.Address6.IsValid() {
		return netip.Addr{}
	}
	a := [16]byte{0: 0xfe, 1: 0x80}
	copy(a[10:], c.MAC())
	return netip.AddrFrom16(a)
}

// Senders are the addresses from which frames of the host come on the cable.
func (c Cable) Senders() []netip.Addr {
	if !c.Address6.IsValid() {
		return c.Addresses()
	}
	return append(c.Addresses(), c.LinkLocal())
}

// MAC is the cable's hardware address; the last four bytes are its IPv4 address. On a
// net without IPv4 they are drawn from the IPv6 one: two from the net's part, two of the
// host's.
func (c Cable) MAC() net.HardwareAddr {
	if !c.Address.IsValid() {
		v6 := c.Address6.As16()
		mac := net.HardwareAddr{2, 6, 0, 0, v6[14], v6[15]}
		for i, b := range v6[:maxBits6/8] {
			mac[2+i%2] ^= b
		}
		return mac
	}
	v4 := c.Address.As4()
	return append(net.HardwareAddr{2, 0}, v4[:]...)
}

// Address is the host's first address.
func (h Host) Address() netip.Addr { return h.Cables[0].Addresses()[0] }

const (
	netBits   = 16 // a net's prefix unless told otherwise: 10.N.0.0/16
	netBits6  = 64 // and of its IPv6 addresses: fd00:0:0:N::/64
	maxBits   = 30 // of IPv4: room for two hosts
	maxBits6  = 96 // so that hosts are numbered as in IPv4
	maxNets   = 256
	maxLabel  = 63 // RFC 1035
	firstHost = 1

	maxListed = 8 // hosts of a net in one line

	localhost = "127.0.0.1 localhost\n"
)

// AddNet adds a net, with IPv4 or with IPv6 as its prefix is. A zero prefix stands for
// the next free one of IPv4.
func (s *Spec) AddNet(name string, prefix netip.Prefix) error {
	if err := checkName("net", name); err != nil {
		return err
	}
	if _, ok := s.Net(name); ok {
		return fmt.Errorf("there is a net %q already", name)
	}
	if !prefix.IsValid() {
		if len(s.Nets) == maxNets {
			return fmt.Errorf("net %q: more than %d nets need a prefix each", name, maxNets)
		}
		prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(len(s.Nets)), 0, 0}), netBits)
	}
	if err := s.checkPrefix(name, prefix); err != nil {
		return err
	}
	n := Net{Name: name, Prefix: prefix.Masked()}
	if prefix.Addr().Is6() {
		n.Prefix, n.Prefix6 = netip.Prefix{}, n.Prefix
	}
	s.Nets = append(s.Nets, n)
	return nil
}

// checkPrefix holds that a net can have a prefix beside those of the others.
func (s *Spec) checkPrefix(name string, prefix netip.Prefix) error {
	switch {
	case prefix.Addr().Is4() && prefix.Bits() > maxBits:
		return fmt.Errorf("net %q: %v has no room for two hosts", name, prefix)
	case prefix.Addr().Is4In6() || prefix.Addr().Is6() && prefix.Bits() > maxBits6:
		return fmt.Errorf("net %q: %v is not an IPv6 prefix of at most /%d", name, prefix, maxBits6)
	}
	for _, n := range s.Nets {
		for _, p := range n.Prefixes() {
			if p.Overlaps(prefix) {
				return fmt.Errorf("net %q: %v overlaps %v of net %q", name, prefix.Masked(), p, n.Name)
			}
		}
	}
	return nil
}

// AddIPv6 gives a net without hosts IPv6 beside IPv4. A zero prefix stands for the
// unique local one with the net's number (RFC 4193).
func (s *Spec) AddIPv6(name string, prefix netip.Prefix) error {
	i := slices.IndexFunc(s.Nets, func(n Net) bool { return n.Name == name })
	if i < 0 {
		return fmt.Errorf("there is no net %q", name)
	}
	if !prefix.IsValid() {
		prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 0, 0, 0, 0, 0, 0, byte(i)}), netBits6)
	}
	switch {
	case s.Nets[i].Prefix6.IsValid():
		return fmt.Errorf("net %q has IPv6 already, as %v", name, s.Nets[i].Prefix6)
	case !prefix.Addr().Is6():
		return fmt.Errorf("net %q: %v is not an IPv6 prefix of at most /%d", name, prefix, maxBits6)
	}
	if err := s.checkPrefix(name, prefix); err != nil {
		return err
	}
	for _, h := range s.Hosts {
		if slices.ContainsFunc(h.Cables, func(c Cable) bool { return c.Net == name }) {
			return fmt.Errorf("net %q has hosts already", name)
		}
	}
	s.Nets[i].Prefix6 = prefix.Masked()
	return nil
}

// SetSite puts a net into a site.
func (s *Spec) SetSite(name, site string) error {
	i := slices.IndexFunc(s.Nets, func(n Net) bool { return n.Name == name })
	if i < 0 {
		return fmt.Errorf("there is no net %q", name)
	}
	s.Nets[i].Site = site
	return checkName("site", site)
}

// AddHost adds a host with a cable to each of the nets, on the next free address.
func (s *Spec) AddHost(name string, nets ...string) error {
	return s.addHost(Host{Name: name}, nets)
}

// AddRouter adds a host that forwards between its nets. Every host of the lab gets
// the routes to every net that routers lead to.
func (s *Spec) AddRouter(name string, nets ...string) error {
	if len(nets) < 2 {
		return fmt.Errorf("router %q: want the two or more nets that it connects", name)
	}
	return s.addHost(Host{Name: name, Router: true}, nets)
}

func (s *Spec) addHost(h Host, nets []string) error {
	if err := checkName("host", h.Name); err != nil {
		return err
	}
	if _, ok := s.Host(h.Name); ok {
		return fmt.Errorf("there is a host %q already", h.Name)
	}
	if len(nets) == 0 {
		return fmt.Errorf("host %q: on no net", h.Name)
	}
	was := len(s.Hosts)
	s.Hosts = append(s.Hosts, h)
	for _, net := range nets {
		if _, err := s.Plug(h.Name, net); err != nil {
			s.Hosts = s.Hosts[:was]
			return err
		}
	}
	return nil
}

// Plug adds a cable from a host to a net, on the next free address.
func (s *Spec) Plug(hostName, netName string) (Cable, error) {
	i := slices.IndexFunc(s.Hosts, func(h Host) bool { return h.Name == hostName })
	if i < 0 {
		return Cable{}, fmt.Errorf("there is no host %q", hostName)
	}
	h := &s.Hosts[i]
	n, ok := s.Net(netName)
	if !ok {
		return Cable{}, fmt.Errorf("host %q: there is no net %q", hostName, netName)
	}
	if slices.ContainsFunc(h.Cables, func(c Cable) bool { return c.Net == netName }) {
		return Cable{}, fmt.Errorf("host %q: net %q is named twice", hostName, netName)
	}
	number := s.nextNumber(n)
	if n.Prefix.IsValid() && number >= 1<<(32-n.Prefix.Bits())-1 { // the last one is the broadcast address
		return Cable{}, fmt.Errorf("host %q: net %q: %v has no address left", hostName, n.Name, n.Prefix)
	}
	c := Cable{Net: netName, Interface: fmt.Sprintf("eth%d", len(h.Cables)), Address: numbered(n.Prefix, number), Address6: numbered(n.Prefix6, number)}
	h.Cables = append(h.Cables, c)
	return c, nil
}

// nextNumber is the number behind the last one given on the net, the same in IPv4 and IPv6.
func (s *Spec) nextNumber(n Net) uint32 {
	next := uint32(firstHost)
	for _, h := range s.Hosts {
		for _, c := range h.Cables {
			if c.Net == n.Name {
				next++
			}
		}
	}
	return next
}

// numbered is the address with that number; invalid where there is no prefix.
func numbered(p netip.Prefix, number uint32) netip.Addr {
	if !p.IsValid() {
		return netip.Addr{}
	}
	b := p.Addr().AsSlice()
	last := b[len(b)-4:]
	binary.BigEndian.PutUint32(last, binary.BigEndian.Uint32(last)+number)
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Net is the net of that name.
func (s *Spec) Net(name string) (Net, bool) {
	i := slices.IndexFunc(s.Nets, func(n Net) bool { return n.Name == name })
	if i < 0 {
		return Net{}, false
	}
	return s.Nets[i], true
}

// Site is the site that a host is in: that of the first of its nets that has one; ""
// without any.
func (s *Spec) Site(hostName string) string {
	h, _ := s.Host(hostName)
	for _, c := range h.Cables {
		if n, _ := s.Net(c.Net); n.Site != "" {
			return n.Site
		}
	}
	return ""
}

// Host is the host of that name.
func (s *Spec) Host(name string) (Host, bool) {
	i := slices.IndexFunc(s.Hosts, func(h Host) bool { return h.Name == name })
	if i < 0 {
		return Host{}, false
	}
	return s.Hosts[i], true
}

// String is the lab in a line: each net with its hosts, or their number when there
// are many.
func (s *Spec) String() string {
	var nets []string
	for _, n := range s.Nets {
		var hosts []string
		for _, h := range s.Hosts {
			for _, c := range h.Cables {
				if c.Net == n.Name {
					hosts = append(hosts, h.Name+" "+c.Addresses()[0].String())
				}
			}
		}
		list := strings.Join(hosts, ", ")
		if len(hosts) > maxListed {
			list = fmt.Sprintf("%s to %s, %d hosts", hosts[0], hosts[len(hosts)-1], len(hosts))
		}
		nets = append(nets, fmt.Sprintf("%s %v: %s", n.Name, n.Prefixes()[0], list))
	}
	return strings.Join(nets, "; ")
}

// AddressesOf are a host's, first those on nets that it shares with the asker.
func (s *Spec) AddressesOf(host, asker string) []netip.Addr {
	h, _ := s.Host(host)
	by, _ := s.Host(asker)
	var near, far []netip.Addr
	for _, c := range h.Cables {
		if slices.ContainsFunc(by.Cables, func(own Cable) bool { return own.Net == c.Net }) {
			near = append(near, c.Addresses()...)
		} else {
			far = append(far, c.Addresses()...)
		}
	}
	return append(near, far...)
}

// hostsFile is the /etc/hosts of a host that asks nobody about names.
func (s *Spec) hostsFile(asker string) string {
	var b strings.Builder
	b.WriteString(localhost)
	for _, h := range s.Hosts {
		for _, address := range s.AddressesOf(h.Name, asker) {
			fmt.Fprintf(&b, "%v %s\n", address, h.Name)
		}
	}
	return b.String()
}

// oneHostsFile says that the /etc/hosts of all hosts is the same: none has two nets.
func (s *Spec) oneHostsFile() bool {
	return !slices.ContainsFunc(s.Hosts, func(h Host) bool { return len(h.Cables) > 1 })
}

func checkName(what, name string) error {
	label := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	if !label.MatchString(name) || len(name) > maxLabel {
		return fmt.Errorf("%s name %q: want lower-case letters, digits and inner hyphens, at most %d", what, name, maxLabel)
	}
	return nil
}
