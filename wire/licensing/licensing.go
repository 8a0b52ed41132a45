// Package licensing is the licensing phase of RDP, MS-RDPELE: its eight messages,
// the data that they carry sealed, and their legal order.
//
// [Append] and [Parse] are the whole codec. What is written is exact; what is read
// is taken as real peers send it:
//
//   - the length that counts is that of the MCS user data, that is len(b): wMsgSize
//     is written exactly and not believed (one implementation reports 4 too many);
//   - bytes behind the message are ignored when they lie beyond wMsgSize, and are
//     an error within it;
//   - the type of a blob is written as specified and never checked, for Windows and
//     the open clients put other values there, and any value into an empty blob;
//   - text may lack its NUL and ends at the first one; ANSI text is read as
//     ISO 8859-1, which keeps every byte.
//
// What is sealed is opened and checked with [Keys], in this package too, so that
// both ends agree on what a MAC covers.
package licensing

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// MaxSize is the longest message that an RDP connection can carry, preamble
// included: the PER length of MCS user data ends at 16383 and the longest security
// header takes 12 of them. Append does not check it; writing to a connection does.
const MaxSize = 16383 - 12

// Type is the bMsgType of the preamble, MS-RDPBCGR 2.2.1.12.1.1.
type Type uint8

// The message types.
const (
	TypeLicenseRequest            Type = 0x01
	TypePlatformChallenge         Type = 0x02
	TypeNewLicense                Type = 0x03
	TypeUpgradeLicense            Type = 0x04
	TypeLicenseInfo               Type = 0x12
	TypeNewLicenseRequest         Type = 0x13
	TypePlatformChallengeResponse Type = 0x15
	TypeErrorAlert                Type = 0xFF
)

// String is the name of MS-RDPELE, without its prefix.
func (t Type) String() string {
	switch t {
	case TypeLicenseRequest:
		return "LICENSE_REQUEST"
	case TypePlatformChallenge:
		return "PLATFORM_CHALLENGE"
	case TypeNewLicense:
		return "NEW_LICENSE"
	case TypeUpgradeLicense:
		return "UPGRADE_LICENSE"
	case TypeLicenseInfo:
		return "LICENSE_INFO"
	case TypeNewLicenseRequest:
		return "NEW_LICENSE_REQUEST"
	case TypePlatformChallengeResponse:
		return "PLATFORM_CHALLENGE_RESPONSE"
	case TypeErrorAlert:
		return "ERROR_ALERT"
	}
	return fmt.Sprintf("licensing message 0x%02X", uint8(t))
}

// Message is one of the eight messages; no other package can add one.
type Message interface {
	Type() Type
	append(w *cursor.Writer)
	parse(r *cursor.Reader)
}

func newMessage(t Type) Message {
	switch t {
	case TypeLicenseRequest:
		return new(LicenseRequest)
	case TypePlatformChallenge:
		return new(PlatformChallenge)
	case TypeNewLicense:
		return new(NewLicense)
	case TypeUpgradeLicense:
		return new(UpgradeLicense)
	case TypeLicenseInfo:
		return new(LicenseInfo)
	case TypeNewLicenseRequest:
		return new(NewLicenseRequest)
	case TypePlatformChallengeResponse:
		return new(PlatformChallengeResponse)
	case TypeErrorAlert:
		return new(ErrorAlert)
	}
	return nil
}

// Append writes the preamble with the given flags, and m, to the end of b. A
// message longer than MaxSize gets lengths that do not fit it.
func Append(b []byte, m Message, flags Flags) []byte {
	start := len(b)
	w := cursor.NewWriter(b)
	Preamble{Type: m.Type(), Flags: flags}.append(w)
	m.append(w)
	w.SetU16(start+sizeOffset, uint16(w.Len()-start))
	return w.Bytes()
}

// Parse reads one message, preamble included. Byte slices of the message alias b.
func Parse(b []byte) (Message, error) {
	r := cursor.NewReader(b)
	var p Preamble
	p.parse(r)
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("licensing preamble: %w", err)
	}
	m := newMessage(p.Type)
	if m == nil {
		return nil, &UnknownTypeError{p.Type}
	}
	m.parse(r)
	if r.Offset() < int(p.Size) {
		if err := r.End(); err != nil {
			return nil, fmt.Errorf("%v: %w", p.Type, err)
		}
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("%v: %w", p.Type, err)
	}
	return m, nil
}

// UnknownTypeError is Parse's answer to a bMsgType that no message has.
type UnknownTypeError struct{ Type Type }

func (e *UnknownTypeError) Error() string {
	return fmt.Sprintf("bMsgType 0x%02X is no licensing message", uint8(e.Type))
}
