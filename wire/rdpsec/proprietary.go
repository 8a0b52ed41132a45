package rdpsec

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"

	"github.com/tslab/tslab/internal/cursor"
)

// Fields of PROPRIETARYSERVERCERTIFICATE, MS-RDPBCGR 2.2.1.4.3.1.1.
const (
	algRSA         = 1
	blobRSAKey     = 0x0006
	blobSignature  = 0x0008
	rsaMagic       = "RSA1"
	rsaKeyFixed    = 4 /* magic */ + 4 /* keylen */ + 4 /* bitlen */ + 4 /* datalen */ + 4 /* pubExp */
	signatureSize  = 64
	maxModulusSize = MaxKeyBits / 8
)

// The Terminal Services Signing Key, published with its private half in MS-RDPBCGR
// 5.3.3.1.1 (little-endian here as there). It says that a certificate was made by
// somebody who has read the specification.
const (
	signingModulus = "3d3a5ebd72433ec94dbbc11e4aba5fcb3e882087eff5c1e2d7b76b9af2524595" +
		"ce63656b583afeef7ce7bffe3df65c7d6c5e06091af561bb2093095f056dea87"
	signingPrivate = "87a71932da11875558001616256568f8243ee6fae9674994cf92cc3399e80860" +
		"179a129f24ddb12499c73ab80a7b0ddd350779170b519bb3c7100113e73ff35f"
	signingPublic = "5b7b88c0"
)

// hexLE reads one of the constants above.
func hexLE(s string) *big.Int {
	b, err := hex.DecodeString(s)
	if err != nil {
		return new(big.Int)
	}
	return fromLE(b)
}

// signedDigest is the number that a signature encloses: the MD5 of what is signed,
// a zero byte, 45 bytes of FF, and 01.
func signedDigest(signed []byte) *big.Int {
	h := md5.Sum(signed)
	m := append(h[:], 0)
	m = append(m, bytes.Repeat([]byte{0xff}, 45)...)
	return fromLE(append(m, 1))
}

// ProprietaryCertificate is the SERVER_CERTIFICATE of a key in Microsoft's own form.
func ProprietaryCertificate(key *PublicKey) []byte {
	k := key.Size()
	var w cursor.Writer
	w.U32(certProprietary)
	w.U32(algRSA)
	w.U32(algRSA)
	w.U16(blobRSAKey)
	w.U16(uint16(rsaKeyFixed + k + blobPadding))
	w.Append([]byte(rsaMagic))
	w.U32(uint32(k + blobPadding))
	w.U32(uint32(k * 8))
	w.U32(uint32(k - 1))
	w.U32(key.E)
	w.Append(toLE(key.N, k+blobPadding))
	signature := new(big.Int).Exp(signedDigest(w.Bytes()), hexLE(signingPrivate), hexLE(signingModulus))
	w.U16(blobSignature)
	w.U16(signatureSize + blobPadding)
	w.Append(toLE(signature, signatureSize+blobPadding))
	return w.Bytes()
}

// VerifyProprietary says whether a proprietary certificate was signed with the
// published key, as every one is.
func VerifyProprietary(b []byte) error {
	const tail = 2 + 2 + signatureSize + blobPadding
	if _, err := ParseServerCertificate(b); err != nil {
		return err
	}
	if b[0] != certProprietary || len(b) < tail {
		return errors.New("server certificate: not in the proprietary form")
	}
	signed, signature := b[:len(b)-tail], fromLE(b[len(b)-signatureSize-blobPadding:])
	if new(big.Int).Exp(signature, hexLE(signingPublic), hexLE(signingModulus)).Cmp(signedDigest(signed)) != 0 {
		return errors.New("server certificate: signature is not of the Terminal Services Signing Key")
	}
	return nil
}

// parseProprietary reads what follows dwVersion.
func parseProprietary(r *cursor.Reader) (*PublicKey, error) {
	if alg := r.U32("dwSigAlgId"); r.Err() == nil && alg != algRSA {
		return nil, fmt.Errorf("dwSigAlgId %d, want 1 (RSA)", alg)
	}
	if alg := r.U32("dwKeyAlgId"); r.Err() == nil && alg != algRSA {
		return nil, fmt.Errorf("dwKeyAlgId %d, want 1 (RSA)", alg)
	}
	if t := r.U16("wPublicKeyBlobType"); r.Err() == nil && t != blobRSAKey {
		return nil, fmt.Errorf("wPublicKeyBlobType %#x, want 0x6 (RSA key)", t)
	}
	blob := r.Bytes("PublicKeyBlob", int(r.U16("wPublicKeyBlobLen")))
	r.U16("wSignatureBlobType")
	r.Skip("SignatureBlob", int(r.U16("wSignatureBlobLen")))
	if err := r.End(); err != nil {
		return nil, err
	}
	return parseRSAKey(blob)
}

// parseRSAKey reads RSA_PUBLIC_KEY, 2.2.1.4.3.1.1.1.
func parseRSAKey(b []byte) (*PublicKey, error) {
	r := cursor.NewReader(b)
	if magic := r.Bytes("magic", len(rsaMagic)); r.Err() == nil && string(magic) != rsaMagic {
		return nil, fmt.Errorf("public key magic %q, want %q", magic, rsaMagic)
	}
	keylen := r.U32("keylen")
	r.U32("bitlen")
	r.U32("datalen")
	e := r.U32("pubExp")
	if r.Err() == nil && keylen > maxModulusSize+blobPadding {
		return nil, fmt.Errorf("keylen %d, want at most %d", keylen, maxModulusSize+blobPadding)
	}
	modulus := r.Bytes("modulus", int(keylen))
	if err := r.End(); err != nil {
		return nil, err
	}
	return &PublicKey{N: fromLE(modulus), E: e}, nil
}
