package token

import (
	"errors"
	"fmt"
)

// ForeignError is Parse's answer to bytes in which our object identifiers occur
// nowhere: another vendor's license, which a device keeps and shows to everyone.
type ForeignError struct{ Size int }

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%d bytes are no license token of this lab", e.Size)
}

// CorruptError is Parse's answer to a token of ours that does not decode.
type CorruptError struct {
	Part string // what did not decode
	Err  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("corrupt license token: %s: %v", e.Part, e.Err)
}

// Unwrap is the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// Parse reads a token without trusting it. The error is a *ForeignError or a
// *CorruptError.
func Parse(blob []byte) (*Token, error) { return nil, errors.ErrUnsupported }
