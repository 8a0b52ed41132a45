package rdpconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

const (
	defaultBuild    = 2600
	defaultKeyboard = 0x409
	cookieLen       = 9 // mstsc cuts the user's name to so many characters
)

// Dial speaks the client's part on a connection that stands, up to and including
// Client Info. ctx ends it; it has no effect after Dial has returned. The
// connection is closed on error.
func Dial(ctx context.Context, nc net.Conn, config *ClientConfig) (*Conn, error) {
	c := newConn(nc, config.StepTimeout, config.Transcript, rdp.MaxPacket)
	c.client = config
	if err := c.run(ctx, c.dial); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Conn) dial(ctx context.Context) error {
	selected, err := c.clientNegotiate()
	if err != nil {
		return err
	}
	if selected == rdp.ProtocolSSL {
		c.tls = true
		c.begin(StepTLS)
		if err := c.handshake(ctx, tls.Client(bufferedConn{c.nc, c.r}, c.clientTLS())); err != nil {
			return err
		}
	}
	server, err := c.clientConnect(selected)
	if err != nil {
		return err
	}
	if err := c.clientJoin(server); err != nil {
		return err
	}
	if c.method != rdpsec.MethodNone {
		if err := c.sendClientRandom(server); err != nil {
			return err
		}
	}
	return c.sendInfo()
}

// clientTLS is the configuration's TLS, or one that takes any certificate.
func (c *Conn) clientTLS() *tls.Config {
	if c.client.TLS != nil {
		return c.client.TLS
	}
	return &tls.Config{InsecureSkipVerify: true}
}

// clientNegotiate asks for the security protocols of the configuration.
func (c *Conn) clientNegotiate() (rdp.Protocol, error) {
	c.begin(StepNegotiate)
	p := c.client.Protocols
	cr := rdp.ConnectionRequest{Negotiation: !c.client.NoNegotiation}
	if p != RDPOnly && cr.Negotiation {
		cr.Protocols = rdp.ProtocolSSL
	}
	if user := []rune(c.client.User); len(user) > 0 {
		cr.Cookie = string(user[:min(len(user), cookieLen)])
	}
	packet, err := cr.Append(nil)
	if err != nil {
		return 0, &ProtocolError{Sent, c.step, err}
	}
	if err := c.writePacket("X.224 Connection Request", packet); err != nil {
		return 0, err
	}
	if packet, err = c.readX224(); err != nil {
		return 0, err
	}
	cc, err := rdp.ParseConnectionConfirm(packet)
	if err != nil {
		return 0, c.bad(err)
	}
	c.record(Record{Direction: Received, Step: c.step, PDU: "X.224 Connection Confirm", Data: packet})
	return cc.Selected, c.checkSelected(cr, cc)
}

// checkSelected refuses an answer that was not asked for.
func (c *Conn) checkSelected(cr rdp.ConnectionRequest, cc rdp.ConnectionConfirm) error {
	switch {
	case cc.Failure != 0:
		return &PeerError{Step: c.step, Code: uint32(cc.Failure), Reason: cc.Failure.String(), Err: ErrNegotiation}
	case cc.Selected == rdp.ProtocolRDP && c.client.Protocols == TLSOnly:
		return c.bad(errors.New("server answers standard RDP security to a client that takes TLS only"))
	case cc.Selected != rdp.ProtocolRDP && (cc.Selected != rdp.ProtocolSSL || cr.Protocols&rdp.ProtocolSSL == 0):
		return c.bad(fmt.Errorf("server selects protocol %#x, which was not offered", uint32(cc.Selected)))
	}
	return nil
}

// clientConnect goes through the MCS connect.
func (c *Conn) clientConnect(selected rdp.Protocol) (rdp.ServerData, error) {
	c.begin(StepConnect)
	c.fillClientData(selected)
	mcs := rdp.AppendConnectInitial(nil, c.data.Append(nil))
	if err := c.writePacket("MCS Connect-Initial", rdp.AppendX224Data(nil, mcs)); err != nil {
		return rdp.ServerData{}, err
	}
	content, err := c.readMCS()
	if err != nil {
		return rdp.ServerData{}, err
	}
	c.connect = true
	c.record(Record{Direction: Received, Step: c.step, PDU: "MCS Connect-Response", Data: c.in})
	gcc, err := rdp.ParseConnectResponse(content)
	if err != nil {
		return rdp.ServerData{}, c.bad(err)
	}
	server, err := rdp.ParseServerData(gcc)
	if err != nil {
		return rdp.ServerData{}, c.bad(err)
	}
	if err := c.checkServer(server); err != nil {
		return rdp.ServerData{}, c.bad(err)
	}
	c.method, c.level, c.certIn = server.Method, server.Level, server.Certificate
	c.ioChannel, c.channels = server.IOChannel, server.Channels
	return server, nil
}

