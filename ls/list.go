package ls

import (
	"errors"

	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/tsls"
)

// keyPacks lists the key packs and the server's own pools.
func (s *Server) keyPacks() (tsls.Message, error) {
	var answer tsls.KeyPackList
	err := s.store.View(func(tx *store.Tx) error {
		packs, err := tx.Packs()
		for _, p := range packs {
			answer.Packs = append(answer.Packs, packInfo(p))
		}
		return err
	})
	return answer, err
}

func packInfo(p store.Pack) tsls.KeyPackInfo {
	info := tsls.KeyPackInfo{
		ID: p.ID, Kind: p.Kind.String(), Product: p.Product, Program: p.Program,
		Total: p.Total, Issued: p.Issued, Available: p.Free(), Installed: p.Installed,
	}
	if p.Unlimited {
		info.ID, info.Total = "", tsls.Unlimited
	}
	return info
}

var errPageFull = errors.New("page is full")

// pageBytes keeps a page well within what a message carries, however long the texts.
const pageBytes = tsls.MaxMessage / 2

// licenses lists one page of the rows, in the order of issue.
func (s *Server) licenses(m tsls.Licenses) (tsls.Message, error) {
	limit := int(m.Limit)
	if limit == 0 {
		limit = tsls.MaxLicenses
	}
	id := s.identity()
	var answer tsls.LicenseList
	size := 0
	err := s.store.View(func(tx *store.Tx) error {
		after, ok := tx.After(m.After)
		if !ok {
			return tsls.Errorf(tsls.CodeNoLicense, "there is no license %s to go on behind", m.After)
		}
		for l, err := range tx.Licenses(after) {
			if err != nil {
				return err
			}
			if len(answer.Licenses) == limit || size > pageBytes {
				return errPageFull
			}
			p, err := tx.Pack(l.Pack)
			if err != nil {
				return err
			}
			info := s.licenseInfo(&id, l, p)
			answer.Licenses = append(answer.Licenses, info)
			size += 128 /* all but the texts */ + len(info.LicenseID) + len(info.KeyPackID) + len(info.Product) +
				len(info.Machine) + len(info.User) + len(info.Issuer)
		}
		return nil
	})
	if errors.Is(err, errPageFull) {
		answer.More, err = true, nil
	}
	return answer, err
}

func (s *Server) licenseInfo(id *identity, l store.License, p store.Pack) tsls.LicenseInfo {
	info := tsls.LicenseInfo{
		LicenseID: l.ID, Kind: l.Kind.String(), Product: p.Product, State: l.State.String(),
		HardwareID: l.HardwareID, Machine: l.Machine, User: l.User, Issuer: l.Issuer,
		Issued: l.Issued, Expires: l.Expires, Validated: l.Validated,
	}
	if !p.Unlimited {
		info.KeyPackID = p.ID
	}
	if info.Issuer == "" {
		info.Issuer = id.issuer(s.config.Name)
	}
	return info
}
