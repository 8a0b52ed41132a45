package enroll

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"strconv"
	"time"

	"github.com/tslab/tslab/wire/codes"
)

// MaxCount is the most tokens that a key pack can hold.
const MaxCount = codes.MaxCount

// KeyPack is a number of license tokens for one license server.
type KeyPack struct {
	PackID   string // Key Pack ID
	ServerID string // License Server ID that it is made for
	Kind     string // kind of its tokens, as wire/token names them: "CAL", "Internet Connector"
	Product  string // "Windows 2000", "Windows Server 2003"
	Program  string // how it was bought: "License Code", "Open License", ...
	Major    uint16 // version of the product
	Minor    uint16
	Count    uint32
	Issued   time.Time
}

// signedKeyPack is a key pack as its body has it.
type signedKeyPack struct {
	KeyPack
	clearinghouse string // fingerprint of the key that signs
}

func (k *signedKeyPack) code(c *coder) {
	c.text("pack id", &k.PackID)
	c.text("server id", &k.ServerID)
	c.text("kind", &k.Kind)
	c.text("product", &k.Product)
	c.text("program", &k.Program)
	c.u16("major", &k.Major)
	c.u16("minor", &k.Minor)
	c.u32("count", &k.Count)
	c.time("issued", &k.Issued)
	c.text("clearinghouse", &k.clearinghouse)
	if k.Count == 0 || k.Count > MaxCount {
		c.fail("count", "%d is none of 1..%d", k.Count, MaxCount)
	}
}

func (k *signedKeyPack) headers() []header {
	return headers(
		header{"Key Pack ID", k.PackID},
		header{"License Server ID", k.ServerID},
		header{"License", k.Kind},
		header{"Product", fmt.Sprintf("%s (%d.%d)", k.Product, k.Major, k.Minor)},
		header{"Program", k.Program},
		header{"Quantity", strconv.FormatUint(uint64(k.Count), 10)},
		header{"Date", date(k.Issued)},
		header{"Clearinghouse key", k.clearinghouse},
	)
}

// Sign makes the document; key is the clearinghouse's root key.
func (k KeyPack) Sign(key crypto.Signer) ([]byte, error) {
	if !codes.Valid(codes.KeyPackID, k.PackID) || !codes.Valid(codes.LicenseServerID, k.ServerID) {
		return nil, fmt.Errorf("key pack: %q is no Key Pack ID, or %q no License Server ID", k.PackID, k.ServerID)
	}
	who, err := Fingerprint(key.Public())
	if err != nil {
		return nil, fmt.Errorf("key pack: %w", err)
	}
	s := signedKeyPack{k, who}
	return seal(KindKeyPack, s.code, s.headers(), key)
}

// ParseKeyPack reads a key pack and checks that root has signed it. Errors are
// [*DocumentError].
func ParseKeyPack(text []byte, root *x509.Certificate) (KeyPack, error) {
	d, err := open(text, KindKeyPack)
	if err != nil {
		return KeyPack{}, err
	}
	var k signedKeyPack
	signed, signature, err := d.unseal(k.code)
	if err != nil {
		return KeyPack{}, err
	}
	key, err := publicKey(root.PublicKey)
	if err != nil {
		return KeyPack{}, fmt.Errorf("key pack: root certificate: %w", err)
	}
	if own := fingerprint(root.RawSubjectPublicKeyInfo); own != k.clearinghouse {
		return KeyPack{}, d.fail(d.first, fmt.Sprintf("it comes from the clearinghouse with the key %s, and this license server is activated by the one with %s", k.clearinghouse, own),
			"have the key pack issued by the clearinghouse that activated the server")
	}
	if err := d.checkSignature(key, "the clearinghouse", signed, signature); err != nil {
		return KeyPack{}, err
	}
	if !codes.Valid(codes.KeyPackID, k.PackID) || !codes.Valid(codes.LicenseServerID, k.ServerID) {
		return KeyPack{}, d.fail(d.first, "its Key Pack ID or License Server ID is malformed", remedyNew)
	}
	if err := d.checkHeaders(k.headers()); err != nil {
		return KeyPack{}, err
	}
	return k.KeyPack, nil
}
