package codes

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
)

// MaxCount is the most tokens that a code can stand for.
const MaxCount = 1_000_000

// Pack is what a Key Pack ID says: "a 35-character alpha-numeric representation of a
// license key pack" (white paper, Glossary). The small numbers are ls/keypack's.
type Pack struct {
	Kind    uint8  // of tokens, 0 to 15
	Product uint8  // 0 to 15
	Program uint8  // 0 to 15
	Count   uint32 // 1 to MaxCount
	Serial  uint32 // 24 bits; the clearinghouse gives each but once
}

const (
	smallBits  = 4
	countBits  = 20
	serialBits = 24
	packBits   = 3*smallBits + countBits + serialBits
)

// ErrOtherServer is the answer to a Key Pack ID that is well typed, and is not for the
// license server, or not of its clearinghouse.
var ErrOtherServer = errors.New("the Key Pack ID is sound, but not made for this License Server ID")

func (p Pack) check() error {
	switch {
	case p.Kind >= 1<<smallBits || p.Product >= 1<<smallBits || p.Program >= 1<<smallBits:
		return fmt.Errorf("key pack id: kind %d, product %d and program %d must be below %d", p.Kind, p.Product, p.Program, 1<<smallBits)
	case p.Count == 0 || p.Count > MaxCount:
		return fmt.Errorf("key pack id: a count of %d is none of 1 to %d", p.Count, MaxCount)
	case p.Serial >= 1<<serialBits:
		return fmt.Errorf("key pack id: serial number %d is over %d", p.Serial, 1<<serialBits-1)
	}
	return nil
}

// fields is the pack as one number of packBits bits.
func (p Pack) fields() uint64 {
	v := uint64(p.Kind)<<(2*smallBits) | uint64(p.Product)<<smallBits | uint64(p.Program)
	return v<<(countBits+serialBits) | uint64(p.Count)<<serialBits | uint64(p.Serial)
}

func packOf(v uint64) Pack {
	small := v >> (countBits + serialBits)
	return Pack{
		Kind: uint8(small >> (2 * smallBits)), Product: uint8(small>>smallBits) & (1<<smallBits - 1), Program: uint8(small) & (1<<smallBits - 1),
		Count: uint32(v>>serialBits) & (1<<countBits - 1), Serial: uint32(v) & (1<<serialBits - 1),
	}
}

// PackID is the Key Pack ID of p for the license server with the given License Server
// ID. secret is what that server and the clearinghouse share, and nobody else.
func PackID(secret []byte, serverID string, p Pack) (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	id := new(big.Int).SetUint64(p.fields())
	bits := uint(KeyPackID.Bits() - packBits)
	return encode(KeyPackID, id.Or(id.Lsh(id, bits), packSeal(secret, serverID, p.fields(), bits))), nil
}

// ReadPackID reads a Key Pack ID as somebody typed it. The error is an [*Error] for
// what is mistyped and [ErrOtherServer] for what is of another license server or
// another clearinghouse.
func ReadPackID(secret []byte, serverID, typed string) (Pack, error) {
	value, err := decode(KeyPackID, typed)
	if err != nil {
		return Pack{}, err
	}
	bits := uint(KeyPackID.Bits() - packBits)
	fields := new(big.Int).Rsh(value, bits).Uint64()
	seal := new(big.Int).Sub(value, new(big.Int).Lsh(new(big.Int).SetUint64(fields), bits))
	want := packSeal(secret, serverID, fields, bits)
	p := packOf(fields)
	if !hmac.Equal(seal.FillBytes(make([]byte, 8)), want.FillBytes(make([]byte, 8))) || p.check() != nil {
		return Pack{}, ErrOtherServer
	}
	return p, nil
}

// packSeal is the part of a Key Pack ID that only who knows the secret can make.
func packSeal(secret []byte, serverID string, fields uint64, bits uint) *big.Int {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "TSLab Key Pack ID\x00%s\x00%d", serverID, fields)
	n := new(big.Int).SetBytes(mac.Sum(nil))
	return n.Rsh(n, uint(sha256.Size*8)-bits)
}

// Bought is what a License Code says: "represents the type and number of licenses you
// are entitled to" (white paper, Glossary).
type Bought struct {
	Kind, Product uint8  // 0 to 15
	Count         uint32 // 1 to MaxCount
}

const boughtBits = 2*smallBits + countBits

// NewLicenseCode makes a License Code of 32 random bytes.
func NewLicenseCode(b Bought, random [32]byte) (string, error) {
	if err := (Pack{Kind: b.Kind, Product: b.Product, Count: b.Count}).check(); err != nil {
		return "", err
	}
	bits := uint(LicenseCode.Bits() - boughtBits)
	sum := sha256.Sum256(append([]byte("TSLab License Code\x00"), random[:]...))
	chance := new(big.Int).SetBytes(sum[:])
	chance.Rsh(chance, uint(sha256.Size*8)-bits)
	code := new(big.Int).SetUint64((uint64(b.Kind)<<smallBits|uint64(b.Product))<<countBits | uint64(b.Count))
	return encode(LicenseCode, code.Or(code.Lsh(code, bits), chance)), nil
}

// ReadLicenseCode reads a License Code as somebody typed it. The error is an [*Error].
// Whether it was ever sold only the clearinghouse knows.
func ReadLicenseCode(typed string) (code string, b Bought, err error) {
	value, err := decode(LicenseCode, typed)
	if err != nil {
		return "", Bought{}, err
	}
	v := new(big.Int).Rsh(value, uint(LicenseCode.Bits()-boughtBits)).Uint64()
	b = Bought{Kind: uint8(v >> (countBits + smallBits)), Product: uint8(v>>countBits) & (1<<smallBits - 1), Count: uint32(v) & (1<<countBits - 1)}
	if b.Count == 0 || b.Count > MaxCount {
		return "", Bought{}, &Error{Kind: LicenseCode, Reason: "it stands for no licenses", Remedy: remedyCompare}
	}
	return encode(LicenseCode, value), b, nil
}
