package policy

import (
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// Decide answers an Allocate, parts 7a and 7b of the decision table. p is the
// license server's edition, f what both ends can do.
func Decide(req tsls.Allocate, st State, p *edition.Profile, f tsls.Features) Decision {
	if !Serves(p, req.Edition) {
		return decision("L1", tsls.AnswerDenyServed, "this license server does not serve the edition "+quoted(req.Edition))
	}
	if req.Request == tsls.RequestInternetConnector {
		return connector(st)
	}
	c := effective(req, st, p, f)
	pool := hasBuiltIns(p, req.Edition)
	var d Decision
	switch {
	case c.referred && !c.own && !c.free && !(req.Request == tsls.RequestBuiltIn && pool && c.activated):
		d = decision("L21", tsls.AnswerDenyEmpty, "a referral led here, and no CAL is free")
	case req.Request == tsls.RequestRenew:
		d = c.renew()
	case req.Request == tsls.RequestBuiltIn:
		d = c.builtIn(pool)
	case req.Request == tsls.RequestCAL:
		d = c.cal()
	default:
		d = c.temporary()
	}
	d.Validated = c.validated
	if d.Answer == tsls.AnswerCALTake && req.Presented == tsls.ClassPermExpired {
		d.SameID = req.LicenseID
	}
	return d
}

// connector answers a terminal server that turns its Internet Connector mode on
// (L15, L16). st.Free speaks of Internet Connector licenses.
func connector(st State) Decision {
	if !st.Activated || !st.Free {
		return decision("L16", tsls.AnswerDenyStock, "no Internet Connector license is free, and there is no temporary one")
	}
	d := decision("L15", tsls.AnswerCALTake, "an Internet Connector license was free")
	d.Kind, d.CloseTemp = token.InternetConnector, false
	return d
}

// request is an Allocate with the values that count: what part 0 of the decision
// table calls effective.
type request struct {
	presented tsls.Class
	p         *edition.Profile
	row       Row
	activated bool
	own       bool // the device's own CAL needs no stock; it comes before a free one
	free      bool
	peer      bool
	viaOnly   bool // the terminal server asks nobody else
	referred  bool // another license server sent the terminal server here for a CAL
	validated bool
}

func effective(req tsls.Allocate, st State, p *edition.Profile, f tsls.Features) request {
	perDevice := req.Mode != "user" && req.Mode != "invalid"
	stock := st.Activated && perDevice
	return request{
		presented: req.Presented,
		p:         p,
		row:       st.Row,
		activated: st.Activated,
		own:       stock && st.Row == RowCAL,
		free:      stock && st.Free,
		peer:      stock && st.Peer && !req.Final && req.Hops == 0 && (!req.ViaDefault || p.DefaultLSReferral),
		viaOnly:   req.ViaDefault,
		referred:  req.Hops > 0,
		validated: st.Validated || req.Validated || !f.Has(tsls.FeatureMark) || !p.UpgradeNeedsValidated,
	}
}

// bare reports a device that has nothing that admits it.
func (c *request) bare() bool {
	return c.presented == tsls.ClassNone || c.presented == tsls.ClassPermExpired
}

// nothing reports that there is no CAL for the device, here or at a peer.
func (c *request) nothing() bool { return !c.own && !c.free && !c.peer }

// renew: the presented CAL is near its expiry.
func (c *request) renew() Decision {
	switch {
	case c.own:
		return decision("L12", tsls.AnswerCALRenew, "the CAL is this device's own")
	case c.free:
		return decision("L13", tsls.AnswerCALTake, "no row here for the CAL; another was free")
	case c.peer:
		return decision("L13a", tsls.AnswerRefer, "no row here for the CAL, and none free")
	}
	return decision("L13b", tsls.AnswerKeep, "there is nothing to renew the CAL with; it works until its expiry")
}

// builtIn: the device runs Windows 2000 Professional or a successor. Without a pool
// it is a device like any other.
func (c *request) builtIn(pool bool) Decision {
	switch {
	case !pool && c.presented == tsls.ClassNone && c.p.FirstIssue == edition.FirstTemp:
		return c.temporary()
	case !pool:
		return c.cal()
	case c.activated:
		return decision("L9", tsls.AnswerBuiltIn, "the built-in pool has no end")
	}
	return c.empty()
}

// hasBuiltIns reports whether a terminal server of the named edition is served from
// the built-in pool: by a license server of Windows 2000 by its knob, by one of 2003
// if the terminal server is of Windows 2000.
func hasBuiltIns(p *edition.Profile, terminalServer string) bool {
	return p.BuiltinPool || p.Edition == edition.Server2003 && terminalServer != edition.Server2003.String()
}

// cal: the terminal server wants a CAL for the device.
func (c *request) cal() Decision {
	switch {
	case c.bare() && c.refusesEmpty():
		return emptyDefault()
	case c.presented == tsls.ClassTemporary && !c.validated:
		return decision("L23a", tsls.AnswerKeep, "the temporary token is not validated by a logon yet")
	case c.own:
		return ownCAL()
	case c.free:
		return decision("L4", tsls.AnswerCALTake, "a CAL was free")
	case c.peer:
		return decision("L5", tsls.AnswerRefer, "no CAL is free here")
	}
	return c.empty()
}

// temporary: the terminal server wants a temporary token for the device. One that
// had its temporary token, here or at the license server that referred it, is given a
// CAL if there is one.
func (c *request) temporary() Decision {
	once := c.presented == tsls.ClassNone && c.p.TempsPerHWID == 1 && (c.row == RowTempExpired || c.referred)
	switch {
	case c.bare() && c.refusesEmpty():
		return emptyDefault()
	case c.own:
		return ownCAL()
	case once && c.free:
		return decision("L4a", tsls.AnswerCALTake, "the device had its temporary token; a CAL was free")
	case once && c.peer:
		return decision("L5a", tsls.AnswerRefer, "the device had its temporary token; no CAL is free here")
	}
	return c.empty()
}

// empty answers a device for which there is no CAL, or that shall not have one yet.
func (c *request) empty() Decision {
	switch {
	case c.presented == tsls.ClassTemporaryExpired:
		return decision("L8", tsls.AnswerDenyExpired, "the temporary token has expired, and no CAL is free")
	case c.presented == tsls.ClassTemporary:
		return decision("L22a", tsls.AnswerKeep, "no CAL is free; the temporary token works until its expiry")
	case !c.bare():
		return decision("L6", tsls.AnswerKeep, "what the device presented needs nothing")
	case c.presented == tsls.ClassPermExpired && c.p.ExpiredPermNoStock == edition.NoStockDeny:
		return decision("L29", tsls.AnswerDenyStock, "the CAL has expired, and none is free")
	case c.row == RowTemp:
		return decision("L7", tsls.AnswerTempRow, "the device has a temporary token, sent again")
	case c.row == RowTempExpired && c.nothing() && c.p.TempsPerHWID == 1:
		return decision("L8b", tsls.AnswerDenyExpired, "the device had its temporary token, and no CAL is free")
	}
	return decision("L6", tsls.AnswerTempNew, "a temporary token for a device without one")
}

// refusesEmpty reports the default license server that has nothing to give: the
// terminal server that was told to ask it alone refuses the device.
func (c *request) refusesEmpty() bool {
	return c.viaOnly && c.activated && c.nothing() && c.p.DefaultLSEmpty == edition.NoStockDeny
}

func emptyDefault() Decision {
	return decision("L25", tsls.AnswerDenyEmpty, "the default license server has no CAL free")
}

func ownCAL() Decision {
	return decision("L3", tsls.AnswerCALOwn, "the device's own CAL, sent again")
}

// decision fills in what follows from the answer.
func decision(rule string, a tsls.Answer, reason string) Decision {
	d := Decision{Rule: rule, Answer: a, Reason: reason}
	switch a {
	case tsls.AnswerCALTake:
		d.Kind, d.NewRow, d.CloseTemp = token.CAL, true, true
	case tsls.AnswerCALOwn:
		d.Kind = token.CAL
	case tsls.AnswerCALRenew:
		d.Kind, d.Redate = token.CAL, true
	case tsls.AnswerTempNew:
		d.Kind, d.NewRow = token.Temporary, true
	case tsls.AnswerTempRow:
		d.Kind = token.Temporary
	case tsls.AnswerBuiltIn:
		d.Kind, d.NewRow, d.CloseTemp = token.BuiltIn, true, true
	}
	return d
}
