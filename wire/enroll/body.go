package enroll

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tslab/tslab/internal/cursor"
)

const (
	formatVersion = 1
	maxField      = 256     // bytes of a text
	maxBlob       = 8 << 10 // bytes of a certificate or key
	maxList       = 32      // texts or blobs of a list
	lastSecond    = 253402300799
)

// signedPrefix stands before what is signed, so that a signature of a document is
// one of nothing else.
const signedPrefix = "TSLab document\x00"

// coder carries a document's fields in order, to w or from r.
type coder struct {
	r   *cursor.Reader // set when reading
	w   *cursor.Writer // set when writing
	err error
}

func (c *coder) fail(field, format string, args ...any) {
	if c.r != nil {
		c.r.Failf(field, format, args...)
	} else if c.err == nil {
		c.err = fmt.Errorf("%s: "+format, append([]any{field}, args...)...)
	}
}

func (c *coder) u8(field string, v *uint8) {
	if c.r != nil {
		*v = c.r.U8(field)
	} else {
		c.w.U8(*v)
	}
}

func (c *coder) u16(field string, v *uint16) {
	if c.r != nil {
		*v = c.r.U16(field)
	} else {
		c.w.U16(*v)
	}
}

func (c *coder) u32(field string, v *uint32) {
	if c.r != nil {
		*v = c.r.U32(field)
	} else {
		c.w.U32(*v)
	}
}

// text is one line that can be shown: a header repeats it.
func (c *coder) text(field string, v *string) {
	n := uint16(min(len(*v), maxField+1))
	c.u16(field, &n)
	if n > maxField {
		c.fail(field, "longer than %d bytes", maxField)
		return
	}
	if c.r != nil {
		*v = string(c.r.Bytes(field, int(n)))
	} else {
		c.w.Append([]byte(*v))
	}
	if !utf8.ValidString(*v) || strings.ContainsFunc(*v, func(r rune) bool { return !unicode.IsPrint(r) }) {
		c.fail(field, "%q has a character that cannot be shown", *v)
	}
	if strings.TrimSpace(*v) != *v {
		c.fail(field, "%q begins or ends with a blank", *v)
	}
}

func (c *coder) blob(field string, v *[]byte) {
	n := uint32(min(len(*v), maxBlob+1))
	c.u32(field, &n)
	if n > maxBlob {
		c.fail(field, "more than %d bytes", maxBlob)
		return
	}
	if c.r != nil {
		*v = append([]byte(nil), c.r.Bytes(field, int(n))...)
	} else {
		c.w.Append(*v)
	}
}

// texts is a list: its length in 16 bits, then each.
func (c *coder) texts(field string, list *[]string) { each(c, field, list, (*coder).text) }

// blobs is a list: its length in 16 bits, then each.
func (c *coder) blobs(field string, list *[][]byte) { each(c, field, list, (*coder).blob) }

func each[T any](c *coder, field string, list *[]T, code func(*coder, string, *T)) {
	n := uint16(min(len(*list), maxList+1))
	c.u16(field, &n)
	if n > maxList {
		c.fail(field, "more than %d", maxList)
		return
	}
	if c.r != nil {
		*list = nil
	}
	for i := range int(n) {
		if c.r != nil {
			if c.r.Err() != nil {
				return
			}
			var zero T
			*list = append(*list, zero)
		}
		code(c, field, &(*list)[i])
	}
}

func (c *coder) time(field string, v *time.Time) {
	seconds := v.Unix()
	if c.r != nil {
		seconds = int64(c.r.U64(field))
		*v = time.Unix(seconds, 0).UTC()
	} else {
		c.w.U64(uint64(seconds))
	}
	if seconds < 0 || seconds > lastSecond {
		c.fail(field, "%d is no second of 1970..9999", seconds)
	}
}

// seal makes a document's file: fields, signature, armor.
func seal(kind Kind, code func(*coder), headers []header, key crypto.Signer) ([]byte, error) {
	c := coder{w: cursor.NewWriter([]byte(signedPrefix))}
	version, number := uint8(formatVersion), uint8(kind)
	c.u8("version", &version)
	c.u8("kind", &number)
	code(&c)
	if c.err != nil {
		return nil, fmt.Errorf("%s: %w", strings.ToLower(kind.String()), c.err)
	}
	digest := sha256.Sum256(c.w.Bytes())
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", strings.ToLower(kind.String()), err)
	}
	c.blob("signature", &signature)
	return armor(kind, headers, c.w.Bytes()[len(signedPrefix):]), nil
}

// unseal reads the body into what code carries and returns what was signed and the
// signature, which nobody has checked yet.
func (d *armored) unseal(code func(*coder)) (signed, signature []byte, err error) {
	c := coder{r: cursor.NewReader(d.body)}
	var version, number uint8
	c.u8("version", &version)
	c.u8("kind", &number)
	switch {
	case c.r.Err() == nil && version != formatVersion:
		return nil, nil, d.fail(d.first, fmt.Sprintf("format version %d, this release reads %d", version, formatVersion), "use programs of the same release")
	case c.r.Err() == nil && Kind(number) != d.kind:
		return nil, nil, d.fail(d.first, fmt.Sprintf("the line says %v, the signed part %v", d.kind, Kind(number)), remedyEdited)
	}
	code(&c)
	end := c.r.Offset()
	c.blob("signature", &signature)
	if err := c.r.End(); err != nil {
		return nil, nil, d.fail(d.first, "the body does not decode: "+err.Error(), remedyNew)
	}
	return append([]byte(signedPrefix), d.body[:end]...), signature, nil
}

// checkSignature refuses a document that key has not signed.
func (d *armored) checkSignature(key *ecdsa.PublicKey, who string, signed, signature []byte) error {
	digest := sha256.Sum256(signed)
	if !ecdsa.VerifyASN1(key, digest[:], signature) {
		return d.fail(d.first, "the signature is not that of "+who, remedyEdited)
	}
	return nil
}

func curve() elliptic.Curve { return elliptic.P256() }

// publicKey takes a P-256 key only: every program here signs with one.
func publicKey(key crypto.PublicKey) (*ecdsa.PublicKey, error) {
	if k, ok := key.(*ecdsa.PublicKey); ok && k.Curve == curve() {
		return k, nil
	}
	return nil, errors.New("the key is no ECDSA key on P-256")
}

// Fingerprint is how a public key is written down for humans: SHA-256 of its PKIX
// form.
func Fingerprint(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("fingerprint: %w", err)
	}
	return fingerprint(der), nil
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return "sha256:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// headers lists those that have a value.
func headers(list ...header) []header {
	var kept []header
	for _, h := range list {
		if h.value != "" {
			kept = append(kept, h)
		}
	}
	return kept
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
