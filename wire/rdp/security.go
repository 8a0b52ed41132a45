package rdp

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/rdpsec"
)

// Flags of a security header, 2.2.8.1.1.2.1.
const (
	SecExchange       uint16 = 0x0001
	SecEncrypt        uint16 = 0x0008
	SecInfo           uint16 = 0x0040
	SecLicense        uint16 = 0x0080
	SecLicenseEncrypt uint16 = 0x0200 // encrypted licensing messages are welcome
	SecSalted         uint16 = 0x0800 // SEC_SECURE_CHECKSUM
)

// SecurityHeader is TS_SECURITY_HEADER, and TS_SECURITY_HEADER1 when its flags say
// that the rest is encrypted. flagsHi is not kept: xrdp leaves rubbish there.
type SecurityHeader struct {
	Flags     uint16
	Signature [rdpsec.MACSize]byte // with SecEncrypt
}

// Append is the header.
func (h SecurityHeader) Append(b []byte) []byte {
	w := cursor.NewWriter(b)
	w.U16(h.Flags)
	w.U16(0)
	if h.Flags&SecEncrypt != 0 {
		w.Append(h.Signature[:])
	}
	return w.Bytes()
}

// ParseSecurityHeader splits the header from what it protects.
func ParseSecurityHeader(b []byte) (SecurityHeader, []byte, error) {
	r := cursor.NewReader(b)
	h := SecurityHeader{Flags: r.U16("flags")}
	r.U16("flagsHi")
	if h.Flags&SecEncrypt != 0 {
		r.Copy("dataSignature", h.Signature[:])
	}
	rest := r.Rest("content")
	if err := r.End(); err != nil {
		return SecurityHeader{}, nil, fmt.Errorf("security header: %w", err)
	}
	return h, rest, nil
}

const maxSecurityExchange = rdpsec.MaxKeyBits/8 + 8

// AppendSecurityExchange is the client random, encrypted, behind its length, 2.2.1.10.1.
func AppendSecurityExchange(b, encrypted []byte) []byte {
	w := cursor.NewWriter(b)
	w.U32(uint32(len(encrypted)))
	w.Append(encrypted)
	return w.Bytes()
}

// ParseSecurityExchange returns the encrypted client random with its padding.
func ParseSecurityExchange(b []byte) ([]byte, error) {
	r := cursor.NewReader(b)
	n := r.U32("length")
	if r.Err() == nil && n > maxSecurityExchange {
		return nil, fmt.Errorf("security exchange: length %d, want at most %d", n, maxSecurityExchange)
	}
	encrypted := r.Bytes("encryptedClientRandom", int(n))
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("security exchange: %w", err)
	}
	return encrypted, nil
}
