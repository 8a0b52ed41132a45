//go:build linux

package script

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/netlab"
)

// The words that declare networks.

func (e *engine) netWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name, prefix, site string
	var ipv6 starlark.Value = starlark.False
	err := starlark.UnpackArgs("net", args, kwargs, "name", &name, "prefix?", &prefix, "ipv6?", &ipv6, "site?", &site)
	if err != nil {
		return nil, err
	}
	if err := e.declaring("net"); err != nil {
		return nil, err
	}
	p, err := prefixOf(prefix)
	if err != nil {
		return nil, err
	}
	if err := e.spec.AddNet(name, p); err != nil {
		return nil, err
	}
	if ipv6.Truth() {
		text, _ := starlark.AsString(ipv6)
		p, err := prefixOf(text)
		if err != nil {
			return nil, fmt.Errorf("ipv6: %w", err)
		}
		if err := e.spec.AddIPv6(name, p); err != nil {
			return nil, err
		}
	}
	if site != "" {
		if err := e.spec.SetSite(name, site); err != nil {
			return nil, err
		}
	}
	n, _ := e.spec.Net(name)
	fields := starlark.StringDict{
		"name": starlark.String(n.Name), "prefix": starlark.None, "prefix6": starlark.None, "site": starlark.String(n.Site),
	}
	if n.Prefix.IsValid() {
		fields["prefix"] = starlark.String(n.Prefix.String())
	}
	if n.Prefix6.IsValid() {
		fields["prefix6"] = starlark.String(n.Prefix6.String())
	}
	return structOf("net", fields), nil
}

// prefixOf reads a prefix; the empty one stands for the next free.
func prefixOf(text string) (netip.Prefix, error) {
	if text == "" {
		return netip.Prefix{}, nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("prefix %q: want one such as 192.168.7.0/24 or fd00:1::/64", text)
	}
	return p, nil
}

func (e *engine) hostWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return e.declareHost("host", `want a name and nets, as in host("ts1", lan)`, args, kwargs, e.spec.AddHost)
}

func (e *engine) routerWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return e.declareHost("router", `want a name and nets, as in router("r1", lan, branch)`, args, kwargs, e.spec.AddRouter)
}

func (e *engine) declareHost(word, usage string, args starlark.Tuple, kwargs []starlark.Tuple, add func(string, ...string) error) (starlark.Value, error) {
	if err := e.declaring(word); err != nil {
		return nil, err
	}
	var domain string
	var dc bool
	if err := starlark.UnpackArgs(word, nil, kwargs, "domain?", &domain, "dc?", &dc); err != nil || len(args) == 0 || word != "host" && len(kwargs) > 0 {
		return nil, errors.New(usage)
	}
	if dc && domain == "" {
		return nil, errors.New(`a domain controller needs a domain, as in host("dc1", lan, domain="corp.example", dc=True)`)
	}
	names, err := strs(args)
	if err != nil {
		return nil, err
	}
	nets := names[1:]
	if len(nets) == 0 && len(e.spec.Nets) == 1 {
		nets = []string{e.spec.Nets[0].Name}
	}
	if len(nets) == 0 {
		return nil, fmt.Errorf("%s: there are %d nets; name those it hangs on", names[0], len(e.spec.Nets))
	}
	if err := add(names[0], nets...); err != nil {
		return nil, err
	}
	if domain != "" {
		if err := e.spec.SetDomain(names[0], domain, dc); err != nil {
			return nil, err
		}
	}
	e.story.width = max(e.story.width, len(names[0]))
	h, _ := e.spec.Host(names[0])
	return hostValue(h), nil
}

// linkWord is a host's cable to a net. Before the lab is up it lays one that is not
// there yet.
func (e *engine) linkWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var at, to starlark.Value
	if err := starlark.UnpackArgs("link", args, kwargs, "host", &at, "net", &to); err != nil {
		return nil, err
	}
	hostName, err := hostName(at)
	if err != nil {
		return nil, err
	}
	netName, err := text(to)
	if err != nil {
		return nil, err
	}
	h, ok := e.spec.Host(hostName)
	if !ok {
		return nil, e.spec.NoHost(hostName)
	}
	i := slices.IndexFunc(h.Cables, func(c netlab.Cable) bool { return c.Net == netName })
	if i >= 0 {
		return linkValue(h.Name, h.Cables[i]), nil
	}
	if err := e.declaring("link"); err != nil {
		return nil, fmt.Errorf("%s is not on net %s: %w", hostName, netName, err)
	}
	c, err := e.spec.Plug(hostName, netName)
	if err != nil {
		return nil, err
	}
	return linkValue(hostName, c), nil
}

func linkValue(host string, c netlab.Cable) starlark.Value {
	fields := starlark.StringDict{
		"name": starlark.String(host + ":" + c.Interface), "host": starlark.String(host), "net": starlark.String(c.Net),
		"interface": starlark.String(c.Interface), "address": starlark.String(c.Addresses()[0].String()), "address6": starlark.None,
	}
	if c.Address6.IsValid() {
		fields["address6"] = starlark.String(c.Address6.String())
	}
	return structOf("link", fields)
}
