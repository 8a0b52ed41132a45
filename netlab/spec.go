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
	Name   string       `json:"name"`
	Prefix netip.Prefix `json:"prefix"`
}

// Host is a machine with a cable to each of its nets.
type Host struct {
	Name   string  `json:"name"`
	Cables []Cable `json:"cables"`
}

// Cable connects a host to a net.
type Cable struct {
	Net       string     `json:"net"`
	Interface string     `json:"interface"`
	Address   netip.Addr `json:"address"`
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
	s.Nets = append(s.Nets, Net{name, prefix})
	return nil
}

// AddHost adds a host with a cable to each of the nets, on the next free address.
func (s *Spec) AddHost(name string, nets ...string) error {
	if err := checkName("host", name); err != nil {
		return err
	}
	if _, ok := s.Host(name); ok {
		return fmt.Errorf("there is a host %q already", name)
	}
	if len(nets) == 0 {
		return fmt.Errorf("host %q: on no net", name)
	}
	h := Host{Name: name}
	for i, netName := range nets {
		n, ok := s.Net(netName)
		if !ok {
			return fmt.Errorf("host %q: there is no net %q", name, netName)
		}
		if slices.Contains(nets[:i], netName) {
			return fmt.Errorf("host %q: net %q is named twice", name, netName)
		}
		address, err := s.nextAddress(n)
		if err != nil {
			return fmt.Errorf("host %q: %w", name, err)
		}
		h.Cables = append(h.Cables, Cable{Net: netName, Interface: fmt.Sprintf("eth%d", i), Address: address})
	}
	s.Hosts = append(s.Hosts, h)
	return nil
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
			fmt.Fprintf(&b, "%v %s\n", c.Address, h.Name)
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
