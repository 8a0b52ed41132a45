//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

// Splice is a cable whose port has been taken out of its bridge. A pair of interfaces
// has its place: one end hangs on the bridge, and between the other end, Inner, and
// the port nothing passes but what somebody carries.
type Splice struct {
	Port  string // the near end of the cable
	Inner string // the near end of the pair

	sw          *Switch
	bridge      netlink.Link
	port, outer netlink.Link
}

// Splice makes the pair and hangs it on the bridge beside the port, which stays there
// until Detach: what carries frames can be opened in between.
func (s *Switch) Splice(ctx context.Context, port, bridge string) (*Splice, error) {
	fail := func(err error) (*Splice, error) { return nil, fmt.Errorf("splice of %s: %w", port, err) }
	p, err := s.handle.LinkByName(port)
	if err != nil {
		return fail(err)
	}
	b, err := s.handle.LinkByName(bridge)
	if err != nil {
		return fail(err)
	}
	number := int(s.splices.Add(1))
	outer, inner := s.Name("x", number), s.Name("y", number)
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Group, attrs.NumTxQueues, attrs.NumRxQueues, attrs.MTU = outer, s.group(), 1, 1, p.Attrs().MTU
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: inner, PeerNumTxQueues: 1, PeerNumRxQueues: 1, PeerMTU: uint32(attrs.MTU)}
	if err := s.handle.LinkAdd(pair); err != nil {
		return fail(explain(stepCable, err))
	}
	splice := &Splice{Port: port, Inner: inner, sw: s, bridge: b, port: p}
	if err := splice.join(ctx, outer); err != nil {
		return fail(errors.Join(err, s.handle.LinkDel(pair)))
	}
	return splice, nil
}

// join brings the pair up and hangs its outer end on the bridge.
func (s *Splice) join(ctx context.Context, outer string) error {
	var err error
	if s.outer, err = s.sw.handle.LinkByName(outer); err != nil {
		return err
	}
	inner, err := s.sw.handle.LinkByName(s.Inner)
	if err != nil {
		return err
	}
	if err := errors.Join(s.sw.handle.LinkSetUp(s.outer), s.sw.handle.LinkSetUp(inner)); err != nil {
		return err
	}
	if err := s.sw.AwaitPorts(ctx, []string{outer, s.Inner}); err != nil {
		return err
	}
	return s.sw.handle.LinkSetMaster(s.outer, s.bridge)
}

// Detach takes the port out of the bridge. Each frame of the host goes to the bridge
// as before or, from some moment on, to the sockets of its protocol at the port; none
// goes both ways or is lost. A broadcast to the host in that moment may come twice.
func (s *Splice) Detach() error {
	if err := s.sw.handle.LinkSetNoMaster(s.port); err != nil {
		return fmt.Errorf("splice of %s: %w", s.Port, err)
	}
	return nil
}

// Attach hangs the port on the bridge again and takes the pair off it, which is still
// there: what it has in it can be carried on. Remove comes after that.
func (s *Splice) Attach() error {
	err := s.sw.handle.LinkSetMaster(s.port, s.bridge)
	if err == nil {
		err = s.sw.handle.LinkSetNoMaster(s.outer)
	}
	if err != nil {
		return fmt.Errorf("splice of %s: %w", s.Port, err)
	}
	return nil
}

// Remove deletes the pair.
func (s *Splice) Remove() error {
	if err := s.sw.handle.LinkDel(s.outer); err != nil {
		return fmt.Errorf("splice of %s: %w", s.Port, err)
	}
	return nil
}
