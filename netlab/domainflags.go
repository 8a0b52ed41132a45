//go:build linux

package netlab

import (
	"net"
	"net/netip"
	"path/filepath"
)

// domainFlags are those by which a program of the lab is of its host's domain,
// whose secret and key lie in folder.
func (s *Spec) domainFlags(h Host, program, folder string) []string {
	switch {
	case h.Domain == "":
		return nil
	case program == controllerProgram && h.Controller:
		return s.controllerFlags(h, folder)
	case program == "termsrv" || program == "lserver":
		return []string{"--domain", h.Domain, "--join-secret-file", filepath.Join(folder, secretName)}
	}
	return nil
}

// controllerFlags are what a domain controller is told of the lab: the site map, the
// other domain controllers, and who answers about other domains.
func (s *Spec) controllerFlags(h Host, folder string) []string {
	flags := []string{"--domain", h.Domain, "--join-secret-file", filepath.Join(folder, secretName), "--forest", filepath.Join(folder, forestName)}
	for _, n := range s.Nets {
		if n.Site == "" {
			continue
		}
		for _, p := range n.Prefixes() {
			flags = append(flags, "--site", p.String()+"="+n.Site)
		}
	}
	forwarded := map[string]bool{h.Domain: true}
	for _, other := range s.Controllers("") {
		if other.Name == h.Name {
			continue
		}
		address := other.Address().String()
		flags = append(flags, "--partner", net.JoinHostPort(address, enrollPort))
		if other.Domain == h.Domain {
			flags = append(flags, "--record", other.Name+" "+recordType(other.Address())+" "+address, "--record", "_ldap._tcp.dc._msdcs SRV 0 100 389 "+other.Name)
		}
		if !forwarded[other.Domain] {
			flags = append(flags, "--forward", other.Domain+"="+net.JoinHostPort(address, dnsPort))
			forwarded[other.Domain] = true
		}
	}
	return flags
}

// recordType is the type of the DNS record of an address.
func recordType(a netip.Addr) string {
	if a.Is6() {
		return "AAAA"
	}
	return "A"
}
