package clearinghouse

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/token"
)

// Packs finds the key packs that were made for a purchase and a license server, for
// those who lost one before it was installed: they are printed again.
func (h *Clearinghouse) Packs(c Claim) ([]Pack, error) {
	claim, err := c.proof()
	if err != nil {
		return nil, err
	}
	var list []Pack
	err = h.update(func(tx *transaction) error {
		if _, err := tx.active("server-id", claim.ServerID); err != nil {
			return err
		}
		if list, err = tx.packs(claim, claim.ServerID); err != nil {
			return err
		}
		if list == nil {
			return keypack.Fault("server-id", "look whether they were made for another License Server ID, and have them issued again", "no key pack of this purchase was made for %s", claim.ServerID)
		}
		for _, p := range list {
			if err := tx.auditPack(ActionPrint, p); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// proof reads a claim whose count does not matter.
func (c Claim) proof() (proof, error) {
	if c.Count == 0 && c.Program != keypack.LicenseCode {
		c.Count = 1
	}
	return c.check()
}

// packs are the good key packs of a purchase at a license server.
func (t *transaction) packs(claim proof, serverID string) ([]Pack, error) {
	_, key, err := t.purchase(claim)
	if err != nil {
		return nil, err
	}
	var list []Pack
	err = each(t, bucketPacks, func(_ string, p Pack) error {
		if p.Purchase == key && p.ServerID == serverID && p.ReissuedAs == "" {
			list = append(list, p)
		}
		return nil
	})
	return list, err
}

// Reissue makes the key packs of a purchase again for a license server that has
// another License Server ID now: "The Clearinghouse will then need to reissue any
// previously-issued License Key Packs" (white paper, Catastrophic failure). c names the
// new License Server ID, former the one that the packs were made for, which is
// replaced by it if it is not yet. What was made again once is not a second time.
func (h *Clearinghouse) Reissue(c Claim, former string) ([]Pack, error) {
	claim, err := c.proof()
	if err != nil {
		return nil, err
	}
	old, err := keypack.ServerIDField().Check(former)
	if err != nil {
		return nil, rename(err, "former-id")
	}
	if old == claim.ServerID {
		return nil, keypack.Fault("former-id", "have the key packs printed again", "it is the License Server ID that the server has now")
	}
	var made []Pack
	err = h.update(func(tx *transaction) error {
		s, err := tx.active("server-id", claim.ServerID)
		if err != nil {
			return err
		}
		packs, err := tx.packs(claim, old)
		if err != nil {
			return err
		}
		if packs == nil {
			return keypack.Fault("former-id", "each key pack is issued again once; look in the audit log", "no key pack of this purchase is left for %s", old)
		}
		if err := tx.replace(old, s); err != nil {
			return err
		}
		for _, p := range packs {
			again, err := h.again(tx, s, p)
			if err != nil {
				return err
			}
			made = append(made, again)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

func rename(err error, field string) error {
	faults := keypack.FaultsOf(err)
	for _, f := range faults {
		f.Field = field
	}
	return faults
}

// replace ends the activation of a license server that has come back as s.
func (t *transaction) replace(former string, s Server) error {
	var old Server
	found, err := t.get(bucketServers, former, &old)
	if err != nil || !found || old.State != Active {
		return err
	}
	old.State, old.ReplacedBy = Replaced, s.ServerID
	return t.put(bucketServers, former, old)
}

// again makes p anew for s.
func (h *Clearinghouse) again(tx *transaction, s Server, p Pack) (Pack, error) {
	kind, err := keypack.ParseKind(p.Kind)
	if err != nil {
		return Pack{}, err
	}
	product, err := keypack.ParseProduct(p.Product)
	if err != nil {
		return Pack{}, err
	}
	made, err := h.makePack(tx, s, Order{Kind: kind, Product: product, Program: keypack.Program(p.Program), Count: p.Count})
	if err != nil {
		return Pack{}, err
	}
	made.Purchase, made.Instead, made.Recovered = p.Purchase, p.PackID, p.Recovered
	p.ReissuedAs = made.PackID
	return made, errors.Join(tx.put(bucketPacks, made.PackID, made), tx.put(bucketPacks, p.PackID, p), tx.auditPack(ActionReissue, made))
}

// Recover makes a key pack for tokens that devices have lost: "Issued TS CAL tokens
// lost from the client device ... will need to be re-issued by the Clearinghouse"
// (white paper, License Recovery). The purchase proves that there was a license, the
// license ids say which tokens; each is made good once.
func (h *Clearinghouse) Recover(c Claim, licenseIDs []string) (Pack, error) {
	return h.makeGood(c, ActionRecover, func(tx *transaction, claim proof) (string, error) {
		for _, id := range licenseIDs {
			if err := tx.once(bucketLosses, claim.ServerID, id, "license-id", "the license %s was recovered %s"); err != nil {
				return "", err
			}
		}
		return strings.Join(licenseIDs, ", "), nil
	}, licenseIDs)
}

// Transfer makes a key pack of one token for a license that goes from one computer to
// another: "you can make this transfer only once" (2003, Purchasing and installing
// client access licenses).
func (h *Clearinghouse) Transfer(c Claim, licenseID, from, to string) (Pack, error) {
	from, to = strings.ToUpper(strings.TrimSpace(from)), strings.ToUpper(strings.TrimSpace(to))
	switch {
	case from == "":
		return Pack{}, keypack.Fault("from", "name the computer that has the license", "it is empty")
	case to == "" || to == from:
		return Pack{}, keypack.Fault("to", "name another computer", "the license must go to another computer than %s", from)
	}
	return h.makeGood(c, ActionTransfer, func(tx *transaction, claim proof) (string, error) {
		said := "the license %s was transferred %s, and may be once"
		if err := tx.once(bucketTransfers, claim.ServerID, licenseID, "license-id", said); err != nil {
			return "", err
		}
		if tx.done(bucketTransfers, claim.ServerID, "to "+from) {
			return "", keypack.Fault("from", "a license is transferred once: buy another", "the license of %s came there by a transfer", from)
		}
		err := tx.once(bucketTransfers, claim.ServerID, "to "+to, "to", "a license was transferred to it before (%s, %s)")
		return fmt.Sprintf("%s of %s, for %s", licenseID, from, to), err
	}, []string{licenseID})
}

func (t *transaction) done(bucket, serverID, what string) bool {
	return t.tx.Bucket([]byte(bucket)).Get([]byte(serverID+" "+what)) != nil
}

// once notes that something was done, and refuses to do it again.
func (t *transaction) once(bucket, serverID, what, field, said string) error {
	var when string
	known, err := t.get(bucket, serverID+" "+what, &when)
	if err != nil {
		return err
	}
	if known {
		return keypack.Fault(field, "look in the audit log, or buy another", said, what, when)
	}
	return t.put(bucket, serverID+" "+what, t.now.Format("2006-01-02"))
}

// makeGood makes a key pack that nothing was bought for; note says what for.
func (h *Clearinghouse) makeGood(c Claim, a Action, note func(*transaction, proof) (string, error), licenseIDs []string) (Pack, error) {
	claim, err := c.proof()
	if err != nil {
		return Pack{}, err
	}
	if claim.Kind == token.InternetConnector {
		return Pack{}, keypack.Fault("kind", "turn the mode off at the terminal server, which returns the license", "Internet Connector licenses are held by no device")
	}
	if err := checkLicenses(licenseIDs); err != nil {
		return Pack{}, err
	}
	claim.Count = uint32(len(licenseIDs))
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
		if uint64(p.Recovered)+uint64(claim.Count) > uint64(p.Installed) {
			return keypack.Fault("license-id", "look in the audit log; more than was installed cannot be lost", "%d of the %d licenses installed were made good before", p.Recovered, p.Installed)
		}
		what, err := note(tx, claim)
		if err != nil {
			return err
		}
		if pack, err = h.makePack(tx, s, claim.Order); err != nil {
			return err
		}
		pack.Purchase, pack.Instead, pack.Recovered = key, what, true
		p.Recovered += claim.Count
		return errors.Join(tx.put(bucketPacks, pack.PackID, pack), tx.put(bucketPurchases, key, p), tx.auditPack(a, pack))
	})
	if err != nil {
		return Pack{}, err
	}
	return pack, nil
}

// maxLost bounds the license ids of one loss.
const maxLost = 1000

func checkLicenses(ids []string) error {
	const field = "license-id"
	if len(ids) == 0 {
		return keypack.Fault(field, "give the license ids of the lost tokens; lsreport prints them", "it is empty")
	}
	if len(ids) > maxLost {
		return keypack.Fault(field, "recover them in parts", "%d are more than %d", len(ids), maxLost)
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if id == "" || len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return keypack.Fault(field, "compare it with lsreport", "%.20q is no license id", id)
		}
		if seen[id] {
			return keypack.Fault(field, "name each token once", "%s is named twice", id)
		}
		seen[id] = true
	}
	return nil
}
