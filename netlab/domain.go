//go:build linux

package netlab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What a lab does for the domains of its hosts: every domain has domain controllers,
// which all hosts of the domain ask about names, and one secret by which they join.

const (
	controllerProgram = "labdc"
	secretName        = "secret"     // of a domain's folder: by which hosts join
	forestName        = "forest.pem" // and what makes controllers one forest
	dnsPort           = "53"
	enrollPort        = "3346"
	joinTimeout       = 20 * time.Second
)

// SetDomain makes a host one of a domain: a member, or a domain controller.
func (s *Spec) SetDomain(host, domain string, controller bool) error {
	i := slices.IndexFunc(s.Hosts, func(h Host) bool { return h.Name == host })
	if i < 0 {
		return fmt.Errorf("there is no host %q", host)
	}
	for _, label := range strings.Split(domain, ".") {
		if checkName("domain", label) != nil {
			return fmt.Errorf("domain %q: want a DNS name in lower case, as corp.example", domain)
		}
	}
	s.Hosts[i].Domain, s.Hosts[i].Controller = domain, controller
	return nil
}

// Controllers are the domain controllers of a domain, of all when it is empty.
func (s *Spec) Controllers(domain string) []Host {
	return slices.DeleteFunc(slices.Clone(s.Hosts), func(h Host) bool { return !h.Controller || domain != "" && h.Domain != domain })
}

// checkDomains holds that every domain has a domain controller.
func (s *Spec) checkDomains() error {
	for _, h := range s.Hosts {
		if h.Domain != "" && len(s.Controllers(h.Domain)) == 0 {
			return fmt.Errorf("host %q is of the domain %s, which has no domain controller: declare one, as in host(\"dc1\", lan, domain=%q, dc=True)", h.Name, h.Domain, h.Domain)
		}
	}
	return nil
}

// ownHosts is the /etc/hosts of a host that asks its domain about names.
func (h Host) ownHosts() string {
	var b strings.Builder
	b.WriteString(localhost)
	for _, c := range h.Cables {
		for _, a := range c.Addresses() {
			fmt.Fprintf(&b, "%v %s.%s %s\n", a, h.Name, h.Domain, h.Name)
		}
	}
	return b.String()
}

// resolver is the /etc/resolv.conf of a host of a domain. A domain controller asks
// itself.
func (s *Spec) resolver(h Host) string {
	var b strings.Builder
	fmt.Fprintf(&b, "search %s\noptions timeout:1 attempts:1\n", h.Domain)
	controllers := s.Controllers(h.Domain)
	if h.Controller {
		controllers = []Host{h}
	}
	for _, c := range controllers {
		fmt.Fprintf(&b, "nameserver %v\n", c.Address())
	}
	return b.String()
}

func (l *Lab) domainFolder() string { return filepath.Join(l.Folder, "domain") }

func (l *Lab) secretPath() string { return filepath.Join(l.domainFolder(), secretName) }

// prepareDomains makes the join secret, if there is a domain.
func (l *Lab) prepareDomains() error {
	if err := l.spec.checkDomains(); err != nil || len(l.spec.Controllers("")) == 0 {
		return err
	}
	return errors.Join(os.Mkdir(filepath.Dir(l.secretPath()), 0o700), os.WriteFile(l.secretPath(), []byte(rand.Text()+"\n"), 0o600))
}

// joinHosts makes the hosts of a domain its members once one of its domain controllers
// serves: their names are registered, and their tools are members.
func (l *Lab) joinHosts(ctx context.Context, controller Host) error {
	for _, h := range l.spec.Hosts {
		if h.Domain != controller.Domain || h.Controller && h.Name != controller.Name || l.joined[h.Name] {
			continue
		}
		l.joined[h.Name] = true
		argv := append([]string{controllerProgram, "join", "--domain", h.Domain, "--dc", controller.Address().String(), "--join-secret-file", l.secretPath()},
			l.sharedFlags(h.Name, "licmgr", []string{"state", "host", "keylog"})...)
		ctx, cancel := context.WithTimeoutCause(ctx, joinTimeout, errors.New("it does not end"))
		r, err := l.execute(ctx, h.Name, argv, nil)
		cancel()
		if err == nil && r.Exit != 0 {
			err = errors.New(strings.TrimSpace(r.Stderr))
		}
		if err != nil {
			return fmt.Errorf("%s joins %s: %w", h.Name, h.Domain, err)
		}
	}
	return nil
}
