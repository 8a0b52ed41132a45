package ts

import (
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts/policy"
)

// kindOf is the row of the System log for an event that the rules want.
func kindOf(e policy.Event) eventlog.Kind {
	switch e {
	case policy.EventUnableToAcquire:
		return eventlog.CannotAcquireLicense
	case policy.EventInvalidLicense:
		return eventlog.InvalidLicense
	case policy.EventCannotIssue:
		return eventlog.CannotIssueLicense
	case policy.EventInternetUser:
		return eventlog.InternetUserFailed
	case policy.EventGraceExpired:
		return eventlog.GraceExpired
	case policy.EventGraceExpiring:
		return eventlog.GraceExpiring
	case policy.EventNoLicenseServer:
		return eventlog.NoLicenseServer
	case policy.EventTemporaryExpired:
		return eventlog.TemporaryExpired
	case policy.EventRenewalImpossible:
		return eventlog.RenewalImpossible
	}
	return eventlog.LicenseDenied // of the lab's own log
}

// systemKind is kindOf with the severity that the profile gives the numbered events.
func systemKind(e policy.Event, p *edition.Profile) eventlog.Kind {
	kind := kindOf(e)
	if kind.ID != 0 && p.EventSeverity == edition.SeverityInformation {
		kind.Severity = eventlog.Information
	}
	return kind
}
