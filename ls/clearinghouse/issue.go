package clearinghouse

import (
	"fmt"

	"github.com/tslab/tslab/ls/keypack"
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

// Issue makes a key pack for a license server that was activated here; the document
// is in the result.
func (h *Clearinghouse) Issue(o Order) (Pack, error) {
	if err := o.check(); err != nil {
		return Pack{}, err
	}
	random, err := random32()
	if err != nil {
		return Pack{}, fmt.Errorf("key pack id: %w", err)
	}
	p := Pack{PackID: enroll.PackID(random), ServerID: o.ServerID, Kind: o.Kind.String(),
		Product: o.Product.Name, Program: string(o.Program), Count: o.Count}
	err = h.update(func(tx *transaction) error {
		p.Issued = tx.now
		if p.Document, err = h.keyPack(p, o.Product.Version); err != nil {
			return err
		}
		return tx.issue(p)
	})
	if err != nil {
		return Pack{}, err
	}
	return p, nil
}

func (h *Clearinghouse) keyPack(p Pack, v token.Version) ([]byte, error) {
	return enroll.KeyPack{
		PackID: p.PackID, ServerID: p.ServerID, Kind: p.Kind, Product: p.Product, Program: p.Program,
		Major: v.Major, Minor: v.Minor, Count: p.Count, Issued: p.Issued,
	}.Sign(h.key)
}

func (o Order) check() error {
	if _, err := keypack.ParseKind(o.Kind.String()); err != nil {
		return err
	}
	if err := keypack.CheckVersion(o.Kind, o.Product.Version); err != nil {
		return err
	}
	if !o.Program.Known() {
		return fmt.Errorf("there is no licensing program %q; choose one of %q", o.Program, keypack.Programs())
	}
	if o.Count == 0 || o.Count > enroll.MaxCount {
		return fmt.Errorf("a key pack holds 1 to %d tokens, not %d", enroll.MaxCount, o.Count)
	}
	if !enroll.ValidID(o.ServerID) {
		return fmt.Errorf("%q is no License Server ID; `licmgr show` prints it (LAB- and eight groups of four)", o.ServerID)
	}
	return nil
}

func (t *transaction) issue(p Pack) error {
	var s Server
	found, err := t.get(bucketServers, p.ServerID, &s)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("no license server was activated here as %s; activate it first", p.ServerID)
	}
	if s.ReplacedBy != "" {
		return fmt.Errorf("license server %s was activated again and is %s now; issue the key pack for that", s.Name, s.ReplacedBy)
	}
	if err := t.put(bucketPacks, p.PackID, p); err != nil {
		return err
	}
	return t.audit(Record{Action: ActionIssue, ServerID: p.ServerID, PackID: p.PackID,
		Detail: fmt.Sprintf("%d x %s, %s, %s", p.Count, p.Kind, p.Product, p.Program)})
}
