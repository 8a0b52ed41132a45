package rdpsec

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"

	"filippo.io/bigmod"
)

// Key sizes that are taken. Windows 2000 made 512 bits; of the clients, rdesktop
// takes up to 2048 and FreeRDP 4096.
const (
	MinKeyBits = 512
	MaxKeyBits = 4096
)

// blobPadding is the zero bytes that follow every RSA block on the wire.
const blobPadding = 8

// publicExponent of the keys that are made here.
const publicExponent = 65537

// ErrTooLarge is the error of an RSA block that is not less than the modulus.
var ErrTooLarge = errors.New("RSA block is not less than the modulus")

// PublicKey is a server's public key. Numbers are raw: no padding scheme.
type PublicKey struct {
	N *big.Int
	E uint32
}

// Size is the length of the modulus in bytes.
func (k *PublicKey) Size() int { return (k.N.BitLen() + 7) / 8 }

// check refuses keys that cannot be used or are of no size that is taken. It counts
// bytes: xrdp's own key has 511 bits.
func (k *PublicKey) check() error {
	if k.Size() < MinKeyBits/8 || k.Size() > MaxKeyBits/8 {
		return fmt.Errorf("RSA modulus of %d bits, want %d to %d", k.N.BitLen(), MinKeyBits, MaxKeyBits)
	}
	if k.N.Bit(0) == 0 {
		return errors.New("RSA modulus is even")
	}
	if k.E < 3 || k.E&1 == 0 {
		return fmt.Errorf("RSA public exponent %d, want an odd number from 3", k.E)
	}
	return nil
}

// Encrypt encrypts a secret, a little-endian integer, to the block that goes on
// the wire: little-endian, as long as the modulus, and 8 zero bytes more
// (MS-RDPBCGR 5.3.4.1). The secret is shorter than the modulus.
func (k *PublicKey) Encrypt(le []byte) []byte {
	c := new(big.Int).Exp(fromLE(le), big.NewInt(int64(k.E)), k.N)
	return toLE(c, k.Size()+blobPadding)
}

// PrivateKey is a terminal server's key pair. It is safe for concurrent use.
type PrivateKey struct {
	PublicKey
	d, p, q  *big.Int
	dp, dq   *big.Int
	qinv     *big.Int
	fastP    *bigmod.Modulus // nil unless bigmod is the faster way for this size
	fastQ    *bigmod.Modulus
	dpB, dqB []byte
}

// GenerateKey makes a key pair of so many bits from random bytes. The same bytes
// make the same key.
func GenerateKey(random io.Reader, bits int) (*PrivateKey, error) {
	if bits < MinKeyBits || bits > MaxKeyBits || bits%16 != 0 {
		return nil, fmt.Errorf("RSA key of %d bits: want a multiple of 16 from %d to %d", bits, MinKeyBits, MaxKeyBits)
	}
	for {
		p, err := prime(random, bits/2)
		if err != nil {
			return nil, err
		}
		q, err := prime(random, bits/2)
		if err != nil {
			return nil, err
		}
		if p.Cmp(q) == 0 {
			continue
		}
		return newPrivateKey(publicExponent, p, q)
	}
}

// prime finds a prime of exactly so many bits with its two top bits set, so that
// the product of two has twice as many, and with p-1 prime to the exponent.
func prime(random io.Reader, bits int) (*big.Int, error) {
	one, e := big.NewInt(1), big.NewInt(publicExponent)
	buf := make([]byte, bits/8)
	for {
		if _, err := io.ReadFull(random, buf); err != nil {
			return nil, fmt.Errorf("RSA key: random bytes: %w", err)
		}
		buf[0] |= 0xc0
		buf[len(buf)-1] |= 1
		p := new(big.Int).SetBytes(buf)
		if !p.ProbablyPrime(20) {
			continue
		}
		if new(big.Int).GCD(nil, nil, new(big.Int).Sub(p, one), e).Cmp(one) == 0 {
			return p, nil
		}
	}
}

