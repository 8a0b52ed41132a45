package ts

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdpsec"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// What every license request and license of the lab is labelled with. Clients keep
// licenses by these names; none is a name of Microsoft's.
const (
	companyName = "TSLab"
	productName = "LAB-TS"
	scopeName   = "tslab.example"
)

// exchange is the licensing phase of one connection, MS-RDPELE 1.3.3 seen from the
// server: what was asked, what the client is, what it holds.
type exchange struct {
	server *Server
	setup  *setup // for this connection
	conn   *rdpconn.Conn
	state  licensing.State

	random   [rdpsec.RandomSize]byte
	keys     rdpsec.LicenseKeys
	machine  string // the client's computer name
	platform uint32 // as its message says
	hardware hwid.ID
	evidence policy.Evidence

	at         string // address of the license server that is asked; empty for none
	moved      bool   // it is not the one in use, which took no connection
	away       string // why it cannot be asked
	unanswered bool   // no license server answered
}

// licensed is how a licensing phase ended for a client that is admitted, or for
// one that is told the reason of its refusal only after it.
type licensed struct {
	outcome  policy.Outcome
	machine  string
	hardware hwid.ID
	platform uint32
	token    *token.License // what the client holds now, nil for none
	sound    bool           // the token counts here: no foreign one, nor a broken one
	server   string         // name of the license server that was asked, if one was
	refusal  *refusal       // not nil: told by Set Error Info, or by a failed logon
	full     bool           // there is no session free, which is no matter of licenses
}

// refusal ends a connection in the licensing phase.
type refusal struct {
	alert     licensing.Code        // with ST_TOTAL_ABORT
	wanted    *licensing.ErrorAlert // not nil: sent as it is in place of alert
	errorInfo uint32                // of Set Error Info, MS-RDPBCGR 2.2.5.1.1
	cause     error
	decided   bool // by the rules, and logged as such
	atLogon   bool // the client is told that its logon failed
}

func (r *refusal) Error() string { return r.cause.Error() }

func (r *refusal) Unwrap() error { return r.cause }

// Codes of Set Error Info for a client that breaks the protocol, MS-RDPBCGR 2.2.5.1.1.
const (
	errInfoInternal     = 0x100
	errInfoBadMessage   = 0x103
	errInfoBadEncrypted = 0x108
)

// license takes the client through the licensing phase. The error is a *refusal
// for everything that the client is told.
func (s *Server) license(ctx context.Context, conn *rdpconn.Conn) (*licensed, error) {
	x := &exchange{server: s, setup: s.setup(), conn: conn, machine: conn.ClientName()}
	defer x.seek() // after this client's answer
	l, err := x.run(ctx)
	var r *refusal
	if !errors.As(err, &r) {
		return l, err
	}
	tell := s.config.Errors == ErrorInfo && s.profile().ErrInfoPDU != edition.ErrInfoOff && conn.SupportsErrorInfo() && r.errorInfo != 0
	if tell || r.atLogon {
		if err := x.write(licensing.ValidClient()); err != nil {
			return nil, err
		}
		return &licensed{machine: x.machine, hardware: x.hardware, refusal: r}, nil
	}
	alert := licensing.Abort(r.alert)
	if r.wanted != nil {
		alert = r.wanted
	}
	if err := x.write(alert); err != nil {
		return nil, errors.Join(r, err)
	}
	return nil, &licensing.AlertError{Alert: alert, Sent: true, Cause: r}
}

// run is the phase: request, what the client has, the question whether it is the
// client that it says, the decision, and its execution.
func (x *exchange) run(ctx context.Context) (*licensed, error) {
	if policy.Gated(x.server.facts(x.setup)) {
		if err := x.server.forced(); err != nil {
			return nil, err
		}
		return x.gate(ctx)
	}
	if err := x.request(); err != nil {
		return nil, err
	}
	challenged, err := x.receive()
	if err == nil {
		err = x.server.forced()
	}
	if err != nil {
		return nil, err
	}
	now := x.server.config.Clock.Now()
	class := policy.Classify(x.setup.profile, now, x.evidence)
	d, err := x.decide(ctx, now, class.Class)
	if err != nil {
		return nil, err
	}
	if d.Verb == policy.Ask && !d.Ask.Ping && !challenged {
		if err := x.challenge(); err != nil {
			return nil, err
		}
	}
	return x.finish(ctx, d, class)
}

