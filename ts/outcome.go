package ts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// finish carries the decision out: ask, commit, log, reply, in this order.
func (x *exchange) finish(ctx context.Context, d policy.Decision, class policy.Classified) (*licensed, error) {
	outcome, r := d.Outcome, reply{}
	if d.Verb == policy.Ask {
		crash.Here("license", crash.Asked)
		if r.Reason = x.away; x.away == "" {
			r = x.server.ask(ctx, x.setup, x.at, !x.moved, d.Ask, x.allocation(d.Ask))
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		crash.Here("license", crash.Answered)
		x.unanswered = r.Server == ""
		outcome = policy.After(d, r.Answer)
	}
	if outcome.Pushed == policy.PushGrace {
		var err error
		if r.License, err = x.server.graceSigner.token(x, outcome.Grace); err != nil {
			return nil, &refusal{alert: licensing.InvalidClient, errorInfo: errInfoInternal, cause: err}
		}
	}
	if outcome.Wire == policy.WireNew && x.evidence.Presented {
		// Who has shown a license, whatever it was worth, is sent an upgrade of it:
		// MS-RDPELE 3.2.5.3 answers LICENSE_INFO with nothing else.
		outcome.Wire = policy.WireUpgrade
	}
	if err := x.server.grace.decided(outcome.Grace); err != nil {
		return nil, &refusal{alert: licensing.InvalidClient, errorInfo: errInfoInternal, cause: err}
	}
	return x.carryOut(outcome, r, class)
}

// carryOut is the rest of finish.
func (x *exchange) carryOut(outcome policy.Outcome, r reply, class policy.Classified) (*licensed, error) {
	l := &licensed{outcome: outcome, machine: x.machine, hardware: x.hardware, platform: x.platform, server: r.Server}
	if err := x.holds(l, class.Class, r); err != nil {
		return nil, err
	}
	x.log(l, class, r)
	crash.Here("license", crash.BeforeReply)
	err := x.answer(l, r)
	crash.Here("license", crash.AfterReply)
	return l, err
}

// allocation is what a license server is told of the client.
func (x *exchange) allocation(q policy.Question) tsls.Allocate {
	info, e := x.conn.Info(), x.evidence
	return tsls.Allocate{
		Request: q.Request, Presented: q.Presented, Mode: q.Mode,
		LicenseID: e.License.LicenseID, Issuer: e.License.Issuer, Expires: e.License.Expires,
		HardwareID: x.hardware, PlatformID: x.platform,
		Machine: x.machine, User: info.User, Domain: info.Domain,
		Edition: x.server.config.announced(x.setup.profile), Features: tsls.Announced(x.setup.profile.Edition),
		ViaDefault: x.setup.viaDefault,
	}
}

// holds notes what the client holds once it is answered.
func (x *exchange) holds(l *licensed, class tsls.Class, r reply) error {
	if class != tsls.ClassNone && class != tsls.ClassCorrupt && class != tsls.ClassHardwareMismatch {
		held := x.evidence.License
		l.token, l.sound = &held, true
	}
	if !l.outcome.Wire.Pushes() {
		return nil
	}
	t, err := token.Parse(r.License)
	if err != nil {
		return &refusal{alert: licensing.InvalidClient, errorInfo: errInfoInternal, cause: fmt.Errorf("license server %s sent no usable token: %w", r.Server, err)}
	}
	l.token, l.sound = &t.License, true
	return nil
}

// answer sends the outcome. A refusal is an error.
func (x *exchange) answer(l *licensed, r reply) error {
	code, transition := l.outcome.Wire.Alert()
	switch {
	case !l.outcome.Admit:
		return &refusal{
			alert: licensing.Code(code), errorInfo: l.outcome.Wire.ErrorInfo(), cause: errors.New(l.outcome.Reason), decided: true,
			atLogon: l.outcome.Wire == policy.WireLogonFailure,
		}
	case !l.outcome.Wire.Pushes():
		return x.write(&licensing.ErrorAlert{Code: licensing.Code(code), Transition: licensing.Transition(transition)})
	}
	sealed := licensing.SealLicense(x.keys, licensing.NewLicenseInfo{
		Version: x.version(), Scope: scopeName, Company: companyName, Product: productName, License: r.License,
	})
	if l.outcome.Wire == policy.WireUpgrade {
		return x.write(&licensing.UpgradeLicense{SealedLicense: sealed})
	}
	return x.write(&licensing.NewLicense{SealedLicense: sealed})
}

// log writes the numbered events of the outcome, and what became of the client.
func (x *exchange) log(l *licensed, class policy.Classified, r reply) {
	s, info := x.server, x.conn.Info()
	about := []eventlog.Field{
		eventlog.F("device", x.machine), eventlog.F("hardware_id", x.hardware.String()),
		eventlog.F("user", info.User), eventlog.F("domain", info.Domain),
		eventlog.F("rule", l.outcome.Rule), eventlog.F("class", class.Class.String()),
		eventlog.F("wire", l.outcome.Wire.String()), eventlog.F("server", r.Server),
	}
	for _, e := range l.outcome.Events {
		if e != policy.EventLab { // that is what follows in any case
			s.config.Events.Event(systemKind(e, x.setup.profile), about...)
		}
	}
	reason := l.outcome.Reason
	if class.Class == tsls.ClassCorrupt && !l.outcome.Admit {
		reason += ": " + class.Reason
	}
	if r.Server == "" && r.Reason != "" { // nobody decided: say why
		reason += ": " + r.Reason
	}
	about = append(about, eventlog.F("reason", reason), eventlog.F("server_reason", r.Reason))
	if l.token != nil {
		about = append(about, eventlog.F("kind", l.token.Kind), eventlog.F("license_id", l.token.LicenseID),
			eventlog.F("issuer", l.token.Issuer), eventlog.F("expires", expiry(l.token.Expires)))
	}
	s.config.Events.Event(resultKind(l), about...)
}

func resultKind(l *licensed) eventlog.Kind {
	switch {
	case !l.outcome.Admit:
		return eventlog.LicenseDenied
	case l.outcome.Wire.Pushes():
		return eventlog.LicensePushed
	case l.token != nil:
		return eventlog.LicenseAccepted
	}
	return eventlog.LicenseNone
}

// expiry is a date for an event's text.
func expiry(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
