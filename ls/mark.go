package ls

import (
	"context"
	"errors"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// mark records that a user has logged on with a temporary token (decision L10). A
// token that has no row here, because the database was lost or another license
// server issued it, gets one (decision L11).
func (s *Server) mark(ctx context.Context, m tsls.Mark) (tsls.Message, error) {
	if m.HardwareID.IsZero() || m.LicenseID == "" {
		return nil, tsls.Errorf(tsls.CodeMalformed, "the mark names no license id or no hardware id")
	}
	var answer tsls.Marked
	var fresh bool
	err := s.store.Update(ctx, func(tx *store.Tx) (err error) {
		answer, fresh, err = s.markRow(tx, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	if fresh {
		s.config.Log.Event(eventlog.TokenValidated, eventlog.F("license_id", m.LicenseID), eventlog.F("device", m.Machine),
			eventlog.F("hardware_id", m.HardwareID), eventlog.F("user", m.User), eventlog.F("issuer", m.Issuer))
		s.changed()
	}
	return answer, nil
}

func (s *Server) markRow(tx *store.Tx, m tsls.Mark) (answer tsls.Marked, fresh bool, err error) {
	row, known, err := tx.Device(m.HardwareID, token.Temporary)
	if err != nil {
		return answer, false, err
	}
	if known && row.ID == m.LicenseID {
		_, err = tx.Validate(row)
		return answer, !row.Validated, err
	}
	old, ours, err := tx.License(m.LicenseID)
	if err != nil {
		return answer, false, err
	}
	if ours {
		if old.HardwareID != m.HardwareID || old.Kind != token.Temporary {
			return answer, false, tsls.Errorf(tsls.CodeNoLicense, "%s is not a temporary token of device %v", m.LicenseID, m.HardwareID)
		}
		return answer, false, nil // closed: the device has had a CAL since
	}
	if known {
		if _, err := tx.Retire(row, store.Closed); err != nil {
			return answer, false, err
		}
	}
	return tsls.Marked{Created: true}, true, s.adopt(tx, m)
}

// adopt makes a row of a temporary token that somebody else has issued, or that this
// server has forgotten.
func (s *Server) adopt(tx *store.Tx, m tsls.Mark) error {
	a := allocation{server: s, now: s.config.Clock.Now()}
	p, err := a.pool(tx, token.Temporary)
	if err != nil {
		return err
	}
	l := store.License{
		Pack: p.Number, ID: m.LicenseID, Issuer: m.Issuer, HardwareID: m.HardwareID, Machine: m.Machine, User: m.User,
		Issued: a.now, Expires: m.Expires, Validated: true,
	}
	if l.Issuer == "" {
		l.Issuer = "unknown"
	}
	if l.Expires.IsZero() { // no temporary token lives for ever
		l.Expires = a.now.AddDate(0, 0, s.config.Edition.TempDays)
	}
	_, err = tx.Issue(l)
	if errors.Is(err, store.ErrTextLength) {
		return tsls.Errorf(tsls.CodeMalformed, "mark: %v", err)
	}
	return err
}

// giveBack returns a token to the pool before its date.
func (s *Server) giveBack(ctx context.Context, m tsls.Return) (tsls.Message, error) {
	var row store.License
	var free uint32
	var answer tsls.Returned
	err := s.store.Update(ctx, func(tx *store.Tx) (err error) {
		row, answer, err = returnRow(tx, m)
		if err == nil {
			free, err = freeCALs(tx)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if answer.Freed {
		s.config.Log.Event(eventlog.TokenReturned, append(rowFields(row), eventlog.F("free", free))...)
	}
	return answer, nil
}

func returnRow(tx *store.Tx, m tsls.Return) (store.License, tsls.Returned, error) {
	row, ok, err := tx.License(m.LicenseID)
	if err != nil {
		return row, tsls.Returned{}, err
	}
	if !ok || row.HardwareID != m.HardwareID {
		return row, tsls.Returned{}, tsls.Errorf(tsls.CodeNoLicense, "device %v holds no license %s here", m.HardwareID, m.LicenseID)
	}
	if !row.State.Counts() {
		return row, tsls.Returned{}, nil
	}
	row, err = tx.Retire(row, store.Returned)
	return row, tsls.Returned{Freed: err == nil}, err
}