// decide decides what can be decided without a license server. Where one is to be
// asked, what it can do must be known before: the question depends on it.
func (x *exchange) decide(ctx context.Context, now time.Time, class tsls.Class) (policy.Decision, error) {
	if _, err := x.server.grace.current(now); err != nil {
		return policy.Decision{}, &refusal{alert: licensing.InvalidClient, errorInfo: errInfoInternal, cause: err}
	}
	d := policy.Before(now, x.server.facts(x.setup), x.client(class))
	if d.Verb != policy.Ask {
		return d, nil
	}
	var err error
	if x.at, x.moved, err = x.server.catalog.reach(ctx); err != nil && !d.Ask.AtIssuer {
		x.away = err.Error()
	}
	return policy.Before(now, x.server.facts(x.setup), x.client(class)), nil
}

// seek starts a discovery pass when no license server answered for this client (rule
// V8).
func (x *exchange) seek() {
	if x.unanswered && x.setup.profile.OnDemandDiscovery {
		x.server.catalog.finder.Seek()
		x.server.wake()
	}
}

// facts is the server as the rules see it when it is set up so.
func (s *Server) facts(now *setup) policy.Server {
	return policy.Server{
		Profile: now.profile, Mode: now.mode, Grace: s.grace.now(),
		Features:             s.catalog.both(),
		DefaultLicenseServer: now.viaDefault,
	}
}

func (x *exchange) client(c tsls.Class) policy.Client {
	return policy.Client{Class: c, OS: osOf(x.platform), UserNamed: x.conn.Info().User != ""}
}

// osOf reads a PlatformId, which is the client's claim.
func osOf(platform uint32) policy.OS {
	switch p := licensing.Platform(platform); {
	case p.IsProfessional():
		return policy.OSProfessional
	case p.IsMacintosh():
		return policy.OSMacintosh
	}
	return policy.OSOther
}

// request is LICENSE_REQUEST, MS-RDPELE 2.2.2.1.
func (x *exchange) request() error {
	rand.Read(x.random[:])
	return x.write(&licensing.LicenseRequest{
		ServerRandom:      x.random,
		Product:           licensing.ProductInfo{Version: x.version(), Company: companyName, Product: productName},
		KeyExchange:       []uint32{licensing.KeyExchangeRSA},
		ServerCertificate: x.certificate(),
		Scopes:            []string{scopeName},
	})
}

// certificate is what the request shows of the server's key. It may be left out
// where the client has it from SC_SECURITY, and only there: clients hang up on a
// request without one under TLS and under NONE.
func (x *exchange) certificate() []byte {
	keyless := x.conn.Security() == "TLS" || x.conn.Security() == rdpsec.MethodNone.String()
	if x.server.config.Certificate == Omitted && !keyless {
		return nil
	}
	return x.server.certificate
}

func (x *exchange) version() uint32 {
	major, minor := x.setup.profile.Edition.Version()
	return uint32(major)<<16 | uint32(minor)
}

// read reads the client's next message and holds it to the order.
func (x *exchange) read() (licensing.Message, error) {
	b, err := x.conn.ReadLicense()
	if err != nil {
		return nil, unreadable(err)
	}
	m, err := licensing.Parse(b)
	if err != nil {
		var unknown *licensing.UnknownTypeError
		if errors.As(err, &unknown) {
			return nil, &refusal{alert: licensing.InvalidClient, errorInfo: errInfoBadMessage, cause: err}
		}
		return nil, &refusal{alert: licensing.InvalidMessageLength, errorInfo: errInfoBadMessage, cause: err}
	}
	if alert, ok := m.(*licensing.ErrorAlert); ok {
		return nil, &licensing.AlertError{Alert: alert}
	}
	if x.state, err = x.state.Next(m); err != nil {
		return nil, &refusal{alert: licensing.InvalidClient, errorInfo: errInfoBadMessage, cause: err}
	}
	return m, nil
}

// unreadable makes a refusal of what came but is no licensing message; the end of a
// connection and a deadline stay what they are.
func unreadable(err error) error {
	var protocol *rdpconn.ProtocolError
	var network net.Error
	switch {
	case !errors.As(err, &protocol), errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case errors.Is(err, rdpsec.ErrMAC):
		return &refusal{alert: licensing.InvalidMAC, errorInfo: errInfoBadEncrypted, cause: err}
	}
	return &refusal{alert: licensing.InvalidMessageLength, errorInfo: errInfoBadMessage, cause: err}
}

// write sends a message and notes where it leads.
func (x *exchange) write(m licensing.Message) error {
	if next, err := x.state.Next(m); err == nil {
		x.state = next
	} else if m.Type() != licensing.TypeErrorAlert {
		return err
	}
	return x.conn.WriteLicense(licensing.Append(nil, m, licensing.Version3))
}
