package rdpsec

import (
	"fmt"
	"strings"
)

// Method is an encryption method of TS_UD_SC_SEC1, MS-RDPBCGR 2.2.1.4.3. As a set
// of bits it is also what a client offers, 2.2.1.3.3.
type Method uint32

// The methods. FIPS is known by name only: it is never chosen.
const (
	MethodNone Method = 0x00
	Method40   Method = 0x01
	Method128  Method = 0x02
	Method56   Method = 0x08
	MethodFIPS Method = 0x10
)

// String is "NONE", "40", "56", "128" or "FIPS", and the number of any other.
func (m Method) String() string {
	switch m {
	case MethodNone:
		return "NONE"
	case Method40:
		return "40"
	case Method56:
		return "56"
	case Method128:
		return "128"
	case MethodFIPS:
		return "FIPS"
	}
	return fmt.Sprintf("method %#x", uint32(m))
}

// ParseMethod reads none, 40, 56 or 128.
func ParseMethod(s string) (Method, error) {
	for _, m := range []Method{MethodNone, Method40, Method56, Method128} {
		if strings.EqualFold(s, m.String()) {
			return m, nil
		}
	}
	return 0, fmt.Errorf("encryption %q: want none, 40, 56 or 128", s)
}

// keyLen is how much of a 16-byte key the method keeps, and what overwrites its
// first bytes (5.3.5.1: the salts of 40 and 56 bit keys).
func (m Method) keyLen() (n int, salt []byte, err error) {
	switch m {
	case Method40:
		return 8, []byte{0xd1, 0x26, 0x9e}, nil
	case Method56:
		return 8, []byte{0xd1}, nil
	case Method128:
		return 16, nil, nil
	}
	return 0, nil, fmt.Errorf("encryption method %v has no session keys", m)
}

// weaken cuts a key to the method's strength.
func (m Method) weaken(key []byte) []byte {
	n, salt, _ := m.keyLen()
	key = key[:n:n]
	copy(key, salt)
	return key
}

// SessionKeys are the keys of one connection under standard RDP security,
// MS-RDPBCGR 5.3.5.1.
type SessionKeys struct {
	Method Method
	MAC    []byte // of both directions; never updated
	Client []byte // initial key of what the client sends
	Server []byte // initial key of what the server sends
}

// NewSessionKeys derives the keys from both randoms.
func NewSessionKeys(m Method, clientRandom, serverRandom []byte) (*SessionKeys, error) {
	if _, _, err := m.keyLen(); err != nil {
		return nil, err
	}
	if len(clientRandom) != RandomSize || len(serverRandom) != RandomSize {
		return nil, fmt.Errorf("session keys: randoms of %d and %d bytes, want %d each", len(clientRandom), len(serverRandom), RandomSize)
	}
	premaster := append(append([]byte(nil), clientRandom[:24]...), serverRandom[:24]...)
	master := expand48(premaster, [3]string{"A", "BB", "CCC"}, clientRandom, serverRandom)
	blob := expand48(master, [3]string{"X", "YY", "ZZZ"}, clientRandom, serverRandom)
	return &SessionKeys{
		Method: m,
		MAC:    m.weaken(blob[0:16]),
		Server: m.weaken(finalHash(blob[16:32], clientRandom, serverRandom)),
		Client: m.weaken(finalHash(blob[32:48], clientRandom, serverRandom)),
	}, nil
}

// ClientCipher is a new cipher for what the client sends.
func (k *SessionKeys) ClientCipher() *Cipher { return newCipher(k.Method, k.Client, k.MAC) }

// ServerCipher is a new cipher for what the server sends.
func (k *SessionKeys) ServerCipher() *Cipher { return newCipher(k.Method, k.Server, k.MAC) }
