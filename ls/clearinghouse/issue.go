package clearinghouse

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
)

// Order is what a key pack is made of.
type Order struct {
	ServerID string
	Kind     token.Kind // CAL, InternetConnector or PerUser
	Product  keypack.Product
	Program  keypack.Program
	Count    uint32
}

// Issue makes a key pack for a license server that was activated here, for no
// purchase: it is the laboratory's own. The document is in the result. Customers go by
// [Clearinghouse.Install].
func (h *Clearinghouse) Issue(o Order) (Pack, error) {
	id, err := o.check()
	if err != nil {
		return Pack{}, err
	}
	o.ServerID = id
	var p Pack
	err = h.update(func(tx *transaction) error {
		s, err := tx.active("server-id", o.ServerID)
		if err != nil {
			return err
		}
		if p, err = h.makePack(tx, s, o); err != nil {
			return err
		}
		return errors.Join(tx.put(bucketPacks, p.PackID, p), tx.auditPack(ActionIssue, p))
	})
	if err != nil {
		return Pack{}, err
	}
	return p, nil
}

// check returns the License Server ID in its printed form.
func (o Order) check() (string, error) {
	if _, err := keypack.ParseKind(o.Kind.String()); err != nil {
		return "", keypack.Fault("kind", "choose CAL, Internet Connector or Per User", "%v", err)
	}
	if !o.Program.Known() {
		_, err := keypack.ParseProgram(string(o.Program))
		return "", err
	}
	if !o.Program.Sells(o.Kind) {
		return "", keypack.Fault("program", "Internet Connector licenses are sold under Open License, Select and Enterprise", "%s sells no %v licenses", o.Program, o.Kind)
	}
	if err := keypack.CheckVersion(o.Kind, o.Product.Version); err != nil {
		return "", keypack.Fault("product", "choose another product or kind", "%v", err)
	}
	if o.Count == 0 || o.Count > codes.MaxCount {
		return "", keypack.Fault("count", "order as many as were bought", "a key pack holds 1 to %d tokens, not %d", codes.MaxCount, o.Count)
	}
	return keypack.ServerIDField().Check(o.ServerID)
}

// makePack makes a key pack with the next serial number. Its Key Pack ID alone
// installs it, and so does its document; they are one pack.
func (h *Clearinghouse) makePack(tx *transaction, s Server, o Order) (Pack, error) {
	secret, err := h.secret(s)
	if err != nil {
		return Pack{}, err
	}
	serial, err := tx.serial()
	if err != nil {
		return Pack{}, err
	}
	p := Pack{ServerID: s.ServerID, Kind: o.Kind.String(), Product: o.Product.Name, Program: string(o.Program), Count: o.Count, Issued: tx.now}
	if p.PackID, err = keypack.ID(secret, s.ServerID, o.Kind, o.Product, o.Program, o.Count, serial); err != nil {
		return Pack{}, err
	}
	p.Document, err = enroll.KeyPack{
		PackID: p.PackID, ServerID: p.ServerID, Kind: p.Kind, Product: p.Product, Program: p.Program,
		Major: o.Product.Version.Major, Minor: o.Product.Version.Minor, Count: p.Count, Issued: p.Issued,
	}.Sign(h.key)
	return p, err
}

// serial is the next serial number; codes.Pack holds 24 bits of it.
func (t *transaction) serial() (uint32, error) {
	n, err := t.tx.Bucket([]byte(bucketPacks)).NextSequence()
	if err != nil {
		return 0, fmt.Errorf("serial number: %w", err)
	}
	if n >= 1<<24 {
		return 0, errors.New("this clearinghouse has issued all the key packs that it can tell apart; make another")
	}
	return uint32(n), nil
}

func (t *transaction) auditPack(a Action, p Pack) error {
	detail := fmt.Sprintf("%d x %s, %s, %s", p.Count, p.Kind, p.Product, p.Program)
	if p.Instead != "" {
		detail += ", instead of " + p.Instead
	}
	return t.audit(Record{Action: a, ServerID: p.ServerID, PackID: p.PackID, Detail: detail})
}

// Balance is what was bought and what was issued: the two numbers may differ, for
// "just because you have a license token does not mean that it necessarily maps to an
// actual legal license" (white paper, Introduction).
type Balance struct {
	Bought    uint64 `json:"bought"`    // by the resellers' records
	Installed uint64 `json:"installed"` // of those, in key packs that are good
	Recovered uint64 `json:"recovered"` // issued again for lost or transferred tokens
	OwnIssue  uint64 `json:"own_issue"` // in key packs for no purchase
	Tokens    uint64 `json:"tokens"`    // in all key packs that are good
}

// Balance adds the database up.
func (h *Clearinghouse) Balance() (Balance, error) {
	var b Balance
	err := h.db.View(func(tx *bbolt.Tx) error {
		t := &transaction{tx: tx}
		err := each(t, bucketPurchases, func(_ string, p Purchase) error {
			b.Bought += uint64(p.Bought)
			b.Installed += uint64(p.Installed)
			b.Recovered += uint64(p.Recovered)
			return nil
		})
		return errors.Join(err, each(t, bucketPacks, func(_ string, p Pack) error {
			if p.ReissuedAs != "" {
				return nil
			}
			b.Tokens += uint64(p.Count)
			if p.Purchase == "" {
				b.OwnIssue += uint64(p.Count)
			}
			return nil
		}))
	})
	return b, err
}
