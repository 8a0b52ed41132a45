package ts

import (
	"context"
	"fmt"

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// askAt asks the license server at addr, and those that it refers to (rule M50).
// avoid are those that have been asked in vain for this client.
func (s *Server) askAt(ctx context.Context, hops int, addr string, m tsls.Allocate, avoid ...string) reply {
	hunt := policy.NewHunt(addr, m, hops, avoid...)
	for at, m, ok := hunt.Next(); ok; at, m, ok = hunt.Next() {
		answer, info, err := s.allocate(ctx, at, m)
		if at != addr {
			s.catalog.referred(at)
		}
		if ctx.Err() != nil {
			return reply{Reason: ctx.Err().Error()}
		}
		if err != nil {
			hunt.Silent(err)
			continue
		}
		hunt.Answered(info, answer)
	}
	info, answer, referred, err := hunt.Result()
	if err != nil {
		return reply{Reason: err.Error()}
	}
	s.report(addr, hunt, answer.License)
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

// report tells the license server that referred a device that the device has got its
// license elsewhere, while the device goes on (decision L26). If that is lost, a
// temporary token stays open until its date, and nobody is hurt.
func (s *Server) report(addr string, hunt *policy.Hunt, license []byte) {
	t, err := token.Parse(license)
	if err != nil {
		return
	}
	m, ok := hunt.Report(t.License.LicenseID)
	if !ok {
		return
	}
	crash.Here("referral", crash.Answered)
	s.reports.Go(func() { s.catalog.call(context.Background(), addr, m) })
}

// name is what the license server at an address calls itself, empty while it was never
// heard.
func (c *catalog) name(addr string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[addr]; e != nil {
		return e.info.Name
	}
	return ""
}
