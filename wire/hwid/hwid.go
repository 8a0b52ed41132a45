// Package hwid holds the hardware id by which a device is known to the license
// system: the CLIENT_HARDWARE_ID of MS-RDPELE 2.2.2.3.1. It stands apart because
// licensing messages, license tokens and the license-server protocol all carry it.
package hwid

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Size is the length of a hardware id on the wire.
const Size = 4 /* PlatformId */ + 16 /* Data1..Data4 */

// ID is a hardware id as it stands on the wire. Two devices are the same device
// to the license system when all 20 bytes are equal.
type ID [Size]byte

// New makes an id from its platform and its four opaque words.
func New(platform uint32, data [16]byte) ID {
	var id ID
	binary.LittleEndian.PutUint32(id[:], platform)
	copy(id[4:], data[:])
	return id
}

// Platform is the id's own PlatformId, which need not be that of the message
// that carries it.
func (id ID) Platform() uint32 { return binary.LittleEndian.Uint32(id[:]) }

// IsZero reports whether no byte is set.
func (id ID) IsZero() bool { return id == ID{} }

// String is the id in 40 hexadecimal digits, in wire order.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText is String.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is Parse.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err == nil {
		*id = parsed
	}
	return err
}

// Parse reads what String wrote.
func Parse(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(Size) {
		return id, fmt.Errorf("hardware id %q: want %d hexadecimal digits, have %d", s, hex.EncodedLen(Size), len(s))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("hardware id %q: %w", s, err)
	}
	return id, nil
}
