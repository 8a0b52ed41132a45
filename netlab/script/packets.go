//go:build linux

package script

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/netlab/capture"
	"github.com/tslab/tslab/netlab/fault"
)

// packetFilter says which packets a drill looks for.
type packetFilter struct {
	between               [][]netip.Addr
	source, target        []netip.Addr // nil for any
	protocol, flags, link string
	port                  int
	payload, list         bool
	where                 starlark.Callable
	senders               map[netip.Addr]string // the host that has an address
	thread                *starlark.Thread
	err                   error // of where
}

// newPacketFilter reads the arguments of packets.
func (e *engine) newPacketFilter(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (*packetFilter, error) {
	var between starlark.Tuple
	var source, target, link starlark.Value
	f := &packetFilter{thread: thread, senders: e.senders()}
	err := starlark.UnpackArgs("packets", args, kwargs, "between?", &between, "protocol?", &f.protocol, "port?", &f.port,
		"source?", &source, "target?", &target, "flags?", &f.flags, "payload?", &f.payload, "link?", &link, "where?", &f.where, "list?", &f.list)
	if err != nil {
		return nil, err
	}
	if err := f.check(given(kwargs, "port")); err != nil {
		return nil, err
	}
	if f.between, err = e.ends(between); err != nil {
		return nil, err
	}
	if f.source, err = e.end("source", source); err != nil {
		return nil, err
	}
	if f.target, err = e.end("target", target); err != nil {
		return nil, err
	}
	if f.link, err = e.cable(link); err != nil {
		return nil, err
	}
	return f, nil
}

func (e *engine) packetsWord(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	f, err := e.newPacketFilter(thread, args, kwargs)
	if err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	e.counting = append(e.counting, thread.CallFrame(1).Pos.String())
	var found []capture.Packet
	count := 0
	err = lab.Packets(e.ctx, func(p capture.Packet) {
		if f.match(p) {
			count++
			if f.list {
				found = append(found, p)
			}
		}
	})
	if err := errors.Join(err, f.err); err != nil {
		return nil, err
	}
	if !f.list {
		return starlark.MakeInt(count), nil
	}
	slices.SortStableFunc(found, func(a, b capture.Packet) int { return a.Time.Compare(b.Time) })
	list := make([]starlark.Value, len(found))
	for i, p := range found {
		list[i] = packetValue(p, f.senders)
	}
	return starlark.NewList(list), nil
}

// check finds what no packet can have.
func (f *packetFilter) check(port bool) error {
	known := []string{"", "tcp", "udp", "icmp", "arp", "other"}
	switch {
	case !slices.Contains(known, f.protocol):
		return fmt.Errorf("protocol %q: want one of %q", f.protocol, known[1:])
	case strings.Trim(f.flags, "SAFRP") != "":
		return fmt.Errorf("flags %q: want some of SAFRP", f.flags)
	case f.port < 0 || f.port > 65535 || port && f.port == 0:
		return fmt.Errorf("port: %d; want 1 to 65535", f.port)
	}
	return nil
}

// cable is the name of a cable that is there; "" if none was given.
func (e *engine) cable(v starlark.Value) (string, error) {
	if v == nil {
		return "", nil
	}
	name, err := hostName(v)
	if err != nil {
		return "", fmt.Errorf("link: got %s, want what link() returned or a name such as c1:eth0", v.Type())
	}
	return name, e.checkLink(name)
}

// checkLink holds that a cable is there.
func (e *engine) checkLink(name string) error {
	var names []string
	for _, h := range e.spec.Hosts {
		for _, c := range h.Cables {
			names = append(names, h.Name+":"+c.Interface)
		}
	}
	if slices.Contains(names, name) {
		return nil
	}
	return fmt.Errorf("link: there is no cable %q in this lab; there are %s", name, strings.Join(names, ", "))
}

// senders is which host has which address.
func (e *engine) senders() map[netip.Addr]string {
	all := map[netip.Addr]string{}
	for _, h := range e.spec.Hosts {
		for _, a := range addresses(h) {
			all[a] = h.Name
		}
	}
	return all
}

func (e *engine) end(word string, v starlark.Value) ([]netip.Addr, error) {
	if v == nil || v == starlark.None {
		return nil, nil
	}
	name, err := hostName(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", word, err)
	}
	h, ok := e.spec.Host(name)
	if !ok {
		return nil, fmt.Errorf("%s: %w", word, e.spec.NoHost(name))
	}
	return addresses(h), nil
}

// match says whether a packet is looked for. Without a link each counts once, where
// its sender sent it, and not again behind every router.
func (f *packetFilter) match(p capture.Packet) bool {
	sender, known := f.senders[p.From.Addr()]
	host, _, _ := strings.Cut(p.Link, ":")
	switch {
	case f.err != nil,
		f.link == "" && known && sender != host,
		f.link != "" && f.link != p.Link,
		f.protocol != "" && p.Protocol != f.protocol,
		f.port != 0 && int(p.From.Port()) != f.port && int(p.To.Port()) != f.port,
		f.between != nil && (p.Protocol == "arp" || !connects(p, f.between)),
		f.source != nil && !slices.Contains(f.source, p.From.Addr()),
		f.target != nil && !slices.Contains(f.target, p.To.Addr()),
		f.payload && p.Payload == 0,
		strings.TrimLeft(f.flags, p.Flags) != "":
		return false
	}
	if f.where == nil {
		return true
	}
	verdict, err := starlark.Call(f.thread, f.where, starlark.Tuple{packetValue(p, f.senders)}, nil)
	if err != nil {
		f.err = fmt.Errorf("where: %w", err)
		return false
	}
	return bool(verdict.Truth())
}

func packetValue(p capture.Packet, names map[netip.Addr]string) starlark.Value {
	return structOf("packet", starlark.StringDict{
		"time": starlark.String(p.Time.UTC().Format(time.RFC3339Nano)), "link": starlark.String(p.Link), "protocol": starlark.String(p.Protocol),
		"source": endName(p.From.Addr(), names), "target": endName(p.To.Addr(), names),
		"source_port": starlark.MakeInt(int(p.From.Port())), "target_port": starlark.MakeInt(int(p.To.Port())),
		"flags": starlark.String(p.Flags), "length": starlark.MakeInt(p.Length), "payload": starlark.MakeInt(p.Payload),
	})
}

// endName is the host that has the address, else the address.
func endName(a netip.Addr, names map[netip.Addr]string) starlark.String {
	if name, ok := names[a]; ok {
		return starlark.String(name)
	}
	if !a.IsValid() {
		return ""
	}
	return starlark.String(a.String())
}

// isMessage says whether a message has that name, as the capture has it or as faults
// have it, with its protocol.
func isMessage(m capture.Message, name string) bool {
	kind := m.Name
	if m.Protocol == "dns" {
		kind = strings.TrimSuffix(kind, " query") // faults are about questions
	}
	return m.Name == name || m.Protocol+"."+kind == name
}

// knownMessage says whether there are messages of that name.
func knownMessage(name string) bool {
	record, _, dns := strings.Cut(name, " ") // "SRV query"
	return dns && fault.KnownMessage("dns."+record) || slices.Contains([]string{"", "encrypted", "broken"}, name) ||
		fault.KnownMessage(name) || fault.KnownMessage("tsls."+name) || fault.KnownMessage("locate."+name)
}

// messageFilter says which messages a drill looks for.
type messageFilter struct {
	name, protocol string
	ends           [][]netip.Addr
}

// newMessageFilter reads the arguments of messages.
func (e *engine) newMessageFilter(args starlark.Tuple, kwargs []starlark.Tuple) (f messageFilter, err error) {
	var between starlark.Tuple
	if err := starlark.UnpackArgs("messages", args, kwargs, "name?", &f.name, "between?", &between, "protocol?", &f.protocol); err != nil {
		return f, err
	}
	if known := []string{"", "rdpele", "tsls", "locate", "dns"}; !slices.Contains(known, f.protocol) {
		return f, fmt.Errorf("protocol %q: want one of %q", f.protocol, known[1:])
	}
	if !knownMessage(f.name) {
		return f, fmt.Errorf("there is no message %q; want one such as NEW_LICENSE, tsls.Allocate or Allocate; `tslab fault messages` lists them", f.name)
	}
	f.ends, err = e.ends(between)
	return f, err
}

func (f messageFilter) match(m capture.Message) bool {
	return (f.name == "" || isMessage(m, f.name)) && (f.protocol == "" || m.Protocol == f.protocol) &&
		(f.ends == nil || connects(capture.Packet{From: m.From, To: m.To}, f.ends))
}

// messagesWord finds messages inside of what the packets carry.
func (e *engine) messagesWord(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	f, err := e.newMessageFilter(args, kwargs)
	if err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	e.counting = append(e.counting, thread.CallFrame(1).Pos.String())
	all, err := lab.Messages(e.ctx)
	if err != nil {
		return nil, err
	}
	names := e.senders()
	var found []starlark.Value
	for _, m := range all {
		if !f.match(m) {
			continue
		}
		found = append(found, structOf("message", starlark.StringDict{
			"time": starlark.String(m.Time.UTC().Format(time.RFC3339Nano)), "name": starlark.String(m.Name), "protocol": starlark.String(m.Protocol),
			"source": endName(m.From.Addr(), names), "target": endName(m.To.Addr(), names),
			"security": starlark.String(m.Security), "text": starlark.String(m.Text),
		}))
	}
	return starlark.NewList(found), nil
}
