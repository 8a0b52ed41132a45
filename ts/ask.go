package ts

import (
	"context"
	"fmt"

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
		return s.askOne(ctx, now, next, q, m)
	}
	return r
}

func (s *Server) askOne(ctx context.Context, now *setup, addr string, q policy.Question, m tsls.Allocate) reply {
	if q.Ping {
		_, info, err := s.catalog.call(ctx, addr, tsls.Ping{})
		if err != nil {
			return reply{Reason: err.Error()}
		}
		return reply{Server: info.Name, Answer: policy.Answer{Up: true, Activated: info.Activated,
			CALIssuedEver: info.CALIssuedEver, PerUserPack: holdsPerUser(info)}}
	}
	if at, ok := s.catalog.issuer(m.Issuer); ok && q.AtIssuer && at != addr {
		if r := s.askAt(ctx, now.profile.MaxHops, at, m); r.Server != "" || ctx.Err() != nil {
			return r
		}
	}
	return s.askAt(ctx, now.profile.MaxHops, addr, m)
}

// askAt asks one license server, and those that it refers to, at most hops of them.
func (s *Server) askAt(ctx context.Context, hops int, addr string, m tsls.Allocate) reply {
	answer, info, err := s.allocate(ctx, addr, m)
	if err != nil {
		return reply{Reason: err.Error()}
	}
	referred := false
	if answer.Answer == tsls.AnswerRefer {
		answer, info, referred, err = s.follow(ctx, hops, addr, m, answer, info)
		if err != nil {
			return reply{Reason: err.Error()}
		}
	}
	return reply{
		License: answer.License, Server: info.Name, Reason: answer.Reason,
		Answer: policy.Answer{
			Up: true, Code: answer.Answer, Activated: info.Activated,
			Validated: answer.Validated, CALIssuedEver: info.CALIssuedEver, PerUserPack: holdsPerUser(info), Referred: referred,
		},
	}
}

func (s *Server) allocate(ctx context.Context, addr string, m tsls.Allocate) (tsls.Allocated, tsls.ServerInfo, error) {
	answer, info, err := s.catalog.call(ctx, addr, m)
	if err != nil {
		return tsls.Allocated{}, info, err
	}
	allocated, ok := answer.(tsls.Allocated)
	if !ok {
		return tsls.Allocated{}, info, fmt.Errorf("license server %s: answers an allocation with %v", addr, answer.Type())
	}
	return allocated, info, nil
}

// follow asks the license servers of a referral one after the other, each of them
// with no stock being as good as one that is silent. When the list is used up, the
// first one decides finally (rule M50 of the decision table).
func (s *Server) follow(ctx context.Context, hops int, addr string, m tsls.Allocate, first tsls.Allocated, firstInfo tsls.ServerInfo) (tsls.Allocated, tsls.ServerInfo, bool, error) {
	for _, r := range first.Referrals[:min(len(first.Referrals), hops, tsls.MaxFailed)] {
		next := m
		next.Hops, next.ReferredBy, next.Validated = 1, firstInfo.ServerID, r.Validated
		answer, info, err := s.allocate(ctx, r.Address, next)
		if err == nil && answer.Answer.Issues() {
			return answer, info, true, nil
		}
		m.Failed = append(m.Failed, r.Name)
	}
	m.Final = true
	answer, info, err := s.allocate(ctx, addr, m)
	if err == nil && answer.Answer == tsls.AnswerRefer {
		err = fmt.Errorf("license server %s: refers again after its whole list was asked", info.Name)
	}
	return answer, info, false, err
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
