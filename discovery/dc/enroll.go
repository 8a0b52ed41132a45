package dc

import (
	"bufio"
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/wire/enroll"
)

const (
	connLife   = 10 * time.Second // of a connection, whatever happens on it
	maxAsked   = 16               // requests on one connection
	acceptWait = 50 * time.Millisecond
)

// asker is who sent a request.
type asker struct {
	addr    netip.Addr
	key     *ecdsa.PublicKey // of the TLS connection
	member  *enroll.Member   // by the certificate shown; nil for who is none
	binding []byte
}

// serveEnroll answers join requests and site queries until ctx ends, and closes l.
func (s *Controller) serveEnroll(ctx context.Context, l net.Listener) error {
	crowd := newCrowd(l, s.refused)
	var all sync.WaitGroup
	defer all.Wait()
	stop := context.AfterFunc(ctx, func() {
		l.Close()
		crowd.closeAll()
	})
	defer stop()
	for {
		conn, err := crowd.Accept()
		if err != nil && (ctx.Err() != nil || errors.Is(err, net.ErrClosed)) {
			return ctx.Err()
		}
		if err != nil { // a lack of file descriptors passes
			select {
			case <-ctx.Done():
			case <-time.After(acceptWait):
			}
			continue
		}
		all.Go(func() {
			defer conn.Close()
			if err := s.serveConn(conn); err != nil && ctx.Err() == nil {
				s.refused(conn.RemoteAddr(), err)
			}
		})
		if ctx.Err() != nil {
			conn.Close() // it came while closeAll was at work
		}
	}
}

// serveConn answers the requests of one connection; the error says what the peer did
// wrong.
func (s *Controller) serveConn(raw net.Conn) error {
	raw.SetDeadline(time.Now().Add(connLife))
	conn := tls.Server(raw, s.id.EnrollTLS(s.config.KeyLog))
	if err := conn.Handshake(); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	a, err := s.asker(conn)
	if err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	for range maxAsked {
		text, err := identity.ReadDocument(r)
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		at := exchangeOf(text)
		crash.Here(at, crash.Asked)
		answer, err := s.answerDocument(a, text)
		if err != nil {
			return err
		}
		crash.Here(at, crash.BeforeReply)
		if _, err := conn.Write(answer); err != nil {
			return nil // gone
		}
		crash.Here(at, crash.AfterReply)
	}
	return conn.Close()
}

// exchangeOf names the exchange that a document begins, where a step of it may be the
// last: [crash.Here].
func exchangeOf(text []byte) string {
	if kind, err := enroll.KindOf(text); err == nil && kind == enroll.KindSiteEntry {
		return "entry"
	}
	return "enroll"
}

func (s *Controller) asker(conn *tls.Conn) (asker, error) {
	state := conn.ConnectionState()
	a := asker{addr: addrOf(conn.RemoteAddr())}
	var ok bool
	if a.key, ok = state.PeerCertificates[0].PublicKey.(*ecdsa.PublicKey); !ok {
		return a, errors.New("the certificate shown has no ECDSA key")
	}
	if m, err := s.id.Membership().Check(state.PeerCertificates[0]); err == nil {
		a.member = &m
	}
	var err error
	a.binding, err = identity.Binding(state)
	return a, err
}

// answerDocument answers one document with one, a refusal if need be. An error is for
// what is no document: the connection ends.
func (s *Controller) answerDocument(a asker, text []byte) ([]byte, error) {
	kind, err := enroll.KindOf(text)
	if err != nil {
		return nil, err
	}
	var answer []byte
	switch kind {
	case enroll.KindJoinRequest:
		answer, err = s.join(a, text)
	case enroll.KindSiteQuery:
		answer, err = s.querySite(a, text)
	case enroll.KindSiteEntry:
		answer, err = s.enterSite(a, text)
	default:
		err = fmt.Errorf("a %v is nothing that a domain controller answers", kind)
	}
	if err == nil {
		return answer, nil
	}
	return enroll.Refusal{Text: err.Error(), Issued: time.Now()}.Sign(s.config.Forest.key)
}

// same reports whether the key that signed a document is that of the connection.
func (a asker) same(public []byte) error {
	key, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		return err
	}
	if !a.key.Equal(key) {
		return errors.New("the request is for another key than the connection's")
	}
	return nil
}

