package ls

import (
	"crypto/x509"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/tsls"
)

// Domain is the domain that a license server is a member of. In the zero one, a
// workgroup, everybody is served.
type Domain struct {
	// Member says which member of the forest shows the certificate; nil in a workgroup.
	Member func(*x509.Certificate) (enroll.Member, error)
	Site   string // of this license server; empty for none
	// RequireGroup: only terminal servers in the group Terminal Server Computers get
	// licenses.
	RequireGroup bool
}

// Join tells the server of its domain. It is called before [Server.Run] or not at all.
func (s *Server) Join(d Domain) { s.domain = d }

// admit decides who is served. In a workgroup everybody is, as in the era. In a domain
// only members of the forest are, in whatever they ask. With RequireGroup a terminal
// server must be in the group: it is turned away at its Hello, so that it counts this
// as no license server and seeks on, and so is everything that deals in licenses,
// whatever program its sender says that it is.
func (s *Server) admit(peer transport.Peer, m tsls.Message) error {
	if s.domain.Member == nil {
		return nil
	}
	hello, greets := m.(tsls.Hello)
	group := s.domain.RequireGroup && (deals(m) || greets && hello.Program == "termsrv")
	if !greets && !group {
		return nil // its Hello on this connection was answered
	}
	err := s.member(peer, group)
	if err != nil && !greets { // who is refused at its Hello loses the connection, which is told
		s.config.Log.Event(eventlog.PeerRefused, eventlog.F("peer", peer.Addr), eventlog.F("name", peer.Hello.Name), eventlog.F("reason", err))
	}
	if err != nil {
		return tsls.Errorf(tsls.CodeForbidden, "%v", err)
	}
	return nil
}

// deals reports whether a message deals in licenses.
func deals(m tsls.Message) bool {
	switch m.(type) {
	case tsls.Allocate, tsls.Mark, tsls.Return, tsls.Close:
		return true
	}
	return false
}

func (s *Server) member(peer transport.Peer, group bool) error {
	if peer.Certificate == nil {
		return notMember("no certificate is shown")
	}
	member, err := s.domain.Member(peer.Certificate)
	switch {
	case err != nil:
		return notMember(err.Error())
	case group && !member.In(enroll.GroupTerminalServers):
		return notInGroup(member.FQDN())
	}
	return nil
}

// forbidden is why a peer is not served, and what its administrator can do.
type forbidden struct{ reason, remedy string }

func (e *forbidden) Error() string { return e.reason + ": " + e.remedy }

func notMember(reason string) error {
	return &forbidden{reason, "this license server serves members of its domain; start the terminal server with --domain, join a tool's folder with `labdc join`, " +
		"or use licmgr on this machine with --state and the license server's state folder"}
}

func notInGroup(name string) error {
	return &forbidden{name + " is not in the group " + enroll.GroupTerminalServers,
		"put it there with `labdc group add`, and start the terminal server again"}
}