// fillClientData makes the client's GCC data out of the configuration.
func (c *Conn) fillClientData(selected rdp.Protocol) {
	conf := c.client
	core := rdp.ClientCore{Version: rdp.VersionRDP5, Desktop: conf.Desktop, Keyboard: conf.Keyboard, Build: conf.Build,
		ClientName: conf.ClientName, Selected: selected}
	if core.Keyboard == 0 {
		core.Keyboard = defaultKeyboard
	}
	if core.Build == 0 {
		core.Build = defaultBuild
	}
	if core.Desktop == (rdp.Desktop{}) {
		core.Desktop = rdp.Desktop{Width: 800, Height: 600, Bpp: 16}
	}
	if !conf.NoErrorInfo {
		core.EarlyFlags |= rdp.EarlyErrorInfo
	}
	c.data = rdp.ClientData{Core: core, Channels: conf.Channels}
	if selected == rdp.ProtocolRDP {
		for _, m := range c.methods() {
			c.data.Methods |= m
		}
	}
	c.desktop = core.Desktop
}

// methods are what the client offers.
func (c *Conn) methods() []rdpsec.Method {
	if c.client.Encryption != nil {
		return c.client.Encryption
	}
	return []rdpsec.Method{rdpsec.MethodNone, rdpsec.Method40, rdpsec.Method56, rdpsec.Method128}
}

// checkServer refuses a choice that was not offered.
func (c *Conn) checkServer(s rdp.ServerData) error {
	if c.tls {
		if s.Method != rdpsec.MethodNone {
			return fmt.Errorf("server chooses encryption %v under TLS", s.Method)
		}
	} else if !slices.Contains(c.methods(), s.Method) {
		return fmt.Errorf("server chooses encryption %v, offered were %v", s.Method, c.methods())
	}
	if len(s.Channels) != len(c.data.Channels) {
		return fmt.Errorf("server gives %d channels, %d were asked for", len(s.Channels), len(c.data.Channels))
	}
	return nil
}

// clientJoin attaches and joins the user channel, the I/O channel and the static ones.
func (c *Conn) clientJoin(server rdp.ServerData) error {
	c.begin(StepJoin)
	if err := c.writeMCS(rdp.MCS{Kind: rdp.MCSErectDomain}); err != nil {
		return err
	}
	if err := c.writeMCS(rdp.MCS{Kind: rdp.MCSAttachUser}); err != nil {
		return err
	}
	confirm, err := c.readDomain(rdp.MCSAttachConfirm)
	if err != nil {
		return err
	}
	if confirm.Result != 0 || confirm.Initiator == 0 {
		return c.bad(fmt.Errorf("attach user: result %d and user %d", confirm.Result, confirm.Initiator))
	}
	c.userID, c.source = confirm.Initiator, confirm.Initiator
	for _, id := range append([]uint16{c.userID, c.ioChannel}, server.Channels...) {
		if err := c.writeMCS(rdp.MCS{Kind: rdp.MCSJoinRequest, Initiator: c.userID, Channel: id}); err != nil {
			return err
		}
		joined, err := c.readDomain(rdp.MCSJoinConfirm)
		if err != nil {
			return err
		}
		if joined.Result != 0 {
			return c.bad(fmt.Errorf("join of channel %d: result %d", id, joined.Result))
		}
	}
	return nil
}

// sendClientRandom makes the session keys and sends the random that they come from.
func (c *Conn) sendClientRandom(server rdp.ServerData) error {
	c.begin(StepSecurity)
	key, err := rdpsec.ParseServerCertificate(server.Certificate)
	if err != nil {
		return c.bad(err)
	}
	clientRandom := make([]byte, rdpsec.RandomSize)
	if err := fill(c.client.Rand, clientRandom); err != nil {
		return &ProtocolError{Sent, c.step, err}
	}
	keys, err := rdpsec.NewSessionKeys(server.Method, clientRandom, server.Random)
	if err != nil {
		return c.bad(err)
	}
	data := rdp.AppendSecurityExchange(nil, key.Encrypt(clientRandom))
	err = c.writeData(outbound{step: c.step, name: "Security Exchange", flags: rdp.SecExchange | rdp.SecLicenseEncrypt, basic: true, data: data})
	if err != nil {
		return err
	}
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.send, c.recv = keys.ClientCipher(), keys.ServerCipher()
	return nil
}

// sendInfo sends Client Info.
func (c *Conn) sendInfo() error {
	c.begin(StepInfo)
	conf := c.client
	c.info = rdp.ClientInfo{
		Flags: rdp.InfoUnicode | rdp.InfoMouse | rdp.InfoDisableCtrlAlt | rdp.InfoLogonNotify | rdp.InfoMaximizeShell |
			rdp.InfoEnableWindowKey | rdp.InfoLogonErrors,
		Domain: conf.Domain, User: conf.User, Password: conf.Password,
		Extended: true, AddressFamily: 2, Dir: `C:\WINNT\System32\mstscax.dll`,
		TimeZone: make([]byte, 172),
		Tail:     []byte{0, 0}, // no auto-reconnect cookie
	}
	if conf.Password != "" {
		c.info.Flags |= rdp.InfoAutoLogon
	}
	if addr, ok := c.nc.LocalAddr().(*net.TCPAddr); ok {
		c.info.Address = addr.IP.String()
	}
	return c.writeData(outbound{step: c.step, name: "Client Info", flags: rdp.SecInfo, basic: true, data: c.info.Append(nil)})
}
