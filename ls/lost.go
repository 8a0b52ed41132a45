package ls

import (
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// lostRow is what a backup older than what was issued leaves behind: a token with a
// license id of this store, whose row is missing or another device's.
type lostRow struct {
	holder string // computer that has the license id by this store; empty: none has
}

// lostRow looks whether the presented token is such a one. Its terminal server has
// found its signature and its hardware id good.
func (a *allocation) lostRow(tx *store.Tx, row store.License, ok bool) *lostRow {
	switch a.req.Presented {
	case tsls.ClassPermFresh, tsls.ClassPermNear, tsls.ClassPermExpired, tsls.ClassTemporary, tsls.ClassTemporaryExpired, tsls.ClassBuiltIn:
	default:
		return nil
	}
	switch {
	case !ok && tx.Unissued(a.req.LicenseID):
		return &lostRow{}
	case ok && row.HardwareID != a.req.HardwareID && row.HardwareID != (hwid.ID{}) && row.Kind != token.InternetConnector:
		return &lostRow{holder: row.Machine}
	}
	return nil
}

// logLost tells of it.
func (a *allocation) logLost() {
	if a.lost == nil {
		return
	}
	kind := eventlog.TokenWithoutRow
	fields := []eventlog.Field{eventlog.F("license_id", a.req.LicenseID), eventlog.F("device", a.req.Machine), eventlog.F("hardware_id", a.req.HardwareID)}
	if a.lost.holder != "" {
		kind, fields = eventlog.TokenDuplicate, append(fields, eventlog.F("holder", a.lost.holder))
	}
	a.server.config.Log.Event(kind, fields...)
}
