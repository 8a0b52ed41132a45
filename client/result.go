package client

import (
	"fmt"

	"github.com/tslab/tslab/wire/licensing"
)

// RefusedError says that the server, or this device, ended the connection over
// licensing.
type RefusedError struct {
	Server    string
	Alert     *licensing.ErrorAlert // nil when there was none
	Sent      bool                  // the alert was this device's
	ErrorInfo uint32                // of Set Error Info, 0 without
	Security  string                // of the connection
	Licensed  Licensed              // how far licensing came
	Reason    string
	Err       error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused by licensing at %s: %s", e.Server, e.Reason)
}

// Unwrap is the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// LogonError says that licensing went through and the logon did not.
type LogonError struct {
	Server, User string
	ErrorInfo    uint32
	Security     string
	Licensed     Licensed
	Err          error
}

func (e *LogonError) Error() string {
	return fmt.Sprintf("logon of %s at %s failed: %v", e.User, e.Server, e.Err)
}

// Unwrap is the cause.
func (e *LogonError) Unwrap() error { return e.Err }

// UnreachableError says that the connection did not come as far as licensing.
type UnreachableError struct {
	Server string
	Err    error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s cannot be reached: %v", e.Server, e.Err)
}

// Unwrap is the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Licensed is what a licensing phase did.
type Licensed struct {
	Presented *StoredLicense // what the device showed, nil for nothing
	Stored    *StoredLicense // what it was given, nil when the server was content; not in the store with NoStore
	Messages  []licensing.Type
}
