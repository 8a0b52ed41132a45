package enroll

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/codes"
)

// Purchase is the record of a sale, which the reseller makes and signs: "make sure to
// retain the License Purchase Agreement information" (2003, Purchasing and installing
// client access licenses). The clearinghouse takes it in and sells nothing itself.
type Purchase struct {
	Reseller  string
	Program   string   // how it was bought: "License Code", "Open License", ...
	Numbers   []string // what the program identifies the purchase by, as ls/keypack orders them
	Kind      string   // kind of the tokens, as wire/token names them
	Product   string
	Count     uint32
	Issued    time.Time
	PublicKey []byte // the reseller's, PKIX
}

func (p *Purchase) code(c *coder) {
	c.text("reseller", &p.Reseller)
	c.text("program", &p.Program)
	c.texts("numbers", &p.Numbers)
	c.text("kind", &p.Kind)
	c.text("product", &p.Product)
	c.u32("count", &p.Count)
	c.time("issued", &p.Issued)
	c.blob("public key", &p.PublicKey)
	if p.Count == 0 || p.Count > codes.MaxCount {
		c.fail("count", "%d is none of 1..%d", p.Count, codes.MaxCount)
	}
}

func (p *Purchase) headers() []header {
	return headers(
		header{"Reseller", p.Reseller},
		header{"Program", p.Program},
		header{"Number", strings.Join(p.Numbers, " and ")},
		header{"License", p.Kind},
		header{"Product", p.Product},
		header{"Quantity", strconv.FormatUint(uint64(p.Count), 10)},
		header{"Date", date(p.Issued)},
		header{"Reseller's key", fingerprint(p.PublicKey)},
	)
}

func (p *Purchase) check() error {
	if p.Reseller == "" {
		return errors.New("the reseller has no name")
	}
	if len(p.Numbers) == 0 {
		return errors.New("nothing identifies the purchase")
	}
	return nil
}

// Sign makes the document for the reseller that holds key; PublicKey is set from it.
func (p Purchase) Sign(key crypto.Signer) ([]byte, error) {
	if _, err := publicKey(key.Public()); err != nil {
		return nil, fmt.Errorf("purchase: %w", err)
	}
	var err error
	if p.PublicKey, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		return nil, fmt.Errorf("purchase: %w", err)
	}
	return signByAsker(KindPurchase, &p, key)
}

// ParsePurchase reads a purchase record and checks that it is signed by the key that
// it names. Whether that is a reseller's the clearinghouse knows. Errors are
// [*DocumentError].
func ParsePurchase(text []byte) (Purchase, error) {
	var p Purchase
	if err := parseByAsker(text, KindPurchase, &p, &p.PublicKey); err != nil {
		return Purchase{}, err
	}
	return p, nil
}

// Seal is what tells one purchase from every other: all that is signed.
func (p Purchase) Seal() []byte {
	c := coder{w: cursor.NewWriter(nil)}
	p.code(&c)
	return c.w.Bytes()
}
