//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Switch is where the bridges are: the network namespace that the lab started in.
type Switch struct {
	handle  *netlink.Handle
	id      uint16
	bridges map[string]int // their indexes
	splices atomic.Int64   // made so far, to name them
}

// NewSwitch opens the switch.
func NewSwitch() (*Switch, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, explain(stepNetlink, err)
	}
	return &Switch{handle: h, id: uint16(rand.Uint32()), bridges: map[string]int{}}, nil
}

// group is the kernel's number for all interfaces of this switch together. 0 is that of
// every other interface.
func (s *Switch) group() uint32 { return uint32(s.id) + 1 }

// Close removes the bridges and the cables, with their ends in the hosts: all in one
// request, as the kernel waits for its processors once for each.
func (s *Switch) Close() error {
	defer s.handle.Close()
	req := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(s.group())))
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil && !errors.Is(err, unix.ENODEV) { // there is none
		return fmt.Errorf("switch: %w", err)
	}
	return nil
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
	attrs.Name, attrs.Group = name, s.group()
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}
	if err := s.handle.LinkAdd(bridge); err != nil {
		return fmt.Errorf("bridge %s: %w", name, explain(stepBridge, err))
	}
	s.bridges[name] = bridge.Index
	if err := s.handle.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("bridge %s: %w", name, err)
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
	if h.areUp(interfaces) {
		return nil
	}
	if err := awaitUp(ctx, interfaces, h.Do); err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}
	return nil
}

// areUp says whether the interfaces are up already, which spares a subscription.
func (h *Host) areUp(interfaces []string) bool {
	for _, name := range interfaces {
		link, err := h.handle.LinkByName(name)
		if err != nil || link.Attrs().OperState != netlink.OperUp {
			return false
		}
	}
	return true
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
