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
	Prefix  netip.Prefix `json:"prefix"`
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
	Address   netip.Addr `json:"address"`
	Address6  netip.Addr `json:"address6,omitzero"` // invalid on a net without IPv6
}

// Addresses are the cable's addresses, that of IPv4 first.
func (c Cable) Addresses() []netip.Addr {
	if !c.Address6.IsValid() {
		return []netip.Addr{c.Address}
	}
	return []netip.Addr{c.Address, c.Address6}
}

// MAC is the cable's hardware address; the last four bytes are its IP address.
func (c Cable) MAC() net.HardwareAddr {
	v4 := c.Address.As4()
	return append(net.HardwareAddr{2, 0}, v4[:]...)
}

// Address is the host's first address.
func (h Host) Address() netip.Addr { return h.Cables[0].Address }

const (
	netBits   = 16 // a net's prefix unless told otherwise: 10.N.0.0/16
	netBits6  = 64 // and of its IPv6 addresses: fd00:0:0:N::/64
	maxBits6  = 96 // so that hosts are numbered as in IPv4
	maxNets   = 256
	maxLabel  = 63 // RFC 1035
	firstHost = 1

	maxListed = 8 // hosts of a net in one line
)

// AddNet adds a net. A zero prefix stands for the next free one.
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
	if !prefix.Addr().Is4() || prefix.Bits() > 30 {
		return fmt.Errorf("net %q: %v is not an IPv4 prefix with room for two hosts", name, prefix)
	}
	prefix = prefix.Masked()
	for _, n := range s.Nets {
		if n.Prefix.Overlaps(prefix) {
			return fmt.Errorf("net %q: %v overlaps %v of net %q", name, prefix, n.Prefix, n.Name)
		}
	}
	s.Nets = append(s.Nets, Net{Name: name, Prefix: prefix})
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
	if !prefix.Addr().Is6() || prefix.Addr().Is4In6() || prefix.Bits() > maxBits6 {
		return fmt.Errorf("net %q: %v is not an IPv6 prefix of at most /%d", name, prefix, maxBits6)
	}
	prefix = prefix.Masked()
	for _, n := range s.Nets {
		if n.Prefix6.IsValid() && n.Prefix6.Overlaps(prefix) {
			return fmt.Errorf("net %q: %v overlaps %v of net %q", name, prefix, n.Prefix6, n.Name)
		}
	}
	for _, h := range s.Hosts {
		if slices.ContainsFunc(h.Cables, func(c Cable) bool { return c.Net == name }) {
			return fmt.Errorf("net %q has hosts already", name)
		}
	}
	s.Nets[i].Prefix6 = prefix
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
	address, err := s.nextAddress(n)
	if err != nil {
		return Cable{}, fmt.Errorf("host %q: %w", hostName, err)
	}
	c := Cable{Net: netName, Interface: fmt.Sprintf("eth%d", len(h.Cables)), Address: address}
	if n.Prefix6.IsValid() { // the host's number on the net is the same in both
		base, v4 := n.Prefix6.Addr().As16(), address.As4()
		number := binary.BigEndian.Uint32(v4[:]) - binary.BigEndian.Uint32(n.Prefix.Addr().AsSlice())
		binary.BigEndian.PutUint32(base[12:], number)
		c.Address6 = netip.AddrFrom16(base)
	}
	h.Cables = append(h.Cables, c)
	return c, nil
}

// nextAddress is the address behind the last one given on the net.
func (s *Spec) nextAddress(n Net) (netip.Addr, error) {
	base := n.Prefix.Addr().As4()
	next := uint32(firstHost)
	for _, h := range s.Hosts {
		for _, c := range h.Cables {
			if c.Net == n.Name {
				next++
			}
		}
	}
	if next >= 1<<(32-n.Prefix.Bits())-1 { // the last one is the broadcast address
		return netip.Addr{}, fmt.Errorf("net %q: %v has no address left", n.Name, n.Prefix)
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(base[:])+next)
	return netip.AddrFrom4(b), nil
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
					hosts = append(hosts, h.Name+" "+c.Address.String())
				}
			}
		}
		list := strings.Join(hosts, ", ")
		if len(hosts) > maxListed {
			list = fmt.Sprintf("%s to %s, %d hosts", hosts[0], hosts[len(hosts)-1], len(hosts))
		}
		nets = append(nets, fmt.Sprintf("%s %v: %s", n.Name, n.Prefix, list))
	}
	return strings.Join(nets, "; ")
}

// hostsFile is the /etc/hosts of every host.
func (s *Spec) hostsFile() string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n")
	for _, h := range s.Hosts {
		for _, c := range h.Cables {
			for _, address := range c.Addresses() {
				fmt.Fprintf(&b, "%v %s\n", address, h.Name)
			}
		}
	}
	return b.String()
}

func checkName(what, name string) error {
	label := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	if !label.MatchString(name) || len(name) > maxLabel {
		return fmt.Errorf("%s name %q: want lower-case letters, digits and inner hyphens, at most %d", what, name, maxLabel)
	}
	return nil
}
