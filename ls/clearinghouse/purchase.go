package clearinghouse

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
)

// TakeIn enters a reseller's record of a purchase. Records of one agreement add up; a
// record is taken in once, and a reseller is known by the key of its first record.
func (h *Clearinghouse) TakeIn(record []byte) (Purchase, error) {
	const field = "purchase"
	r, err := enroll.ParsePurchase(record)
	if err != nil {
		return Purchase{}, documentFault(field, err)
	}
	o, numbers, err := bought(r)
	if err != nil {
		return Purchase{}, err
	}
	sum := sha256.Sum256(r.Seal())
	digest := hex.EncodeToString(sum[:])
	var p Purchase
	err = h.update(func(tx *transaction) error {
		if err := tx.reseller(r); err != nil {
			return err
		}
		var when string
		if known, err := tx.get(bucketRecords, digest, &when); err != nil || known {
			return errors.Join(err, keypack.Fault(field, "nothing is to be done", "this record was taken in %s", when))
		}
		key := purchaseKey(o.Program, numbers, r.Kind, r.Product)
		found, err := tx.get(bucketPurchases, key, &p)
		switch {
		case err != nil:
			return err
		case found && o.Program == keypack.LicenseCode:
			return keypack.Fault(field, "have the reseller make another License Code", "the License Code was sold before")
		case found && p.Reseller != r.Reseller:
			return keypack.Fault(field, "have the reseller use another number", "the number is one that %s has sold", p.Reseller)
		case uint64(p.Bought)+uint64(r.Count) > codes.MaxCount:
			return keypack.Fault(field, "buy under another number", "more than %d licenses under one number", codes.MaxCount)
		}
		p = Purchase{Reseller: r.Reseller, Program: r.Program, Numbers: numbers, Kind: r.Kind, Product: r.Product,
			Bought: p.Bought + r.Count, Installed: p.Installed, Recovered: p.Recovered}
		return errors.Join(tx.put(bucketRecords, digest, tx.now.Format("2006-01-02 15:04 MST")), tx.put(bucketPurchases, key, p),
			tx.audit(Record{Action: ActionPurchase, Detail: fmt.Sprintf("%d x %s, %s, %s, sold by %s", r.Count, r.Kind, r.Product, r.Program, r.Reseller)}))
	})
	if err != nil {
		return Purchase{}, err
	}
	return p, nil
}

// bought checks that a purchase is one that the program can be.
func bought(r enroll.Purchase) (Order, []string, error) {
	fail := func(err error) (Order, []string, error) {
		return Order{}, nil, keypack.Fault("purchase", "have the reseller make the record again", "%v", err)
	}
	program, err := keypack.ParseProgram(r.Program)
	if err != nil {
		return fail(err)
	}
	kind, err := keypack.ParseKind(r.Kind)
	if err != nil {
		return fail(err)
	}
	product, err := keypack.ParseProduct(r.Product)
	if err != nil {
		return fail(err)
	}
	values := map[string]string{}
	for i, f := range program.Fields() {
		if i < len(r.Numbers) {
			values[f.Name] = r.Numbers[i]
		}
	}
	numbers, faults := program.Check(values)
	if faults != nil || len(numbers) != len(r.Numbers) {
		return fail(fmt.Errorf("%s goes by other numbers than %q: %w", program, r.Numbers, keypack.Faults(faults)))
	}
	if !program.Sells(kind) {
		return fail(fmt.Errorf("%s sells no %v licenses", program, kind))
	}
	if err := keypack.CheckVersion(kind, product.Version); err != nil {
		return fail(err)
	}
	if program == keypack.LicenseCode {
		_, b, err := codes.ReadLicenseCode(numbers[0])
		if err != nil || b != (codes.Bought{Kind: uint8(kind), Product: product.Number(), Count: r.Count}) {
			return fail(errors.New("the License Code stands for other licenses than the record"))
		}
	}
	return Order{Kind: kind, Product: product, Program: program, Count: r.Count}, numbers, nil
}

// reseller refuses a record under the name of a reseller that has another key.
func (t *transaction) reseller(r enroll.Purchase) error {
	own := fmt.Sprintf("%x", sha256.Sum256(r.PublicKey))
	var known string
	found, err := t.get(bucketResellers, r.Reseller, &known)
	if err != nil {
		return err
	}
	if found && known != own {
		return keypack.Fault("purchase", "have it made where the reseller's first record was made, or under another name", "reseller %s is known here by another key", r.Reseller)
	}
	return t.put(bucketResellers, r.Reseller, own)
}

func purchaseKey(p keypack.Program, numbers []string, kind, product string) string {
	return strings.Join(append([]string{string(p)}, append(numbers, kind, product)...), " | ")
}

// Claim is what a customer says who wants key packs for a purchase.
type Claim struct {
	ServerID string
	Program  keypack.Program
	Numbers  map[string]string // by the names of the program's fields
	// The three are read out of a License Code when they are left zero.
	Kind    token.Kind
	Product keypack.Product
	Count   uint32
}