// join makes a member of who shows that it has the join secret, or is one already.
func (s *Controller) join(a asker, text []byte) ([]byte, error) {
	r, err := enroll.ParseJoinRequest(text)
	if err == nil {
		err = s.mayJoin(a, r)
	}
	if err != nil {
		s.config.Log.Event(eventlog.JoinRefused, eventlog.F("host", r.Host), eventlog.F("peer", a.addr), eventlog.F("reason", err))
		return nil, err
	}
	site := siteOf(s.dir.view().Subnets, a.addr)
	var proof []byte
	if len(r.Proof) > 0 {
		proof = enroll.AnswerProof(s.config.Secret, a.binding)
	}
	answer, err := s.issue(r, a.key, site, proof)
	if err != nil {
		return nil, err
	}
	key, err := enroll.Fingerprint(a.key)
	if err != nil {
		return nil, err
	}
	crash.Here("enroll", crash.BeforeStore)
	err = s.dir.change(func(d *data) error {
		id := r.Host + " " + r.Role
		if _, known := d.Hosts[id]; !known && len(d.Hosts) >= maxMembers {
			return fmt.Errorf("the domain has %d members, and there is room for no more", maxMembers)
		}
		d.Hosts[id] = Host{Name: r.Host, Role: r.Role, Key: key, Address: a.addr.String(), Joined: time.Now().UTC()}
		return nil
	})
	if err != nil {
		return nil, err
	}
	crash.Here("enroll", crash.AfterStore)
	s.config.Log.Event(eventlog.HostJoined, eventlog.F("host", r.Host), eventlog.F("role", r.Role), eventlog.F("domain", r.Domain),
		eventlog.F("site", cmp.Or(site, "no site")), eventlog.F("groups", list(s.groups(r.Host, r.Role))), eventlog.F("peer", a.addr), eventlog.F("key", key))
	return answer, nil
}

func (s *Controller) mayJoin(a asker, r enroll.JoinRequest) error {
	if err := a.same(r.PublicKey); err != nil {
		return err
	}
	switch {
	case r.Domain != s.config.Domain:
		return fmt.Errorf("this is a domain controller of %s, not of %s", s.config.Domain, r.Domain)
	case r.Role == enroll.RoleController:
		return errors.New("a domain controller does not join: it is started with the forest's file")
	case len(r.Proof) > 0 && !hmac.Equal(r.Proof, enroll.RequestProof(s.config.Secret, a.binding)):
		return errors.New("the join secret is another one: give the file that the domain controller has")
	case len(r.Proof) == 0 && (a.member == nil || a.member.Domain != r.Domain || a.member.Host != r.Host):
		return fmt.Errorf("%s shows neither the join secret nor that it is a member of %s", r.Host, s.config.Domain)
	}
	for _, g := range enroll.RoleGroups(r.Role) {
		if len(r.Proof) == 0 && !a.member.In(g) {
			return fmt.Errorf("%s is no member as %s: show the join secret", r.Host, r.Role)
		}
	}
	return nil
}

// groups are those of a member, by role and as an administrator gave them.
func (s *Controller) groups(host, role string) []string {
	all := append(slices.Clone(enroll.RoleGroups(role)), s.dir.view().Groups[host]...)
	slices.Sort(all)
	return slices.Compact(all)
}

// issue makes the membership.
func (s *Controller) issue(r enroll.JoinRequest, key crypto.PublicKey, site string, proof []byte) ([]byte, error) {
	f := s.config.Forest
	m := enroll.Member{Domain: s.config.Domain, Host: r.Host, Groups: s.groups(r.Host, r.Role)}
	cert, err := enroll.CreateMember(m, key, f.Certificate, f.key, time.Now())
	if err != nil {
		return nil, err
	}
	j := enroll.Joined{
		Domain: m.Domain, Host: m.Host, Role: r.Role, Site: site, Issued: time.Now(), Groups: m.Groups,
		Certificate: cert.Raw, Forests: [][]byte{f.Certificate.Raw}, GossipKey: f.derive("gossip domain " + m.Domain),
		UpdateName: fqdn(m.FQDN()), UpdateKey: s.keys.host(m.FQDN()), Proof: proof,
	}
	if site != "" {
		j.SiteKey = f.derive("gossip site " + lower(site))
	}
	for _, other := range s.config.Trust {
		j.Forests = append(j.Forests, other.Raw)
	}
	return j.Sign(f.key)
}
