package rdpconn

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// Accept speaks the server's part from negotiation to Client Info. ctx ends it; it
// has no effect after Accept has returned. The connection is closed on error, after
// the protocol's own word for it where there is one.
func Accept(ctx context.Context, nc net.Conn, config *ServerConfig) (*Conn, error) {
	c := newConn(nc, config.StepTimeout, config.Transcript, maxServerPacket)
	c.server, c.source, c.shareID = config, rdp.ServerChannel, rdp.ServerShareID
	if err := c.run(ctx, c.accept); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Conn) accept(ctx context.Context) error {
	if c.server.Key == nil {
		return &ProtocolError{Sent, StepNegotiate, errors.New("no key in the server's configuration")}
	}
	c.certIn = c.server.Certificate
	if c.certIn == nil {
		c.certIn = rdpsec.ProprietaryCertificate(c.server.Key.Public())
	}
	requested, err := c.negotiate()
	if err != nil {
		return err
	}
	if c.tls {
		if err := c.serverTLS(ctx); err != nil {
			return err
		}
	}
	serverRandom, err := c.serverConnect(requested)
	if err != nil {
		return err
	}
	if err := c.serverJoin(); err != nil {
		return err
	}
	if c.method != rdpsec.MethodNone {
		if err := c.securityExchange(serverRandom); err != nil {
			return err
		}
	}
	return c.readInfo()
}

// negotiate answers the connection request.
func (c *Conn) negotiate() (requested rdp.Protocol, err error) {
	c.begin(StepNegotiate)
	packet, err := c.readX224()
	if err != nil {
		return 0, err
	}
	cr, err := rdp.ParseConnectionRequest(packet)
	if err != nil {
		return 0, c.bad(err)
	}
	c.record(Record{Direction: Received, Step: c.step, PDU: "X.224 Connection Request", Data: packet})
	selected, failure := choose(cr, c.server.Protocols, c.server.TLS != nil)
	cc := rdp.ConnectionConfirm{Negotiation: cr.Negotiation || failure != 0, Failure: failure, Selected: selected}
	if err := c.writePacket("X.224 Connection Confirm", cc.Append(nil)); err != nil {
		return 0, err
	}
	if failure != 0 {
		return 0, c.bad(fmt.Errorf("client offers security protocols %#x, server takes %v: answered %v",
			uint32(cr.Protocols), c.server.Protocols, failure))
	}
	c.tls = selected == rdp.ProtocolSSL
	return cr.Protocols, nil
}

// choose picks the protocol for a client's offer, or the failure code that fits,
// 2.2.1.2.2. A client that offers TLS besides CredSSP also takes standard RDP
// security as an answer; one that offers TLS alone insists on it, and one that
// offers CredSSP alone on NLA, which is not to be had here.
func choose(cr rdp.ConnectionRequest, p Protocols, haveTLS bool) (rdp.Protocol, rdp.FailureCode) {
	rdpOK, tlsOK := p != TLSOnly, p != RDPOnly && haveTLS
	plain := !cr.Negotiation || cr.Protocols == rdp.ProtocolRDP
	offersTLS := cr.Protocols&rdp.ProtocolSSL != 0
	insists := cr.Protocols == rdp.ProtocolSSL
	switch {
	case plain && rdpOK:
		return rdp.ProtocolRDP, 0
	case plain && tlsOK:
		return 0, rdp.FailSSLRequired
	case offersTLS && tlsOK && (insists || !rdpOK || p == BothPreferTLS):
		return rdp.ProtocolSSL, 0
	case offersTLS && rdpOK && !insists:
		return rdp.ProtocolRDP, 0
	case p != RDPOnly && !haveTLS:
		return 0, rdp.FailNoCertificate
	case tlsOK: // only CredSSP was offered
		return 0, rdp.FailSSLRequired
	}
	return 0, rdp.FailSSLNotAllowed
}

func (c *Conn) serverTLS(ctx context.Context) error {
	c.begin(StepTLS)
	return c.handshake(ctx, tls.Server(bufferedConn{c.nc, c.r}, c.server.TLS))
}

// handshake makes a TLS connection the connection.
func (c *Conn) handshake(ctx context.Context, t *tls.Conn) error {
	if err := t.HandshakeContext(ctx); err != nil {
		return c.bad(err)
	}
	c.nc, c.r = t, bufio.NewReader(t)
	return nil
}

