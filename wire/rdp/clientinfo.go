package rdp

import (
	"bytes"
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// InfoFlags are the flags of a Client Info packet, 2.2.1.11.1.1.
type InfoFlags uint32

// Some of the flags.
const (
	InfoMouse           InfoFlags = 0x0001
	InfoDisableCtrlAlt  InfoFlags = 0x0002
	InfoAutoLogon       InfoFlags = 0x0008
	InfoUnicode         InfoFlags = 0x0010
	InfoMaximizeShell   InfoFlags = 0x0020
	InfoLogonNotify     InfoFlags = 0x0040
	InfoEnableWindowKey InfoFlags = 0x0100
	InfoLogonErrors     InfoFlags = 0x00010000 // understands logon errors in save session info
	InfoMouseHasWheel   InfoFlags = 0x00020000
)

const (
	timeZoneLen   = 172
	maxInfoString = 512 // bytes, without the terminator (2.2.1.11.1.1)
	maxInfoTail   = 512
)

// ClientInfo is TS_INFO_PACKET with its extension, 2.2.1.11.1.1.
type ClientInfo struct {
	CodePage   uint32
	Flags      InfoFlags
	Domain     string
	User       string
	Password   string
	Shell      string // the program to start instead of the desktop
	WorkingDir string

	Extended      bool // the fields below were there
	AddressFamily uint16
	Address       string // the client's own idea of it
	Dir           string // where the client program lies
	TimeZone      []byte // TS_TIME_ZONE_INFORMATION, 172 bytes or nil
	SessionID     uint32
	Performance   uint32
	Tail          []byte // auto-reconnect cookie and what newer clients add
}

func (m *ClientInfo) strings() [5]*string {
	return [5]*string{&m.Domain, &m.User, &m.Password, &m.Shell, &m.WorkingDir}
}

// encode writes a string as the flags have it, cut to what a field takes.
func (m *ClientInfo) encode(s string) []byte {
	if m.Flags&InfoUnicode != 0 {
		return encodeUTF16(s, maxInfoString/2)
	}
	b := encodeANSI(s)
	return b[:min(len(b), maxInfoString)]
}

// terminator is how many zero bytes end a string.
func (m *ClientInfo) terminator() int {
	if m.Flags&InfoUnicode != 0 {
		return 2
	}
	return 1
}

// Append is the packet, without security header.
func (m ClientInfo) Append(b []byte) []byte {
	w := cursor.NewWriter(b)
	w.U32(m.CodePage)
	w.U32(uint32(m.Flags))
	for _, s := range m.strings() {
		w.U16(uint16(len(m.encode(*s))))
	}
	for _, s := range m.strings() {
		w.Append(m.encode(*s))
		w.Zero(m.terminator())
	}
	if !m.Extended {
		return w.Bytes()
	}
	w.U16(m.AddressFamily)
	for _, s := range []string{m.Address, m.Dir} {
		enc := encodeUTF16(s, maxInfoString/2)
		w.U16(uint16(len(enc) + 2)) // here the terminator counts
		w.Append(enc)
		w.U16(0)
	}
	if len(m.TimeZone) != timeZoneLen {
		return w.Bytes()
	}
	w.Append(m.TimeZone)
	w.U32(m.SessionID)
	w.U32(m.Performance)
	w.Append(m.Tail)
	return w.Bytes()
}

// ParseClientInfo reads the packet. Clients of all ages end it at different places:
// after the strings, after the client's directory, after the time zone, after the
// session id, or anywhere behind the performance flags.
func ParseClientInfo(b []byte) (ClientInfo, error) {
	var m ClientInfo
	r := cursor.NewReader(b)
	m.CodePage = r.U32("CodePage")
	m.Flags = InfoFlags(r.U32("flags"))
	var lengths [5]int
	for i := range lengths {
		lengths[i] = int(r.U16("length of a string"))
		if r.Err() == nil && lengths[i] > maxInfoString {
			return m, fmt.Errorf("client info: string of %d bytes, want at most %d", lengths[i], maxInfoString)
		}
	}
	for i, s := range m.strings() {
		*s = m.decode(r.Bytes("string", lengths[i]))
		r.Skip("terminator of a string", m.terminator())
	}
	if r.Len() > 0 {
		m.Extended = true
		m.parseExtended(r)
	}
	if err := r.End(); err != nil {
		return ClientInfo{}, fmt.Errorf("client info: %w", err)
	}
	return m, nil
}

func (m *ClientInfo) decode(b []byte) string {
	if m.Flags&InfoUnicode != 0 {
		return decodeUTF16(b)
	}
	return decodeANSI(b)
}

// parseExtended reads TS_EXTENDED_INFO_PACKET, 2.2.1.11.1.1.1.
func (m *ClientInfo) parseExtended(r *cursor.Reader) {
	m.AddressFamily = r.U16("clientAddressFamily")
	for _, s := range []*string{&m.Address, &m.Dir} {
		n := int(r.U16("length of an address or directory"))
		if r.Err() == nil && n > maxInfoString+2 {
			r.Failf("client address or directory", "%d bytes, want at most %d", n, maxInfoString+2)
		}
		*s = decodeUTF16(r.Bytes("address or directory", n))
	}
	if r.Len() == 0 {
		return
	}
	m.TimeZone = bytes.Clone(r.Bytes("clientTimeZone", timeZoneLen))
	if r.Len() > 0 {
		m.SessionID = r.U32("clientSessionId")
	}
	if r.Len() > 0 {
		m.Performance = r.U32("performanceFlags")
	}
	if n := r.Len(); n > maxInfoTail {
		r.Failf("end of the packet", "%d bytes, want at most %d", n, maxInfoTail)
	} else if n > 0 {
		m.Tail = bytes.Clone(r.Rest("end"))
	}
}
