//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Switch is where the bridges are: the network namespace that the lab started in.
type Switch struct {
	handle  *netlink.Handle
	id      uint16
	bridges []netlink.Link
	splices atomic.Int64 // made so far, to name them
}

// NewSwitch opens the switch.
func NewSwitch() (*Switch, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, explain(stepNetlink, err)
	}
	return &Switch{handle: h, id: uint16(rand.Uint32())}, nil
}

// Close removes the bridges. The ports go with the hosts that hang on them.
func (s *Switch) Close() error {
	defer s.handle.Close()
	var errs []error
	for _, b := range s.bridges {
		errs = append(errs, s.handle.LinkDel(b))
	}
	return errors.Join(errs...)
}

// Name makes a name for an interface of this switch that no other switch in the same
// namespace has: one that was closed a moment ago may still be losing its ports.
func (s *Switch) Name(what string, index ...int) string {
	name := fmt.Sprintf("%s%04x", what, s.id)
	for _, i := range index {
		name += fmt.Sprintf("-%d", i)
	}
	return name
}

// AddBridge makes a bridge without spanning tree, up.
func (s *Switch) AddBridge(name string) error {
	snooping := false
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}
	if err := s.handle.LinkAdd(bridge); err != nil {
		return fmt.Errorf("bridge %s: %w", name, explain(stepBridge, err))
	}
	s.bridges = append(s.bridges, bridge)
	if err := s.handle.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("bridge %s: %w", name, err)
	}
	return nil
}

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
	bridge, err := s.handle.LinkByName(c.Bridge)
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MasterIndex, attrs.NumTxQueues, attrs.NumRxQueues = c.Port, bridge.Attrs().Index, 1, 1
	near := &netlink.Veth{
		LinkAttrs: attrs, PeerName: c.Interface, PeerHardwareAddr: c.MAC, PeerNamespace: netlink.NsFd(h.net),
		PeerNumTxQueues: 1, PeerNumRxQueues: 1,
	}
	if err := s.handle.LinkAdd(near); err != nil {
		return explain(stepCable, err)
	}
	if err := s.handle.LinkSetUp(near); err != nil {
		return err
	}
	far, err := h.handle.LinkByName(c.Interface)
	if err != nil {
		return err
	}
	if err := h.Do(func() error { return plainFrames(c.Interface) }); err != nil {
		return err
	}
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

// Forward makes the host a router: it passes on what is not for itself.
func (h *Host) Forward() error {
	return h.Do(func() error {
		err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
		if err != nil {
			return fmt.Errorf("router %s: %w; a lab with routers needs a /proc/sys that can be written", h.Name, err)
		}
		err = os.WriteFile("/proc/sys/net/ipv6/conf/all/forwarding", []byte("1"), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // a kernel without IPv6
			return fmt.Errorf("router %s: %w", h.Name, err)
		}
		return nil
	})
}

// AddRoute tells the host by whom it reaches a net.
func (h *Host) AddRoute(to netip.Prefix, via netip.Addr) error {
	if err := h.handle.RouteAdd(&netlink.Route{Dst: ipNet(to), Gw: via.AsSlice()}); err != nil {
		return fmt.Errorf("host %s: route to %v by %v: %w", h.Name, to, via, err)
	}
	return nil
}

// AwaitPorts waits until the near ends of cables carry frames. A cable that is only
// configured loses the first datagram: the kernel brings its queues and the bridge's
// port to life a moment later.
func (s *Switch) AwaitPorts(ctx context.Context, ports []string) error {
	if err := awaitUp(ctx, ports, func(f func() error) error { return f() }); err != nil {
		return fmt.Errorf("switch: %w", err)
	}
	return nil
}

// AwaitInterfaces is AwaitPorts for the far ends, in the host.
func (h *Host) AwaitInterfaces(ctx context.Context, interfaces []string) error {
	if err := awaitUp(ctx, interfaces, h.Do); err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}
	return nil
}

// awaitUp waits for the named interfaces of one namespace to be operationally up; do
// runs the opening of its socket in that namespace.
func awaitUp(ctx context.Context, names []string, do func(func() error) error) error {
	waiting := map[string]bool{}
	for _, name := range names {
		waiting[name] = true
	}
	updates := make(chan netlink.LinkUpdate, 64)
	done := make(chan struct{})
	err := do(func() error {
		return netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{
			ListExisting: true, ErrorCallback: func(error) {},
		})
	})
	if err != nil {
		return err
	}
	defer func() {
		close(done)
		go func() { // what the subscription still has to say, until it closes the channel
			for range updates {
			}
		}()
	}()
	for len(waiting) > 0 {
		select {
		case u, ok := <-updates:
			if !ok {
				return errors.New("netlink stopped telling about interfaces")
			}
			if a := u.Attrs(); a.OperState == netlink.OperUp {
				delete(waiting, a.Name)
			}
		case <-ctx.Done():
			for name := range waiting {
				return fmt.Errorf("%s does not come up: %w", name, context.Cause(ctx))
			}
		}
	}
	return nil
}
