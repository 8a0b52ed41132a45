//go:build linux

package netns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Rehearsal finds out whether this system lets a lab be built: it runs this program
// again with args, which must lead to [Rehearse], in namespaces of its own. The
// error is the one that a lab would fail with.
func Rehearsal(args []string) error {
	var said bytes.Buffer
	code, err := UserGround.reexec(args, nil, &said, &said)
	if err != nil || code == 0 {
		return err
	}
	text := strings.TrimSpace(said.String())
	if text == "" {
		text = fmt.Sprintf("lab: the rehearsal ended with status %d and without a word", code)
	}
	return errors.New(text)
}

// Rehearse builds the smallest lab, in the namespaces that [Rehearsal] made: a
// bridge, a host, and a cable between them.
func Rehearse(ctx context.Context) error {
	ctx, err := Enter(ctx)
	if err != nil {
		return err
	}
	s, err := NewSwitch()
	if err != nil {
		return err
	}
	cable := Cable{
		Bridge: s.Name("br"), Port: s.Name("p"), Interface: "eth0",
		MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Address: netip.MustParsePrefix("10.0.0.1/24"),
	}
	if err := s.AddBridge(cable.Bridge); err != nil {
		return err
	}
	h, err := NewHost("rehearsal", Etc{Hosts: "/etc/hosts", ResolvConf: "/etc/resolv.conf"})
	if err != nil {
		return err
	}
	if err := s.Connect(h, cable); err != nil {
		return err
	}
	if err := h.AwaitInterfaces(ctx, []string{cable.Interface}); err != nil {
		return err
	}
	return errors.Join(h.Close(), s.Close())
}
