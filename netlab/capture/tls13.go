//go:build linux

package capture

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	_ "crypto/sha256" // of the suites below
	_ "crypto/sha512"
	"encoding/binary"
)

// Record and handshake types, RFC 8446 5.1 and 4.
const (
	recordHandshake = 22
	recordData      = 23

	handshakeClientHello = 1
	handshakeServerHello = 2
	handshakeFinished    = 20
	handshakeKeyUpdate   = 24

	recordHeader    = 5
	handshakeHeader = 4
	tagSize         = 16
	nonceSize       = 12
)

// suite is a cipher suite that is read here. Wireshark knows more; who chose another
// gets no comments.
type suite struct {
	hash crypto.Hash
	key  int
}

func suiteOf(id uint16) (suite, bool) {
	switch id {
	case 0x1301: // TLS_AES_128_GCM_SHA256
		return suite{crypto.SHA256, 16}, true
	case 0x1302: // TLS_AES_256_GCM_SHA384
		return suite{crypto.SHA384, 32}, true
	}
	return suite{}, false
}

// tlsReader opens the records of a TLS 1.3 connection with the keys of a key log.
type tlsReader struct {
	secrets *secrets
	clear   receiver
	alpn    func(hello []byte) // told of the ClientHello, may be nil

	hello bool
	keys  map[string][]byte // of this connection, by label
	suite suite
	half  [2]tlsHalf
	blind bool // nothing more can be read
}

// tlsHalf is one direction.
type tlsHalf struct {
	buf       []byte
	secret    []byte
	aead      cipher.AEAD
	iv        []byte
	sequence  uint64
	handshake []byte // messages that are not whole yet
	finished  bool
}

func (t *tlsReader) data(direction int, b []byte, at origin) {
	if t.blind {
		return
	}
	h := &t.half[direction]
	h.buf = append(h.buf, b...)
	for !t.blind && len(h.buf) >= recordHeader {
		n := recordHeader + int(binary.BigEndian.Uint16(h.buf[3:]))
		if len(h.buf) < n {
			return
		}
		record := h.buf[:n]
		t.record(direction, record, at)
		h.buf = h.buf[n:]
	}
}

// record takes one record.
func (t *tlsReader) record(direction int, record []byte, at origin) {
	h := &t.half[direction]
	body := record[recordHeader:]
	switch {
	case record[0] == recordHandshake && h.aead == nil && len(body) > handshakeHeader:
		t.greeting(direction, body)
	case record[0] == recordData && h.aead != nil:
		t.sealed(direction, record, at)
	}
}

// greeting reads ClientHello or ServerHello, RFC 8446 4.1.2 and 4.1.3.
func (t *tlsReader) greeting(direction int, b []byte) {
	const fixed = handshakeHeader + 2 + 32 // version and random
	if len(b) < fixed+1 {
		return
	}
	switch {
	case b[0] == handshakeClientHello && direction == fromClient && !t.hello:
		t.hello = true
		t.keys = t.secrets.tls[random(b[fixed-32:fixed])]
		if t.alpn != nil {
			t.alpn(b)
		}
	case b[0] == handshakeServerHello && direction == fromServer:
		session := int(b[fixed])
		if len(b) < fixed+1+session+2 {
			return
		}
		var known bool
		t.suite, known = suiteOf(binary.BigEndian.Uint16(b[fixed+1+session:]))
		if !known {
			t.blind = true
			return
		}
		t.use(fromClient, t.keys["CLIENT_HANDSHAKE_TRAFFIC_SECRET"])
		t.use(fromServer, t.keys["SERVER_HANDSHAKE_TRAFFIC_SECRET"])
	}
}

// use goes over to the keys of a traffic secret, RFC 8446 7.3.
func (t *tlsReader) use(direction int, secret []byte) {
	h := &t.half[direction]
	if len(secret) != t.suite.hash.Size() {
		t.blind = true
		return
	}
	key := t.expand(secret, "key", t.suite.key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.blind = true
		return
	}
	if h.aead, err = cipher.NewGCM(block); err != nil {
		t.blind = true
		return
	}
	h.secret, h.iv, h.sequence = secret, t.expand(secret, "iv", nonceSize), 0
}

// expand is HKDF-Expand-Label without a context, RFC 8446 7.1.
func (t *tlsReader) expand(secret []byte, label string, n int) []byte {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(append(append(info, byte(len(label))), label...), 0)
	out, err := hkdf.Expand(t.suite.hash.New, secret, string(info), n)
	if err != nil { // n is far below the limit
		t.blind = true
	}
	return out
}

// sealed opens a record, RFC 8446 5.2.
func (t *tlsReader) sealed(direction int, record []byte, at origin) {
	h := &t.half[direction]
	nonce := bytes.Clone(h.iv)
	for i := range 8 {
		nonce[nonceSize-1-i] ^= byte(h.sequence >> (8 * i))
	}
	if len(record) < recordHeader+tagSize {
		t.blind = true
		return
	}
	plain, err := h.aead.Open(nil, nonce, record[recordHeader:], record[:recordHeader])
	if err != nil {
		t.blind = true
		return
	}
	h.sequence++
	plain = bytes.TrimRight(plain, "\x00") // padding
	if len(plain) == 0 {
		return
	}
	kind, content := plain[len(plain)-1], plain[:len(plain)-1]
	switch kind {
	case recordHandshake:
		t.handshake(direction, content)
	case recordData:
		t.clear.data(direction, content, at)
	}
}

// handshake looks for the messages that change keys.
func (t *tlsReader) handshake(direction int, b []byte) {
	h := &t.half[direction]
	h.handshake = append(h.handshake, b...)
	for len(h.handshake) >= handshakeHeader {
		n := handshakeHeader + int(h.handshake[1])<<16 + int(h.handshake[2])<<8 + int(h.handshake[3])
		if len(h.handshake) < n {
			return
		}
		switch kind := h.handshake[0]; {
		case kind == handshakeFinished && !h.finished:
			h.finished = true
			t.use(direction, t.keys[[2]string{"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"}[direction]])
		case kind == handshakeKeyUpdate && h.finished:
			t.use(direction, t.expand(h.secret, "traffic upd", len(h.secret)))
		}
		if t.blind {
			return
		}
		h.handshake = h.handshake[n:]
	}
}
