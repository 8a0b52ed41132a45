package identity

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/wire/enroll"
)

const (
	// EnrollPort is where a domain controller takes join requests and site queries, TCP.
	EnrollPort = "3346"
	// EnrollProtocol is the ALPN name of that.
	EnrollProtocol = "tslab-enroll"

	enrollTimeout = 5 * time.Second
	dialTimeout   = time.Second
	maxDocument   = 64 << 10 // bytes of a document on the connection

	bindingLabel = "EXPORTER-Channel-Binding" // RFC 9266
)

// Controller is a domain controller as a host reaches it.
type Controller struct {
	Addr   string                                                   // host or host:port
	Dial   func(ctx context.Context, addr string) (net.Conn, error) // nil: TCP
	KeyLog io.Writer                                                // may be nil
}

// JoinOptions are what a host joins a domain with.
type JoinOptions struct {
	Domain string
	Role   string // one of the roles of wire/enroll; empty: a host
	// Secret is the domain's join secret. A member that renews its membership needs
	// none.
	Secret []byte
}

// Join makes the host a member of the domain, or its membership anew, and stores it in
// the state folder. From then on the TLS configurations show it. The host and the
// domain controller prove to each other that they have the join secret, which is never
// sent.
func (id *Identity) Join(ctx context.Context, c Controller, o JoinOptions) (*Membership, error) {
	if o.Role == "" {
		o.Role = enroll.RoleHost
	}
	if len(o.Secret) == 0 && id.membership == nil {
		return nil, fmt.Errorf("join %s: no join secret; give it with --join-secret-file", o.Domain)
	}
	request := enroll.JoinRequest{Domain: o.Domain, Host: HostLabel(id.Name), Role: o.Role, Issued: time.Now()}
	var joined *Membership
	err := id.enroll(ctx, c, func(conn *enrollConn) error {
		if len(o.Secret) > 0 {
			request.Proof = enroll.RequestProof(o.Secret, conn.binding)
		}
		text, err := request.Sign(id.Key)
		if err != nil {
			return err
		}
		answer, err := conn.ask(text, enroll.KindJoined)
		if err != nil {
			return err
		}
		j, err := enroll.ParseJoined(answer)
		switch {
		case err != nil:
			return err
		case len(o.Secret) > 0 && !hmac.Equal(j.Proof, enroll.AnswerProof(o.Secret, conn.binding)):
			return errors.New("it does not know the join secret: it is not the domain controller")
		case j.Domain != request.Domain || j.Host != request.Host:
			return fmt.Errorf("it gives the membership of %s.%s, asked for %s.%s", j.Host, j.Domain, request.Host, request.Domain)
		}
		joined, err = id.Adopt(answer)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("join %s as %s: %w", o.Domain, request.Host, err)
	}
	return joined, nil
}

// HostLabel is a host's name as a domain knows it: lower case, without a domain.
func HostLabel(name string) string {
	label, _, _ := strings.Cut(strings.ToLower(name), ".")
	return label
}

// QuerySite asks in which site this host is now, and which enterprise license server
// the site's directory names (decision table, V3). A member believes only a domain
// controller of its forest.
func (id *Identity) QuerySite(ctx context.Context, c Controller) (enroll.SiteAnswer, error) {
	return id.QuerySiteOf(ctx, c, "")
}

// QuerySiteOf asks for the entry of a site; the empty one is that of this host.
func (id *Identity) QuerySiteOf(ctx context.Context, c Controller, site string) (enroll.SiteAnswer, error) {
	query := enroll.SiteQuery{Host: HostLabel(id.Name), Site: site, Issued: time.Now()}
	if m := id.membership; m != nil {
		query.Domain = m.Domain
	}
	answer, err := id.siteRequest(ctx, c, query.Sign)
	if err != nil {
		return answer, fmt.Errorf("site: %w", err)
	}
	return answer, nil
}

// EnterSite has this license server entered into its site's directory as the
// enterprise license server reached at address (host:port); the empty address takes
// the entry back. The host must be a member that joined as a license server.
func (id *Identity) EnterSite(ctx context.Context, c Controller, address string) (enroll.SiteAnswer, error) {
	m := id.membership
	if m == nil {
		return enroll.SiteAnswer{}, errors.New("site entry: only a member of a domain can make one; join with --domain")
	}
	entry := enroll.SiteEntry{Domain: m.Domain, Server: m.Host, Address: address, Issued: time.Now()}
	answer, err := id.siteRequest(ctx, c, entry.Sign)
	if err != nil {
		return answer, fmt.Errorf("site entry: %w", err)
	}
	return answer, nil
}

// EnterSiteFor hands an entry on to another domain controller of the forest.
func (id *Identity) EnterSiteFor(ctx context.Context, c Controller, entry enroll.SiteEntry) (enroll.SiteAnswer, error) {
	return id.siteRequest(ctx, c, entry.Sign)
}

func (id *Identity) siteRequest(ctx context.Context, c Controller, sign func(crypto.Signer) ([]byte, error)) (answer enroll.SiteAnswer, err error) {
	var roots []*x509.Certificate
	if id.membership != nil {
		roots = id.membership.Roots
	}
	text, err := sign(id.Key)
	if err != nil {
		return answer, err
	}
	err = id.enroll(ctx, c, func(conn *enrollConn) error {
		text, err := conn.ask(text, enroll.KindSiteAnswer)
		if err == nil {
			answer, err = enroll.ParseSiteAnswer(text, roots)
		}
		return err
	})
	return answer, err
}

// enrollConn is a connection to a domain controller.
type enrollConn struct {
	conn    *tls.Conn
	r       *bufio.Reader
	binding []byte
}

// enroll connects to the domain controller and runs f; all of it has five seconds of
// elapsed time.
func (id *Identity) enroll(ctx context.Context, c Controller, f func(*enrollConn) error) error {
	addr, err := hostport.Parse(c.Addr, EnrollPort)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, enrollTimeout)
	defer cancel()
	dial := c.Dial
	if dial == nil {
		dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	dialing, cancelDial := context.WithTimeout(ctx, dialTimeout)
	defer cancelDial()
	raw, err := dial(dialing, addr)
	if err != nil {
		return fmt.Errorf("domain controller %s: %w", addr, err)
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	conn := tls.Client(raw, id.enrollTLS(c.KeyLog))
	err = conn.HandshakeContext(ctx)
	if err == nil {
		state := conn.ConnectionState()
		e := &enrollConn{conn: conn, r: bufio.NewReader(conn)}
		if e.binding, err = Binding(state); err == nil {
			err = f(e)
		}
		conn.Close()
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("no answer: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("domain controller %s: %w", addr, err)
	}
	return nil
}

// enrollTLS: a member believes only a domain controller of its forest; who is none
// takes any, and the proof of the join secret decides.
func (id *Identity) enrollTLS(keyLog io.Writer) *tls.Config {
	accept := Policy(AnyPeer)
	if id.membership != nil {
		accept = id.membership.Members(enroll.GroupControllers)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{id.certificate()},
		NextProtos:         []string{EnrollProtocol},
		KeyLogWriter:       keyLog,
		InsecureSkipVerify: true, // accept decides
		VerifyConnection:   verifyBy(accept),
	}
}

// EnrollTLS is the configuration of a domain controller's listener: whoever shows a
// certificate is let in, and what it asks decides what it must prove.
func (id *Identity) EnrollTLS(keyLog io.Writer) *tls.Config {
	config := id.ServerTLS(AnyPeer, keyLog)
	config.NextProtos = []string{EnrollProtocol}
	return config
}

// Binding is what ties a proof to the TLS connection it is made on (RFC 9266).
func Binding(state tls.ConnectionState) ([]byte, error) {
	return state.ExportKeyingMaterial(bindingLabel, nil, 32)
}

// ask sends a request and waits for the document of the wanted kind.
func (c *enrollConn) ask(request []byte, want enroll.Kind) ([]byte, error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	text, err := ReadDocument(c.r)
	if err != nil {
		return nil, err
	}
	kind, err := enroll.KindOf(text)
	if err != nil {
		return nil, err
	}
	if kind == enroll.KindRefusal && want != kind {
		refusal, err := enroll.ParseRefusal(text, nil)
		if err != nil {
			return nil, err
		}
		return nil, &refusal
	}
	return text, nil
}

// ReadDocument reads one document off a connection, up to its last line. The end of
// the connection before the first byte is [io.EOF].
func ReadDocument(r *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		line, err := r.ReadSlice('\n')
		text = append(text, line...)
		switch {
		case errors.Is(err, io.EOF) && len(text) == 0:
			return nil, io.EOF
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("document: %w", err)
		case len(text) > maxDocument:
			return nil, fmt.Errorf("document: longer than %d bytes", maxDocument)
		case err == nil && bytes.HasPrefix(line, []byte(enroll.EndMark)):
			return text, nil
		}
	}
}
