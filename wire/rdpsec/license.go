package rdpsec

import "fmt"

// LicenseKeys are the keys of one licensing exchange, MS-RDPELE 5.1.3. They have
// nothing to do with the session's keys and are used under TLS too.
type LicenseKeys struct {
	MACSalt [16]byte
	Key     [16]byte
}

// NewLicenseKeys derives the keys from the client's premaster secret and both
// randoms. Of a longer premaster (a decrypted RSA block) the first 48 bytes count.
func NewLicenseKeys(premaster, clientRandom, serverRandom []byte) (LicenseKeys, error) {
	if len(premaster) < PremasterSize || len(clientRandom) != RandomSize || len(serverRandom) != RandomSize {
		return LicenseKeys{}, fmt.Errorf("license keys: premaster of %d and randoms of %d and %d bytes, want %d and %d each",
			len(premaster), len(clientRandom), len(serverRandom), PremasterSize, RandomSize)
	}
	labels := [3]string{"A", "BB", "CCC"}
	master := expand48(premaster[:PremasterSize], labels, clientRandom, serverRandom)
	blob := expand48(master, labels, serverRandom, clientRandom) // the randoms swap places here
	return LicenseKeys{
		MACSalt: [16]byte(blob[:16]),
		Key:     [16]byte(finalHash(blob[16:32], clientRandom, serverRandom)),
	}, nil
}

// Encrypt encrypts or decrypts one blob: RC4 begins anew with every blob,
// MS-RDPELE 5.1.4.
func (k LicenseKeys) Encrypt(b []byte) []byte {
	out := make([]byte, len(b))
	stream(k.Key[:]).XORKeyStream(out, b)
	return out
}

// MAC is the MACData of a licensing message over plain data, MS-RDPELE 5.1.6.
func (k LicenseKeys) MAC(b []byte) [16]byte { return MAC(k.MACSalt[:], b) }

// CheckMAC is ErrMAC unless sum is the MAC of plain data b.
func (k LicenseKeys) CheckMAC(b []byte, sum [16]byte) error {
	want := k.MAC(b)
	if !equalMAC(want[:], sum[:]) {
		return ErrMAC
	}
	return nil
}
