//go:build linux

package capture

import (
	"bytes"
	"fmt"

	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

const (
	tpktVersion     = 3
	connectResponse = "\x7f\x66" // T.125 section 7, BER
)

// rdpReader reads an RDP connection up to the end of its licensing, and on for the
// twin of one under RC4.
type rdpReader struct {
	analysis     *analysis
	conversation *conversation
	tls          *tlsReader // once TLS has begun
	buf          [2][]byte
	server       rdp.ServerData
	connected    bool // the Connect-Response is through
	ciphers      [2]*rdpsec.Cipher
	twin         *twin
	phase        licensePhase
	lost         bool // nothing more can be read
}

func newRDP(a *analysis, c *conversation) *rdpReader {
	return &rdpReader{analysis: a, conversation: c}
}

// data takes what is on the wire.
func (r *rdpReader) data(direction int, b []byte, at origin) {
	if r.tls != nil {
		r.tls.data(direction, b, at)
		return
	}
	r.packets(direction, b, at)
}

// inner is what is inside TLS.
type inner struct{ *rdpReader }

func (i inner) data(direction int, b []byte, at origin) { i.packets(direction, b, at) }

// packets cuts a stream into packets.
func (r *rdpReader) packets(direction int, b []byte, at origin) {
	r.buf[direction] = append(r.buf[direction], b...)
	for !r.lost && len(r.buf[direction]) > 0 {
		n, fast, err := rdp.PacketLen(r.buf[direction])
		if err != nil {
			r.lost = true
			return
		}
		if n == 0 || len(r.buf[direction]) < n {
			return
		}
		packet := bytes.Clone(r.buf[direction][:n])
		r.buf[direction] = r.buf[direction][n:]
		if fast {
			err = r.fastPath(direction, packet, at)
		} else {
			err = r.packet(direction, packet, at)
		}
		r.lost = err != nil || r.finished()
	}
}

// finished says that nothing more needs to be read.
func (r *rdpReader) finished() bool { return r.phase.over() && r.twin == nil }

// packet takes a packet that is not of the fast path.
func (r *rdpReader) packet(direction int, packet []byte, at origin) error {
	code, content, err := rdp.ParseX224(packet)
	if err != nil {
		return err
	}
	switch {
	case code == rdp.X224Confirm:
		m, err := rdp.ParseConnectionConfirm(packet)
		if err == nil && m.Negotiation && m.Failure == 0 && m.Selected&rdp.ProtocolSSL != 0 {
			r.tls = &tlsReader{secrets: r.analysis.secrets, clear: inner{r}}
		}
		r.early(direction, packet, at)
		return err
	case code != rdp.X224Data:
		r.early(direction, packet, at)
		return nil
	case !r.connected && direction == fromServer && bytes.HasPrefix(content, []byte(connectResponse)):
		return r.connect(packet, content, at)
	case !r.connected:
		r.early(direction, packet, at)
		return nil
	}
	m, err := rdp.ParseMCS(content)
	if err != nil || m.Kind != rdp.MCSSendRequest && m.Kind != rdp.MCSSendIndication {
		r.clear(direction, packet, at)
		return nil // a farewell of a kind of its own
	}
	return r.send(direction, packet, m, at)
}

// connect reads the server's half of the keys.
func (r *rdpReader) connect(packet, content []byte, at origin) error {
	gcc, err := rdp.ParseConnectResponse(content)
	if err != nil {
		return err
	}
	if r.server, err = rdp.ParseServerData(gcc); err != nil {
		return err
	}
	r.connected = true
	r.phase.security = r.server.Method.String()
	if r.tls != nil {
		r.phase.security = "TLS"
	}
	if r.server.Method == rdpsec.MethodNone {
		return nil
	}
	clientRandom, known := r.analysis.secrets.clients[random(r.server.Random)]
	if !known {
		return nil
	}
	keys, err := rdpsec.NewSessionKeys(r.server.Method, clientRandom[:], r.server.Random)
	if err != nil {
		return err
	}
	r.ciphers = [2]*rdpsec.Cipher{fromClient: keys.ClientCipher(), fromServer: keys.ServerCipher()}
	if r.analysis.twins != nil {
		r.twin = r.analysis.twins.begin(r.conversation, r.server.Method, r.analysis.names[at.recording])
	}
	// The twin is told as what it is: a session without encryption.
	said := r.server
	said.Method, said.Level, said.Random, said.Certificate = rdpsec.MethodNone, rdp.LevelNone, nil, nil
	r.flushEarly()
	r.clear(fromServer, rdp.AppendX224Data(nil, rdp.AppendConnectResponse(nil, said.Append(nil))), at)
	return nil
}

// send takes what travels on a channel.
func (r *rdpReader) send(direction int, packet []byte, m rdp.MCS, at origin) error {
	sealed := r.server.Method != rdpsec.MethodNone
	if !sealed && (r.phase.over() || m.Channel != r.server.IOChannel) {
		return nil
	}
	h, data, err := rdp.ParseSecurityHeader(m.Data)
	if err != nil {
		return err
	}
	if h.Flags&rdp.SecExchange != 0 {
		return nil // the twin has no keys to exchange
	}
	if h.Flags&rdp.SecEncrypt != 0 {
		if r.ciphers[direction] == nil {
			if h.Flags&rdp.SecLicense != 0 {
				r.phase.blind(r, direction, at)
			}
			return nil
		}
		if err := r.ciphers[direction].Open(data, h.Signature, h.Flags&rdp.SecSalted != 0); err != nil {
			return fmt.Errorf("decrypt: %w", err)
		}
	}
	basic := h.Flags&(rdp.SecLicense|rdp.SecInfo) != 0
	comment := ""
	if h.Flags&rdp.SecLicense != 0 && m.Channel == r.server.IOChannel && !r.phase.over() {
		comment = r.phase.message(r, direction, data, at)
	}
	if r.twin != nil {
		m.Data = data
		if basic {
			plain := rdp.SecurityHeader{Flags: h.Flags & (rdp.SecLicense | rdp.SecInfo)}
			m.Data = append(plain.Append(nil), data...)
		}
		r.twin.write(direction, rdp.AppendX224Data(nil, m.Append(nil)), at, comment)
	}
	return nil
}

// fastPath takes a packet of the fast path; only a twin has use for it.
func (r *rdpReader) fastPath(direction int, packet []byte, at origin) error {
	if r.twin == nil {
		return nil
	}
	f, err := rdp.ParseFastPath(packet)
	if err != nil {
		return err
	}
	if f.Encrypted {
		if err := r.ciphers[direction].Open(f.Data, f.Signature, f.Salted); err != nil {
			return fmt.Errorf("decrypt: %w", err)
		}
	}
	r.twin.write(direction, rdp.FastPath{Events: f.Events, Data: f.Data}.Append(nil), at, "")
	return nil
}

// early keeps a packet from before it is known whether there will be a twin.
func (r *rdpReader) early(direction int, packet []byte, at origin) {
	if r.twin != nil {
		r.clear(direction, packet, at)
		return
	}
	r.phase.early = append(r.phase.early, earlyPacket{direction, packet, at})
}

func (r *rdpReader) flushEarly() {
	for _, p := range r.phase.early {
		r.clear(p.direction, p.packet, p.at)
	}
	r.phase.early = nil
}

// clear writes a packet to the twin as it is.
func (r *rdpReader) clear(direction int, packet []byte, at origin) {
	if r.twin != nil {
		r.twin.write(direction, packet, at, "")
	}
}

type earlyPacket struct {
	direction int
	packet    []byte
	at        origin
}

// licensePhase is the licensing of a connection.
type licensePhase struct {
	security string
	early    []earlyPacket
	state    licensing.State
	random   random
	keys     *rdpsec.LicenseKeys // nil: not known
}

func (p *licensePhase) over() bool {
	return p.state == licensing.Completed || p.state == licensing.Aborted
}

// blind notes a licensing message that the session's encryption hides.
func (p *licensePhase) blind(r *rdpReader, direction int, at origin) {
	r.analysis.found(r.conversation, direction, at, Message{
		Protocol: "rdpele", Name: "encrypted", Security: p.security, Text: "a licensing message, encrypted: the session's key is in no key log",
	})
}

// message reads a licensing message and returns it in plain words.
func (p *licensePhase) message(r *rdpReader, direction int, b []byte, at origin) string {
	m, err := licensing.Parse(b)
	name, text := "broken", ""
	var body any
	if err != nil {
		text = "a broken licensing message: " + err.Error()
	} else {
		name, body = m.Type().String(), m
		if request, ok := m.(*licensing.LicenseRequest); ok {
			p.begin(r, request.ServerRandom, at)
		}
		text = name + ": " + p.describe(m)
		if next, err := p.state.Next(m); err == nil {
			p.state = next
		} else {
			text += " (out of order: " + err.Error() + ")"
		}
	}
	r.analysis.found(r.conversation, direction, at, Message{Protocol: "rdpele", Name: name, Security: p.security, Text: text, body: body})
	return text
}

// begin finds the keys of a licensing and puts them into a row behind its request.
func (p *licensePhase) begin(r *rdpReader, serverRandom random, at origin) {
	p.random, p.keys = serverRandom, nil
	k, known := r.analysis.secrets.licenses[serverRandom]
	if !known {
		return
	}
	p.keys = &k
	r.analysis.rows = append(r.analysis.rows, Row{
		Time: at.time,
		Text: fmt.Sprintf("licensing keys of server random %x: key %x, MAC salt %x", serverRandom, k.Key, k.MACSalt),
		Fields: map[string]string{
			"TSLAB_EVENT": keyEvent, "TSLAB_SERVER_RANDOM": fmt.Sprintf("%x", serverRandom),
			"TSLAB_LICENSING_KEY": fmt.Sprintf("%x", k.Key), "TSLAB_MAC_SALT_KEY": fmt.Sprintf("%x", k.MACSalt),
		},
	})
}
