package ts

import (
	"context"

	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/tsls"
)

// reply is what became of a question to license servers.
type reply struct {
	policy.Answer
	License []byte // the token, if one was issued
	Server  string // name of the license server that decided; empty when none answered
	Reason  string
}

// ask puts the question of a decision to the license server at addr, or to the one
// that issued the presented CAL where the rules want that and it is there; with spare,
// to the next of the catalog when that does not answer, once (rules V8, M49). The zero
// Answer says that none answered.
func (s *Server) ask(ctx context.Context, now *setup, addr string, spare bool, q policy.Question, m tsls.Allocate) reply {
	if addr == "" {
		return reply{Reason: errNoLicenseServer.Error()}
	}
	r := s.askOne(ctx, now, addr, q, m)
	if r.Server != "" || ctx.Err() != nil || !spare {
		return r
	}
	if next, ok := s.catalog.after(addr); ok {
		return s.askOne(ctx, now, next, q, m, addr, s.catalog.name(addr))
	}
	return r
}

// askOne is ask without a spare; avoid are addresses and names of those that were
// asked in vain, whom a referral may still name.
func (s *Server) askOne(ctx context.Context, now *setup, addr string, q policy.Question, m tsls.Allocate, avoid ...string) reply {
	if q.Ping {
		_, info, err := s.catalog.call(ctx, addr, tsls.Ping{})
		if err != nil {
			return reply{Reason: err.Error()}
		}
		return reply{Server: info.Name, Answer: policy.Answer{Up: true, Activated: info.Activated,
			CALIssuedEver: info.CALIssuedEver, PerUserPack: holdsPerUser(info)}}
	}
	if at, ok := s.catalog.issuer(m.Issuer); ok && q.AtIssuer && at != addr {
		if r := s.askAt(ctx, now.profile.MaxHops, at, m, avoid...); r.Server != "" || ctx.Err() != nil {
			return r
		}
		avoid = append(avoid, at, s.catalog.name(at))
	}
	return s.askAt(ctx, now.profile.MaxHops, addr, m, avoid...)
}

// mark marks a temporary token at the license server that issued it if that is in
// the catalog and answers, else at the one in use, which makes a row of it (rules
// L10, L11). It returns the name of the one that has it.
func (s *Server) mark(ctx context.Context, m tsls.Mark) (server string, err error) {
	own := s.catalog.inUse()
	if at, ok := s.catalog.issuer(m.Issuer); ok && at != own {
		if _, info, err := s.catalog.call(ctx, at, m); err == nil || ctx.Err() != nil {
			return info.Name, err
		}
	}
	if own == "" {
		return "", errNoLicenseServer
	}
	_, info, err := s.catalog.call(ctx, own, m)
	if err == nil || ctx.Err() != nil {
		return info.Name, err
	}
	if next, ok := s.catalog.after(own); ok {
		_, info, err = s.catalog.call(ctx, next, m)
	}
	return info.Name, err
}
