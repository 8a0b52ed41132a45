package licensing

import (
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/tslab/tslab/wire/hwid"
)

// Keys seal what a licensing message hides, MS-RDPELE 5.1.3 and 5.1.6:
// rdpsec.LicenseKeys. Encrypt starts its key stream anew at every call, so that it
// also decrypts.
type Keys interface {
	Encrypt(b []byte) []byte
	MAC(b []byte) [macSize]byte
}

// ErrMAC is wrapped by the error about a message whose MACData does not fit what it
// seals: answered with ERR_INVALID_MAC.
var ErrMAC = errors.New("MACData does not match")

func macError(t Type) error { return fmt.Errorf("%v: %w", t, ErrMAC) }

func macEqual(a, b [macSize]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

func parseHWID(t Type, plain []byte) (hwid.ID, error) {
	if len(plain) != hwid.Size {
		return hwid.ID{}, fmt.Errorf("%v: hardware id of %d bytes, want %d", t, len(plain), hwid.Size)
	}
	return hwid.ID(plain), nil
}
