package tsls

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// Version is the protocol version that this package speaks.
const Version = 1

// Limits of the protocol. A message that breaks one is refused by either end.
const (
	MaxMessage      = 1 << 20 // bytes of a message, its type included
	MaxText         = 1024    // bytes of a text
	MaxBlob         = 1 << 16 // bytes of a license token, a certificate or a document
	MaxReferrals    = 32      // license servers in an answer
	MaxFailed       = 32      // license servers that a request names as failed
	MaxCertificates = 16      // certificates in one list
	MaxKeyPacks     = 1024    // key packs in an answer
	MaxPeers        = 512     // license servers in a list of peers
	MaxPools        = 64      // pools of each of them
	MaxLicenses     = 500     // license tokens in one page of an answer
)

// Type is the first byte of a message: requests are below 0x80, answers above.
type Type uint8

// The message types.
const (
	TypeHello                Type = 0x01
	TypePing                 Type = 0x02
	TypeAllocate             Type = 0x03
	TypeMark                 Type = 0x04
	TypeReturn               Type = 0x05
	TypeInquire              Type = 0x06
	TypeClose                Type = 0x07
	TypePeers                Type = 0x08
	TypeGetActivationRequest Type = 0x10
	TypeActivate             Type = 0x11
	TypeInstallKeyPack       Type = 0x12
	TypeKeyPacks             Type = 0x13
	TypeLicenses             Type = 0x14
	TypeActivateByNumber     Type = 0x15
	TypeInstallByNumber      Type = 0x16
	TypeGetOrder             Type = 0x17
	TypeAutomatic            Type = 0x18
	TypeDeactivate           Type = 0x19

	TypeServerInfo        Type = 0x81
	TypeAllocated         Type = 0x83
	TypeMarked            Type = 0x84
	TypeReturned          Type = 0x85
	TypeInquired          Type = 0x86
	TypeClosed            Type = 0x87
	TypePeerList          Type = 0x88
	TypeActivationRequest Type = 0x90
	TypeKeyPackInstalled  Type = 0x92
	TypeKeyPackList       Type = 0x93
	TypeLicenseList       Type = 0x94
	TypeOrder             Type = 0x97
	TypeError             Type = 0xff
)

// String is the name of the message.
func (t Type) String() string {
	if m := blank(t); m != nil {
		return fmt.Sprintf("%T", m)[len("tsls."):]
	}
	return fmt.Sprintf("message type 0x%02x", uint8(t))
}

// IsRequest reports whether messages of the type are sent by the end that dialed.
func (t Type) IsRequest() bool { return t < 0x80 }

// Message is one of the messages of this package; the set is closed. Messages are
// values, so that a type switch names them without a star.
type Message interface {
	Type() Type
	// code reads or writes the fields in wire order and returns the message read.
	code(*coder) Message
}

// blank is the zero message of a type, nil for an unknown type.
func blank(t Type) Message {
	switch t {
	case TypeHello:
		return Hello{}
	case TypePing:
		return Ping{}
	case TypeAllocate:
		return Allocate{}
	case TypeMark:
		return Mark{}
	case TypeReturn:
		return Return{}
	case TypeInquire:
		return Inquire{}
	case TypeClose:
		return Close{}
	case TypeGetActivationRequest:
		return GetActivationRequest{}
	case TypeActivate:
		return Activate{}
	case TypeInstallKeyPack:
		return InstallKeyPack{}
	case TypeKeyPacks:
		return KeyPacks{}
	case TypeLicenses:
		return Licenses{}
	case TypeActivateByNumber:
		return ActivateByNumber{}
	case TypeInstallByNumber:
		return InstallByNumber{}
	case TypeGetOrder:
		return GetOrder{}
	case TypeAutomatic:
		return Automatic{}
	case TypeDeactivate:
		return Deactivate{}
	case TypePeers:
		return Peers{}
	default:
		return blankAnswer(t)
	}
}

func blankAnswer(t Type) Message {
	switch t {
	case TypeServerInfo:
		return ServerInfo{}
	case TypeAllocated:
		return Allocated{}
	case TypeMarked:
		return Marked{}
	case TypeReturned:
		return Returned{}
	case TypeInquired:
		return Inquired{}
	case TypeClosed:
		return Closed{}
	case TypeActivationRequest:
		return ActivationRequest{}
	case TypeKeyPackInstalled:
		return KeyPackInstalled{}
	case TypeKeyPackList:
		return KeyPackList{}
	case TypeLicenseList:
		return LicenseList{}
	case TypeOrder:
		return Order{}
	case TypePeerList:
		return PeerList{}
	case TypeError:
		return Error{}
	default:
		return nil
	}
}

// Append adds the message to b. It fails, naming the field, when the message
// breaks a limit of the protocol; what it wrote [Parse] accepts.
func Append(b []byte, m Message) ([]byte, error) {
	c := coder{w: cursor.NewWriter(append(b, byte(m.Type())))}
	m.code(&c)
	if c.err == nil && c.w.Len()-len(b) > MaxMessage {
		c.fail("message", fmt.Errorf("%d bytes, at most %d", c.w.Len()-len(b), MaxMessage))
	}
	if c.err != nil {
		return b, fmt.Errorf("%v: %w", m.Type(), c.err)
	}
	return c.w.Bytes(), nil
}

// Parse reads one whole message. Left-over bytes are an error, but for a [Hello]
// of another version, of which only the version is read. An error that wraps
// [ErrUnknownType] means a message that this version does not have.
func Parse(b []byte) (Message, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("message: %d bytes, at most %d", len(b), MaxMessage)
	}
	r := cursor.NewReader(b)
	t := Type(r.U8("message type"))
	if err := r.Err(); err != nil {
		return nil, err
	}
	m := blank(t)
	if m == nil {
		return nil, fmt.Errorf("%w 0x%02x", ErrUnknownType, uint8(t))
	}
	m = m.code(&coder{r: r})
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("%v: %w", t, err)
	}
	return m, nil
}
