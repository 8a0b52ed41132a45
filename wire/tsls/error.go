package tsls

import (
	"errors"
	"fmt"
)

var errLimit = fmt.Errorf("more than %d", MaxLicenses)

// Code says what kind of refusal an [Error] is.
type Code uint16

// The codes. A code that is not known is read as CodeInternal is.
const (
	CodeVersion      Code = 1  // Hello: this protocol version is not spoken here
	CodeHelloFirst   Code = 2  // a request before Hello, or a second Hello
	CodeMalformed    Code = 3  // the message could not be read
	CodeUnknownType  Code = 4  // a request of a type that is not known here
	CodeBusy         Code = 5  // a limit of the server is reached: try again later
	CodeInternal     Code = 6  // the server failed
	CodeNotActivated Code = 7  // only an activated license server can do that
	CodeActivated    Code = 8  // the license server is activated already
	CodeDocument     Code = 9  // the document is malformed or its signature does not hold
	CodeOtherServer  Code = 10 // the document is made for another license server
	CodeDuplicate    Code = 11 // the key pack is installed already
	CodeNoLicense    Code = 12 // no such license token
	CodeForbidden    Code = 13 // the sender may not do that
)

// String is the code's name.
func (c Code) String() string {
	names := [...]string{"version", "hello first", "malformed", "unknown type", "busy", "internal",
		"not activated", "activated", "document", "other server", "duplicate", "no license", "forbidden"}
	if c < 1 || int(c) > len(names) {
		return fmt.Sprintf("code %d", uint16(c))
	}
	return names[c-1]
}

// Error answers a request that the license server refuses or cannot read. It is a
// Go error too; the text says what is wrong and what to do about it.
type Error struct {
	Code Code
	Text string
}

// Errorf makes an Error. A text longer than the protocol allows is cut.
func Errorf(code Code, format string, args ...any) Error {
	text := fmt.Sprintf(format, args...)
	return Error{Code: code, Text: cut(text)}
}

// Type is [TypeError].
func (Error) Type() Type { return TypeError }

// Error is the text, or the code's name when there is none.
func (m Error) Error() string {
	if m.Text == "" {
		return m.Code.String()
	}
	return m.Text
}

// Is reports whether target is an Error of the same code without a text, so that
// errors.Is(err, tsls.Error{Code: c}) asks for a code.
func (m Error) Is(target error) bool {
	t, ok := target.(Error)
	return ok && t.Text == "" && t.Code == m.Code
}

func (m Error) code(c *coder) Message {
	c.u16("code", (*uint16)(&m.Code))
	c.text("text", &m.Text)
	return m
}

// ErrorFor is the answer to a message that Parse refused with err.
func ErrorFor(err error) Error {
	if errors.Is(err, ErrUnknownType) {
		return Errorf(CodeUnknownType, "%v: this server speaks protocol version %d", err, Version)
	}
	return Errorf(CodeMalformed, "%v", err)
}
