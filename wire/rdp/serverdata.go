package rdp

import (
	"errors"
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/rdpsec"
)

// Channel ids of MCS that are fixed, and the first of those that are not.
const (
	ServerChannel      = 1002 // the server's own user id
	IOChannel          = 1003
	FirstStaticChannel = 1004
)

// Encryption levels, 2.2.1.4.3. Level 0 goes with MethodNone and with nothing else.
const (
	LevelNone             uint32 = 0
	LevelLow              uint32 = 1 // only what the client sends is encrypted
	LevelClientCompatible uint32 = 2
	LevelHigh             uint32 = 3
)

const maxServerCertificate = MaxUserData

// ServerData is what a server says in GCC, 2.2.1.4.
type ServerData struct {
	Version     uint32
	Requested   Protocol // the client's requestedProtocols, given back
	Channels    []uint16 // ids of the static channels, in the client's order
	Method      rdpsec.Method
	Level       uint32
	Random      []byte // 32 bytes, with a method other than none
	Certificate []byte // SERVER_CERTIFICATE, with a method other than none
	IOChannel   uint16
}

// Append is the GCC Conference Create Response. SC_SECURITY comes last: rdesktop
// reads its certificate to the end of the packet.
func (d ServerData) Append(b []byte) []byte {
	var w, body cursor.Writer
	body.U32(d.Version)
	body.U32(uint32(d.Requested))
	appendBlock(&w, scCore, body.Bytes())

	body = cursor.Writer{}
	body.U16(d.IOChannel)
	body.U16(uint16(len(d.Channels)))
	for _, id := range d.Channels {
		body.U16(id)
	}
	if len(d.Channels)%2 != 0 {
		body.U16(0)
	}
	appendBlock(&w, scNet, body.Bytes())

	body = cursor.Writer{}
	body.U32(uint32(d.Method))
	body.U32(d.Level)
	if d.Method != rdpsec.MethodNone {
		body.U32(uint32(len(d.Random)))
		body.U32(uint32(len(d.Certificate)))
		body.Append(d.Random)
		body.Append(d.Certificate)
	}
	appendBlock(&w, scSecurity, body.Bytes())
	return appendGCCResponse(b, w.Bytes())
}

// ParseServerData reads a GCC Conference Create Response.
func ParseServerData(gcc []byte) (ServerData, error) {
	var d ServerData
	blocks, err := parseGCCResponse(gcc)
	if err != nil {
		return d, err
	}
	var seen uint8
	err = eachBlock(blocks, func(kind uint16, body []byte) error {
		switch kind {
		case scCore:
			seen |= 1
			return d.parseCore(body)
		case scNet:
			seen |= 2
			return d.parseNet(body)
		case scSecurity:
			seen |= 4
			return d.parseSecurity(body)
		}
		return nil
	})
	if err != nil {
		return ServerData{}, fmt.Errorf("GCC server data: %w", err)
	}
	if seen != 7 {
		return ServerData{}, errors.New("GCC server data: want SC_CORE, SC_NET and SC_SECURITY, one is missing")
	}
	return d, nil
}

// parseCore reads TS_UD_SC_CORE 2.2.1.4.2, whose later fields may be missing.
func (d *ServerData) parseCore(body []byte) error {
	r := cursor.NewReader(body)
	d.Version = r.U32("version")
	if r.Len() >= 4 {
		d.Requested = Protocol(r.U32("clientRequestedProtocols"))
	}
	return r.Err()
}

// parseNet reads TS_UD_SC_NET 2.2.1.4.4.
func (d *ServerData) parseNet(body []byte) error {
	r := cursor.NewReader(body)
	d.IOChannel = r.U16("MCSChannelId")
	n := int(r.U16("channelCount"))
	if r.Err() == nil && n > MaxChannels {
		return fmt.Errorf("channelCount %d, want at most %d", n, MaxChannels)
	}
	d.Channels = nil
	for range n {
		d.Channels = append(d.Channels, r.U16("channelId"))
	}
	if n%2 != 0 && r.Len() > 0 {
		r.Skip("pad", 2)
	}
	return r.End()
}

// parseSecurity reads TS_UD_SC_SEC1 2.2.1.4.3.
func (d *ServerData) parseSecurity(body []byte) error {
	r := cursor.NewReader(body)
	d.Method, d.Level = rdpsec.Method(r.U32("encryptionMethod")), r.U32("encryptionLevel")
	if (d.Method == rdpsec.MethodNone) != (d.Level == LevelNone) {
		return fmt.Errorf("encryption %v at level %d do not go together", d.Method, d.Level)
	}
	if d.Method == rdpsec.MethodNone {
		return r.Err() // some servers add zero lengths
	}
	nrandom, ncert := r.U32("serverRandomLen"), r.U32("serverCertLen")
	if r.Err() == nil && (nrandom != rdpsec.RandomSize || ncert > maxServerCertificate) {
		return fmt.Errorf("server random of %d and certificate of %d bytes, want 32 and at most %d", nrandom, ncert, maxServerCertificate)
	}
	d.Random = append([]byte(nil), r.Bytes("serverRandom", int(nrandom))...)
	d.Certificate = append([]byte(nil), r.Bytes("serverCertificate", int(ncert))...)
	return r.End()
}