// proof is a claim that was read.
type proof struct {
	Order
	numbers []string
}

// check reads a claim; it finds every fault at once.
func (c Claim) check() (proof, error) {
	p := proof{Order: Order{ServerID: c.ServerID, Kind: c.Kind, Product: c.Product, Program: c.Program, Count: c.Count}}
	var faults keypack.Faults
	id, err := keypack.ServerIDField().Check(c.ServerID)
	faults = append(faults, keypack.FaultsOf(err)...)
	if !c.Program.Known() {
		_, err := keypack.ParseProgram(string(c.Program))
		return p, append(faults, keypack.FaultsOf(err)...)
	}
	numbers, wrong := c.Program.Check(c.Numbers)
	faults = append(faults, wrong...)
	if wrong == nil && c.Program == keypack.LicenseCode {
		faults = append(faults, p.fromCode(numbers[0])...)
	}
	if faults == nil {
		p.ServerID = id
		_, err = p.Order.check()
		faults = keypack.FaultsOf(err)
	}
	if faults != nil {
		return p, faults
	}
	p.numbers = numbers
	return p, nil
}

// fromCode takes from a License Code what the claim leaves out, and refuses what it
// says otherwise.
func (p *proof) fromCode(code string) keypack.Faults {
	_, b, err := codes.ReadLicenseCode(code)
	var kind token.Kind
	var product keypack.Product
	if err == nil {
		kind, product, err = keypack.Bought(b)
	}
	if err != nil {
		return keypack.Faults{{Field: "license-code", Problem: err.Error(), Remedy: "compare it with the License Addendum"}}
	}
	var faults keypack.Faults
	if p.Kind != 0 && p.Kind != kind {
		faults = append(faults, &keypack.FieldError{Field: "kind", Problem: fmt.Sprintf("the License Code is for %v licenses", kind), Remedy: "choose those, or leave it out"})
	}
	if p.Product != (keypack.Product{}) && p.Product != product {
		faults = append(faults, &keypack.FieldError{Field: "product", Problem: "the License Code is for " + product.Name, Remedy: "choose that, or leave it out"})
	}
	if p.Count != 0 && p.Count != b.Count {
		faults = append(faults, &keypack.FieldError{Field: "count", Problem: fmt.Sprintf("the License Code stands for %d licenses, which are installed at once", b.Count), Remedy: "give that number, or leave it out"})
	}
	p.Kind, p.Product, p.Count = kind, product, b.Count
	return faults
}

// purchase finds what a claim is made for.
func (t *transaction) purchase(p proof) (Purchase, string, error) {
	var found Purchase
	key := purchaseKey(p.Program, p.numbers, p.Kind.String(), p.Product.Name)
	known, err := t.get(bucketPurchases, key, &found)
	if err != nil || known {
		return found, key, err
	}
	var others []string
	err = each(t, bucketPurchases, func(_ string, o Purchase) error {
		if o.Program == string(p.Program) && strings.Join(o.Numbers, " ") == strings.Join(p.numbers, " ") {
			others = append(others, fmt.Sprintf("%s licenses of %s", o.Kind, o.Product))
		}
		return nil
	})
	if err == nil && others != nil {
		err = keypack.Fault("kind", "choose what was bought", "bought were %s, not %v licenses of %s", strings.Join(others, " and "), p.Kind, p.Product.Name)
	} else if err == nil {
		err = keypack.Fault(p.Program.Fields()[0].Name, "compare it with the purchase record, or ask the reseller; the clearinghouse sells nothing", "no purchase is known here under it")
	}
	return found, key, err
}

// Install makes a key pack for a purchase: for all of a License Code, for a part of a
// volume purchase as often as something is left.
func (h *Clearinghouse) Install(c Claim) (Pack, error) {
	claim, err := c.check()
	if err != nil {
		return Pack{}, err
	}
	var pack Pack
	err = h.update(func(tx *transaction) error {
		s, err := tx.active("server-id", claim.ServerID)
		if err != nil {
			return err
		}
		p, key, err := tx.purchase(claim)
		if err != nil {
			return err
		}
		if p.Left() < claim.Count {
			return exhausted(claim, p)
		}
		if pack, err = h.makePack(tx, s, claim.Order); err != nil {
			return err
		}
		pack.Purchase, p.Installed = key, p.Installed+claim.Count
		return errors.Join(tx.put(bucketPacks, pack.PackID, pack), tx.put(bucketPurchases, key, p), tx.auditPack(ActionInstall, pack))
	})
	if err != nil {
		return Pack{}, err
	}
	return pack, nil
}

func exhausted(claim proof, p Purchase) error {
	if claim.Program == keypack.LicenseCode {
		return keypack.Fault("license-code", "have its key pack printed again if that got lost; buy another if more licenses are needed", "the License Code was used")
	}
	return keypack.Fault("count", "ask for what is left, or buy more", "%d of %d licenses are left of this purchase, and %d are asked for", p.Left(), p.Bought, claim.Count)
}