// serverConnect answers the MCS connect and returns the server random.
func (c *Conn) serverConnect(requested rdp.Protocol) ([]byte, error) {
	c.begin(StepConnect)
	content, err := c.readMCS()
	if errors.Is(err, io.EOF) && !c.tls && requested&rdp.ProtocolHybrid != 0 {
		return nil, c.bad(errInsistsOnNLA)
	}
	if err != nil {
		return nil, err
	}
	c.record(Record{Direction: Received, Step: c.step, PDU: "MCS Connect-Initial", Data: c.in})
	gcc, err := rdp.ParseConnectInitial(content)
	if err != nil {
		return nil, c.bad(err)
	}
	if c.data, err = rdp.ParseClientData(gcc); err != nil {
		return nil, c.bad(err)
	}
	c.desktop = c.data.Core.Desktop
	if c.method, err = c.chooseMethod(); err != nil {
		return nil, c.bad(err)
	}
	reply := rdp.ServerData{Version: rdp.VersionRDP5, Requested: requested, Method: c.method, IOChannel: rdp.IOChannel}
	for i := range c.data.Channels {
		c.channels = append(c.channels, rdp.FirstStaticChannel+uint16(i))
	}
	reply.Channels = c.channels
	if c.method != rdpsec.MethodNone {
		c.level = rdp.LevelClientCompatible
		if c.server.LowLevel {
			c.level = rdp.LevelLow
		}
		reply.Random, reply.Certificate = make([]byte, rdpsec.RandomSize), c.certIn
		if err := fill(c.server.Rand, reply.Random); err != nil {
			return nil, &ProtocolError{Sent, c.step, err}
		}
	}
	reply.Level = c.level
	c.connect = true
	mcs := rdp.AppendConnectResponse(nil, reply.Append(nil))
	return reply.Random, c.writePacket("MCS Connect-Response", rdp.AppendX224Data(nil, mcs))
}

// errInsistsOnNLA is what hides behind a client that offers TLS and CredSSP and
// hangs up when it is answered standard RDP security: xfreerdp /sec:nla.
var errInsistsOnNLA = fmt.Errorf("client hung up on the answer to its offer; it may insist on NLA: %w", io.EOF)

// chooseMethod picks the encryption method out of what both ends take.
func (c *Conn) chooseMethod() (rdpsec.Method, error) {
	if c.tls {
		return rdpsec.MethodNone, nil
	}
	allowed := c.server.Encryption
	if allowed == nil {
		allowed = []rdpsec.Method{rdpsec.Method128, rdpsec.Method56, rdpsec.Method40}
		if c.data.Methods == rdpsec.MethodNone {
			allowed = []rdpsec.Method{rdpsec.MethodNone}
		}
	}
	for _, m := range allowed {
		if m == rdpsec.MethodNone || c.data.Methods&m != 0 {
			return m, nil
		}
	}
	return 0, fmt.Errorf("client offers encryption methods %#x, server takes %v", uint32(c.data.Methods), allowed)
}

// fill reads random bytes.
func fill(random io.Reader, b []byte) error {
	if random == nil {
		random = rand.Reader
	}
	_, err := io.ReadFull(random, b)
	return err
}

// serverJoin lets the client attach and join its channels: its own, the I/O channel
// and each static one. They are counted, whatever their order.
func (c *Conn) serverJoin() error {
	c.begin(StepJoin)
	if _, err := c.readDomain(rdp.MCSErectDomain); err != nil {
		return err
	}
	if _, err := c.readDomain(rdp.MCSAttachUser); err != nil {
		return err
	}
	c.userID = rdp.FirstStaticChannel + uint16(len(c.channels))
	if err := c.writeMCS(rdp.MCS{Kind: rdp.MCSAttachConfirm, Initiator: c.userID}); err != nil {
		return err
	}
	for range 2 + len(c.channels) {
		m, err := c.readDomain(rdp.MCSJoinRequest)
		if err != nil {
			return err
		}
		const noSuchChannel = 3
		reply := rdp.MCS{Kind: rdp.MCSJoinConfirm, Initiator: c.userID, Requested: m.Channel, Channel: m.Channel}
		if m.Channel != c.userID && m.Channel != c.ioChannel && !slices.Contains(c.channels, m.Channel) {
			reply.Result = noSuchChannel
		}
		if err := c.writeMCS(reply); err != nil {
			return err
		}
	}
	return nil
}

// securityExchange reads the client random and makes the session keys.
func (c *Conn) securityExchange(serverRandom []byte) error {
	c.begin(StepSecurity)
	in, err := c.next(true)
	if err != nil {
		return err
	}
	if in.header.Flags&rdp.SecExchange == 0 {
		return c.bad(fmt.Errorf("security header %#04x, want a security exchange", in.header.Flags))
	}
	c.received("Security Exchange", in)
	block, err := rdp.ParseSecurityExchange(in.data)
	if err != nil {
		return c.bad(err)
	}
	clientRandom, err := c.server.Key.Decrypt(block, rdpsec.RandomSize)
	if err != nil {
		return c.bad(err)
	}
	keys, err := rdpsec.NewSessionKeys(c.method, clientRandom, serverRandom)
	if err != nil {
		return c.bad(err)
	}
	if c.server.KeyLog != nil { // a full disk ends no connection
		_, _ = fmt.Fprintf(c.server.KeyLog, "RDP_CLIENT_RANDOM %x %x\n", serverRandom, clientRandom)
	}
	c.recv, c.send = keys.ClientCipher(), keys.ServerCipher()
	return nil
}

// readInfo reads Client Info.
func (c *Conn) readInfo() error {
	c.begin(StepInfo)
	in, err := c.next(true)
	if err != nil {
		return err
	}
	if in.header.Flags&rdp.SecExchange != 0 && c.recv == nil {
		return c.bad(errNotAgreed)
	}
	if in.header.Flags&rdp.SecInfo == 0 {
		return c.bad(fmt.Errorf("security header %#04x, want client info", in.header.Flags))
	}
	c.received("Client Info", in)
	c.info, err = rdp.ParseClientInfo(in.data)
	return c.bad(err)
}