// newPrivateKey computes what CRT needs from the exponent and the primes.
func newPrivateKey(e uint32, p, q *big.Int) (*PrivateKey, error) {
	one := big.NewInt(1)
	p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	k := &PrivateKey{PublicKey: PublicKey{N: new(big.Int).Mul(p, q), E: e}, p: p, q: q}
	if err := k.check(); err != nil {
		return nil, err
	}
	k.d = new(big.Int).ModInverse(big.NewInt(int64(e)), new(big.Int).Mul(p1, q1))
	k.qinv = new(big.Int).ModInverse(q, p)
	if k.d == nil || k.qinv == nil {
		return nil, errors.New("RSA key: the exponent or the primes do not fit together")
	}
	k.dp, k.dq = new(big.Int).Mod(k.d, p1), new(big.Int).Mod(k.d, q1)
	return k, k.prepareFast()
}

// prepareFast readies bigmod where its assembly makes it the faster way: primes of
// 1024, 1536 and 2048 bits. At 512 and 1024 bit keys math/big is up to twice as fast.
func (k *PrivateKey) prepareFast() (err error) {
	bits := k.p.BitLen()
	if bits != k.q.BitLen() || !slices.Contains([]int{1024, 1536, 2048}, bits) {
		return nil
	}
	if k.fastP, err = bigmod.NewModulus(k.p.Bytes()); err != nil {
		return fmt.Errorf("RSA key: %w", err)
	}
	if k.fastQ, err = bigmod.NewModulus(k.q.Bytes()); err != nil {
		return fmt.Errorf("RSA key: %w", err)
	}
	k.dpB, k.dqB = k.dp.Bytes(), k.dq.Bytes()
	return nil
}

// Public is the public half.
func (k *PrivateKey) Public() *PublicKey { return &PublicKey{N: k.N, E: k.E} }

// RSA is the public half as the standard library knows it, for an X.509 certificate.
func (k *PublicKey) RSA() *rsa.PublicKey { return &rsa.PublicKey{N: k.N, E: int(k.E)} }

// Decrypt takes a block off the wire and returns the low size bytes of what was
// encrypted, little-endian. Zero bytes at its end do not count, however many there
// are: rdesktop sends a premaster block of 72 zero bytes for a key of any size.
func (k *PrivateKey) Decrypt(block []byte, size int) ([]byte, error) {
	c := fromLE(block)
	if c.Cmp(k.N) >= 0 {
		return nil, fmt.Errorf("decrypt a block of %d bytes: %w of %d bits", len(block), ErrTooLarge, k.N.BitLen())
	}
	m := toLE(k.decrypt(c), max(size, k.Size()))
	return m[:size:size], nil
}

// decrypt is c^d mod n by the Chinese remainder theorem.
func (k *PrivateKey) decrypt(c *big.Int) *big.Int {
	var mp, mq *big.Int
	if k.fastP != nil {
		mp, mq = expFast(c, k.p, k.dpB, k.fastP), expFast(c, k.q, k.dqB, k.fastQ)
	} else {
		mp, mq = new(big.Int).Exp(c, k.dp, k.p), new(big.Int).Exp(c, k.dq, k.q)
	}
	h := mp.Sub(mp, mq)
	h.Mul(h, k.qinv)
	h.Mod(h, k.p)
	h.Mul(h, k.q)
	return h.Add(h, mq)
}

// expFast is c^d mod p in bigmod. c mod p is always less than p, so that the one
// error of SetBytes cannot happen; were it to, the result would be zero.
func expFast(c, p *big.Int, d []byte, m *bigmod.Modulus) *big.Int {
	reduced := new(big.Int).Mod(c, p).FillBytes(make([]byte, m.Size()))
	x, err := bigmod.NewNat().SetBytes(reduced, m)
	if err != nil {
		return new(big.Int)
	}
	return new(big.Int).SetBytes(bigmod.NewNat().Exp(x, d, m).Bytes(m))
}

// fromLE reads a little-endian integer.
func fromLE(b []byte) *big.Int {
	be := slices.Clone(b)
	slices.Reverse(be)
	return new(big.Int).SetBytes(be)
}

// toLE writes x little-endian in size bytes, which are enough.
func toLE(x *big.Int, size int) []byte {
	b := x.FillBytes(make([]byte, size))
	slices.Reverse(b)
	return b
}
