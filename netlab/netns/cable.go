//go:build linux

package netns

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Cable is one connection of a host to a bridge.
type Cable struct {
	Bridge    string           // in the switch
	Port      string           // the near end, in the switch
	Interface string           // the far end, in the host
	MAC       net.HardwareAddr // of the far end
	Address   netip.Prefix     // of the far end; invalid without IPv4
	Address6  netip.Prefix     // of the far end; invalid without IPv6
	LinkLocal netip.Addr       // of the far end, with Address6: a router asks from it for its neighbors on behalf of others
}

// Connect lays a cable. The host's interface sends checksummed frames of at most its
// MTU, as a wire would carry them, so that captures hold what a wire would.
func (s *Switch) Connect(h *Host, c Cable) error {
	if err := s.connect(h, c); err != nil {
		return fmt.Errorf("host %s: %s: %w", h.Name, c.Interface, err)
	}
	return nil
}

func (s *Switch) connect(h *Host, c Cable) error {
	bridge, ok := s.bridges[c.Bridge]
	if !ok {
		return fmt.Errorf("there is no bridge %s in this switch", c.Bridge)
	}
	if _, err := s.pair(h, c, bridge).Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return explain(stepCable, err)
	}
	if err := h.plainFrames(c.Interface); err != nil {
		return err
	}
	index, err := h.index(c.Interface)
	if err != nil {
		return err
	}
	far := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: c.Interface, Index: index}}
	if c.Address.IsValid() {
		if err := h.handle.AddrAdd(far, &netlink.Addr{IPNet: ipNet(c.Address)}); err != nil {
			return err
		}
	}
	if c.Address6.IsValid() {
		if err := h.Do(func() error { return allowIPv6(c.Interface) }); err != nil {
			return err
		}
		for _, p := range []netip.Prefix{netip.PrefixFrom(c.LinkLocal, linkLocalBits), c.Address6} {
			// Nobody else can have it, so that it may be used at once (RFC 4862 5.4).
			if err := h.handle.AddrAdd(far, &netlink.Addr{IPNet: ipNet(p), Flags: unix.IFA_F_NODAD}); err != nil {
				return fmt.Errorf("%v: %w", p, err)
			}
		}
	}
	return h.handle.LinkSetUp(far)
}

// pair is the request for both ends of a cable: the near one up and on the bridge, the far
// one in the host. It is one request, as each waits for all others to the kernel.
func (s *Switch) pair(h *Host, c Cable, bridge int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	near := nl.NewIfInfomsg(unix.AF_UNSPEC)
	near.Flags, near.Change = unix.IFF_UP, unix.IFF_UP
	req.AddData(near)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(c.Port)))
	req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(bridge))))
	req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(s.group())))
	req.AddData(nl.NewRtAttr(unix.IFLA_NUM_TX_QUEUES, nl.Uint32Attr(1)))
	req.AddData(nl.NewRtAttr(unix.IFLA_NUM_RX_QUEUES, nl.Uint32Attr(1)))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	far := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	nl.NewIfInfomsgChild(far, unix.AF_UNSPEC)
	far.AddRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(c.Interface))
	far.AddRtAttr(unix.IFLA_ADDRESS, c.MAC)
	far.AddRtAttr(unix.IFLA_NUM_TX_QUEUES, nl.Uint32Attr(1))
	far.AddRtAttr(unix.IFLA_NUM_RX_QUEUES, nl.Uint32Attr(1))
	far.AddRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(h.net)))
	req.AddData(info)
	return req
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

const linkLocalBits = 64 // RFC 4291 2.5.6

// allowIPv6 takes back for one interface what quietIPv6 forbids, without the
// addresses and the solicitations that the kernel would make by itself. It works in
// the calling thread's network namespace.
func allowIPv6(ifname string) error {
	for _, set := range []struct{ name, value string }{
		{"addr_gen_mode", "1"}, {"accept_ra", "0"}, {"router_solicitations", "0"}, {"dad_transmits", "0"}, {"disable_ipv6", "0"},
	} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+ifname+"/"+set.name, []byte(set.value), 0); err != nil {
			return fmt.Errorf("IPv6: %w", err)
		}
	}
	return nil
}
