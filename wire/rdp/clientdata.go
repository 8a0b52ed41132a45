package rdp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/rdpsec"
)

// MaxChannels is how many static virtual channels a client may ask for, 2.2.1.3.4.
const MaxChannels = 31

const channelNameLen = 8

// Channel is a static virtual channel that a client asks for, CHANNEL_DEF 2.2.1.3.4.1.
type Channel struct {
	Name    string // up to 7 ASCII characters
	Options uint32
}

// ClientData is what a client says in GCC, 2.2.1.3. Blocks of other kinds are ignored.
type ClientData struct {
	Core     ClientCore
	Methods  rdpsec.Method // a set: encryptionMethods, or extEncryptionMethods of a French client
	Channels []Channel
}

// Append is the GCC Conference Create Request.
func (d ClientData) Append(b []byte) []byte {
	var w, body cursor.Writer
	d.Core.append(&w)
	body.U32(uint32(d.Methods))
	body.U32(0)
	appendBlock(&w, csSecurity, body.Bytes())
	if len(d.Channels) > 0 {
		body = cursor.Writer{}
		body.U32(uint32(len(d.Channels)))
		for _, ch := range d.Channels {
			var name [channelNameLen]byte
			copy(name[:channelNameLen-1], ch.Name)
			body.Append(name[:])
			body.U32(ch.Options)
		}
		appendBlock(&w, csNet, body.Bytes())
	}
	return appendGCCRequest(b, w.Bytes())
}

// ParseClientData reads a GCC Conference Create Request. Only the core data must be
// there: a client without security data offers no encryption.
func ParseClientData(gcc []byte) (ClientData, error) {
	var d ClientData
	blocks, err := parseGCCRequest(gcc)
	if err != nil {
		return d, err
	}
	hasCore := false
	err = eachBlock(blocks, func(kind uint16, body []byte) (err error) {
		switch kind {
		case csCore:
			hasCore = true
			d.Core, err = parseClientCore(body)
		case csSecurity:
			d.Methods, err = parseClientSecurity(body)
		case csNet:
			d.Channels, err = parseChannels(body)
		}
		return err
	})
	if err != nil {
		return ClientData{}, fmt.Errorf("GCC client data: %w", err)
	}
	if !hasCore {
		return ClientData{}, errors.New("GCC client data: no core data (CS_CORE)")
	}
	return d, nil
}

// parseClientSecurity reads TS_UD_CS_SEC 2.2.1.3.3.
func parseClientSecurity(body []byte) (rdpsec.Method, error) {
	r := cursor.NewReader(body)
	methods, french := rdpsec.Method(r.U32("encryptionMethods")), rdpsec.Method(r.U32("extEncryptionMethods"))
	if methods == 0 {
		methods = french
	}
	return methods, r.End()
}

// parseChannels reads TS_UD_CS_NET 2.2.1.3.4.
func parseChannels(body []byte) ([]Channel, error) {
	r := cursor.NewReader(body)
	n := r.U32("channelCount")
	if r.Err() == nil && n > MaxChannels {
		return nil, fmt.Errorf("channelCount %d, want at most %d", n, MaxChannels)
	}
	var channels []Channel
	for range n {
		name, _, _ := strings.Cut(string(r.Bytes("name", channelNameLen)), "\x00")
		channels = append(channels, Channel{Name: name[:min(len(name), channelNameLen-1)], Options: r.U32("options")})
	}
	return channels, r.End()
}
