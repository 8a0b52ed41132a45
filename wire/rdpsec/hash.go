package rdpsec

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
)

// RandomSize is the length of the client's and of the server's random.
const RandomSize = 32

// PremasterSize is the length of a premaster secret.
const PremasterSize = 48

var (
	pad1 = [40]byte{
		0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36,
		0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36, 0x36,
	}
	pad2 = [48]byte{
		0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c,
		0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c,
		0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c, 0x5c,
	}
)

// SaltedHash is MD5(secret + SHA1(label + secret + r1 + r2)), MS-RDPBCGR 5.3.5.1.
func SaltedHash(secret []byte, label string, r1, r2 []byte) [16]byte {
	s := sha1.New()
	s.Write([]byte(label))
	s.Write(secret)
	s.Write(r1)
	s.Write(r2)
	m := md5.New()
	m.Write(secret)
	m.Write(s.Sum(nil))
	return [16]byte(m.Sum(nil))
}

// expand48 is three salted hashes of one secret, one for each label.
func expand48(secret []byte, labels [3]string, r1, r2 []byte) []byte {
	out := make([]byte, 0, 3*16)
	for _, label := range labels {
		h := SaltedHash(secret, label, r1, r2)
		out = append(out, h[:]...)
	}
	return out
}

// MAC is the 16-byte message authentication code over data. Licensing sends all
// of it (MS-RDPELE 5.1.6), a session its first 8 bytes (MS-RDPBCGR 5.3.6.1).
func MAC(key, data []byte) [16]byte { return mac(key, data, nil) }

// saltedMAC is MAC with the number of packets that went before, 5.3.6.1.1.
func saltedMAC(key, data []byte, count uint32) [16]byte {
	return mac(key, data, binary.LittleEndian.AppendUint32(nil, count))
}

func mac(key, data, tail []byte) [16]byte {
	s := sha1.New()
	s.Write(key)
	s.Write(pad1[:])
	s.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(data))))
	s.Write(data)
	s.Write(tail)
	m := md5.New()
	m.Write(key)
	m.Write(pad2[:])
	m.Write(s.Sum(nil))
	return [16]byte(m.Sum(nil))
}

// finalHash is MD5(key + client random + server random), 5.3.5.1.
func finalHash(key, clientRandom, serverRandom []byte) []byte {
	m := md5.New()
	m.Write(key)
	m.Write(clientRandom)
	m.Write(serverRandom)
	return m.Sum(nil)
}

// equalMAC compares without telling how much was right.
func equalMAC(a, b []byte) bool { return hmac.Equal(a, b) }
