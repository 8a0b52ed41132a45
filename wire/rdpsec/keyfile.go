package rdpsec

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// keyFile is PKCS#1's RSAPrivateKey, so that openssl reads the file too. The
// standard library's own reader refuses the short keys.
type keyFile struct {
	Version             int
	N                   *big.Int
	E                   int
	D, P, Q, DP, DQ, QI *big.Int
}

// Marshal is the key as PKCS#1 DER, for its server's own storage.
func (k *PrivateKey) Marshal() ([]byte, error) {
	der, err := asn1.Marshal(keyFile{N: k.N, E: int(k.E), D: k.d, P: k.p, Q: k.q, DP: k.dp, DQ: k.dq, QI: k.qinv})
	if err != nil {
		return nil, fmt.Errorf("RSA key: %w", err)
	}
	return der, nil
}

// ParsePrivateKey reads what Marshal wrote and checks that the numbers belong together.
func ParsePrivateKey(der []byte) (*PrivateKey, error) {
	var f keyFile
	rest, err := asn1.Unmarshal(der, &f)
	if err != nil {
		return nil, fmt.Errorf("RSA key: %w", err)
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("RSA key: %d bytes after its end", len(rest))
	}
	if f.E <= 0 || int64(f.E) > 1<<31 || f.P.Sign() <= 0 || f.Q.Sign() <= 0 || f.P.BitLen()+f.Q.BitLen() > MaxKeyBits+1 {
		return nil, errors.New("RSA key: numbers out of range")
	}
	if !f.P.ProbablyPrime(10) || !f.Q.ProbablyPrime(10) || f.P.Cmp(f.Q) == 0 {
		return nil, errors.New("RSA key: not two primes")
	}
	k, err := newPrivateKey(uint32(f.E), f.P, f.Q)
	if err != nil {
		return nil, err
	}
	if k.N.Cmp(f.N) != 0 {
		return nil, errors.New("RSA key: modulus is not the product of the primes")
	}
	return k, nil
}
