package rdpsec

import (
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha1"
	"errors"
)

// MACSize is the length of the dataSignature field of a security header.
const MACSize = 8

// updateInterval is after how many packets of one direction its key is updated,
// MS-RDPBCGR 5.3.7.
const updateInterval = 4096

// ErrMAC is the error of a packet whose signature is not the one that its
// content asks for.
var ErrMAC = errors.New("wrong message authentication code")

// Cipher is one direction of a session under standard RDP security: an RC4 stream
// that runs on across packets, its key updates and the packet count of salted MACs.
type Cipher struct {
	method  Method
	mac     []byte
	initial []byte
	current []byte
	stream  *rc4.Cipher
	used    int    // packets since the last key update
	count   uint32 // packets since the start
}

// newCipher needs keys as NewSessionKeys makes them.
func newCipher(m Method, key, mac []byte) *Cipher {
	c := &Cipher{method: m, mac: mac, initial: key, current: append([]byte(nil), key...)}
	c.stream = stream(c.current)
	return c
}

// Seal encrypts b in place and returns its signature. With salted set, the
// signature covers the packet count too (header flag SEC_SECURE_CHECKSUM).
func (c *Cipher) Seal(b []byte, salted bool) [MACSize]byte {
	sum := c.sum(b, salted)
	c.xor(b)
	return sum
}

// Open decrypts b in place and checks its signature. The stream has moved on
// even when the signature is wrong.
func (c *Cipher) Open(b []byte, signature [MACSize]byte, salted bool) error {
	count := c.count
	c.xor(b)
	sum := c.sumAt(b, salted, count)
	if !equalMAC(sum[:], signature[:]) {
		return ErrMAC
	}
	return nil
}

// Packets is how many packets have gone through the cipher.
func (c *Cipher) Packets() uint32 { return c.count }

func (c *Cipher) sum(b []byte, salted bool) [MACSize]byte { return c.sumAt(b, salted, c.count) }

func (c *Cipher) sumAt(b []byte, salted bool, count uint32) [MACSize]byte {
	full := MAC(c.mac, b)
	if salted {
		full = saltedMAC(c.mac, b, count)
	}
	return [MACSize]byte(full[:MACSize])
}

func (c *Cipher) xor(b []byte) {
	if c.used == updateInterval {
		c.update()
	}
	c.stream.XORKeyStream(b, b)
	c.used++
	c.count++
}

// update makes the next key from the initial and the current one, 5.3.7.1.
func (c *Cipher) update() {
	s := sha1.New()
	s.Write(c.initial)
	s.Write(pad1[:])
	s.Write(c.current)
	m := md5.New()
	m.Write(c.initial)
	m.Write(pad2[:])
	m.Write(s.Sum(nil))
	t := m.Sum(nil)[:len(c.initial)]
	next := make([]byte, len(t))
	stream(t).XORKeyStream(next, t)
	c.current = c.method.weaken(next)
	c.stream = stream(c.current)
	c.used = 0
}

// stream is RC4 with a key of 8 or 16 bytes, which rc4 never refuses.
func stream(key []byte) *rc4.Cipher {
	s, err := rc4.NewCipher(key)
	if err != nil {
		return &rc4.Cipher{}
	}
	return s
}
