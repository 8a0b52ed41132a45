package token

import "time"

// The DER tags that a token is made of, X.690 8.
const (
	tagInteger     = 0x02
	tagBitString   = 0x03
	tagOctets      = 0x04
	tagOID         = 0x06
	tagUTF8        = 0x0C
	tagUTCTime     = 0x17
	tagGeneralTime = 0x18
	tagSequence    = 0x30
	tagSet         = 0x31
	tagContext     = 0xA0 // constructed; the number of the field is added
	tagContextRaw  = 0x80
)

// tlv is one DER value: the tag, the length of the parts together, and the parts.
func tlv(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	b := make([]byte, 0, n+4)
	switch {
	case n < 0x80:
		b = append(b, tag, byte(n))
	case n < 0x100:
		b = append(b, tag, 0x81, byte(n))
	case n < 0x10000:
		b = append(b, tag, 0x82, byte(n>>8), byte(n))
	default:
		b = append(b, tag, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// derUint is an INTEGER of 0 to 65535.
func derUint(n uint16) []byte {
	switch {
	case n < 0x80:
		return tlv(tagInteger, []byte{byte(n)})
	case n < 0x8000:
		b := []byte{byte(n >> 8), byte(n)}
		if n < 0x100 {
			b = []byte{0, byte(n)}
		}
		return tlv(tagInteger, b)
	}
	return tlv(tagInteger, []byte{0, byte(n >> 8), byte(n)})
}

func derText(s string) []byte { return tlv(tagUTF8, []byte(s)) }

// derTime is a Time of RFC 5280 4.1.2.5: two digits of the year until 2049.
func derTime(t time.Time) []byte {
	if y := t.Year(); y >= 1950 && y < 2050 {
		return tlv(tagUTCTime, []byte(t.Format("060102150405Z")))
	}
	return tlv(tagGeneralTime, []byte(t.Format("20060102150405Z")))
}

// The object identifiers of a token in DER, without tag and length; those with an
// open end lack their last number.
const (
	oidECDSAWithSHA256 = "\x2a\x86\x48\xce\x3d\x04\x03\x02"         // 1.2.840.10045.4.3.2
	oidAuthorityKeyID  = "\x55\x1d\x23"                             // 2.5.29.35
	oidAttribute       = "\x55\x04"                                 // 2.5.4.
	oidPKCS7           = "\x2a\x86\x48\x86\xf7\x0d\x01\x07"         // 1.2.840.113549.1.7.
	oidArc             = "\x2b\x06\x01\x04\x01\x81\xfd\x59\x01\x01" // arc()
)

// derOID is an OBJECT IDENTIFIER; last are the numbers below 128 that it still lacks.
func derOID(id string, last ...byte) []byte { return tlv(tagOID, []byte(id), last) }
