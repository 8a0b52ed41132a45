package main

import (
	"fmt"
	"net"

	"github.com/tslab/tslab/internal/admin"
	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/ls/keypack"
)

// trust sees to it that the clearinghouse is a trusted site, where the edition asks for
// that: "you must add ... to the list of trusted sites ... before you can activate"
// (2003, Activating a Terminal Server license server, Important).
func (d *dealer) trust(address string) error {
	if !keypack.AsksTrust(&d.profile, d.method, sameMachine(d.c.String("server"))) || d.settings.trusts(address) {
		return nil
	}
	yes := d.c.Bool("trust")
	if !yes && d.ask != nil {
		d.ask.title("Internet Explorer Enhanced Security Configuration")
		var err error
		if yes, err = d.ask.yes(fmt.Sprintf("https://%s/ is not among the trusted sites. Add it", address)); err != nil {
			return err
		}
	}
	if !yes {
		return fmt.Errorf("https://%s/ is not among the trusted sites of the license server, and nothing was sent; say --trust to add it, or use another connection method", address)
	}
	d.settings.Trusted = append(d.settings.Trusted, address)
	return d.settings.save()
}

// sameMachine reports an address of this machine.
func sameMachine(server string) bool {
	addr, err := hostport.Parse(server, admin.DefaultPort)
	if err != nil {
		return false
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	var there []net.IP
	if ip := net.ParseIP(host); ip != nil {
		there = []net.IP{ip}
	} else if there, err = net.LookupIP(host); err != nil {
		return false
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, ip := range there {
		if ip.IsLoopback() {
			return true
		}
		for _, a := range own {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
				return true
			}
		}
	}
	return false
}
