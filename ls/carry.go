package ls

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls/policy"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// carryOut does in the store what was decided.
func (a *allocation) carryOut(tx *store.Tx, s seen) (err error) {
	d := a.decision
	if d.Kind == 0 {
		return nil
	}
	switch {
	case d.Redate:
		a.row, err = tx.Renew(a.renewed(s.row), a.expires(d.Kind, s.row.Number, s.row.Renewals+1))
	case !d.NewRow:
		a.row = s.row
	case d.Kind == token.CAL:
		a.row, err = a.take(tx, s)
	default:
		a.row, err = a.issueOnce(tx, s)
	}
	if err != nil {
		return err
	}
	if a.row.Number == 0 {
		return fmt.Errorf("%v without a row to send", d.Answer)
	}
	if a.pack, err = tx.Pack(a.row.Pack); err != nil {
		return err
	}
	if d.CloseTemp && s.temp.Number != 0 {
		_, err = tx.Retire(s.temp, store.Closed)
	}
	return err
}

// issueOnce issues what a device holds one of: a temporary or built-in license from
// the server's own pools, an Internet Connector license from a pack. One that it
// holds is sent again.
func (a *allocation) issueOnce(tx *store.Tx, s seen) (store.License, error) {
	kind := a.decision.Kind
	have, ok, err := tx.Device(a.req.HardwareID, kind)
	if err != nil || ok && have.State == store.Live {
		return have, err
	}
	var p store.Pack
	if kind != token.InternetConnector {
		p, err = a.pool(tx, kind)
	} else if len(s.packs) > 0 {
		p = s.packs[0]
	} else {
		err = store.ErrPoolEmpty
	}
	if err != nil {
		return store.License{}, err
	}
	return tx.Issue(a.license(p, a.expires(kind, tx.NextNumber(), 0)))
}

// take takes a CAL from the best pack. The presented CAL that expired comes back
// under its own id while its pack has one free. A CAL that the device holds already
// is one that it has lost.
func (a *allocation) take(tx *store.Tx, s seen) (store.License, error) {
	if len(s.packs) == 0 {
		return store.License{}, store.ErrPoolEmpty
	}
	lost, ok, err := tx.Device(a.req.HardwareID, token.CAL)
	if err != nil {
		return store.License{}, err
	}
	if ok {
		if _, err := tx.Supersede(lost); err != nil {
			return store.License{}, err
		}
	}
	fits := func(p store.Pack) bool { return p.Number == s.own.Pack }
	if s.own.Number != 0 && s.own.ID == a.decision.SameID && slices.ContainsFunc(s.packs, fits) {
		return tx.Revive(a.renewed(s.own), a.expires(token.CAL, s.own.Number, s.own.Renewals+1))
	}
	return tx.Issue(a.license(s.packs[0], a.expires(token.CAL, tx.NextNumber(), 0)))
}

func (a *allocation) license(p store.Pack, expires time.Time) store.License {
	return store.License{
		Pack:       p.Number,
		HardwareID: a.req.HardwareID,
		Machine:    a.req.Machine,
		User:       a.req.User,
		Issued:     a.now,
		Expires:    expires,
	}
}

// renewed is a row that gets a new expiry: it names the device and the user that came
// for it (decision L12), which are others where a license was copied. Where the
// calendar was set back since it was issued, it is of now: a token ends after it begins.
func (a *allocation) renewed(l store.License) store.License {
	l.Machine, l.User = a.req.Machine, a.req.User
	if now := a.now.Truncate(time.Second); l.Issued.After(now) {
		l.Issued = now
	}
	return l
}

// expires is the date that license number gets when it is issued, or renewed for the
// n-th time. What is random in it depends on the store's seed, the license and n and
// on nothing else: whatever order requests come in, and however often a transaction
// is run, it is the same.
func (a *allocation) expires(kind token.Kind, number, renewals uint32) time.Time {
	b := binary.BigEndian.AppendUint64([]byte("days of a license\x00"), a.server.store.Seed())
	b = binary.BigEndian.AppendUint32(b, number)
	b = binary.BigEndian.AppendUint32(b, renewals)
	draw := rand.New(rand.NewChaCha8(sha256.Sum256(b)))
	return policy.Expires(kind, a.now, &a.server.config.Edition, a.features, draw)
}

// pool is the server's own pack of temporary or built-in licenses, made when first
// used.
func (a *allocation) pool(tx *store.Tx, kind token.Kind) (store.Pack, error) {
	e := a.server.config.Edition.Edition
	major, minor := e.Version()
	id := fmt.Sprintf("%v licenses for version %d.%d", kind, major, minor)
	packs, err := tx.Packs()
	if err != nil {
		return store.Pack{}, err
	}
	for _, p := range packs {
		if p.Unlimited && p.ID == id {
			return p, nil
		}
	}
	return tx.InstallPack(store.Pack{
		ID: id, Kind: kind, Product: product(e), Major: major, Minor: minor, Unlimited: true, Installed: a.now,
	})
}

// product names what a license server of the edition licenses out of its own pools.
func product(e edition.Edition) string {
	if e == edition.Server2003 {
		return "Windows Server 2003"
	}
	return "Windows 2000"
}

// choose lists the packs that the request may take from, best first: by the order
// of the versions that the terminal server may be given, then by key pack id.
func (a *allocation) choose(packs []store.Pack) []store.Pack {
	kind := token.CAL
	if a.req.Request == tsls.RequestInternetConnector {
		kind = token.InternetConnector
	}
	var fit []store.Pack
	for _, v := range policy.Versions(&a.server.config.Edition, a.req.Edition) {
		for _, p := range packs {
			if p.Kind == kind && p.Free() > 0 && p.Major == v.Major && p.Minor == v.Minor {
				fit = append(fit, p)
			}
		}
	}
	return fit
}

// features are what a license server of the edition can do. What it then does is its
// knobs' business.
func features(p *edition.Profile) tsls.Features { return tsls.Announced(p.Edition) }
