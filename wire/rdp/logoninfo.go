package rdp

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// LogonInfo is what a save session info PDU says of the logon, 2.2.10.1.1: that a
// user has logged on, or that an attempt failed.
type LogonInfo struct {
	Failed bool
	Reason LogonFailure // when Failed
}

// LogonFailure is the ErrorNotificationData of a logon error, 2.2.10.1.1.4.1.1.
type LogonFailure uint32

// The failures.
const (
	LogonBadPassword    LogonFailure = 0
	LogonUpdatePassword LogonFailure = 1
	LogonFailedOther    LogonFailure = 2
	LogonWarning        LogonFailure = 3
)

// String says what failed.
func (f LogonFailure) String() string {
	switch f {
	case LogonBadPassword:
		return "unknown user name or wrong password"
	case LogonUpdatePassword:
		return "the password must be changed"
	case LogonFailedOther:
		return "the user may not log on"
	case LogonWarning:
		return "logon warning"
	}
	return fmt.Sprintf("logon error %d", uint32(f))
}

const (
	logonExtended        = 3
	logonExtendedErrors  = 0x00000002
	logonExtendedHead    = 2 /* Length */ + 4                /* FieldsPresent */
	logonErrorsSize      = 4 /* ErrorNotificationType */ + 4 /* ErrorNotificationData */
	logonExtendedPad     = 570
	logonSessionContinue = 0xFFFFFFFE
)

// AppendLogonError is a save session info PDU's body that says that a logon failed
// and the user may try again, 2.2.10.1.1.4.
func AppendLogonError(b []byte, reason LogonFailure) []byte {
	w := cursor.NewWriter(b)
	w.U32(logonExtended)
	w.U16(logonExtendedHead + 4 /* cbFieldData */ + logonErrorsSize)
	w.U32(logonExtendedErrors)
	w.U32(logonErrorsSize)
	w.U32(logonSessionContinue)
	w.U32(uint32(reason))
	w.Zero(logonExtendedPad)
	return w.Bytes()
}

// ParseLogonInfo reads a save session info PDU's body. Whatever is no logon error
// counts as a logon.
func ParseLogonInfo(body []byte) (LogonInfo, error) {
	r := cursor.NewReader(body)
	if r.U32("infoType") != logonExtended || r.Err() != nil {
		return LogonInfo{}, logonInfoError(r.Err())
	}
	r.Skip("Length", 2)
	fields := r.U32("FieldsPresent")
	var info LogonInfo
	for bit := uint32(1); bit != 0 && bit <= fields; bit <<= 1 {
		if fields&bit == 0 {
			continue
		}
		data := cursor.NewReader(r.Bytes("LogonFields", int(min(r.U32("cbFieldData"), 1<<20))))
		if bit == logonExtendedErrors && r.Err() == nil {
			data.Skip("ErrorNotificationType", 4)
			info = LogonInfo{Failed: true, Reason: LogonFailure(data.U32("ErrorNotificationData"))}
			if err := data.Err(); err != nil {
				return LogonInfo{}, logonInfoError(err)
			}
		}
	}
	return info, logonInfoError(r.Err())
}

func logonInfoError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("save session info: %w", err)
}
