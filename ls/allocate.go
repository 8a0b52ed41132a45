package ls

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls/policy"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// allocation is one Allocate on its way: what was asked, decided and done.
type allocation struct {
	server   *Server
	req      tsls.Allocate
	features tsls.Features // what both ends can do
	now      time.Time
	id       identity
	doubted  bool // the calendar is not believed: nobody else's licenses end

	referrals []tsls.Referral // where to send the terminal server if there is nothing here
	word      policy.Word     // of the license server that issued the presented token

	decision policy.Decision
	row      store.License // that the answer sends; zero: none
	pack     store.Pack    // that row is of
	free     uint32        // CALs free after it
	expired  []lapse       // rows that were found past their date first
	ever     bool          // a CAL has been issued, now or before
	lost     *lostRow      // the presented token is of this store, and its row is not; nil: it is well
}

// allocate answers a request for a license token: decide, commit, log, reply.
func (s *Server) allocate(ctx context.Context, peer transport.Peer, req tsls.Allocate) (tsls.Message, error) {
	begin := allocation{
		server:   s,
		req:      req,
		features: req.Features & features(&s.config.Edition),
		now:      s.config.Clock.Now(),
		id:       s.identity(),
	}
	begin.doubted = s.held(begin.now)
	s.doubt(req)
	begin.referrals = s.referrals(req)
	begin.word = s.inquire(ctx, req, begin.features)
	var a allocation
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		a = begin // the store may run this more than once
		return a.run(tx)
	})
	if err != nil {
		return nil, err
	}
	s.stats.expired.Add(uint64(len(a.expired)))
	for _, e := range a.expired {
		s.logExpired(e)
	}
	a.log(peer)
	a.logLost()
	if a.row.Number != 0 {
		s.changed()
	}
	if a.row.Number != 0 || len(a.expired) > 0 {
		s.announce()
	}
	return a.reply()
}

// run is the transaction: what is past its date goes first, so that the decision
// sees the pool as it is at this moment.
func (a *allocation) run(tx *store.Tx) (err error) {
	if a.doubted {
		a.expired, err = a.server.expireOwn(tx, a.req.HardwareID, a.now)
	} else {
		a.expired, err = a.server.expire(tx, a.now)
	}
	if err != nil {
		return err
	}
	seen, err := a.look(tx)
	if err != nil {
		return err
	}
	a.decision = policy.Decide(a.req, seen.State, &a.server.config.Edition, a.features)
	if err := a.carryOut(tx, seen); err != nil {
		return fmt.Errorf("%s: %w", a.decision.Rule, err)
	}
	a.ever = tx.CALIssuedEver()
	a.free, err = freeCALs(tx)
	return err
}

// seen is what the store holds for the device and the request.
type seen struct {
	policy.State
	row   store.License // that counts; Number 0: none
	temp  store.License // the device's temporary token, live or expired
	own   store.License // row of the presented CAL, expired
	packs []store.Pack  // that this request may take from, best first
}

// look gathers what the decision needs.
func (a *allocation) look(tx *store.Tx) (s seen, err error) {
	rows, err := a.rows(tx)
	if err != nil {
		return seen{}, err
	}
	held := make([]policy.Held, len(rows))
	for i, l := range rows {
		held[i] = a.held(l)
		switch {
		case l.Kind == token.Temporary && (l.State == store.Live || l.State == store.Expired):
			s.temp = l
		case held[i].Presented && l.State == store.Expired:
			s.own = l
		}
	}
	at := -1
	if s.Row, at = policy.RowOf(held, a.now, &a.server.config.Edition); at >= 0 {
		s.row = rows[at]
	}
	s.Activated = a.id.Activated()
	s.Validated = a.isValidated(s.temp)
	s.Peer = len(a.referrals) > 0
	packs, err := tx.Packs()
	if err != nil {
		return seen{}, err
	}
	s.packs = a.choose(packs)
	s.Free = len(s.packs) > 0
	if a.req.Request == tsls.RequestInternetConnector && !s.Free {
		held, ok, err := tx.Device(a.req.HardwareID, token.InternetConnector)
		s.Free = ok && held.State == store.Live
		return s, err
	}
	return s, nil
}

// rows are the device's: the CAL that it presented, the CAL that it holds, its
// temporary token.
func (a *allocation) rows(tx *store.Tx) ([]store.License, error) {
	var rows []store.License
	presented, ok, err := tx.License(a.req.LicenseID)
	if err != nil {
		return nil, err
	}
	a.lost = a.lostRow(tx, presented, ok)
	if ok = ok && presented.Kind == token.CAL && presented.HardwareID == a.req.HardwareID; ok {
		rows = append(rows, presented)
	}
	for _, kind := range []token.Kind{token.CAL, token.Temporary} {
		l, held, err := tx.Device(a.req.HardwareID, kind)
		if err != nil {
			return nil, err
		}
		if held && !(ok && l.Number == presented.Number) {
			rows = append(rows, l)
		}
	}
	return rows, nil
}

func (a *allocation) held(l store.License) policy.Held {
	return policy.Held{
		Kind:      l.Kind,
		Expires:   l.Expires,
		Closed:    l.State != store.Live && (l.State != store.Expired || l.Kind != token.Temporary),
		Presented: l.ID == a.req.LicenseID && l.HardwareID == a.req.HardwareID,
	}
}

// isValidated answers whether the presented temporary token is marked; row is the
// device's here, if it has one.
func (a *allocation) isValidated(row store.License) bool {
	here := row.Number != 0 && (a.req.LicenseID == "" || row.ID == a.req.LicenseID)
	return policy.Marked(here, row.Validated, a.word)
}

// freeCALs is how many CALs are left, of all packs.
func freeCALs(tx *store.Tx) (uint32, error) {
	packs, err := tx.Packs()
	var n uint32
	for _, p := range packs {
		if p.Kind == token.CAL {
			n += p.Free()
		}
	}
	return n, err
}

// reply makes the answer, with the token signed from the committed row.
func (a *allocation) reply() (tsls.Message, error) {
	answer := tsls.Allocated{
		Answer:        a.decision.Answer,
		Validated:     a.decision.Validated,
		CALIssuedEver: a.ever,
		Features:      a.features,
		Former:        former(a.id.Former),
		Reason:        a.decision.Reason,
	}
	if a.decision.Answer == tsls.AnswerRefer {
		answer.Referrals = slices.Clone(a.referrals)
		for i := range answer.Referrals { // the target takes our word for it (decision L24)
			answer.Referrals[i].Validated = a.decision.Validated
		}
	}
	if a.row.Number == 0 {
		return answer, nil
	}
	var err error
	answer.License, err = token.Sign(a.server.tokenOf(&a.id, a.row, a.pack), a.id.signer)
	return answer, err
}

// tokenOf is what a row says as a token.
func (s *Server) tokenOf(id *identity, l store.License, p store.Pack) token.License {
	t := token.License{
		Kind:       l.Kind,
		LicenseID:  l.ID,
		HardwareID: l.HardwareID,
		Product:    p.Product,
		Version:    token.Version{Major: p.Major, Minor: p.Minor},
		Machine:    l.Machine,
		User:       l.User,
		Issued:     l.Issued,
		Expires:    l.Expires,
		Issuer:     id.issuer(s.config.Name),
	}
	if !p.Unlimited {
		t.KeyPackID = p.ID
	}
	return t
}
