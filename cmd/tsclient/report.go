package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/client"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/token"
)

// connectReport is what connect prints.
type connectReport struct {
	Outcome    string        `json:"outcome"` // connected, refused, logon failed, unreachable, interrupted, error
	Server     string        `json:"server"`
	Security   string        `json:"security,omitempty"`
	Device     string        `json:"device"`
	HardwareID string        `json:"hardware_id,omitempty"`
	User       string        `json:"user"`
	Presented  *tokenSummary `json:"presented,omitempty"`
	Received   *tokenSummary `json:"received,omitempty"`
	Messages   []string      `json:"messages,omitempty"`
	Alert      string        `json:"alert,omitempty"`
	ErrorInfo  uint32        `json:"error_info,omitempty"`
	Reason     string        `json:"reason,omitempty"`
	Took       int64         `json:"took_ms"` // elapsed, until the user was logged on or it failed

	exit int
	now  time.Time
}

// tokenSummary is a license in a line.
type tokenSummary struct {
	Kind      string     `json:"kind"`
	LicenseID string     `json:"license_id,omitempty"`
	Expires   *time.Time `json:"expires,omitempty"` // nil: never, or unknown
	Bytes     int        `json:"bytes"`
}

func summarize(l *client.StoredLicense) *tokenSummary {
	if l == nil {
		return nil
	}
	t, err := token.Parse(l.License)
	if err != nil {
		return &tokenSummary{Kind: "unknown", Bytes: len(l.License)}
	}
	s := &tokenSummary{Kind: t.Kind.String(), LicenseID: t.LicenseID, Bytes: len(l.License)}
	if !t.Expires.IsZero() {
		s.Expires = &t.Expires
	}
	return s
}

func report(config *client.Config, s *client.Session, err error, now time.Time) *connectReport {
	r := &connectReport{Outcome: "connected", Server: config.Server, Device: config.Name, User: config.User, now: now}
	if id, ok := config.Store.HardwareID(); ok {
		r.HardwareID = id.String()
	}
	if s != nil {
		r.Server, r.Security, r.Device = s.Server, s.Security, s.Name
		r.licensed(s.Licensed)
	}
	if err != nil {
		r.failed(err)
	}
	return r
}

func (r *connectReport) licensed(l client.Licensed) {
	r.Presented, r.Received = summarize(l.Presented), summarize(l.Stored)
	for _, m := range l.Messages {
		r.Messages = append(r.Messages, m.String())
	}
}

func (r *connectReport) failed(err error) {
	r.Outcome, r.exit, r.Reason = "error", tscli.CodeRefused, err.Error()
	if errors.Is(err, context.Canceled) {
		r.Outcome, r.exit = "interrupted", tscli.CodeInterrupted
	}
	if e, ok := errors.AsType[*client.UnreachableError](err); ok {
		r.Outcome, r.exit, r.Server = "unreachable", codeUnreachable, e.Server
	}
	if e, ok := errors.AsType[*client.LogonError](err); ok {
		r.Outcome, r.exit, r.Server, r.ErrorInfo = "logon failed", codeLogonFailed, e.Server, e.ErrorInfo
		r.Security = e.Security
		r.licensed(e.Licensed)
	}
	if e, ok := errors.AsType[*client.RefusedError](err); ok {
		r.Outcome, r.exit, r.Server, r.ErrorInfo = "refused", codeRefused, e.Server, e.ErrorInfo
		r.Security = e.Security
		r.licensed(e.Licensed)
		if e.Alert != nil {
			r.Alert = alertText(e.Alert)
		}
	}
}

// remedy is what the user of a device can do about a refusal that may be about the
// license that it has shown; state is the folder that was named. It is empty where
// nothing is to be done here.
func (r *connectReport) remedy(state string) string {
	mine := r.Alert == licensing.Abort(licensing.InvalidClient).Error() || r.ErrorInfo == 0x104 || r.ErrorInfo == 0x105
	if !mine || r.Outcome != "refused" || r.Presented == nil {
		return ""
	}
	if state != "" {
		state = " --state " + state
	}
	return fmt.Sprintf("; it has shown %s: look at it with `tsclient token%[2]s`; if it is another lab's or broken, `tsclient wipe%[2]s` deletes it, and the device is licensed anew",
		r.Presented.line(r.now), state)
}

func alertText(a *licensing.ErrorAlert) string { return a.Error() }

func (r *connectReport) print(c *cli.Command) error {
	if c.Bool("json") {
		return tscli.JSON(c.Root().Writer, r)
	}
	if r.Outcome != "connected" {
		return nil // the error says it
	}
	return r.text(c.Root().Writer)
}

func (r *connectReport) text(w io.Writer) error {
	var t tscli.Table
	t.Row("server", r.Server)
	t.Row("security", r.Security)
	t.Row("device", r.Device)
	t.Row("hardware id", r.HardwareID)
	t.Row("showed", r.Presented.line(r.now))
	t.Row("was given", r.Received.line(r.now))
	t.Row("logged on as", r.User)
	return t.Print(w)
}

func (s *tokenSummary) line(now time.Time) string {
	switch {
	case s == nil:
		return "nothing"
	case s.LicenseID == "":
		return fmt.Sprintf("a license of %d bytes that is none of the lab's", s.Bytes)
	case s.Expires == nil:
		return fmt.Sprintf("%s %s, does not expire", s.Kind, s.LicenseID)
	}
	return fmt.Sprintf("%s %s, %s", s.Kind, s.LicenseID, validity(*s.Expires, now))
}

// validity is an expiry with the days that are left of it. A zero now is a calendar
// that is not known: the machine's is not the lab's.
func validity(expires, now time.Time) string {
	date := expires.UTC().Format("2006-01-02 15:04 UTC")
	if now.IsZero() {
		return "valid to " + date
	}
	if now.After(expires) {
		return "expired " + date
	}
	days := int(expires.Sub(now) / (24 * time.Hour))
	if days == 1 {
		return "valid to " + date + " (1 day left)"
	}
	return fmt.Sprintf("valid to %s (%d days left)", date, days)
}
