package licensing

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// Code is the dwErrorCode of an ERROR_ALERT, MS-RDPBCGR 2.2.1.12.1.3.
type Code uint32

// The error codes, with who sends them.
const (
	InvalidServerCertificate Code = 0x01 // client
	NoLicense                Code = 0x02 // client
	InvalidMAC               Code = 0x03 // both
	InvalidScope             Code = 0x04 // server
	NoLicenseServer          Code = 0x06 // server
	StatusValidClient        Code = 0x07 // server: no error at all
	InvalidClient            Code = 0x08 // server
	InvalidProductID         Code = 0x0B // server
	InvalidMessageLength     Code = 0x0C // server
)

// String is the name of MS-RDPBCGR.
func (c Code) String() string {
	switch c {
	case InvalidServerCertificate:
		return "ERR_INVALID_SERVER_CERTIFICATE"
	case NoLicense:
		return "ERR_NO_LICENSE"
	case InvalidMAC:
		return "ERR_INVALID_MAC"
	case InvalidScope:
		return "ERR_INVALID_SCOPE"
	case NoLicenseServer:
		return "ERR_NO_LICENSE_SERVER"
	case StatusValidClient:
		return "STATUS_VALID_CLIENT"
	case InvalidClient:
		return "ERR_INVALID_CLIENT"
	case InvalidProductID:
		return "ERR_INVALID_PRODUCTID"
	case InvalidMessageLength:
		return "ERR_INVALID_MESSAGE_LEN"
	}
	return fmt.Sprintf("error code 0x%X", uint32(c))
}

// Transition is the dwStateTransition of an ERROR_ALERT: what its receiver does.
type Transition uint32

// The state transitions.
const (
	TotalAbort        Transition = 1
	NoTransition      Transition = 2
	ResetPhaseToStart Transition = 3
	ResendLastMessage Transition = 4
)

// String is the name of MS-RDPBCGR.
func (t Transition) String() string {
	switch t {
	case TotalAbort:
		return "ST_TOTAL_ABORT"
	case NoTransition:
		return "ST_NO_TRANSITION"
	case ResetPhaseToStart:
		return "ST_RESET_PHASE_TO_START"
	case ResendLastMessage:
		return "ST_RESEND_LAST_MESSAGE"
	}
	return fmt.Sprintf("state transition %d", uint32(t))
}

// ErrorAlert is the Licensing Error Message, MS-RDPBCGR 2.2.1.12.1.3, and a Go
// error. With StatusValidClient it is the server's way of saying that it wants no
// more; IsValidClient tells.
type ErrorAlert struct {
	Code       Code
	Transition Transition
	Info       []byte // bbErrorInfo
}

// ValidClient is the alert that ends licensing without a license being sent.
func ValidClient() *ErrorAlert {
	return &ErrorAlert{Code: StatusValidClient, Transition: NoTransition}
}

// Abort is the alert that ends the connection.
func Abort(code Code) *ErrorAlert { return &ErrorAlert{Code: code, Transition: TotalAbort} }

// IsValidClient reports whether the alert is no error but the end of licensing.
// Clients look at the code alone.
func (m *ErrorAlert) IsValidClient() bool { return m.Code == StatusValidClient }

// Error is the alert's two names.
func (m *ErrorAlert) Error() string { return fmt.Sprintf("%v, %v", m.Code, m.Transition) }

// Type is TypeErrorAlert.
func (*ErrorAlert) Type() Type { return TypeErrorAlert }

func (m *ErrorAlert) append(w *cursor.Writer) {
	w.U32(uint32(m.Code))
	w.U32(uint32(m.Transition))
	appendBlob(w, blobError, m.Info)
}

func (m *ErrorAlert) parse(r *cursor.Reader) {
	m.Code = Code(r.U32("dwErrorCode"))
	m.Transition = Transition(r.U32("dwStateTransition"))
	m.Info = parseBlob(r, "bbErrorInfo")
}

// AlertError is an alert that ended a licensing phase, with its direction and why
// it was sent.
type AlertError struct {
	Alert *ErrorAlert
	Sent  bool  // by this end; else received
	Cause error // why this end sent it
}

func (e *AlertError) Error() string {
	if !e.Sent {
		return fmt.Sprintf("received %v", e.Alert)
	}
	if e.Cause == nil {
		return fmt.Sprintf("sent %v", e.Alert)
	}
	return fmt.Sprintf("sent %v: %v", e.Alert, e.Cause)
}

// Unwrap is the alert and its cause.
func (e *AlertError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Alert}
	}
	return []error{e.Alert, e.Cause}
}
